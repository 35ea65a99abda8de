/**
 * Three name servers whose controllers keep their sets in a real etcd of three members, and three brokers:
 * what the brokers and their clients see when controllers, members of etcd or the master fail.
 */

import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import type { Command, Request } from "../support/frames.ts";
import type { Version } from "./artifacts.ts";
import { finish, linesOf, messagesGoOn, receivesAll, sendingGoesOn } from "./client_output.ts";
import { type Broker, CLUSTER, type Launcher, type NameServer } from "./cluster.ts";
import { isMasterInRoute, NAME, startBroker } from "./controlled_brokers.ts";
import { ControllerObserver, type SetState, SOON_MS } from "./controller_observer.ts";
import { EtcdMembers, fetchEtcd } from "./etcd_members.ts";
import { FrameClient } from "./frame_client.ts";
import { Observer } from "./observer.ts";
import { freePort, type Process } from "./processes.ts";
import { type Cluster, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";

const TOPIC = "ControllerTopic";
/** A set without running brokers: nobody but the cases changes it. */
const CHANGED = "broker-changed";
const SOME = 20;
/** Longer than the lease of a leading controller. */
const PAUSE_MS = 8000;
/** A leader that was killed is replaced later than this: its lease has 5 s, and is renewed each second. */
const BEFORE_LEASE_ENDS_MS = 4000;

/** Only ends and closed connections count, no heartbeat or acknowledgement that is late on a busy machine. */
const BROKER = { controllerHeartBeatTimeoutMills: "60000", haMaxTimeSlaveNotCatchup: "60000" };

/** A name server with a controller, which keeps its ports. */
interface Node {
  readonly id: string;
  /** `host:port` of the controller. */
  readonly address: string;
  readonly config: Record<string, string>;
  readonly observer: Observer;
  nameServer: NameServer;
}

/** Runs the cases. */
export async function controllersInEtcd(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  await fetchEtcd();
  const etcd = await EtcdMembers.start(launcher.processes, 3);
  const [config, ...others] = configs(etcd);
  await withCluster(suite, launcher, version, "controller in etcd", config!, async (cluster) => {
    const nodes = [nodeOf(config!, cluster.nameServer)];
    for (const other of others) {
      nodes.push(nodeOf(other, await launcher.nameServer("ours", other)));
    }
    await new Trial(cluster, etcd, nodes).run();
  });
}

function configs(etcd: EtcdMembers): Record<string, string>[] {
  const peers = ["n0", "n1", "n2"].map((id) => ({ id, address: `127.0.0.1:${freePort()}` }));
  return peers.map(({ id }) => ({
    listenPort: String(freePort()),
    enableControllerInNamesrv: "true",
    controllerStore: "etcd",
    controllerDLegerGroup: "ctl",
    controllerDLegerPeers: peers.map(({ id, address }) => `${id}-${address}`).join(";"),
    controllerDLegerSelfId: id,
    etcdEndpoints: etcd.endpoints,
  }));
}

function nodeOf(config: Record<string, string>, nameServer: NameServer): Node {
  const { controllerDLegerSelfId: id = "", controllerDLegerPeers: peers = "" } = config;
  const address = peers.split(";").find((peer) => peer.startsWith(`${id}-`))?.slice(id.length + 1);
  check(address !== undefined, `no ${id} in ${peers}`);
  return { id, address, config, observer: new Observer(nameServer.address), nameServer };
}

class Trial {
  readonly #cluster: Cluster;
  readonly #etcd: EtcdMembers;
  readonly #nodes: readonly Node[];
  readonly #controllers: ControllerObserver;
  #brokers: Broker[] = [];
  /** Acknowledged changes of the set that nobody else changes. */
  #changes = 0;

  constructor(cluster: Cluster, etcd: EtcdMembers, nodes: readonly Node[]) {
    this.#cluster = cluster;
    this.#etcd = etcd;
    this.#nodes = nodes;
    this.#controllers = new ControllerObserver(NAME, nodes.map(({ address }) => address));
  }

  async run(): Promise<void> {
    const { admin } = this.#cluster;
    if (!await this.#elected()) return;
    await admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "2", "-w", "2");
    for (const node of this.#nodes) await eventually(SOON_MS, () => hasRoute(node));
    const producer = await this.#client("keep-producing", "etcd-producers");
    const consumer = await this.#client("keep-consuming", "etcd-consumers");
    const goOn = () => messagesGoOn(producer, consumer, SOME);
    await this.#cluster.case("messages are sent and received", goOn);
    await this.#killed(goOn);
    await this.#stopped(goOn);
    await this.#suspended(goOn);
    await this.#etcdLeaderKilled(goOn);
    await this.#etcdWithoutQuorum(goOn);
    await this.#masterKilled(producer);
    await this.#cluster.case("no acknowledged message was lost", async () => {
      const sent = await finish(producer, "SENT");
      const failed = linesOf(await producer.output(), "FAILED");
      await finish(consumer, "GOT");
      // Another one, which begins with the first message: a client 5.5.0 can stop to read a queue when the
      // master changes under it.
      await receivesAll(await this.#client("keep-consuming", "etcd-witnesses"), sent);
      return `${sent.length} messages, ${failed.length} not acknowledged`;
    });
  }

  /** The brokers elect a master. */
  #elected(): Promise<boolean> {
    const { admin } = this.#cluster;
    return this.#cluster.case("brokers elect a master from nothing", async () => {
      const { after } = await eventually(
        SOON_MS,
        () => this.#controllers.ask(nextBrokerId(CHANGED)),
      );
      const start = performance.now();
      const controllerAddr = this.#nodes.map(({ address }) => address).join(";");
      for (let i = 0; i < 3; i++) {
        const config = { ...BROKER, controllerAddr };
        this.#brokers.push(await startBroker(this.#cluster, this.#nameServers, config));
      }
      await this.#controllers.until("a master", ({ master }) => master !== undefined);
      const elected = Math.round(performance.now() - start);
      const { epoch, address } = await this.#settled();
      check(epoch === 1, `epoch ${epoch}`);
      for (const { observer } of this.#nodes) {
        await isMasterInRoute(observer, this.#broker(address));
      }
      const { leader } = await this.#agree();
      for (const node of this.#nodes) {
        const metadata = await admin.run("getControllerMetaData", "-a", node.address);
        check(metadata.includes(`#ControllerLeaderAddress\t${leader}`), metadata);
        const state = await admin.run("getSyncStateSet", "-a", node.address, "-b", NAME);
        check(state.includes("#SyncStateSetNums\t3"), state);
      }
      return `a controller leads after ${after} ms, a master ${elected} ms after the brokers' start`;
    });
  }

  async #killed(goOn: () => Promise<void>): Promise<void> {
    await this.#cluster.case("kill -9 of the leading controller: another leads", async () => {
      const before = await this.#settled();
      await this.#change();
      const old = this.#leading;
      old.nameServer.process?.kill();
      const others = this.#without(old);
      const [{ value, after }] = await Promise.all([this.#nextLeader(others), goOn()]);
      checkUnchanged(before, value);
      await this.#change();
      await this.#restart(old);
      checkUnchanged(before, await this.#settled());
      await goOn();
      return `after ${after} ms`;
    });
  }

  async #stopped(goOn: () => Promise<void>): Promise<void> {
    const name =
      "graceful stop of the leading controller: another leads without waiting for the lease";
    await this.#cluster.case(name, async () => {
      const before = await this.#settled();
      const times: number[] = [];
      // On a busy machine, the lease may end first.
      while (!times.some((ms) => ms < BEFORE_LEASE_ENDS_MS)) {
        check(times.length < 3, `another leads after ${times} ms only`);
        const old = this.#leading;
        const stopping = old.nameServer.process?.stop("SIGTERM", SOON_MS);
        const { after } = await this.#nextLeader(this.#without(old));
        times.push(after);
        await stopping;
        await this.#restart(old);
      }
      checkUnchanged(before, await this.#settled());
      await this.#change();
      await goOn();
      return `after ${times.join(", then ")} ms`;
    });
  }

  async #suspended(goOn: () => Promise<void>): Promise<void> {
    const name =
      "SIGSTOP of the leading controller for longer than the lease: it answers no more as a leader";
    await this.#cluster.case(name, async () => {
      const before = await this.#settled();
      const old = this.#leading;
      const client = await FrameClient.connect(old.address);
      const start = performance.now();
      old.nameServer.process?.freeze(true);
      try {
        const requests = leaderOnly(before);
        const answers = Promise.all(requests.map((it) => client.call(it, SOON_MS + PAUSE_MS)));
        answers.catch(() => {}); // awaited below, unless something else fails first
        const others = this.#without(old);
        const { value, after } = await this.#nextLeader(others);
        checkUnchanged(before, value);
        await this.#change(others);
        await goOn();
        await sleep(Math.max(0, PAUSE_MS - (performance.now() - start)));
        old.nameServer.process?.freeze(false);
        for (const answer of await answers) checkRefused(old.address, answer);
        await this.#agree();
        await this.#change();
        await goOn();
        checkUnchanged(before, await this.#settled());
        return `another leads after ${after} ms`;
      } finally {
        old.nameServer.process?.freeze(false);
        client.close();
      }
    });
  }

  async #etcdLeaderKilled(goOn: () => Promise<void>): Promise<void> {
    await this.#cluster.case("kill -9 of etcd's leader: controllers go on", async () => {
      const before = await this.#settled();
      const leading = this.#leading.id;
      const { value: leader } = await eventually(SOON_MS, () => this.#etcd.leader());
      leader.process.kill();
      const after = await this.#change();
      await goOn();
      await leader.process.status;
      await this.#etcd.restart(leader);
      await eventually(SOON_MS, () => this.#etcd.call("kv/range", { key: btoa("x") }, leader));
      checkUnchanged(before, await this.#settled());
      return `a change after ${after} ms, led by ${leading}, then ${this.#leading.id}`;
    });
  }

  async #etcdWithoutQuorum(goOn: () => Promise<void>): Promise<void> {
    await this.#cluster.case(
      "two of three members of etcd are down: no controller leads",
      async () => {
        const before = await this.#settled();
        const killed = this.#etcd.members.slice(1);
        for (const { process } of killed) process.kill();
        // Not yet the requests for a change: one may be stored when etcd is back.
        const { after } = await eventually(SOON_MS, async () => {
          for (const { address } of this.#nodes) await refuses(address, nextBrokerId(CHANGED));
        });
        for (const { address } of this.#nodes) {
          for (const request of leaderOnly(before)) await refuses(address, request);
        }
        for (const node of this.#nodes) {
          await eventually(SOON_MS, async () => {
            const { leader } = await metadataOf(node);
            check(leader === undefined, `${node.id} says that ${leader} leads`);
          });
        }
        await goOn();
        for (const node of this.#nodes) {
          await eventually(SOON_MS, () => hasRoute(node));
          await isMasterInRoute(node.observer, this.#broker(before.address));
        }
        for (const member of killed) {
          await member.process.status;
          await this.#etcd.restart(member);
        }
        const { after: quorum } = await eventually(
          SOON_MS,
          () => this.#etcd.call("kv/range", { key: btoa("x") }),
        );
        const { value, after: back } = await this.#nextLeader(this.#controllers);
        checkUnchanged(before, value);
        await this.#change();
        await goOn();
        checkUnchanged(before, await this.#settled());
        return `refused after ${after} ms; etcd has a quorum again after ${quorum} ms, and a controller leads ` +
          `another ${back} ms later`;
      },
    );
  }

  async #masterKilled(producer: Process): Promise<void> {
    await this.#cluster.case("kill -9 of the master: another one, and messages go on", async () => {
      const before = await this.#settled();
      const commit = await this.#commitMillis();
      this.#broker(before.address).process.kill();
      const replaced = await this.#controllers.replaced(before.master);
      const { epoch, address } = await this.#controllers.state();
      check(epoch === before.epoch + 1, `epoch ${before.epoch}, then ${epoch}`);
      const first = this.#nodes[0];
      const shown = await isMasterInRoute(first!.observer, this.#broker(address));
      // The last case looks whether they are received.
      await sendingGoesOn(producer, SOME);
      return `new master after ${replaced} ms, of which etcd takes about ${commit} for a commit; in the ` +
        `route after another ${shown}`;
    });
  }

  get #nameServers(): string {
    return this.#nodes.map(({ nameServer }) => nameServer.address).join(";");
  }

  /** The node whose controller led at the last question. */
  get #leading(): Node {
    const node = this.#nodes.find(({ address }) => address === this.#controllers.leader);
    check(node !== undefined, "no controller leads");
    return node;
  }

  #without(left: Node): ControllerObserver {
    const others = this.#nodes.filter((node) => node !== left);
    return new ControllerObserver(NAME, others.map(({ address }) => address));
  }

  #client(command: string, group: string): Promise<Process> {
    const { launcher, version } = this.#cluster;
    const args = ["InteropClient", command, this.#nameServers, TOPIC, group, "0"];
    return launcher.java(version, command, args, { input: true });
  }

  #broker(address: string | undefined): Broker {
    const broker = this.#brokers.find((broker) => broker.address === address);
    check(broker !== undefined, `no broker has the address ${address}`);
    return broker;
  }

  /** Waits until all brokers are alive and in sync, and no acknowledged change is missing. */
  async #settled(): Promise<SetState> {
    const all = "1,2,3";
    const state = await this.#controllers.until(
      "all in sync",
      ({ alive, inSync }) => alive === all && inSync === all,
    );
    const { extFields } = await this.#controllers.ask(nextBrokerId(CHANGED));
    const next = Number(extFields?.get("nextBrokerId"));
    check(next === this.#changes + 1, `${this.#changes} changes, but the next id is ${next}`);
    return state;
  }

  /** Makes a change that must not be lost. Resolves with the milliseconds it took. */
  async #change(controllers = this.#controllers): Promise<number> {
    const { after } = await eventually(SOON_MS, () => {
      return controllers.ask(applyBrokerId(CHANGED, this.#changes + 1));
    });
    this.#changes++;
    return after;
  }

  /** Waits until one of these leads: its first answer, and the milliseconds it took. */
  #nextLeader(controllers: ControllerObserver): Promise<{ value: SetState; after: number }> {
    return eventually(SOON_MS, () => controllers.state());
  }

  /** Starts a node that has ended. It must not lead. */
  async #restart(node: Node): Promise<void> {
    await node.nameServer.process?.status;
    node.nameServer = await this.#cluster.launcher.nameServer("ours", node.config);
    const { leader } = await this.#agree();
    check(leader !== node.address, `${node.id} leads again`);
  }

  /** Waits until all nodes name the one controller that leads. */
  async #agree(): Promise<{ leader: string }> {
    const { value } = await eventually(SOON_MS, async () => {
      await this.#controllers.state();
      const { leader } = this.#controllers;
      for (const node of this.#nodes) {
        const said = await metadataOf(node);
        check(said.leader === leader, `${node.id} says that ${said.leader} leads, not ${leader}`);
        const leads = leader === node.address;
        check(said.leads === `${leads}`, `${node.id} says ${said.leads} to whether it leads`);
      }
      return { leader };
    });
    return value;
  }

  /** The median time of a change in etcd. */
  async #commitMillis(): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      const put = { key: btoa("commit"), value: btoa(`${i}`) };
      await eventually(SOON_MS, () => this.#etcd.call("kv/put", put));
      times.push(Math.round(performance.now() - start));
    }
    return times.sort((a, b) => a - b)[2] ?? 0;
  }
}

/** Checks that another leader has the same master, and that no epoch went back. */
function checkUnchanged(before: SetState, after: SetState): void {
  const isSame = after.master === before.master && after.epoch === before.epoch &&
    // A slave may leave and come back when it is slow.
    (after.inSyncEpoch > before.inSyncEpoch ||
      after.inSyncEpoch === before.inSyncEpoch && after.inSync === before.inSync);
  check(isSame, `${JSON.stringify(before)}, then ${JSON.stringify(after)}`);
}

async function hasRoute(node: Node): Promise<void> {
  check(await node.observer.route(TOPIC) !== undefined, `${node.id} has no route`);
}

/** Checks that a controller refuses a request because it does not lead. */
async function refuses(controller: string, request: Request): Promise<void> {
  checkRefused(controller, await new Observer(controller).ask(request));
}

function checkRefused(controller: string, { code, remark }: Command): void {
  const isRefused = code === ResponseCode.CONTROLLER_NOT_LEADER;
  check(isRefused, `${controller} does not refuse as a follower: ${code} ${remark}`);
}

/** Returns which controller leads, as one of them says. */
async function metadataOf(
  { address }: Node,
): Promise<{ leader: string | undefined; leads: string | undefined }> {
  const { code, extFields } = await new Observer(address)
    .ask({ code: RequestCode.CONTROLLER_GET_METADATA_INFO });
  check(code === ResponseCode.SUCCESS, `${address} answers 1005 with ${code}`);
  return {
    leader: extFields?.get("controllerLeaderAddress"),
    leads: extFields?.get("isLeader"),
  };
}

function nextBrokerId(brokerName: string): Request {
  return {
    code: RequestCode.CONTROLLER_GET_NEXT_BROKER_ID,
    extFields: { clusterName: CLUSTER, brokerName },
  };
}

/** Asking again is harmless: the check code is the same. */
function applyBrokerId(brokerName: string, id: number): Request {
  return {
    code: RequestCode.CONTROLLER_APPLY_BROKER_ID,
    extFields: {
      clusterName: CLUSTER,
      brokerName,
      appliedBrokerId: `${id}`,
      registerCheckCode: `127.0.0.1:${id};1`,
    },
  };
}

/** Each request that only the leading controller may answer. */
function leaderOnly({ master, epoch, inSyncEpoch }: SetState): Request[] {
  const names = { clusterName: CLUSTER, brokerName: NAME };
  const id = { ...names, brokerId: `${master}` };
  return [
    {
      code: RequestCode.CONTROLLER_ALTER_SYNC_STATE_SET,
      extFields: { brokerName: NAME, masterBrokerId: `${master}`, masterEpoch: `${epoch}` },
      body: JSON.stringify({ syncStateSet: [master], syncStateSetEpoch: inSyncEpoch }),
    },
    { code: RequestCode.CONTROLLER_ELECT_MASTER, extFields: id },
    {
      code: RequestCode.CONTROLLER_REGISTER_BROKER,
      extFields: { ...id, brokerAddress: "127.0.0.1:1" },
    },
    { code: RequestCode.CONTROLLER_GET_REPLICA_INFO, extFields: names },
    { code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA, body: JSON.stringify([NAME]) },
    {
      code: RequestCode.CLEAN_BROKER_DATA,
      extFields: { ...names, brokerControllerIdsToClean: "9" },
    },
    nextBrokerId(CHANGED),
    applyBrokerId(NAME, 4),
  ];
}
