/**
 * The generator of storms: much that comes at once, and what one client notices of it that asks for a
 * route every 2 ms. A process of its own, so that it can be pinned: `deno run --allow-ffi --allow-net
 * bench/storm_load.ts '<StormOptions as JSON>'` prints one {@linkcode StormResult} as JSON.
 */
import * as net from "node:net";
import * as tls from "node:tls";
import {
  type BodyForm,
  broker,
  registration,
  registrationBody,
  registrationHead,
  topicNames,
} from "./brokers.ts";
import { type Connection, Crowd, Probe } from "./crowd.ts";
import { Code, encodeRequest } from "./frames.ts";

export interface StormOptions {
  port: number;
  serverPid: number;
  storm: Storm;
}

export type Storm =
  /** All brokers register at once; all have the same topics. */
  | { kind: "register"; brokers: number; topics: number; form: BodyForm }
  /** All clients connect at once, and ask for one route each. */
  | { kind: "connect"; clients: number }
  /** All clients close at once. */
  | { kind: "close"; clients: number }
  /** Clients that ask again and again for the cluster info of so many brokers. */
  | { kind: "clusterInfo"; brokers: number; clients: number; seconds: number }
  /** All send a TLS client hello at once, and no more. */
  | { kind: "hello"; clients: number };

export interface StormResult {
  /** Milliseconds until all were served. */
  allMs: number;
  /** Of the route queries meanwhile, milliseconds. */
  p50: number;
  p99: number;
  max: number;
  /** CPU milliseconds of the server meanwhile. */
  serverCpu: number;
  /** Answers that were served. */
  answers: number;
}

const PROBE_MS = 2;
const PROBE_TOPIC = "ProbeTopic";
/** Of the probe, before it counts. */
const WARM_UP_MS = 1000;
/** Limit for all to be served. */
const LIMIT_MS = 60_000;
/** Connections made at once where that is not the storm. */
const PACE = 100;
/** Requests started, or connections closed, before the probe has its turn. */
const AT_ONCE = 20;

const options: StormOptions = JSON.parse(Deno.args[0]!);
const { port, serverPid, storm } = options;
const crowd = new Crowd(port);
const { libc } = crowd;

async function measure(storm: Storm): Promise<StormResult> {
  registerProbeTopic();
  switch (storm.kind) {
    case "register":
      return registerStorm(storm.brokers, storm.topics, storm.form);
    case "connect": {
      const request = routeQuery();
      return requests(storm.clients, () => {
        crowd.send(crowd.connect(counted), request);
      });
    }
    case "close":
      return closeStorm(storm.clients);
    case "clusterInfo":
      return clusterInfoStorm(storm.brokers, storm.clients, storm.seconds);
    case "hello": {
      const hello = await recordHello();
      const clients = connectAll(storm.clients, countedBytes);
      return requests(storm.clients, (index) => crowd.send(clients[index]!, hello));
    }
  }
}

/** How many answers came so far. */
let answers = 0;

const counted = { onAnswer: () => void answers++ };

/** Counts the first bytes of each connection only. */
const countedBytes = {
  onBytes: (connection: Connection) => {
    if (connection.left === 0) answers++;
    connection.left = 1;
  },
};

/** Starts `count` requests at once, and measures until all are answered. */
function requests(count: number, start: (index: number) => void): StormResult {
  return storming((turn) => {
    for (let index = 0; index < count; index++) {
      start(index);
      if (index % AT_ONCE === 0) turn();
    }
    return () => answers >= count;
  });
}

/**
 * Measures one storm.
 * @param start starts it, and returns whether it is over
 */
function storming(start: (turn: () => void) => () => boolean): StormResult {
  const probe = new Probe(crowd, PROBE_TOPIC, PROBE_MS);
  const tick = (now: number) => probe.tick(now);
  const warm = libc.now() + WARM_UP_MS;
  crowd.until(() => libc.now() > warm, LIMIT_MS, tick);
  probe.restart();
  answers = 0;
  const cpu = libc.cpuOf(serverPid);
  const from = libc.now();
  const over = start(() => {
    tick(libc.now());
    crowd.turn(0);
  });
  crowd.until(over, LIMIT_MS, tick);
  const to = libc.now();
  const serverCpu = libc.cpuOf(serverPid) - cpu;
  const served = answers;
  // Those that were due meanwhile count, however late they are answered.
  crowd.until(() => !probe.waitsSince(to), LIMIT_MS, () => 1);
  const { latencies } = probe;
  return {
    allMs: to - from,
    p50: latencies.percentileMs(0.5),
    p99: latencies.percentileMs(0.99),
    max: latencies.maxMs,
    serverCpu,
    answers: served,
  };
}

function registerStorm(brokers: number, topicCount: number, form: BodyForm): StormResult {
  const topics = topicNames(topicCount);
  const body = registrationBody({ topics, counter: 1, timestamp: Date.now() }, form, Date.now());
  const clients = connectAll(brokers, counted);
  const heads = clients.map((_, index) => registrationHead(broker(index), body, form, index));
  return requests(brokers, (index) => crowd.send(clients[index]!, heads[index]!, body));
}

function closeStorm(count: number): StormResult {
  const clients = connectAll(count, counted);
  return storming((turn) => {
    for (const [index, client] of clients.entries()) {
      crowd.close(client);
      if (index % AT_ONCE === 0) turn();
    }
    const end = libc.now() + 1000;
    return () => libc.now() > end;
  });
}

function clusterInfoStorm(brokers: number, count: number, seconds: number): StormResult {
  const topics = topicNames(2);
  const body = registrationBody({ topics, counter: 1, timestamp: 1 }, "plain", 1);
  const [registrar] = connectAll(1, counted);
  for (let index = 0; index < brokers; index++) {
    crowd.send(registrar!, registrationHead(broker(index), body, "plain", index), body);
  }
  crowd.until(() => answers > brokers, LIMIT_MS);
  const request = encodeRequest(Code.GET_BROKER_CLUSTER_INFO, 1);
  const clients = connectAll(count, {
    onAnswer: (connection) => {
      answers++;
      crowd.send(connection, request);
    },
  });
  return storming(() => {
    for (const client of clients) crowd.send(client, request);
    const end = libc.now() + seconds * 1000;
    return () => libc.now() > end;
  });
}

/** Connects a few at a time. */
function connectAll(count: number, handler: Connection["handler"]): Connection[] {
  const all: Connection[] = [];
  let connected = 0;
  const onConnected = () => void connected++;
  while (all.length < count) {
    for (let i = 0; i < PACE && all.length < count; i++) {
      all.push(crowd.connect({ ...handler, onConnected }));
    }
    crowd.until(() => connected === all.length, LIMIT_MS);
  }
  return all;
}

function registerProbeTopic(): void {
  const table = { topics: [PROBE_TOPIC, "OtherTopic"], counter: 1, timestamp: Date.now() };
  const body = registrationBody(table, "plain", Date.now());
  const before = answers;
  crowd.send(crowd.connect(counted), registration(broker(50_000), body, "plain", 1));
  crowd.until(() => answers > before, LIMIT_MS);
}

function routeQuery(): Uint8Array<ArrayBuffer> {
  return encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, 1, { topic: PROBE_TOPIC });
}

/** The first bytes of a client of node:tls. */
async function recordHello(): Promise<Uint8Array<ArrayBuffer>> {
  const recorded = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const listener = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes: Uint8Array) => {
      recorded.resolve(new Uint8Array(bytes));
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as net.AddressInfo;
  const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  client.on("error", () => {});
  const hello = await recorded.promise;
  client.destroy();
  listener.close();
  return hello;
}

console.log(JSON.stringify(await measure(storm)));
