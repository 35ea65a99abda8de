import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { RequestSigner } from "../../../src/access/request_signer.ts";
import { Group } from "../../../src/group/group.ts";
import { Members } from "../../../src/group/members.ts";
import { RequestCode, ResponseCode } from "../../../src/protocol/codes.ts";
import { encodeClusterInfo } from "../../../src/protocol/route_data.ts";
import { RemotingClient } from "../../../src/remoting/client.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { type Behaviour, FakeNameServers } from "../../support/fake_name_servers.ts";
import { Processors } from "../../support/route_processors.ts";

const OTHER = "10.0.0.2:9876";

let world: Processors;
let now: number;
let network: FakeNameServers;
let group: Group;
/** The other name server: it has what a test says. */
let other: {
  brokers: string;
  topics: string[];
  routes: Record<string, string>;
  config: string;
  refused: Set<number>;
};

const behave: Behaviour = ({ code, fields }) => {
  if (other.refused.has(code)) return { code: ResponseCode.NO_PERMISSION, remark: "not\nyou" };
  switch (code) {
    case RequestCode.GET_BROKER_CLUSTER_INFO:
      return { body: other.brokers };
    case RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER:
      return { body: JSON.stringify({ topicList: other.topics }) };
    case RequestCode.GET_ROUTEINFO_BY_TOPIC: {
      const body = other.routes[fields.get("topic") ?? ""];
      return body === undefined ? { code: ResponseCode.TOPIC_NOT_EXIST } : { body };
    }
    case RequestCode.GET_NAMESRV_CONFIG:
      return { body: other.config };
    default:
      return { code: ResponseCode.QUERY_NOT_FOUND };
  }
};

async function setUp(): Promise<void> {
  world = await Processors.create(`namesrvAddrs=10.0.0.1;${OTHER};10.0.0.3;10.0.0.4\n`);
  now = 1_700_000_000_000;
  await world.register();
  const { tables, answers, kv, config, options } = world;
  other = {
    brokers: new TextDecoder().decode(encodeClusterInfo(tables.brokers(), tables.clusters())),
    topics: ["T1", "T2"],
    routes: Object.fromEntries(["T1", "T2"].map((topic) => {
      const bytes = answers.encode(topic, { dialect: "standard" });
      return [topic, new TextDecoder().decode(bytes)];
    })),
    config: config.format(),
    refused: new Set(),
  };
  network = new FakeNameServers(new Map([[OTHER, behave]]));
  const slice = new WorkSlice(setImmediate);
  group = new Group({
    members: new Members(options, () => 9876),
    ask: {
      client: new RemotingClient(network, 1 << 24, new RequestSigner(() => undefined)),
      options,
      isPermitted: (hostname) => hostname !== "10.0.0.4",
      monotonic: () => now,
    },
    own: { tables, answers, kv, config, options, slice },
    now: () => now,
  });
}

/** The differences with the other server, as lines. */
async function compare() {
  const result = await group.compare(OTHER, "10.0.0.1");
  assert.ok(result !== undefined);
  return {
    ...result,
    lines: result.differences.map(({ kind, path, left, right }) =>
      `${kind} ${path.join("/")}: ${left} ${right}`
    ),
  };
}

describe("the states of a group", () => {
  beforeEach(setUp);

  it("are asked of all but this server, and shared for two seconds", async () => {
    const states = await group.states("10.0.0.1");
    assert.deepEqual(states, [
      { address: "10.0.0.1:9876", self: true, ok: true, error: null, millis: null },
      { address: OTHER, self: false, ok: true, error: null, millis: 0 },
      {
        address: "10.0.0.3:9876",
        self: false,
        ok: false,
        error: "connect ECONNREFUSED 10.0.0.3:9876",
        millis: null,
      },
      {
        address: "10.0.0.4:9876",
        self: false,
        ok: false,
        error: "this server may not connect to it (--allow-net=10.0.0.4:9876)",
        millis: null,
      },
    ]);
    assert.equal(network.connections, 2);
    now += 1999;
    await group.states("10.0.0.1");
    assert.equal(network.connections, 2);
    now += 1;
    await Promise.all(Array.from({ length: 10 }, () => group.states("10.0.0.1")));
    assert.equal(network.connections, 4);
    // A member that is new is no part of what was found a moment ago.
    world.options.namesrvAddrs = "10.0.0.1;10.0.0.5";
    const [, { ok } = { ok: true }] = await group.states("10.0.0.1");
    assert.equal(ok, false);
  });
});

describe("a comparison", () => {
  beforeEach(setUp);

  it("finds nothing where nothing differs", async () => {
    const { differences, config, partial, truncated, left, right, at } = await compare();
    assert.deepEqual({ differences, config, partial, truncated, left, right, at }, {
      differences: [],
      config: [],
      partial: [],
      truncated: false,
      left: "10.0.0.1:9876",
      right: OTHER,
      at: now,
    });
    assert.deepEqual(group.comparisons, { complete: 1, partial: 0, truncated: 0 });
  });

  it("finds what each of both lacks", async () => {
    await world.register({ brokerName: "b-b", brokerAddr: "10.0.0.9:10911" }, ["T1", "T3"]);
    await world.kv.put("N", "k", "v");
    other.topics.push("T4");
    other.routes.T4 = other.routes.T1 ?? "";
    other.routes.T2 = (other.routes.T2 ?? "").replace('"perm":6', '"perm":4');
    other.config = other.config.replace("logLevel=INFO", "logLevel=DEBUG");
    const { lines, total, config, partial } = await compare();
    assert.deepEqual(lines, [
      "broker b-b: in C null",
      "address b-b/0: 10.0.0.9:10911 null",
      "queues T1/b-b: read 8, write 8, rw null",
      "queues T2/b-a: read 8, write 8, rw read 8, write 8, r-",
      "topic T3: present null",
      "queues T3/b-b: read 8, write 8, rw null",
      "topic T4: null present",
      "queues T4/b-a: null read 8, write 8, rw",
      "kv N/k: v null",
    ]);
    assert.equal(total, 9);
    assert.deepEqual(config, [{
      name: "logLevel",
      values: new Map([["10.0.0.1:9876", "INFO"], [OTHER, "DEBUG"]]),
    }]);
    assert.deepEqual(partial, []);
  });

  it("takes a refusal for what it is, not for emptiness", async () => {
    const { GET_ALL_TOPIC_LIST_FROM_NAMESERVER, GET_KVLIST_BY_NAMESPACE } = RequestCode;
    other.refused = new Set([GET_ALL_TOPIC_LIST_FROM_NAMESERVER, GET_KVLIST_BY_NAMESPACE]);
    await world.kv.put("N", "k", "v");
    const { differences, partial, truncated } = await compare();
    assert.deepEqual([differences, truncated], [[], false]);
    const refused = { server: OTHER, code: ResponseCode.NO_PERMISSION };
    assert.deepEqual(partial, [
      { ...refused, what: "topics", remark: "not you" },
      { ...refused, what: "kv", remark: "not you (2 times)" },
    ]);
    assert.equal(group.comparisons.partial, 1);
  });

  it("goes on after a route that is refused", async () => {
    other.refused = new Set([RequestCode.GET_ROUTEINFO_BY_TOPIC]);
    other.topics = ["T1", "T2", "T4"];
    const { lines, partial } = await compare();
    assert.deepEqual(lines, ["topic T4: null present"]);
    assert.deepEqual(partial.map(({ what, remark }) => [what, remark]), [
      ["routes", "not you (3 times)"],
    ]);
  });

  it("reports what can't be read, and a server that is down", async () => {
    other.brokers = "{";
    assert.deepEqual((await compare()).partial.map(({ what, code }) => [what, code]), [
      ["brokers", null],
    ]);
    const down = await group.compare("10.0.0.3:9876", "10.0.0.1");
    assert.deepEqual(down?.partial, [{
      server: "10.0.0.3:9876",
      what: "connection",
      code: null,
      remark: "connect ECONNREFUSED 10.0.0.3:9876",
    }]);
  });

  it("ends at its limits, and says so", async () => {
    world.options.compareMaxDifferences = 1;
    other.topics = [];
    const few = await compare();
    assert.deepEqual([few.differences.length, few.total, few.truncated], [1, 4, true]);
    now += 2000;
    world.options.compareMaxDifferences = 1000;
    world.options.compareMaxBytes = other.brokers.length;
    other.topics = ["T1", "T2"];
    const short = await compare();
    assert.deepEqual([short.differences, short.truncated], [[], true]);
    assert.deepEqual(short.partial.map(({ what, remark }) => [what, remark]), [
      ["kv", `not asked after ${other.brokers.length} bytes (compareMaxBytes)`],
      ["config", `not asked after ${other.brokers.length} bytes (compareMaxBytes)`],
      ["routes", `not asked after ${other.brokers.length} bytes (compareMaxBytes) (2 times)`],
    ]);
    assert.equal(group.comparisons.truncated, 2);
  });
});

describe("the configurations of a group", () => {
  beforeEach(setUp);

  it("are compared where they are told", async () => {
    other.config = other.config.replace("logLevel=INFO", "logLevel=WARN");
    const { servers, items } = await group.compareConfigs("10.0.0.1");
    assert.deepEqual(servers.map(({ ok }) => ok), [true, true, false, false]);
    assert.deepEqual(items, [{
      name: "logLevel",
      values: new Map([["10.0.0.1:9876", "INFO"], [OTHER, "WARN"]]),
    }]);
  });
});
