/** Three name servers with controllers, three members of etcd, and the network between them. */

import { EtcdMembers, fetchEtcd, type Member } from "../interop/etcd_members.ts";
import { freePort, LOGS, Processes } from "../interop/processes.ts";
import { nth } from "../support/lists.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { Relay } from "./relay.ts";
import type { Violations } from "./violations.ts";

const CONTROLLERS = 3;
const MEMBERS = 3;
/** The option etcdPrefix. */
export const PREFIX = "/rocketmq-namesrv";

/** A name server with a controller, running or not. */
export class Controller {
  readonly id: string;
  readonly #home: Home;
  readonly #config: string;
  readonly #relays: readonly Relay[];
  readonly #violations: Violations;
  #server: ServerProcess | undefined;
  #starts = 0;

  private constructor(
    id: string,
    home: Home,
    config: string,
    relays: readonly Relay[],
    violations: Violations,
  ) {
    this.id = id;
    this.#home = home;
    this.#config = config;
    this.#relays = relays;
    this.#violations = violations;
  }

  /** Makes a controller without starting it. */
  static async make(
    number: number,
    ports: readonly number[],
    etcd: EtcdMembers,
    violations: Violations,
  ): Promise<Controller> {
    const home = await Home.make();
    const relays = etcd.members.map(({ url }) => new Relay(Number(new URL(url).port)));
    const config = await home.configFile({
      bindAddress: "127.0.0.1",
      enableControllerInNamesrv: "true",
      controllerDLegerPeers: ports.map((port, i) => `n${i}-127.0.0.1:${port}`).join(";"),
      controllerDLegerSelfId: `n${number}`,
      controllerStore: "etcd",
      etcdEndpoints: relays.map(({ port }) => `http://127.0.0.1:${port}`).join(";"),
      etcdPrefix: PREFIX,
      scanNotActiveBrokerInterval: "500",
      scanInactiveMasterInterval: "500",
    });
    return new Controller(`n${number}`, home, config, relays, violations);
  }

  /** Starts it. */
  async start(): Promise<void> {
    const server = await ServerProcess.start({ home: this.#home, args: ["-c", this.#config] });
    this.#server = server;
    this.#starts++;
    void server.ended.then(({ code }) => {
      if (this.#server === server) this.#violations.add(`${this.id} has ended with ${code}`);
    });
  }

  /** Kills it, with kill -9. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.kill("SIGKILL");
    if (server !== undefined) await this.#log(server);
  }

  /** Stops it with SIGSTOP, or lets it go on. */
  freeze(frozen: boolean): void {
    this.#server?.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Cuts it off from etcd, without a word, or ends that. */
  cut(isCut: boolean): void {
    for (const relay of this.#relays) isCut ? relay.cut() : relay.mend();
  }

  /** Closes its connections to etcd. */
  break(): void {
    for (const relay of this.#relays) relay.break();
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    await this.kill();
    for (const relay of this.#relays) relay.close();
    await this.#home[Symbol.asyncDispose]();
  }

  async #log(server: ServerProcess): Promise<void> {
    const { out, err } = await server.ended;
    const file = `${LOGS}/${this.id}-${this.#starts}.log`;
    await Deno.writeTextFile(file, [...out, ...err].join("\n"));
  }
}

/** All processes of a run. */
export class Cluster {
  readonly #processes: Processes;

  private constructor(
    readonly etcd: EtcdMembers,
    /** The ports of the controllers. */
    readonly ports: readonly number[],
    readonly controllers: readonly Controller[],
    processes: Processes,
  ) {
    this.#processes = processes;
  }

  /** Starts everything. */
  static async start(violations: Violations): Promise<Cluster> {
    // Empty, as the logs of a run have numbers.
    await Deno.remove(LOGS, { recursive: true }).catch(() => {});
    await Deno.mkdir(LOGS, { recursive: true });
    await fetchEtcd();
    const processes = new Processes();
    const controllers: Controller[] = [];
    try {
      const etcd = await EtcdMembers.start(processes, MEMBERS);
      const ports = Array.from({ length: CONTROLLERS }, () => freePort());
      for (const i of ports.keys()) {
        controllers.push(await Controller.make(i, ports, etcd, violations));
      }
      await Promise.all(controllers.map((controller) => controller.start()));
      return new Cluster(etcd, ports, controllers, processes);
    } catch (error) {
      await Promise.all(controllers.map((controller) => controller.close()));
      await processes.end();
      throw error;
    }
  }

  /** Kills a member of etcd. */
  async killMember(member: Member): Promise<void> {
    member.process.kill();
    await member.process.status;
  }

  controller(number: number): Controller {
    return nth(this.controllers, number);
  }

  /** Kills everything at once, when the run is ended by a signal. */
  killAll(): void {
    for (const controller of this.controllers) void controller.kill();
    this.#processes.killAll();
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await Promise.all(this.controllers.map((controller) => controller.close()));
    await this.#processes.end();
    await Deno.remove(this.etcd.home, { recursive: true });
  }
}
