/** Brokers in controller mode: what they cost a controller, and how soon it replaces masters that end at once. */
import { Client } from "./brokers.ts";
import { Code, encodeRequest, Flag } from "./frames.ts";
import type { Context, Sample, Scenario } from "./scenario.ts";
import type { Server } from "./servers.ts";

const SETS = 100;
const REPLICAS = 3;
const CLUSTER = "BenchCluster";
/** Sets whose masters end at once. */
const ENDING = 10;
/** Sets made at once. */
const AT_ONCE = 10;
/** As in brokers: milliseconds of silence after which they count as dead. */
const TIMEOUT = 10_000;
/** The same until all brokers are there. */
const SETUP_TIMEOUT = 120_000;
/** As in brokers: seconds from one request to the next. */
const REPLICA_INFO_SECONDS = 5;
const METADATA_SECONDS = 10;
/** A whole number of turns of the rarest request. */
const MEASURED_SECONDS = 20;
/** The answer of a controller that leads, for a set that it does not know. */
const METADATA_NOT_EXIST = 2008;
/** Limits for the controller to lead, and for all new masters. */
const LEADS_MS = 60_000;
const ELECTED_MS = 30_000;

export const controller: Scenario = {
  name: "controller",
  title: `controller: ${SETS} sets x ${REPLICAS} brokers, ${ENDING} masters end at once`,
  server: "own",
  kinds: ["ours", "ours on node:net", "reference"],
  short: false,
  controller: true,
  run: measure,
};

async function measure(server: Server, { libc, scale }: Context): Promise<Sample> {
  const port = server.controllerPort!;
  await leads(port);
  const sets: Broker[][] = [];
  while (sets.length < SETS) {
    const names = Array.from({ length: AT_ONCE }, (_, i) => `broker-${sets.length + i}`);
    sets.push(...await Promise.all(names.map((name) => makeSet(port, name))));
  }
  const brokers = sets.flat();
  const load = new Load(brokers);
  try {
    await sleep(1000 * (server.kind === "reference" ? scale.jvmWarmUpSeconds : 3));
    const cpu = libc.cpuOf(server.pid);
    const from = performance.now();
    const sentBefore = load.heartbeats;
    await sleep(MEASURED_SECONDS * 1000);
    const elapsed = performance.now() - from;
    const used = libc.cpuOf(server.pid) - cpu;
    // Timers are late on a busy machine, so the result is scaled to exactly one heartbeat a second.
    const due = brokers.length * elapsed / 1000;
    if (load.failure !== undefined) throw load.failure;
    const elected = await endMasters(sets.slice(0, ENDING));
    return {
      heartbeatCpu: used / elapsed * 100 * due / (load.heartbeats - sentBefore),
      electedP50: elected[Math.floor(elected.length / 2)]!,
      electedMax: elected.at(-1)!,
    };
  } finally {
    load.stop();
    for (const broker of brokers) broker.close();
  }
}

/** Closes the masters' connections at once. @returns the milliseconds until the others of each set knew, ascending */
async function endMasters(sets: readonly (readonly Broker[])[]): Promise<number[]> {
  const from = performance.now();
  const elections = sets.map(async ([, ...others]) => {
    await Promise.all(others.map((broker) => broker.learnsEpoch(2)));
    return performance.now() - from;
  });
  for (const [master] of sets) master!.close();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not all masters were replaced within ${ELECTED_MS / 1000} s`)),
    ELECTED_MS,
  );
  try {
    return (await Promise.race([Promise.all(elections), late.promise])).sort((a, b) => a - b);
  } finally {
    clearTimeout(timer);
  }
}

/** A broker with a connection to the controller, and a port at which it learns of elections. */
class Broker {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  #epoch = 0;
  #waiting: { epoch: number; resolve(): void } | undefined;
  #asking = false;
  #closed = false;

  private constructor(readonly client: Client, readonly name: string, readonly id: number) {
    void this.#listen();
  }

  static async connect(port: number, name: string, id: number): Promise<Broker> {
    return new Broker(await Client.connect(port), name, id);
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  get #named(): Record<string, string> {
    return { clusterName: CLUSTER, brokerName: this.name };
  }

  /** Asks for an id, and registers with it. */
  async join(): Promise<void> {
    const { address, id } = this;
    await this.#ask(Code.CONTROLLER_APPLY_BROKER_ID, {
      ...this.#named,
      appliedBrokerId: `${id}`,
      registerCheckCode: `${address};1`,
    });
    await this.#ask(Code.CONTROLLER_REGISTER_BROKER, {
      ...this.#named,
      brokerId: `${id}`,
      brokerAddress: address,
    });
    await this.heartbeat(SETUP_TIMEOUT);
  }

  /** Becomes the first master of its set, with all of it in sync. */
  async lead(): Promise<void> {
    await this.#ask(Code.CONTROLLER_ELECT_MASTER, {
      ...this.#named,
      brokerId: `${this.id}`,
      designateElect: "false",
    });
    const syncStateSet = Array.from({ length: REPLICAS }, (_, i) => i + 1);
    await this.#ask(
      Code.CONTROLLER_ALTER_SYNC_STATE_SET,
      { brokerName: this.name, masterBrokerId: `${this.id}`, masterEpoch: "1" },
      JSON.stringify({ syncStateSet, syncStateSetEpoch: 1 }),
    );
  }

  heartbeat(timeout: number): Promise<void> {
    return this.client.send(encodeRequest(
      Code.BROKER_HEARTBEAT,
      this.client.nextOpaque(),
      {
        ...this.#named,
        brokerAddr: this.address,
        brokerId: `${this.id}`,
        epoch: "1",
        maxOffset: "1000",
        confirmOffset: "1000",
        heartbeatTimeoutMills: `${timeout}`,
        electionPriority: "2147483647",
      },
      undefined,
      Flag.ONEWAY,
    ));
  }

  /** Sends what a broker sends in one of its seconds. */
  async turn(second: number): Promise<void> {
    try {
      if (!this.#closed) await this.#turn(second);
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  async #turn(second: number): Promise<void> {
    await this.heartbeat(TIMEOUT);
    const offset = second + this.id;
    // Answers are awaited one at a time: a late one must not be taken for the next.
    if (this.#asking) return;
    this.#asking = true;
    if (offset % REPLICA_INFO_SECONDS === 0) {
      await this.#ask(Code.CONTROLLER_GET_REPLICA_INFO, { brokerName: this.name });
    }
    if (offset % METADATA_SECONDS === 1) await this.#ask(Code.CONTROLLER_GET_METADATA_INFO, {});
    this.#asking = false;
  }

  /** Resolves when the controller has named the master of an epoch. */
  learnsEpoch(epoch: number): Promise<void> {
    if (this.#epoch >= epoch) return Promise.resolve();
    return new Promise((resolve) => this.#waiting = { epoch, resolve });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.client.close();
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }

  async #ask(code: number, fields: Record<string, string>, body?: string): Promise<void> {
    const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
    await this.client.succeed(encodeRequest(code, this.client.nextOpaque(), fields, bytes));
  }

  async #listen(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#connections.push(connection);
      this.#read(connection).catch(() => {});
    }
  }

  async #read(connection: Deno.Conn): Promise<void> {
    let bytes = new Uint8Array(0);
    const chunk = new Uint8Array(4096);
    for (let count = await connection.read(chunk); count; count = await connection.read(chunk)) {
      bytes = new Uint8Array([...bytes, ...chunk.subarray(0, count)]);
      while (bytes.length >= 8) {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const length = 4 + view.getUint32(0);
        if (bytes.length < length) break;
        const header = bytes.subarray(8, 8 + (view.getUint32(4) & 0xffffff));
        this.#notified(JSON.parse(new TextDecoder().decode(header)));
        bytes = bytes.slice(length);
      }
    }
  }

  #notified({ code, extFields }: { code: number; extFields?: Record<string, string> }): void {
    if (code !== Code.NOTIFY_BROKER_ROLE_CHANGED) return;
    this.#epoch = Math.max(this.#epoch, Number(extFields?.masterEpoch));
    if (this.#waiting !== undefined && this.#epoch >= this.#waiting.epoch) this.#waiting.resolve();
  }
}

/** Lets each broker have a turn every second. */
class Load {
  readonly #timer: ReturnType<typeof setInterval>;
  heartbeats = 0;
  /** The first error of a broker. */
  failure: unknown;

  constructor(brokers: readonly Broker[]) {
    const perTick = brokers.length / 100;
    // A hundredth of them every 10 ms: real brokers do not send all at once.
    this.#timer = setInterval(() => {
      for (let i = 0; i < perTick; i++, this.heartbeats++) {
        const second = Math.floor(this.heartbeats / brokers.length);
        const broker = brokers[this.heartbeats % brokers.length]!;
        broker.turn(second).catch((error) => this.failure ??= error);
      }
    }, 10);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function makeSet(port: number, name: string): Promise<Broker[]> {
  const brokers: Broker[] = [];
  for (let id = 1; id <= REPLICAS; id++) {
    const broker = await Broker.connect(port, name, id);
    brokers.push(broker);
    await broker.join();
  }
  await brokers[0]!.lead();
  return brokers;
}

/** Waits until the controller leads: the reference first elects itself, and says so before it answers. */
async function leads(port: number): Promise<void> {
  const limit = performance.now() + LEADS_MS;
  for (;;) {
    try {
      const client = await Client.connect(port);
      const fields = { brokerName: "broker" };
      const { header } = await client.call(
        encodeRequest(Code.CONTROLLER_GET_REPLICA_INFO, client.nextOpaque(), fields),
      );
      client.close();
      if (header.code === METADATA_NOT_EXIST) return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
    if (performance.now() > limit) throw new Error("the controller does not lead");
    await sleep(100);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
