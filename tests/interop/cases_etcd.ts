/**
 * Two name servers whose KV table is in a real etcd of three members: what mqadmin and clients see, and
 * what happens when members, a majority, the watch's past or a token go.
 */

import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import { makeAuthority, makeCertificate, openssl } from "../support/certificates.ts";
import { HOMES, type Launcher, type NameServer } from "./cluster.ts";
import { EtcdMembers, fetchEtcd } from "./etcd_members.ts";
import { FrameClient } from "./frame_client.ts";
import { MqAdmin } from "./mqadmin.ts";
import { freePort } from "./processes.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";

const PREFIX = "/rocketmq-namesrv";
/** Time limit for what takes some milliseconds on a machine with nothing else to do. */
const SOON_MS = 30_000;

/** Runs the cases. */
export async function kvInEtcd(suite: Suite, launcher: Launcher): Promise<void> {
  try {
    await fetchEtcd();
    const home = await Deno.makeTempDir({ dir: await homes(), prefix: "kv-etcd-" });
    await new Trial(suite, launcher, home).run();
    await overTls(suite, launcher, home);
  } finally {
    await launcher.processes.end();
  }
}

async function homes(): Promise<string> {
  await Deno.mkdir(HOMES, { recursive: true });
  return HOMES;
}

/** A name server that keeps its port and its files. */
interface Server {
  readonly config: Record<string, string>;
  running: NameServer;
}

class Trial {
  constructor(readonly suite: Suite, readonly launcher: Launcher, readonly home: string) {}

  case(name: string, body: () => Promise<string | void>): Promise<boolean> {
    return this.suite.case(`KV in etcd: ${name}`, body);
  }

  async run(): Promise<void> {
    const { home, launcher } = this;
    const etcd = await EtcdMembers.start(launcher.processes, 3);
    await etcd.demandUsers("namesrv", "secret", `${PREFIX}/`);
    await Deno.writeTextFile(`${home}/password`, "secret\n");
    const a = await this.#server("a", etcd, { ns: { k: "a" } });
    await eventually(SOON_MS, () => follows(a));
    const b = await this.#server("b", etcd, { ns: { k: "b", other: "b" } });
    await eventually(SOON_MS, () => follows(b));

    await this.case(
      "the first server's table becomes that of all, the others keep a copy",
      async () => {
        await eventually(SOON_MS, () => has(b, "ns", "k", "a"));
        await has(b, "ns", "other", undefined);
        const kept = await Deno.readTextFile(`${home}/b.json.before-etcd`);
        check(kept.includes('"other":"b"'), kept);
      },
    );

    await this.case("mqadmin puts and deletes at one, and the other has it", async () => {
      const admin = await MqAdmin.start(launcher, "5.5.0", a.running.address);
      await admin.run("updateKvConfig", "-s", "ns/1", "-k", "k%1", "-v", "v=1 2");
      const { after } = await eventually(SOON_MS, () => has(b, "ns/1", "k%1", "v=1 2"));
      await admin.run("deleteKvConfig", "-s", "ns/1", "-k", "k%1");
      await eventually(SOON_MS, () => has(b, "ns/1", "k%1", undefined));
      await has(a, "ns/1", "k%1", undefined);
      return `after ${after} ms`;
    });

    await this.case("a token that has ended is replaced", async () => {
      await sleep(4000);
      await eventually(SOON_MS, () =>
        put(a, "ns", "token", "1").catch((error) => {
          // A busy etcd may answer late, but not for want of a token.
          throw /token/.test(error.message) ? new Error(error.message) : error;
        }));
      await eventually(SOON_MS, () => has(b, "ns", "token", "1"));
    });

    await this.case("etcd's leader is killed: changes go on", async () => {
      const { value: leader } = await eventually(SOON_MS, () => etcd.leader());
      leader.process.kill();
      await leader.process.status;
      const { after } = await eventually(SOON_MS, () => put(a, "ns", "leader", "1"));
      await eventually(SOON_MS, () => has(b, "ns", "leader", "1"));
      await etcd.restart(leader);
      return `a change after ${after} ms`;
    });

    await this.case("a member that hangs is left for another", async () => {
      await eventually(SOON_MS, () => put(a, "ns", "before", "1"));
      const [hanging] = etcd.members;
      hanging!.process.freeze(true);
      try {
        const { after } = await eventually(SOON_MS, () => put(a, "ns", "hang", "1"));
        await eventually(SOON_MS, () => has(b, "ns", "hang", "1"));
        return `a change after ${after} ms`;
      } finally {
        hanging!.process.freeze(false);
      }
    });

    await this.case("two of three members are down: changes are refused, reads go on", async () => {
      for (const member of etcd.members.slice(1)) {
        member.process.kill();
        await member.process.status;
      }
      await eventually(SOON_MS, () => doesNotFollow(a));
      const client = await FrameClient.connect(a.running.address);
      const { code, remark } = await client.call(putRequest("ns", "k", "refused"), 30_000);
      client.close();
      check(code === ResponseCode.SYSTEM_ERROR, `${code} ${remark}`);
      check(/can't be changed: .*etcd/.test(remark ?? ""), `${remark}`);
      await has(a, "ns", "k", "a");
      await has(b, "ns", "k", "a");
    });

    await this.case(
      "a server that starts without etcd serves its copy, and stops at once",
      async () => {
        for (const { process } of etcd.members) process.kill();
        const start = performance.now();
        await a.running.process?.stop();
        check(performance.now() - start < SOON_MS, "the stop waits for etcd");
        a.running = await launcher.nameServer("ours", a.config);
        await has(a, "ns", "leader", "1");
        await doesNotFollow(a);
      },
    );

    await this.case("etcd is back: changes work again", async () => {
      for (const member of etcd.members) {
        await member.process.status;
        await etcd.restart(member);
      }
      const { after } = await eventually(SOON_MS, () => put(a, "ns", "back", "1"));
      await eventually(SOON_MS, () => has(b, "ns", "back", "1"));
      await eventually(SOON_MS, () => follows(b));
      return `a change after ${after} ms`;
    });

    await this.case(
      "a server that missed changes, which etcd keeps no more, gets them",
      async () => {
        await b.running.process?.stop();
        await eventually(SOON_MS, () => put(a, "ns", "missed", "1"));
        await eventually(SOON_MS, () => del(a, "ns", "back"));
        await eventually(SOON_MS, () => compact(etcd));
        b.running = await launcher.nameServer("ours", b.config);
        await eventually(SOON_MS, () => has(b, "ns", "missed", "1"));
        await has(b, "ns", "back", undefined);
        await eventually(SOON_MS, () => put(b, "ns", "again", "1"));
        await eventually(SOON_MS, () => has(a, "ns", "again", "1"));
      },
    );

    await this.case("what others write into etcd comes, unless it is over a limit", async () => {
      const { value: found } = await eventually(
        SOON_MS,
        () => etcd.call("kv/range", { key: btoa(`${PREFIX}/kv/table`) }),
      );
      const folder = `${PREFIX}/kv/${atob(found.kvs[0].value)}/ORDER_TOPIC_CONFIG/`;
      const write = (topic: string, value: string) =>
        eventually(
          SOON_MS,
          () => etcd.call("kv/put", { key: btoa(folder + topic), value: btoa(value) }),
        );
      await write("large", "x".repeat(60_000));
      await write("small", "a:8");
      for (const server of [a, b]) {
        await eventually(SOON_MS, () => has(server, "ORDER_TOPIC_CONFIG", "small", "a:8"));
        await has(server, "ORDER_TOPIC_CONFIG", "large", undefined);
        await server.running.process?.says("KV entry of etcd not taken", SOON_MS);
      }
    });
  }

  async #server(name: string, etcd: EtcdMembers, table: unknown): Promise<Server> {
    const kvConfigPath = `${this.home}/${name}.json`;
    await Deno.writeTextFile(kvConfigPath, JSON.stringify({ configTable: table }));
    const config = {
      listenPort: String(freePort()),
      httpPort: String(freePort()),
      kvConfigPath,
      kvStore: "etcd",
      etcdEndpoints: etcd.endpoints,
      etcdUser: "namesrv",
      etcdPasswordFile: `${this.home}/password`,
      etcdRequestTimeoutMillis: "1500",
      etcdWatchCheckMillis: "1000",
    };
    return { config, running: await this.launcher.nameServer("ours", config) };
  }
}

/** One member that asks for client certificates. */
async function overTls(suite: Suite, launcher: Launcher, home: string): Promise<void> {
  const folder = `${home}/tls`;
  await Deno.mkdir(folder);
  await makeAuthority(folder, "ca");
  await makeCertificate(folder, "server", "ca");
  await makeCertificate(folder, "named", "ca");
  // Signed like the others, but without a CommonName.
  await openssl(
    folder,
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=namesrv"],
    ...["-keyout", "plain.key", "-out", "plain.csr"],
  );
  await openssl(
    folder,
    ...["x509", "-req", "-in", "plain.csr", "-out", "plain.pem", "-days", "30"],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "named.ext"],
  );
  const etcd = await EtcdMembers.start(launcher.processes, 1, [
    ...["--cert-file", `${folder}/server.pem`, "--key-file", `${folder}/server.key`],
    ...["--trusted-ca-file", `${folder}/ca.pem`, "--client-cert-auth"],
  ]);
  const start = async (name: string, certificate: string, user: Record<string, string> = {}) => {
    const config = {
      listenPort: String(freePort()),
      httpPort: String(freePort()),
      kvConfigPath: `${folder}/${name}.json`,
      kvStore: "etcd",
      etcdEndpoints: etcd.endpoints,
      etcdCaFile: `${folder}/ca.pem`,
      ...(certificate !== "" && {
        etcdCertFile: `${folder}/${certificate}.pem`,
        etcdKeyFile: `${folder}/${certificate}.key`,
      }),
      ...user,
    };
    return { config, running: await launcher.nameServer("ours", config) };
  };
  const first = await start("first", "plain");

  await suite.case("KV in etcd: TLS with a client certificate", async () => {
    await eventually(SOON_MS, () => follows(first));
    await eventually(SOON_MS, () => put(first, "ns", "k", "v"));
  });

  await suite.case("KV in etcd: a certificate with a CommonName is refused by name", async () => {
    const client = Deno.createHttpClient({
      caCerts: [await Deno.readTextFile(`${folder}/ca.pem`)],
      cert: await Deno.readTextFile(`${folder}/plain.pem`),
      key: await Deno.readTextFile(`${folder}/plain.key`),
    });
    for (
      const [path, body] of [
        ["auth/user/add", { name: "root", password: "root" }],
        ["auth/role/add", { name: "root" }],
        ["auth/user/grant", { user: "root", role: "root" }],
        ["auth/enable", {}],
      ] as const
    ) {
      const url = `${etcd.endpoints}/v3/${path}`;
      const response = await fetch(url, { method: "POST", body: JSON.stringify(body), client });
      check(response.ok, `${path}: ${await response.text()}`);
    }
    client.close();
    await Deno.writeTextFile(`${folder}/password`, "root");
    const user = { etcdUser: "root", etcdPasswordFile: `${folder}/password` };
    const named = await start("named", "named", user);
    await named.running.process?.says(
      "make the certificate (etcdCertFile) without a CommonName",
      SOON_MS,
    );
    const plain = await start("plain", "plain", user);
    await eventually(SOON_MS, () => follows(plain));
    await eventually(SOON_MS, () => has(plain, "ns", "k", "v"));
  });
}

/** Has etcd forget all revisions but the present one. */
async function compact(etcd: EtcdMembers): Promise<void> {
  const { header } = await etcd.call("kv/range", { key: btoa("x") });
  await etcd.call("kv/compaction", { revision: header.revision }).catch((error) => {
    // An answer of an attempt before this one was lost.
    if (!/has been compacted/.test(error.message)) throw error;
  });
}

function putRequest(namespace: string, key: string, value: string) {
  return { code: RequestCode.PUT_KV_CONFIG, extFields: { namespace, key, value } };
}

async function put(server: Server, namespace: string, key: string, value: string): Promise<void> {
  await succeed(server, putRequest(namespace, key, value));
}

async function del(server: Server, namespace: string, key: string): Promise<void> {
  await succeed(server, { code: RequestCode.DELETE_KV_CONFIG, extFields: { namespace, key } });
}

async function succeed(
  { running }: Server,
  request: Parameters<FrameClient["call"]>[0],
): Promise<void> {
  const client = await FrameClient.connect(running.address);
  try {
    const { code, remark } = await client.call(request, 30_000);
    check(code === ResponseCode.SUCCESS, `${code} ${remark}`);
  } finally {
    client.close();
  }
}

/** Checks what a server answers for a key now. */
async function has(
  { running }: Server,
  namespace: string,
  key: string,
  value: string | undefined,
): Promise<void> {
  const client = await FrameClient.connect(running.address);
  try {
    const code = RequestCode.GET_KV_CONFIG;
    const answer = await client.call({ code, extFields: { namespace, key } });
    const found = answer.code === ResponseCode.SUCCESS ? answer.extFields?.get("value") : undefined;
    check(found === value, `${running.address} has ${found} for ${namespace} ${key}, not ${value}`);
  } finally {
    client.close();
  }
}

async function follows(server: Server): Promise<void> {
  const { status, check: it } = await ready(server);
  check(it?.ok === true && status === 200, `${server.running.address}: ${it?.reason}`);
}

/** Checks that a server is ready, and says that it does not follow etcd. */
async function doesNotFollow(server: Server): Promise<void> {
  const { status, check: it } = await ready(server);
  check(status === 200, `/readyz answers ${status}`);
  check(it?.ok === false && it.required === false, `the check etcd is ${JSON.stringify(it)}`);
}

interface ReadyCheck {
  name: string;
  ok: boolean;
  required?: boolean;
  reason?: string;
}

async function ready(
  { config }: Server,
): Promise<{ status: number; check: ReadyCheck | undefined }> {
  const response = await fetch(`http://127.0.0.1:${config.httpPort}/readyz`);
  const { checks } = await response.json() as { checks: ReadyCheck[] };
  return { status: response.status, check: checks.find(({ name }) => name === "etcd") };
}
