/** Members of real etcd clusters, as Debian has them. */

import { PROJECT } from "./artifacts.ts";
import { HOMES } from "./cluster.ts";
import { freePort, type Process, type Processes } from "./processes.ts";
import { check, eventually, Failure } from "./suite.ts";

const ETCD = `${PROJECT}/.cache/etcd/usr/bin/etcd`;
/** Milliseconds for a request. */
const REQUEST_MS = 5000;

/** Downloads etcd unless it is there. */
export async function fetchEtcd(): Promise<void> {
  const command = new Deno.Command("sh", {
    args: [`${PROJECT}/tools/etcd_tools.sh`],
    stdin: "null",
  });
  const { success, stderr } = await command.output();
  check(success, `tools/etcd_tools.sh: ${new TextDecoder().decode(stderr)}`);
}

/** A member, which keeps its ports and its data. */
export interface Member {
  readonly name: string;
  readonly url: string;
  readonly args: readonly string[];
  process: Process;
}

/** A running etcd cluster. */
export class EtcdMembers {
  readonly #processes: Processes;
  readonly members: Member[];
  /** The folder of their data. */
  readonly home: string;
  #usersDemanded = false;

  private constructor(processes: Processes, members: Member[], home: string) {
    this.#processes = processes;
    this.members = members;
    this.home = home;
  }

  /**
   * Starts a cluster and waits until it has a leader.
   *
   * @param tls options of the client port; with them, {@link call} can't be used
   */
  static async start(
    processes: Processes,
    size: number,
    tls: readonly string[] = [],
  ): Promise<EtcdMembers> {
    await Deno.mkdir(HOMES, { recursive: true });
    const home = await Deno.makeTempDir({ dir: HOMES, prefix: "etcd-" });
    const peers = Array.from({ length: size }, (_, i) => {
      return { name: `n${i}`, port: freePort(), peer: `http://127.0.0.1:${freePort()}` };
    });
    const cluster = peers.map(({ name, peer }) => `${name}=${peer}`).join(",");
    const members: Member[] = [];
    for (const { name, port, peer } of peers) {
      const url = `${tls.length > 0 ? "https" : "http"}://127.0.0.1:${port}`;
      const args = [
        ...["--name", name, "--data-dir", `${home}/${name}`, "--initial-cluster", cluster],
        ...["--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
        // Tokens end soon, so that a run sees it.
        ...["--auth-token-ttl", "3"],
        ...tls,
      ];
      members.push({ name, url, args, process: await run(processes, name, args) });
    }
    const etcd = new EtcdMembers(processes, members, home);
    if (tls.length === 0) await eventually(30_000, () => etcd.call("kv/range", { key: btoa("x") }));
    return etcd;
  }

  /** The option etcdEndpoints. */
  get endpoints(): string {
    return this.members.map(({ url }) => url).join(";");
  }

  /** Starts a member again, with its data. */
  async restart(member: Member): Promise<void> {
    member.process = await run(this.#processes, member.name, member.args);
  }

  /** The member that leads. */
  async leader(): Promise<Member> {
    for (const member of this.members.filter(({ process }) => !process.ended)) {
      const { leader, header } = await this.call("maintenance/status", {}, member);
      if (leader === header.member_id) return member;
    }
    throw new Failure("etcd has no leader");
  }

  /** Switches authentication on: root, and a user that may use a prefix only. */
  async demandUsers(user: string, password: string, prefix: string): Promise<void> {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    const perm = { permType: "READWRITE", key: btoa(prefix), range_end: btoa(end) };
    await this.call("auth/user/add", { name: "root", password: "root" });
    await this.call("auth/role/add", { name: "root" });
    await this.call("auth/user/grant", { user: "root", role: "root" });
    await this.call("auth/user/add", { name: user, password });
    await this.call("auth/role/add", { name: user });
    await this.call("auth/role/grant", { name: user, perm });
    await this.call("auth/user/grant", { user, role: user });
    await this.call("auth/enable", {});
    this.#usersDemanded = true;
  }

  /** Sends a request as etcdctl does, to a member that runs. */
  // deno-lint-ignore no-explicit-any
  async call(path: string, body: unknown, member?: Member): Promise<any> {
    const to = member ?? this.members.find(({ process }) => !process.ended);
    check(to !== undefined, "no member of etcd runs");
    const headers: Record<string, string> = {};
    if (this.#usersDemanded && path !== "auth/authenticate") {
      // Each time anew: it soon ends.
      const login = { name: "root", password: "root" };
      headers.authorization = (await this.call("auth/authenticate", login, to)).token;
    }
    try {
      const response = await fetch(`${to.url}/v3/${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers,
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      const answer = await response.json();
      check(response.ok, `etcd ${path}: ${answer.message}`);
      return answer;
    } catch (error) {
      throw error instanceof Failure ? error : new Failure(`etcd ${path}: ${error}`);
    }
  }
}

function run(processes: Processes, name: string, args: readonly string[]): Promise<Process> {
  return processes.start({ name: `etcd-${name}`, program: ETCD, args: [...args] });
}
