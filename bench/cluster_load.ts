/**
 * A whole cluster in one process: brokers that register and ask for the cluster info, clients that poll
 * routes, idle connections and an administrator, each at its own pace. `deno run --allow-ffi --allow-run=cat
 * bench/cluster_load.ts '<ClusterOptions as JSON>'` prints one {@linkcode ClusterResult} as JSON.
 */
import { crc32 } from "node:zlib";
import { type Broker, broker, registrationBody, registrationHead, topicNames } from "./brokers.ts";
import { type Connection, Crowd } from "./crowd.ts";
import { Code, encodeRequest } from "./frames.ts";
import { Histogram } from "./histogram.ts";
import { residentBytes } from "./proc.ts";

/** A cluster; all periods are in seconds, and 0 means never. */
export interface ClusterOptions {
  port: number;
  serverPid: number;
  brokers: number;
  topicsPerBroker: number;
  /** Brokers that have the same topics. */
  brokersPerTopic: number;
  /** Of a broker's registrations, of which only the first one brings something new. */
  registerEvery: number;
  /** Of a broker's requests for the cluster info. */
  infoEvery: number;
  clients: number;
  /** Topics that a client asks for one after the other. */
  topicsPerPoll: number;
  pollEvery: number;
  /** Connections that say nothing. */
  idle: number;
  /** Of an administrator who lists topics and brokers. */
  adminEvery: number;
  /** Load before the measured time. */
  settleSeconds: number;
  seconds: number;
}

export interface ClusterResult {
  seconds: number;
  /** CPU milliseconds of the server for all first registrations, and in the measured time. */
  firstCpu: number;
  serverCpu: number;
  /** Of this process in the measured time. */
  ownCpu: number;
  /** Requests sent in the measured time. */
  polls: number;
  registrations: number;
  infos: number;
  /** Bytes of all in the measured time. */
  received: number;
  sent: number;
  /** Of a poll of one topic, in milliseconds; the first of a client counts from when it was due. */
  p50: number;
  p99: number;
  max: number;
  rssMb: number;
}

/** Registrations in flight while all brokers register for the first time. */
const AT_ONCE = 10;
const LIMIT_MS = 300_000;
const MAPPING_VERSION = '"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":';

/** Does something at fixed intervals, each time for the next of so many. */
class Pace {
  #due: number | undefined;
  #turn = 0;

  /** @param every seconds in which each one has its turn */
  constructor(
    readonly count: number,
    readonly every: number,
    readonly act: (index: number, due: number) => void,
  ) {}

  /** @returns milliseconds until the next one is due */
  tick(now: number): number {
    if (this.count === 0 || this.every === 0) return Infinity;
    this.#due ??= now;
    const interval = this.every * 1000 / this.count;
    for (; this.#due <= now; this.#due += interval) this.act(this.#turn++ % this.count, this.#due);
    return this.#due - now;
  }
}

/** A broker's connection and its registration. */
class BrokerPeer {
  readonly connection: Connection;
  readonly #crowd: Crowd;
  readonly #from: Broker;
  readonly #body: Uint8Array<ArrayBuffer>;
  readonly #timestampAt: number;

  constructor(crowd: Crowd, index: number, body: Uint8Array<ArrayBuffer>, timestampAt: number) {
    this.#crowd = crowd;
    this.#from = broker(index);
    this.#body = body;
    this.#timestampAt = timestampAt;
    this.connection = crowd.connect({ onAnswer: () => this.answered() });
  }

  answered: () => void = () => {};

  /** Registers all topics, with the one number that a broker renews each time. */
  register(): void {
    const body = this.#body.slice();
    body.set(new TextEncoder().encode(String(Date.now())), this.#timestampAt);
    this.#crowd.send(this.connection, registrationHead(this.#from, body, "plain", 1), body);
  }
}

/** A client's connection and its topics. */
class ClientPeer {
  readonly #crowd: Crowd;
  readonly #connection: Connection;
  readonly #requests: Uint8Array<ArrayBuffer>[];
  readonly #latencies: Histogram;
  #next = 0;
  #since = 0;

  constructor(crowd: Crowd, requests: Uint8Array<ArrayBuffer>[], latencies: Histogram) {
    this.#crowd = crowd;
    this.#requests = requests;
    this.#latencies = latencies;
    this.#connection = crowd.connect({ onAnswer: (_, now) => this.#answered(now) });
  }

  poll(due: number): void {
    // It is still at the last poll: the server is far behind.
    if (this.#next !== 0) return;
    this.#ask(due);
  }

  #ask(since: number): void {
    this.#since = since;
    this.#crowd.send(this.#connection, this.#requests[this.#next++]!);
  }

  #answered(now: number): void {
    this.#latencies.record(now - this.#since);
    if (this.#next < this.#requests.length) this.#ask(now);
    else this.#next = 0;
  }
}

const options: ClusterOptions = JSON.parse(Deno.args[0]!);
const { port, serverPid } = options;
const crowd = new Crowd(port);
const { libc } = crowd;
const latencies = new Histogram();
const topics = topicsOfGroups();
const brokers = makeBrokers();
const firstCpu = registerAll();
const clients = makeClients();
connectIdle();
const result = run();
// Work that a server puts off, such as collecting garbage, is part of what it holds.
await new Promise((resolve) => setTimeout(resolve, 3000));
console.log(JSON.stringify({ ...result, rssMb: await residentBytes(serverPid) / 1_048_576 }));
Deno.exit(0);

/** The names of the topics that each group of brokers has in common. */
function topicsOfGroups(): string[][] {
  const { brokers, brokersPerTopic, topicsPerBroker } = options;
  const groups = Math.ceil(brokers / brokersPerTopic);
  const names = topicNames(groups * topicsPerBroker);
  return Array.from(
    { length: groups },
    (_, group) => names.slice(group * topicsPerBroker, (group + 1) * topicsPerBroker),
  );
}

function makeBrokers(): BrokerPeer[] {
  const groups = topics.map((names) => {
    const table = { topics: names, counter: 1, timestamp: Date.now() };
    const body = registrationBody(table, "plain", Date.now());
    const at = new TextDecoder().decode(body).indexOf(MAPPING_VERSION) + MAPPING_VERSION.length;
    crc32(body);
    return { body, at };
  });
  return Array.from({ length: options.brokers }, (_, index) => {
    const { body, at } = groups[Math.floor(index / options.brokersPerTopic)]!;
    return new BrokerPeer(crowd, index, body, at);
  });
}

/** @returns the server's CPU milliseconds */
function registerAll(): number {
  const cpu = libc.cpuOf(serverPid);
  let next = 0;
  let done = 0;
  const start = () => brokers[next++]?.register();
  for (const peer of brokers) {
    peer.answered = () => {
      done++;
      start();
    };
  }
  for (let count = 0; count < AT_ONCE; count++) start();
  crowd.until(() => done === brokers.length, LIMIT_MS);
  for (const peer of brokers) peer.answered = () => {};
  return libc.cpuOf(serverPid) - cpu;
}

function makeClients(): ClientPeer[] {
  const names = topics.flat();
  const peers: ClientPeer[] = [];
  for (let index = 0; index < options.clients; index++) {
    const requests = Array.from({ length: options.topicsPerPoll }, (_, turn) => {
      const topic = names[(index * options.topicsPerPoll + turn) % names.length]!;
      return encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, turn + 1, { topic });
    });
    peers.push(new ClientPeer(crowd, requests, latencies));
    pause(index);
  }
  return peers;
}

function connectIdle(): void {
  for (let index = 0; index < options.idle; index++) {
    crowd.connect({});
    pause(index);
  }
}

/** Lets the server accept what was connected: beyond its backlog, a retry takes a second. */
function pause(index: number): void {
  if (index % 100 !== 99) return;
  const until = libc.now() + 10;
  crowd.until(() => libc.now() > until, LIMIT_MS, () => 5);
}

function run(): Omit<ClusterResult, "rssMb"> {
  const { registerEvery, infoEvery, pollEvery, adminEvery, settleSeconds, seconds } = options;
  const info = encodeRequest(Code.GET_BROKER_CLUSTER_INFO, 2);
  const list = encodeRequest(Code.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, 3);
  const admin = crowd.connect({});
  let [registrations, infos] = [0, 0];
  const paces = [
    new Pace(clients.length, pollEvery, (index, due) => clients[index]!.poll(due)),
    new Pace(brokers.length, registerEvery, (index) => {
      registrations++;
      brokers[index]!.register();
    }),
    new Pace(brokers.length, infoEvery, (index) => {
      infos++;
      crowd.send(brokers[index]!.connection, info);
    }),
    new Pace(1, adminEvery, () => crowd.send(admin, list, info)),
  ];
  const tick = (now: number) => Math.min(100, ...paces.map((pace) => pace.tick(now)));
  const runFor = (ms: number) => {
    const end = libc.now() + ms;
    crowd.until(() => libc.now() >= end, ms + LIMIT_MS, tick);
  };
  runFor(settleSeconds * 1000);
  latencies.reset();
  [registrations, infos] = [0, 0];
  const before = { cpu: libc.cpuOf(serverPid), own: libc.cpuOf(Deno.pid), at: libc.now() };
  const { received, sent } = crowd;
  runFor(seconds * 1000);
  return {
    seconds: (libc.now() - before.at) / 1000,
    firstCpu,
    serverCpu: libc.cpuOf(serverPid) - before.cpu,
    ownCpu: libc.cpuOf(Deno.pid) - before.own,
    polls: latencies.count,
    registrations,
    infos,
    received: crowd.received - received,
    sent: crowd.sent - sent,
    p50: latencies.percentileMs(0.5),
    p99: latencies.percentileMs(0.99),
    max: latencies.maxMs,
  };
}
