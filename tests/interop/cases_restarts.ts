/**
 * Name servers that are killed, stopped and upgraded while clients of both versions run and new ones
 * start all the time: how many sends and starts fail, and how long a route is missing.
 */

import { finish, linesOf, receivesAll, saidBy } from "./client_output.ts";
import { VERSIONS } from "./artifacts.ts";
import { type Broker, HOMES, type Kind, type Launcher, type NameServer } from "./cluster.ts";
import { MqAdmin } from "./mqadmin.ts";
import { Observer } from "./observer.ts";
import { freePort, type Process } from "./processes.ts";
import { known } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";

const TOPIC = "RestartedTopic";
/** Messages that must get through before the next step. */
const SOME = 20;
/** Clients that must have started before the next step, of each version. */
const STARTS = { producer: 3, consumer: 1 };
/** Time limit for the brokers' registrations with a server that knows nothing. */
const REGISTER_MS = 90_000;
/** Limit for a server to notice that a broker's address refuses connections, on a busy machine. */
const REFUSED_MS = 20_000;
/** Milliseconds between two looks at a route. */
const LOOK_MS = 20;

/** The way in which a name server is taken down before it runs again. */
const WAYS = ["killed", "stopped", "upgraded"] as const;
type Way = typeof WAYS[number];

/** How much is tried. */
export interface RestartSettings {
  /** Each way with each server, with the brokers' default period, and the reference beside ours. */
  whole: boolean;
  /** Folder of another version of this project, from which the servers are upgraded. */
  before?: string;
}

/** Three name servers in turn, and one alone. */
export async function restarts(
  suite: Suite,
  launcher: Launcher,
  { whole, before }: RestartSettings,
): Promise<void> {
  const kinds: Kind[] = whole ? ["ours", "reference"] : [launcher.kind];
  const period = whole ? "30000" : "10000";
  for (const kind of kinds) {
    const trial = new Trial(suite, launcher.withKind(kind), period, before);
    try {
      await trial.threeServers(whole);
    } finally {
      await launcher.processes.end();
    }
    try {
      await trial.oneServer();
    } finally {
      await launcher.processes.end();
    }
  }
}

/** A name server that keeps its port and its files. */
interface Restartable {
  observer: Observer;
  config: { listenPort: string; kvConfigPath: string };
  running: NameServer;
  /** Starts it in its version. */
  launcher: Launcher;
}

class Trial {
  constructor(
    readonly suite: Suite,
    readonly launcher: Launcher,
    readonly period: string,
    readonly before: string | undefined,
  ) {}

  /** Our servers must not let anything fail; the reference's are only counted. */
  get #isStrict(): boolean {
    return this.launcher.kind === "ours";
  }

  #case(name: string, body: () => Promise<string | void>): Promise<boolean> {
    return this.suite.case(`restarts, ${this.launcher.kind}: ${name}`, body);
  }

  async threeServers(whole: boolean): Promise<void> {
    const launcher = this.before === undefined
      ? this.launcher
      : this.launcher.withProject(this.before);
    const servers = await Promise.all([1, 2, 3].map(() => this.#serve(launcher)));
    const brokers = await this.#brokers(servers);
    if (!await this.#setUp("three name servers", servers, brokers)) return;
    const namesrv = servers.map(({ running }) => running.address).join(";");
    const crowd = await Crowd.start(this.launcher, namesrv);
    if (!await this.#case("clients of both versions use them", () => crowd.goOn())) return;
    const steps = whole
      ? WAYS.flatMap((way) => servers.map((server, index) => ({ way, server, index })))
      : servers.map((server, index) => ({ way: WAYS[index]!, server, index }));
    for (const { way, server, index } of steps) {
      await this.#case(`server ${index + 1} is ${way}`, async () => {
        const { blank } = await this.#restart(way, server, brokers, () => crowd.goOn());
        await crowd.goOn();
        return `without the route for ${blank} ms after its start`;
      });
    }
    const outcome = this.#isStrict ? "no send and no start failed" : "sends and starts are counted";
    await this.#case(outcome, async () => {
      const { sent, unsent, started, unstarted, again } = await crowd.end();
      const counts = `${sent} messages sent, ${unsent.length} failed; ` +
        `${started} clients started, ${unstarted.length} failed ` +
        `(${again} attempts found the chosen server down, and were repeated)`;
      if (this.#isStrict) {
        const failed = [...unsent, ...unstarted];
        check(failed.length === 0, `${counts}\n${failed.join("\n")}`);
      }
      return counts;
    });
  }

  async oneServer(): Promise<void> {
    const server = await this.#serve(this.launcher);
    const brokers = await this.#brokers([server]);
    if (!await this.#setUp("one name server", [server], brokers)) return;
    await this.#case("the only one is killed and starts again", async () => {
      const { away, blank } = await this.#restart("killed", server, brokers);
      if (this.#isStrict) check(blank === 0, `the route was not there for ${blank} ms`);
      return `no route for ${away + blank} ms, ${blank} ms of them after its start`;
    });
    await this.#case("a broker dies while it is down", async () => {
      await server.running.process!.stop("SIGKILL");
      const [left, dead] = brokers;
      await dead!.process.stop("SIGKILL");
      await run(server);
      const start = performance.now();
      let shown = 0;
      await eventually(REGISTER_MS, async () => {
        const addresses = await server.observer.addresses();
        const isShown = addresses.includes(dead!.address);
        if (isShown) shown = Math.round(performance.now() - start);
        check(!isShown && addresses.includes(left!.address), `it knows [${addresses}]`);
      });
      const after = Math.round(performance.now() - start);
      // Not as late as routeSnapshotGrace: its address refuses connections.
      if (this.#isStrict) check(shown < REFUSED_MS, `it was shown for ${shown} ms`);
      return `it was shown for ${shown} ms; the other was there after ${after} ms`;
    });
  }

  /** Starts a server with its own files. */
  async #serve(launcher: Launcher): Promise<Restartable> {
    await Deno.mkdir(HOMES, { recursive: true });
    const folder = await Deno.makeTempDir({ dir: HOMES, prefix: "restarts-" });
    const config = {
      listenPort: String(freePort()),
      kvConfigPath: `${folder}/kvConfig.json`,
    };
    const running = await launcher.nameServer(launcher.kind, config);
    return { config, running, launcher, observer: new Observer(running.address) };
  }

  #brokers(servers: readonly Restartable[]): Promise<Broker[]> {
    const namesrv = servers.map(({ running }) => running.address).join(";");
    const config = { registerNameServerPeriod: this.period };
    return Promise.all(
      VERSIONS.map((version) =>
        this.launcher.broker({
          version,
          namesrv,
          name: `broker-${version.replaceAll(".", "")}`,
          config,
        })
      ),
    );
  }

  /** Waits until all servers know all brokers and the topic, and have saved it. */
  #setUp(what: string, servers: readonly Restartable[], brokers: Broker[]): Promise<boolean> {
    return this.#case(`a broker of each version registers with ${what}`, async () => {
      for (const { observer } of servers) await known(observer, brokers);
      const [{ running }] = servers as [Restartable];
      const admin = await MqAdmin.start(this.launcher, "5.5.0", running.address);
      await admin.run("updateTopic", "-c", "DefaultCluster", "-t", TOPIC);
      await admin.stop();
      for (const { observer } of servers) {
        await eventually(REGISTER_MS, async () => {
          check(await hasRoute(observer, brokers), `${observer.address} has no route`);
        });
      }
      if (!this.#isStrict) return;
      const now = Date.now();
      for (const { config } of servers) await savedSince(now, config.kvConfigPath);
    });
  }

  /**
   * Ends a server and starts it again; resolves when it has the whole route.
   *
   * @param meanwhile what is awaited before a server that was killed or stopped starts again
   * @returns milliseconds without an answer, and with answers that lack the route
   */
  async #restart(
    way: Way,
    server: Restartable,
    brokers: Broker[],
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ away: number; blank: number }> {
    await server.running.process!.stop(way === "killed" ? "SIGKILL" : "SIGTERM", 30_000);
    const gone = performance.now();
    if (way === "upgraded") server.launcher = this.launcher;
    else await meanwhile();
    await run(server);
    const start = performance.now();
    let blank = 0;
    while (!await hasRoute(server.observer, brokers)) {
      blank = Math.round(performance.now() - start);
      check(blank < REGISTER_MS, `it has no route after ${blank} ms`);
      await sleep(LOOK_MS);
    }
    return { away: Math.round(start - gone), blank };
  }
}

/** The messages and clients of a {@link Crowd}, counted; the failed ones with their reasons. */
interface Counts {
  sent: number;
  unsent: string[];
  started: number;
  unstarted: string[];
  /** Attempts to start for which there was no connection to the server that the client had chosen. */
  again: number;
}

/** Clients of both versions, and others that start all the time. */
class Crowd {
  private constructor(
    readonly producer: Process,
    readonly consumer: Process,
    readonly starters: readonly Process[],
  ) {}

  static async start(launcher: Launcher, namesrv: string): Promise<Crowd> {
    const client = (version: typeof VERSIONS[number], command: string) => {
      const group = `restarts-${command}-${version.replaceAll(".", "")}`;
      const args = ["InteropClient", command, namesrv, TOPIC, group, "0"];
      return launcher.java(version, command, args, { input: true });
    };
    return new Crowd(
      await client("5.5.0", "keep-producing"),
      await client("4.9.7", "keep-consuming"),
      await Promise.all(VERSIONS.map((version) => client(version, "keep-starting"))),
    );
  }

  /** Waits until more messages have passed and more clients have tried to start. */
  async goOn(): Promise<void> {
    const before = await this.#progress();
    await eventually(120_000, async () => {
      const now = await this.#progress();
      for (const [what, { count, least }] of now) {
        const more = count - before.get(what)!.count;
        check(more >= least, `${what}: only ${more} more`);
      }
    });
  }

  async #progress(): Promise<Map<string, { count: number; least: number }>> {
    const progress = new Map([
      ["sent", { count: (await saidBy(this.producer, "SENT")).length, least: SOME }],
      ["received", { count: (await saidBy(this.consumer, "GOT")).length, least: SOME }],
    ]);
    for (const { name, logFile, ended } of this.starters) {
      check(!ended, `${name} ended; see ${logFile}`);
      const output = await Deno.readTextFile(logFile);
      for (const [kind, least] of Object.entries(STARTS)) {
        const count = output.match(new RegExp(`^(STARTED|NOT-STARTED) ${kind}\\b`, "gm"))?.length;
        progress.set(`${name}, ${kind}`, { count: count ?? 0, least });
      }
    }
    return progress;
  }

  /** Ends all clients. Rejects when a message that was sent was not received. */
  async end(): Promise<Counts> {
    const unstarted: string[] = [];
    let [started, again] = [0, 0];
    for (const starter of this.starters) {
      started += (await finish(starter, "STARTED")).length;
      const output = await starter.output();
      again += linesOf(output, "AGAIN").length;
      const failed = linesOf(output, "NOT-STARTED");
      unstarted.push(...failed.map((line) => `${starter.name}: ${line}`));
    }
    const sent = await finish(this.producer, "SENT");
    const unsent = linesOf(await this.producer.output(), "FAILED");
    await receivesAll(this.consumer, sent);
    return { sent: sent.length, unsent, started, unstarted, again };
  }
}

/** Starts a server again. */
async function run(server: Restartable): Promise<void> {
  const { launcher, config } = server;
  server.running = await launcher.nameServer(launcher.kind, config);
}

/** Whether a name server has the topic's route with all brokers. */
async function hasRoute(observer: Observer, brokers: readonly Broker[]): Promise<boolean> {
  const route = await observer.route(TOPIC);
  return brokers.every(({ name }) => route?.queues.has(name) && route.brokers.has(name));
}

/** Waits until the routes have been written beside a KV file. */
async function savedSince(time: number, kvConfigPath: string): Promise<void> {
  const folder = kvConfigPath.slice(0, kvConfigPath.lastIndexOf("/"));
  await eventually(120_000, async () => {
    const times: number[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      if (name.startsWith("kvConfig.json")) continue;
      const { mtime } = await Deno.stat(`${folder}/${name}`);
      times.push(mtime!.getTime());
    }
    check(times.some((it) => it >= time), `nothing was written to ${folder}`);
  });
}
