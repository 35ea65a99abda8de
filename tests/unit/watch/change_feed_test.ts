import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { ALL_SEEING, type Viewer } from "../../../src/access/http_authorization.ts";
import { ChangeFeed } from "../../../src/watch/change_feed.ts";
import type { EventFilter } from "../../../src/watch/filter.ts";
import type { EventSink } from "../../../src/watch/watcher.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { text } from "../../support/bytes.ts";
import { RouteWorld } from "../../support/route_world.ts";

let time: FakeTime;
let world: RouteWorld;
let feed: ChangeFeed;
let options: Record<
  "watchNamedTopics" | "watchMaxWatchers" | "watchMaxUnreadBytes" | "watchHistoryBytes",
  number
>;

/** A client, whose system takes everything at once unless it is told to hold back. */
class Client implements EventSink {
  received = "";
  ended = false;
  refused: string | undefined;
  reads = true;
  /** Bytes that the system has not taken, each with what is to be called then. */
  held: (() => void)[] = [];
  readonly gone = Promise.withResolvers<void>();

  write(bytes: Uint8Array, taken: () => void): void {
    this.received += text(bytes);
    if (this.reads) queueMicrotask(taken);
    else this.held.push(taken);
  }

  end(): void {
    this.ended = true;
  }

  refuse(reason: string): void {
    this.refused = reason;
  }

  /** The system takes what it held back. */
  read(): void {
    this.reads = true;
    for (const taken of this.held.splice(0)) taken();
  }

  /** Names of the events so far, with broker and topic, and the ids without one. */
  get events(): string[] {
    return this.received.split("\n\n").slice(0, -1).map((block) => {
      const [, name] = /^event: (\w+)/.exec(block) ?? [];
      const [, id] = /^id: gen-(\d+)$/m.exec(block) ?? [];
      if (name === undefined) return `(${id})`;
      const data = JSON.parse(/^data: (.*)$/m.exec(block)![1]!);
      const about = name === "gap" ? [data.reason] : [data.brokerName, data.topic];
      return [id, name, ...about].filter((it) => it !== undefined).join(" ");
    });
  }
}

function watch(
  { filter = {}, viewer = ALL_SEEING, since, reads = true }: {
    filter?: EventFilter;
    viewer?: Viewer;
    since?: string;
    reads?: boolean;
  } = {},
): Client {
  const client = new Client();
  client.reads = reads;
  const begin = feed.open({ filter, viewer, since }, client.gone.promise);
  assert.ok(begin !== undefined, "no place");
  begin(client);
  return client;
}

/** Lets the feed make its events and send them. */
async function settle(): Promise<void> {
  await time.tickAsync(100);
  for (let i = 0; i < 50; i++) await time.runMicrotasks();
}

function setUp(): void {
  time = new FakeTime(0);
  world = new RouteWorld();
  world.options.maxBrokers = 10_000;
  options = {
    watchNamedTopics: 3,
    watchMaxWatchers: 2,
    watchMaxUnreadBytes: 100_000,
    watchHistoryBytes: 4_000_000,
  };
  feed = new ChangeFeed({
    tables: world.tables,
    kv: { get: () => "v" },
    options: Object.assign(options, { supportActingMaster: false, watchKeepAliveSeconds: 15 }),
    slice: new WorkSlice(queueMicrotask),
    log: world.log,
    generation: "gen",
    now: world.clock.now,
  });
  world.tables.subscribe(feed.changes);
  world.routes.subscribe(feed.changes);
  feed.start();
}

function tearDown(): void {
  feed.stop();
  time.restore();
}

describe("ChangeFeed", () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it("sends events from now on, and the position first", async () => {
    world.register({ name: "early", topics: [] });
    await settle();
    const client = watch();
    assert.deepEqual(client.events, ["(1)"]);
    world.register({ topics: ["T1", "T2"] });
    await settle();
    assert.deepEqual(client.events, [
      "(1)",
      "2 brokerUp a",
      "3 topicAdded a T1",
      "4 topicAdded a T2",
    ]);
    assert.deepEqual([feed.watchers, feed.events.brokerUp, feed.events.topicAdded], [1, 2, 2]);
  });

  it("resumes after an event that is kept", async () => {
    for (const name of ["a", "b", "c"]) {
      world.register({ name, topics: [] });
      await settle();
    }
    const client = watch({ since: "gen-1" });
    await settle();
    assert.deepEqual(client.events, ["(1)", "2 brokerUp b", "3 brokerUp c"]);
    client.gone.resolve();
    const last = watch({ since: "gen-3" });
    await settle();
    assert.deepEqual(last.events, ["(3)"]);
    assert.deepEqual(Object.values(feed.gaps), [0, 0, 0]);
  });

  it("tells of a gap when an event is forgotten, or of another process", async () => {
    options.watchHistoryBytes = 3000;
    for (let i = 0; i < 20; i++) world.register({ name: `b${i}`, topics: [] });
    await settle();
    for (
      const [since, reason] of [
        ["gen-1", "tooOld"],
        ["other-1", "otherProcess"],
        ["gen-21", "otherProcess"],
        ["x", "otherProcess"],
      ] as const
    ) {
      const client = watch({ since });
      assert.deepEqual(client.events, [`20 gap ${reason}`, "(20)"], since);
      assert.match(client.received, new RegExp(`"since":"${since}"`));
      client.gone.resolve();
      await settle();
    }
    assert.deepEqual(feed.gaps, { tooOld: 1, otherProcess: 3, unnamedTopics: 0 });
  });

  it("filters by cluster, broker and topic", async () => {
    options.watchMaxWatchers = 10;
    const all = watch();
    const cluster = watch({ filter: { cluster: "D" } });
    const broker = watch({ filter: { brokerName: "a" } });
    const topic = watch({ filter: { topic: "T1" } });
    const both = watch({ filter: { cluster: "C", topic: "T1" } });
    world.register({ topics: ["T1", "T2"] });
    world.register({ name: "d", cluster: "D", topics: ["T1", "T2", "T3", "T4"] });
    feed.changes.kvChanged("N", "K");
    await settle();
    const names = ({ events }: Client) => events.slice(1).map((it) => it.replace(/^\d+ /, ""));
    assert.equal(names(all).length, 6);
    assert.deepEqual(names(cluster), ["brokerUp d", "topicsChanged d"]);
    assert.deepEqual(names(broker), ["brokerUp a", "topicAdded a T1", "topicAdded a T2"]);
    assert.deepEqual(names(topic), ["topicAdded a T1", "topicsChanged d"]);
    assert.deepEqual(names(both), ["topicAdded a T1"]);
  });

  it("shows only what a viewer may see", async () => {
    options.watchMaxWatchers = 10;
    const may = (...allowed: string[]): Viewer => ({
      current: true,
      may: ({ permission, cluster, names }) =>
        allowed.includes([permission, cluster, ...names ?? []].join(" ").replace("  ", " ")),
      mayAny: (permission) => allowed.some((it) => it.startsWith(permission)),
    });
    const brokers = watch({ viewer: may("cluster:read C a") });
    const route = watch({ viewer: may("route:read T1") });
    const list = watch({ viewer: may("topic:list D") });
    const kv = watch({ viewer: may("kv:read N") });
    world.register({ topics: ["T1", "T2"] });
    world.register({ name: "d", cluster: "D", topics: ["T1", "T2", "T3", "T4"] });
    feed.changes.kvChanged("N", "K");
    feed.changes.kvChanged("other", "K");
    feed.changes.configChanged([{ key: "k", before: "1", after: "2" }]);
    await settle();
    const names = ({ events }: Client) => events.slice(1).map((it) => it.replace(/^\d+ /, ""));
    assert.deepEqual(names(brokers), ["brokerUp a"]);
    assert.deepEqual(names(route), ["topicAdded a T1", "gap unnamedTopics"]);
    assert.deepEqual(names(list), ["topicsChanged d"]);
    assert.deepEqual(names(kv), ["kvChanged"]);
    assert.ok(!kv.received.includes("other"));
  });

  it("has the latest events that are kept, the newest first, for those who may see them", async () => {
    world.register({ topics: ["T1", "T2"] });
    await settle();
    world.register({ name: "d", cluster: "D", topics: [] });
    await settle();
    const names = async (filter: EventFilter, limit: number, viewer: Viewer = ALL_SEEING) => {
      const latest = feed.latest({ filter, viewer }, limit);
      await settle();
      return (await latest).map((it) => JSON.parse(it))
        .map(({ id, event, data }) => `${id} ${event} ${data.brokerName} ${data.time}`);
    };
    assert.deepEqual(await names({}, 2), [
      `gen-4 brokerUp d 1970-01-01T00:00:00.200Z`,
      `gen-3 topicAdded a 1970-01-01T00:00:00.100Z`,
    ]);
    assert.equal((await names({}, 100)).length, 4);
    assert.equal(
      (await names({ topic: "T1" }, 9)).join(),
      "gen-2 topicAdded a 1970-01-01T00:00:00.100Z",
    );
    const brokers: Viewer = {
      ...ALL_SEEING,
      may: ({ permission }) => permission === "cluster:read",
    };
    assert.equal((await names({}, 9, brokers)).length, 2);
    options.watchHistoryBytes = 1;
    world.register({ name: "e", topics: [] });
    await settle();
    assert.match((await names({}, 9)).join(), /^gen-5 brokerUp e [^,]*$/);
  });

  it("ends a stream when the rules have changed, before it shows more", async () => {
    let current = true;
    const viewer = {
      ...ALL_SEEING,
      get current() {
        return current;
      },
    };
    const client = watch({ viewer });
    current = false;
    world.register();
    await settle();
    assert.deepEqual([client.events, client.ended], [["(0)"], true]);
    current = true;
    const idle = watch({ viewer });
    current = false;
    await time.tickAsync(15_000);
    assert.equal(idle.ended, true);
  });

  it("gives signs of life with the position, also past events that a filter held back", async () => {
    const client = watch({ filter: { brokerName: "b" } });
    await time.tickAsync(15_000);
    assert.deepEqual(client.events, ["(0)", "(0)"]);
    world.register({ topics: [] });
    await settle();
    await time.tickAsync(15_000);
    assert.deepEqual(client.events, ["(0)", "(0)", "(1)"]);
  });

  it("holds back from a client that does not take what it has, and goes on when it does", async () => {
    options.watchMaxUnreadBytes = 64_000_000;
    const client = watch({ reads: false });
    const names = Array.from({ length: 1000 }, (_, i) => `b${i}`.padEnd(100, "x"));
    for (const name of names) world.register({ name, topics: [] });
    await settle();
    const before = client.received.length;
    assert.ok(before > 60_000 && before < 90_000, `${before} characters`);
    client.read();
    await settle();
    assert.equal(client.events.length, 1001);
    assert.equal(new Set(client.events).size, 1001);
  });

  it("closes a client that is too far behind, and no other", async () => {
    const slow = watch({ reads: false });
    const quick = watch();
    for (let i = 0; i < 500; i++) world.register({ name: `b${i}`, topics: [] });
    await settle();
    assert.equal(slow.refused, undefined);
    for (let i = 0; i < 1000; i++) world.register({ name: `c${i}`, topics: [] });
    await settle();
    assert.deepEqual([slow.refused, quick.refused], ["behind", undefined]);
    assert.equal(quick.events.length, 1501);
    const { length } = slow.received;
    slow.read();
    await settle();
    assert.equal(slow.received.length, length);
  });

  it("does not count as unread what a client asks for when it resumes", async () => {
    for (let i = 0; i < 2000; i++) world.register({ name: `b${i}`, topics: [] });
    await settle();
    const client = watch({ since: "gen-0", reads: false });
    world.register({ name: "more", topics: [] });
    await settle();
    client.read();
    await settle();
    assert.deepEqual([client.refused, client.events.length], [undefined, 2002]);
  });

  it("closes a client whose next event is forgotten while it does not read", async () => {
    options.watchHistoryBytes = 200_000;
    options.watchMaxUnreadBytes = 64_000_000;
    const slow = watch({ reads: false });
    const quick = watch();
    for (let i = 0; i < 3000; i++) world.register({ name: `b${i}`, topics: [] });
    await settle();
    assert.deepEqual([slow.refused, quick.refused, quick.events.length], [
      "behind",
      undefined,
      3001,
    ]);
  });

  it("has so many places, and they become free", async () => {
    const first = watch();
    watch();
    assert.equal(
      feed.open({ filter: {}, viewer: ALL_SEEING, since: undefined }, Promise.resolve()),
      undefined,
    );
    first.gone.resolve();
    await settle();
    assert.equal(feed.watchers, 1);
    watch();
  });

  it("joins a storm of registrations to two events for each broker", async () => {
    const client = watch();
    const topics = Array.from({ length: 500 }, (_, i) => `T${i}`);
    for (let i = 0; i < 30; i++) world.register({ name: `b${i}`, topics });
    await settle();
    assert.equal(client.events.length, 61);
    assert.deepEqual([feed.events.topicsChanged, feed.events.topicAdded], [30, 0]);
  });

  it("ends all streams when it stops, and those that begin later", async () => {
    const client = watch();
    const gone = Promise.withResolvers<void>();
    const begin = feed.open({ filter: {}, viewer: ALL_SEEING, since: undefined }, gone.promise)!;
    feed.stop();
    const late = new Client();
    begin(late);
    assert.deepEqual([client.ended, late.ended], [true, true]);
    world.register();
    await settle();
    assert.deepEqual(client.events, ["(0)"]);
  });
});
