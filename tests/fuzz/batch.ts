/**
 * A batch of the fuzzer: a name server in this process, several connections that send frames in turn, and
 * what must hold afterwards. The same seed gives the same batch.
 */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { assemble, type Assembly } from "../../src/assemble.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { text, utf8 } from "../support/bytes.ts";
import { chance } from "../support/chance.ts";
import { environmentWith, filesWith } from "../support/config_fixtures.ts";
import { type FakeSocket, FakeTransport } from "../support/fake_socket.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { readAnswers, request, type SeenAnswer } from "../support/frames.ts";
import { BROKER, registration } from "../support/route_processors.ts";
import { parseScrape } from "../support/scrape.ts";
import { ErrorLog } from "./error_log.ts";
import { type Chance, Frames } from "./frames.ts";
import { ADMIN, CLIENT, SignedFrames } from "./signed_frames.ts";

const CONNECTIONS = 8;
/** Frames between two turns of the event loop. */
const BURST = 50;
/** Turns of the event loop after which a server that is still busy is a failure. */
const MOST_TURNS = 20_000;
const PREFIX = "rocketmq_namesrv_";
const FOLDER = "/fuzz";
const KV_FILE = `${FOLDER}/kvConfig.json`;

/** Only the well-behaved broker sends these. */
const HONEST = { ...BROKER, clusterName: "honest", brokerName: "honest", brokerAddr: "honest:1" };
const HONEST_TOPIC = "Honest1";

/** Only the network of the observer and of the honest broker may change anything. */
const RULES = `mode: enforce
networks: [{from: [192.0.2.0/24], may: [admin]}]
accounts:
  - {accessKey: ${ADMIN.accessKey}, secret: ${ADMIN.secretKey}, may: [admin]}
  - {accessKey: ${CLIENT.accessKey}, secret: ${CLIENT.secretKey}, may: [client]}
`;

/**
 * Runs a batch.
 *
 * @returns the number of frames sent
 * @throws AssertionError when something does not hold afterwards
 */
export async function runBatch(seed: number, frames: number): Promise<number> {
  const world = await World.start();
  try {
    const below = chance(seed);
    return await world.run(below, new Frames(below), frames);
  } finally {
    await world.stop();
  }
}

/** Like {@link runBatch}, with rules that allow the sender of the frames no change. */
export async function runSignedBatch(seed: number, frames: number): Promise<number> {
  const world = await World.start(RULES);
  try {
    const below = chance(seed);
    const before = await world.state();
    const sent = await world.run(below, new SignedFrames(below), frames);
    assert.deepEqual(await world.state(), before, "a frame has changed something");
    return sent;
  } finally {
    await world.stop();
  }
}

class World {
  readonly #parts: Assembly;
  readonly #transport: FakeTransport;
  readonly #disk: MemoryDisk;
  readonly #log: ErrorLog;
  /** Every connection that was opened, also those that the server has not finished closing. */
  readonly #opened: FakeSocket[] = [];

  /** @param rules of access control */
  static async start(rules?: string): Promise<World> {
    const transport = new FakeTransport();
    const disk = MemoryDisk.with(`${FOLDER}/namesrv.properties`, "");
    const log = new ErrorLog();
    const accessFile = rules === undefined ? "" : `${FOLDER}/access.yml`;
    const content = `kvConfigPath=${KV_FILE}\nmetricsPerBroker=true\naccessFile=${accessFile}\n`;
    const files = filesWith({ [`${FOLDER}/namesrv.properties`]: content });
    const parts = await assemble({
      configuration: await loadConfiguration(
        { configFile: `${FOLDER}/namesrv.properties` },
        environmentWith({ HOME: FOLDER }),
        files,
      ),
      transport,
      files: Deno,
      accessFiles: {
        ...Deno,
        readTextFile: () => Promise.resolve(rules ?? ""),
        stat: () => Promise.resolve({ isFile: true, mode: 0o600, dev: 1, ino: 1 }),
      },
      disk,
      log,
      setLogLevel() {},
      setLogLimits() {},
      clock: { ...systemClock, soon: (task) => setImmediate(task), nextTurn: setImmediate },
    });
    await parts.server.listen("127.0.0.1", 9876);
    return new World(parts, transport, disk, log);
  }

  private constructor(
    parts: Assembly,
    transport: FakeTransport,
    disk: MemoryDisk,
    log: ErrorLog,
  ) {
    this.#parts = parts;
    this.#transport = transport;
    this.#disk = disk;
    this.#log = log;
  }

  async stop(): Promise<void> {
    const { routes, server, kv, tls } = this.#parts;
    await server.stop(0);
    tls?.close();
    routes.stop();
    await kv.flush();
  }

  /** The state that the frames of a batch must not change, if the rules allow them nothing. */
  async state(): Promise<string[]> {
    const observer = this.#transport.open("192.0.2.9:2");
    const answers = [];
    for (
      const code of [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, RequestCode.GET_NAMESRV_CONFIG]
    ) {
      answers.push((await this.#ask(observer, code)).body);
    }
    observer.break("it has seen enough");
    await this.#rest();
    return [...answers, JSON.stringify([...this.#parts.kv.entries()])];
  }

  /** @param frames those that are sent */
  async run(below: Chance, frames: Frames, count: number): Promise<number> {
    const observer = this.#transport.open("192.0.2.9:1");
    const honest = this.#transport.open("192.0.2.8:1");
    const registered = await this.#ask(
      honest,
      103,
      HONEST,
      registration([HONEST_TOPIC, "Honest2"]),
    );
    assert.equal(registered.code, 0);
    const before = await this.#ask(observer, 105, { topic: HONEST_TOPIC });

    const sockets: FakeSocket[] = [];
    for (let sent = 0; sent < count; sent++) {
      const i = below(CONNECTIONS);
      const socket = sockets[i] = this.#usable(sockets[i], frames, below);
      if (!socket.closed && !socket.paused) send(socket, frames);
      if (below(200) === 0) leave(socket, below);
      else if (below(100) === 0) socket.stopReading();
      else if (below(20) === 0) socket.read();
      if (sent % BURST === 0) await turn();
    }

    for (const socket of this.#opened) if (!socket.closed) socket.read();
    await this.#rest();
    const after = await this.#ask(observer, 105, { topic: HONEST_TOPIC });
    assert.equal(normal(after.body), normal(before.body), "the honest broker's route has changed");
    await this.#checkTables(observer);
    for (const socket of this.#opened) if (!socket.closed) socket.break("the batch is over");
    honest.break("the batch is over");
    await this.#rest();
    await this.#checkEmpty();
    await this.#checkKv();
    assert.deepEqual(this.#log.errors, [], "an error in the log");
    return count;
  }

  #usable(socket: FakeSocket | undefined, frames: Frames, below: Chance): FakeSocket {
    if (socket !== undefined && !socket.closed && !socket.ending) return socket;
    const opened = this.#transport.open(`10.0.0.${below(4)}:${1 + below(60_000)}`);
    this.#opened.push(opened);
    // Nothing answers a handshake here; the server's own limit would end it.
    opened.handshake.promise.catch(() => {});
    if (below(4) === 0) opened.send(frames.preamble());
    if (opened.secured !== undefined) opened.handshake.reject(new Error("no handshake"));
    return opened;
  }

  /** All queries must show the same tables. */
  async #checkTables(observer: FakeSocket): Promise<void> {
    const { values } = parseScrape(await this.#parts.metrics.render());
    const metric = (name: string) =>
      [...values].filter(([series]) => series.replace(/\{.*/s, "") === PREFIX + name)
        .reduce((sum, [, value]) => sum + value, 0);
    const clusters = JSON.parse(quoted((await this.#ask(observer, 106)).body));
    const brokers = new Map<string, { brokerAddrs: Record<string, string> }>(
      Object.entries(clusters.brokerAddrTable),
    );
    const members = Object.values(clusters.clusterAddrTable as Record<string, string[]>).flat();
    for (const name of members) assert.ok(brokers.has(name), `a cluster's unknown broker ${name}`);
    for (const [name, { brokerAddrs }] of brokers) {
      const addresses = Object.values(brokerAddrs);
      assert.ok(addresses.length > 0, `${name} has no address`);
      assert.equal(new Set(addresses).size, addresses.length, `${name} has an address twice`);
      assert.ok(members.includes(name), `${name} is in no cluster`);
    }
    const { topicList } = JSON.parse((await this.#ask(observer, 206)).body);
    assert.equal(metric("topics"), topicList.length, "miscounted topics");
    let queueDatas = 0;
    for (const topic of topicList) {
      const { code, body, remark } = await this.#ask(observer, 105, { topic });
      assert.equal(code, 0, `the topic ${topic} has no route: ${remark}`);
      const route = JSON.parse(body);
      for (const { brokerName } of route.queueDatas) {
        assert.ok(brokers.has(brokerName), `queue data of the unknown broker ${brokerName}`);
      }
      queueDatas += route.queueDatas.length;
    }
    assert.equal(metric("queue_data"), queueDatas, "miscounted queue data");
  }

  /** Nothing is left of connections that have gone. */
  async #checkEmpty(): Promise<void> {
    const { values } = parseScrape(await this.#parts.metrics.render());
    for (const name of ["topics", "queue_data", "buffered_bytes"]) {
      assert.equal(values.get(PREFIX + name), 0, `${name} is not 0`);
    }
    const left = [...values].filter(([series, value]) =>
      series.startsWith(`${PREFIX}brokers{`) && value > 0
    );
    assert.deepEqual(left, [], "brokers without connections");
    // The observer's.
    assert.equal(values.get(`${PREFIX}connections`), 1);
  }

  /** The file says what the table says. */
  async #checkKv(): Promise<void> {
    await this.#parts.kv.flush();
    const file = this.#disk.text(KV_FILE);
    const table = new Map<string, string>();
    for (const [namespace, key, value] of this.#parts.kv.entries()) {
      table.set(JSON.stringify([namespace, key]), value);
    }
    const stored = new Map<string, string>();
    if (file !== undefined) {
      for (const [namespace, entries] of Object.entries(JSON.parse(file).configTable)) {
        for (const [key, value] of Object.entries(entries as Record<string, string>)) {
          stored.set(JSON.stringify([namespace, key]), value);
        }
      }
    }
    assert.deepEqual([...stored].sort(), [...table].sort(), "the KV file is not the KV table");
  }

  async #ask(
    peer: FakeSocket,
    code: number,
    extFields: Record<string, string> = {},
    body?: string,
  ): Promise<SeenAnswer> {
    peer.writes = [];
    peer.send(request({ code, extFields, body: body === undefined ? undefined : utf8(body) }));
    for (let turns = 0; peer.writes.length === 0; turns++) {
      assert.ok(turns < MOST_TURNS && !peer.closed, `no answer to ${code}`);
      await turn();
    }
    const [answer] = readAnswers(peer.received);
    assert.ok(answer !== undefined);
    return answer;
  }

  /** Resolves when nothing waits or is in progress. */
  async #rest(): Promise<void> {
    const queues = Object.values(this.#parts.queues);
    for (let turns = 0, quiet = 0; quiet < 20; turns++) {
      assert.ok(turns < MOST_TURNS, "the queues are never empty");
      quiet = queues.every(({ waiting, running }) => waiting + running === 0) ? quiet + 1 : 0;
      await turn();
    }
  }
}

/** Sends the next frame in its pieces, as long as the server listens. */
function send(socket: FakeSocket, frames: Frames): void {
  for (const piece of frames.pieces(frames.next())) {
    if (socket.closed || socket.paused) return;
    if (piece.length > 0) socket.send(piece);
    socket.writes.length = 0;
  }
}

function leave(socket: FakeSocket, below: Chance): void {
  if (socket.closed || socket.paused) return;
  if (below(2) === 0) socket.sendEnd();
  else socket.break("gone");
}

/** A route as text, without what other brokers of the topic change. */
function normal(route: string): string {
  return text(utf8(route)).replaceAll(/"orderTopicConf":"[^"]*",?/g, "");
}

/** Standard JSON of fastjson's, whose numeric keys have no quotes. */
function quoted(json: string): string {
  return json.replaceAll(/([{,])(-?\d+):"/g, '$1"$2":"');
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
