/** Three brokers whose masters are elected by the controller in the name server. */

import type { Version } from "./artifacts.ts";
import { finish, messagesGoOn, receivesAll } from "./client_output.ts";
import {
  type Broker,
  CLUSTER,
  HOMES,
  type Kind,
  type Launcher,
  type NameServer,
} from "./cluster.ts";
import { Command } from "./command.ts";
import { isMasterInRoute, NAME, startBroker } from "./controlled_brokers.ts";
import { ControllerObserver, type SetState, SOON_MS } from "./controller_observer.ts";
import { freePort, type Process } from "./processes.ts";
import { client, type Cluster, lines, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";

const TOPIC = "ControllerTopic";
const SOME = 20;
/** How long a controller that has started waits for brokers to be heard of. */
const GRACE_MS = 10_000;
/** Time between two scans for masters that are not alive, shorter than the default. */
const SCAN_MS = 1_000;

/** Options of a name server with a controller. */
async function controllerConfig(kind: Kind, port: number): Promise<Record<string, string>> {
  await Deno.mkdir(HOMES, { recursive: true });
  return {
    listenPort: String(freePort()),
    enableControllerInNamesrv: "true",
    controllerDLegerGroup: "ctl",
    controllerDLegerPeers: `n0-127.0.0.1:${port}`,
    controllerDLegerSelfId: "n0",
    scanNotActiveBrokerInterval: String(SCAN_MS),
    controllerStorePath: await Deno.makeTempDir({ dir: HOMES, prefix: "controller-" }),
    ...(kind === "reference" && { mappedFileSize: "16777216" }),
  };
}

/** The life of three brokers with allAckInSyncStateSet, and mqadmin's commands. */
export async function controllerCases(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  const port = freePort();
  const config = await controllerConfig(launcher.kind, port);
  await withCluster(suite, launcher, version, "controller", config, async (cluster) => {
    await new Life(cluster, config, `127.0.0.1:${port}`).run();
  });
}

/** Starts three brokers, one after the other: the first is the first master. */
async function startThree(cluster: Cluster, controller: ControllerObserver): Promise<Broker[]> {
  const brokers: Broker[] = [];
  const namesrv = cluster.nameServer.address;
  for (const inSync of ["1", "1,2", "1,2,3"]) {
    brokers.push(await startBroker(cluster, namesrv, { controllerAddr: controller.leader }));
    await controller.until(`${inSync} in sync`, (state) => state.inSync === inSync);
  }
  return brokers;
}

/** Checks that a controller that has just started has this state, and keeps the master while the brokers return. */
async function unchanged(controller: ControllerObserver, before: SetState): Promise<void> {
  const same = (now: SetState, inSync: string) =>
    check(
      now.master === before.master && now.epoch === before.epoch && inSync === before.inSync,
      `${JSON.stringify(before)}, then ${JSON.stringify(now)}`,
    );
  const first = await controller.until("it answers", () => true);
  same(first, first.inSync);
  // From now on the master may change who is in sync.
  same(await controller.until("all alive", ({ alive }) => alive === "1,2,3"), before.inSync);
}

class Life {
  readonly #cluster: Cluster;
  readonly #config: Record<string, string>;
  readonly #controller: ControllerObserver;
  #brokers: Broker[] = [];

  constructor(cluster: Cluster, config: Record<string, string>, controller: string) {
    this.#cluster = cluster;
    this.#config = config;
    this.#controller = new ControllerObserver(NAME, [controller]);
  }

  async run(): Promise<void> {
    const cluster = this.#cluster;
    const isUp = await cluster.case("brokers without ids elect a master from nothing", async () => {
      this.#brokers = await startThree(cluster, this.#controller);
      const { master, epoch } = await this.#controller.state();
      check(master === 1 && epoch === 1, `master ${master} in epoch ${epoch}`);
      await isMasterInRoute(cluster.observer, this.#brokers[0]);
    });
    if (!isUp) return;
    await this.#adminReads();
    await cluster.admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "2", "-w", "2");
    await eventually(SOON_MS, async () => {
      check(await cluster.observer.route(TOPIC) !== undefined, "no route");
    });
    const clients = async () => {
      const producer = await this.#client("keep-producing", "controller-producers");
      const consumer = await this.#client("keep-consuming", "controller-consumers");
      return { producer, consumer, goOn: () => messagesGoOn(producer, consumer, SOME) };
    };
    const { producer, consumer, goOn } = await clients();
    await cluster.case("messages are sent and received", goOn);
    await this.#killed(goOn);
    // Before any broker is suspended: a broker 5.5.0 that was may not find back (EpochFileCache, "append failed"),
    // so that the brokers in sync could differ between two looks.
    await this.#restarted(goOn);
    await this.#silent(goOn);
    await cluster.case("no acknowledged message was lost", async () => {
      const sent = await finish(producer, "SENT");
      await finish(consumer, "GOT");
      // Another one, which begins with the first message: a client 5.5.0 can stop to read a queue when the
      // master changes under it.
      await receivesAll(await this.#client("keep-consuming", "controller-witnesses"), sent);
      return `${sent.length} messages`;
    });
    // Not counted: a broker 5.5.0 that is to become a slave acknowledges what still waits for the other brokers.
    const others = await clients();
    await this.#elected(others.goOn);
    await this.#cleaned(others.goOn);
  }

  #client(command: string, group: string): Promise<Process> {
    const { launcher, version, nameServer } = this.#cluster;
    const args = ["InteropClient", command, nameServer.address, TOPIC, group, "0"];
    return launcher.java(version, command, args, { input: true });
  }

  #broker(id: number): Broker {
    const broker = this.#brokers[id - 1];
    check(broker !== undefined, `no broker ${id}`);
    return broker;
  }

  #allInSync(): Promise<SetState> {
    return this.#controller.until("all in sync", ({ inSync }) => inSync === "1,2,3");
  }

  async #adminReads(): Promise<void> {
    const { admin } = this.#cluster;
    const at = ["-a", this.#controller.leader];
    await this.#cluster.case("mqadmin reads and changes the controller", async () => {
      const metadata = await admin.run("getControllerMetaData", ...at);
      check(
        metadata.includes("#ControllerLeaderId\tn0") &&
          metadata.includes(`#ControllerLeaderAddress\t${this.#controller.leader}`),
        metadata,
      );
      const state = await admin.run("getSyncStateSet", ...at, "-b", NAME);
      check(state.includes("#SyncStateSetNums\t3"), state);
      const byCluster = await admin.run("getSyncStateSet", ...at, "-c", CLUSTER);
      check(byCluster.includes("#MasterBrokerId\t1"), byCluster);
      const epochs = await admin.run("getBrokerEpoch", "-b", NAME);
      check(epochs.includes("EpochEntry{epoch=1"), epochs);
      const config = await admin.run("getControllerConfig", ...at);
      check(config.includes("enableElectUncleanMaster"), config);
      const key = "electMasterMaxRetryCount";
      await admin.run("updateControllerConfig", ...at, "-k", key, "-v", "4");
      check(
        /electMasterMaxRetryCount\s*=\s*4/.test(await admin.run("getControllerConfig", ...at)),
        key,
      );
      const refused = await admin.attempt(
        "updateControllerConfig",
        ...[...at, "-k", "configStorePath", "-v", "/nowhere"],
      );
      check(refused.includes("CODE: 16"), refused);
    });
  }

  async #killed(goOn: () => Promise<void>): Promise<void> {
    const controller = this.#controller;
    await this.#cluster.case("kill -9 of the master: another one, and messages go on", async () => {
      const before = await controller.state();
      check(before.master === 1, `master ${before.master}`);
      this.#broker(1).process.kill();
      const replaced = await controller.replaced(1);
      const { master = 0, epoch } = await controller.state();
      check(epoch === before.epoch + 1, `epoch ${before.epoch}, then ${epoch}`);
      const shown = await isMasterInRoute(this.#cluster.observer, this.#broker(master));
      await goOn();
      return `new master after ${replaced} ms, in the route after another ${shown}`;
    });
    await this.#cluster.case("the old master returns as a slave in sync", async () => {
      this.#brokers[0] = await this.#cluster.launcher.restart(this.#broker(1));
      const { epoch } = await controller.state();
      const after = await this.#allInSync();
      check(after.epoch === epoch && after.master !== 1, JSON.stringify(after));
      await goOn();
    });
  }

  async #silent(goOn: () => Promise<void>): Promise<void> {
    const controller = this.#controller;
    await this.#cluster.case("a silent master is replaced, and comes back as a slave", async () => {
      const { master = 0 } = await controller.state();
      const old = this.#broker(master);
      old.process.freeze(true);
      try {
        const replaced = await controller.replaced(master);
        const { master: now = 0 } = await controller.state();
        await isMasterInRoute(this.#cluster.observer, this.#broker(now));
        await goOn();
        old.process.freeze(false);
        const after = await this.#allInSync();
        check(after.master === now, `the master is ${after.master} again`);
        await goOn();
        return `new master after ${replaced} ms`;
      } finally {
        old.process.freeze(false);
      }
    });
  }

  async #elected(goOn: () => Promise<void>): Promise<void> {
    const { admin } = this.#cluster;
    const controller = this.#controller;
    const elect = (
      id: number,
    ) => ["-a", controller.leader, "-b", `${id}`, "-bn", NAME, "-c", CLUSTER];
    await this.#cluster.case("electMaster by mqadmin", async () => {
      const { master = 0, epoch } = await controller.state();
      const next = master === 1 ? 2 : 1;
      // The output of the reference is an exception: mqadmin can't read its answer.
      const output = await admin.run("electMaster", ...elect(next));
      check(output.includes(NAME), output);
      const after = await controller.until("elected", (state) => state.master === next);
      check(after.epoch === epoch + 1, `epoch ${after.epoch} after ${epoch}`);
      await isMasterInRoute(this.#cluster.observer, this.#broker(next));
      const { inSync } = await controller.until(
        "a slave in sync",
        (state) => state.inSync.split(",").length > 1,
      );
      const refused = await admin.attempt("electMaster", ...elect(next));
      check(refused.includes("CODE: 2011"), refused);
      const unknown = await admin.attempt("electMaster", ...elect(9));
      check(unknown.includes("CODE: 2012"), unknown);
      await goOn();
      return `${inSync} in sync`;
    });
  }

  async #restarted(goOn: () => Promise<void>): Promise<void> {
    const { launcher, nameServer } = this.#cluster;
    const controller = this.#controller;
    await this.#cluster.case(
      "kill -9 and restart of the only controller change nothing",
      async () => {
        const before = await this.#allInSync();
        nameServer.process?.kill();
        await nameServer.process?.status;
        await sleep(3000);
        await launcher.nameServer(nameServer.kind, this.#config);
        const scanned = sleep(GRACE_MS + 2 * SCAN_MS);
        await unchanged(controller, before);
        // The scan for masters that are not alive has run since.
        await scanned;
        check((await controller.state()).epoch === before.epoch, "another master");
        await goOn();
      },
    );
  }

  async #cleaned(goOn: () => Promise<void>): Promise<void> {
    const { admin } = this.#cluster;
    const controller = this.#controller;
    const clean = (...args: string[]) =>
      admin.attempt("cleanBrokerMetadata", "-a", controller.leader, "-bn", NAME, ...args);
    await this.#cluster.case("graceful stop of a slave, and cleanBrokerMetadata", async () => {
      const { master = 0, epoch } = await controller.state();
      const slave = [1, 2, 3].find((id) => id !== master) ?? 0;
      const left = [1, 2, 3].filter((id) => id !== slave).join(",");
      for (
        const args of [["-c", CLUSTER], ["-c", CLUSTER, "-b", `${slave}`], ["-l"]]
      ) {
        const refused = await clean(...args);
        check(refused.includes("CODE: 2009"), `${args}: ${refused}`);
      }
      await this.#broker(slave).process.stop("SIGTERM", 90_000);
      await controller.until(
        "the slave is out",
        ({ alive, inSync }) => alive === left && !inSync.includes(`${slave}`),
      );
      // In the first seconds after its start the controller refuses: it does not know yet who is alive.
      await eventually(SOON_MS, async () => {
        const output = await clean("-c", CLUSTER, "-b", `${slave}`);
        check(output.includes("success"), output);
      });
      const after = await controller.state();
      check(after.epoch === epoch && after.master === master, JSON.stringify(after));
      await goOn();
    });
  }
}

/** A running reference hands its brokers over to ours. */
export async function controllerImport(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  const port = freePort();
  const config = await controllerConfig("reference", port);
  const reference = launcher.withKind("reference");
  await withCluster(suite, reference, version, "controller import", config, async (cluster) => {
    const controller = new ControllerObserver(NAME, [`127.0.0.1:${port}`]);
    const command = await Command.of(cluster);
    let brokers: Broker[] = [];
    const isUp = await cluster.case("brokers run with the reference", async () => {
      brokers = await startThree(cluster, controller);
      await cluster.admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "2", "-w", "2");
      await sets(cluster, command, controller.leader);
    });
    if (!isUp) return;
    await cluster.case("controller import, then ours in its place: the brokers go on", async () => {
      const before = await controller.until("all in sync", ({ inSync }) => inSync === "1,2,3");
      const ours = await moveIn(cluster, command, config, controller.leader);
      await unchanged(controller, before);
      brokers[0]?.process.kill();
      await controller.replaced(1);
      const { master = 0, epoch } = await controller.state();
      check(epoch === before.epoch + 1, `epoch ${epoch}`);
      await isMasterInRoute(cluster.observer, brokers[master - 1]);
      await sets(cluster, command, controller.leader);
      const work = { topic: TOPIC, group: "import-producers", count: 10 };
      const sent = await lines(client({ ...cluster, nameServer: ours }, "produce", work), "SENT");
      check(sent.length === 10, `${sent.length} messages were sent`);
    });
  });
}

/** Our command shows the set, of either controller. */
async function sets(cluster: Cluster, command: Command, controller: string): Promise<void> {
  const [set] = await command.json(
    cluster.nameServer.address,
    ...["controller", "sets", "-a", controller],
  );
  check(set?.brokerName === NAME && set.masterBrokerId > 0, JSON.stringify(set));
}

async function moveIn(
  cluster: Cluster,
  command: Command,
  config: Record<string, string>,
  controller: string,
): Promise<NameServer> {
  const { launcher, nameServer } = cluster;
  const storePath = await Deno.makeTempDir({ dir: HOMES, prefix: "controller-" });
  const taken = { ...config, controllerStorePath: storePath };
  const file = `${storePath}/new.properties`;
  const text = Object.entries(taken).map(([key, value]) => `${key}=${value}\n`).join("");
  await Deno.writeTextFile(file, text);
  await command.succeed(
    nameServer.address,
    ...["controller", "import", "--from", controller, "-c", file],
  );
  await nameServer.process?.stop("SIGKILL");
  return await launcher.withKind("ours").nameServer("ours", taken);
}
