import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Members } from "../../../../src/group/members.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { setImmediate } from "node:timers";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { accessRoutes } from "../../../../src/http/routes/access_routes.ts";
import { controllerRoutes } from "../../../../src/http/routes/controller_routes.ts";
import { groupRoutes } from "../../../../src/http/routes/group_routes.ts";
import { type OverviewParts, overviewRoutes } from "../../../../src/http/routes/overview_routes.ts";
import { changeRoutes } from "../../../../src/http/routes/change_routes.ts";
import { apiRoutes } from "../../../../src/http/routes/api_routes.ts";
import { Pager } from "../../../../src/http/routes/pager.ts";
import { sessionRoutes } from "../../../../src/http/routes/session_routes.ts";
import { watchRoutes } from "../../../../src/http/routes/watch_route.ts";
import { HttpCounters } from "../../../../src/http/server/http_counters.ts";
import { type Route, Router } from "../../../../src/http/server/router.ts";
import type { Peer } from "../../../../src/remoting/peer.ts";
import type { ConnectionView } from "../../../../src/remoting/server.ts";
import { connection, Processors, registration } from "../../../support/route_processors.ts";
import { RequestCode } from "../../../../src/protocol/codes.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";
import type { Document } from "../../../support/openapi.ts";

const slice = new WorkSlice(setImmediate);

let world: Processors;
let connections: Map<Peer, ConnectionView>;
let wait: number;
let routes: Route[];
let router: Router;

async function setUp(): Promise<void> {
  world = await Processors.create(
    "clusterTest=false\ntls.server.keyPassword=hush1\nmy.token=hush2\nmy.note=hello\n",
  );
  connections = new Map();
  wait = 0;
  const { tables, answers, kv, config, options } = world;
  routes = apiRoutes({
    tables,
    kv,
    config,
    options,
    server: {
      *views() {
        yield* connections.values();
      },
      view: (handle) => connections.get(handle as Peer),
    },
    answers: {
      encode: (topic, client) => answers.encode(topic, client),
      serviceWait: () => wait,
    },
    pager: new Pager(slice),
  });
  const audit = { recent: () => [] };
  const info = { accounts: () => ({ mode: "off", accounts: [] }) };
  routes.push(...accessRoutes({ refusals: { rows: () => [], forgotten: 0 }, audit, info }));
  router = new Router(routes);
}

/** The routes that do not look into the tables by themselves. */
function othersOfApi(): Route[] {
  const senders = {
    peerOf: (client: string) => ({ socketAddress: client }),
    credentialsOf: () => ({ authorization: null }),
  };
  return [
    ...groupRoutes({} as Parameters<typeof groupRoutes>[0]),
    ...controllerRoutes(undefined, new Pager(slice)),
    ...overviewRoutes({} as OverviewParts, () => Promise.resolve([]), slice, () => 0),
    ...watchRoutes({
      ...senders,
      feed: { open: () => undefined, latest: () => Promise.resolve([]) },
    }),
    ...changeRoutes({
      ...senders,
      administration: world.administration,
      tables: world.tables,
      config: world.config,
      controller: undefined,
      stopping: () => false,
    }),
    ...sessionRoutes({
      ...senders,
      sessions: { open: () => assert.fail(), of: () => undefined, end: () => {} },
      counters: new HttpCounters(),
      members: new Members(world.options, () => 9876),
      now: () => 0,
    }),
  ];
}

async function get(path: string) {
  const response = await router.find({
    method: "GET",
    url: `http://x/api/v1${path}`,
    localHost: "",
  }).answer(SENDER);
  assert.equal(response.headers.get("content-type"), "application/json");
  return await response.json();
}

async function problem(path: string): Promise<HttpProblem> {
  const error = await get(path).then(() => undefined, (error) => error);
  assert.ok(error instanceof HttpProblem, String(error));
  return error;
}

/** Connects a peer. */
function connect(view: Partial<ConnectionView> = {}): Peer {
  const handle = connection();
  const id = connections.size + 1;
  const bytes = { bytesIn: 100 * id, bytesOut: 200 * id };
  const shown = { id, peer: `10.0.0.${id}:7`, since: 1_700_000_000_000, ...bytes };
  connections.set(handle, { ...shown, ...view });
  return handle;
}

const SLAVE = { brokerId: "1", brokerAddr: "10.0.0.2:10911" };
const OTHER = { brokerName: "b-b", brokerAddr: "10.0.0.3:10911", clusterName: "D" };

describe("openapi.json", () => {
  beforeEach(setUp);

  it("has every path of the API with its parameters, and no other", async () => {
    const document = await get("/openapi.json") as Document;
    const described = Object.entries(document.paths)
      .filter(([path]) => path.startsWith("/api/"))
      .flatMap(([path, item]) =>
        Object.entries(item).map(([method, operation]) => {
          const parameters = (operation.parameters ?? []).map(({ $ref, ...own }) =>
            $ref === undefined ? own : document.components.parameters[$ref.split("/").at(-1)!]!
          );
          const names = (place: string) =>
            parameters.filter((it) => it.in === place).map(({ name }) => name);
          assert.deepEqual(names("path"), [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
          return [
            method,
            path.replace(/\{(\w+)\}/g, ":$1"),
            names("query").sort(),
            operation.requestBody !== undefined,
          ];
        })
      );
    const served = [...routes, ...othersOfApi()].map(({ method = "get", path, query, body }) => [
      method.toLowerCase(),
      path,
      [...query ?? []].sort(),
      body !== undefined,
    ]);
    assert.deepEqual(described.sort(), served.sort());
  });
});

describe("clusters", () => {
  beforeEach(setUp);

  it("are listed with their brokers", async () => {
    await world.register({ ...OTHER, brokerName: "z" });
    await world.register();
    await world.register(OTHER);
    assert.deepEqual(await get("/clusters"), {
      items: [{ cluster: "C", brokers: ["b-a"] }, { cluster: "D", brokers: ["b-b", "z"] }],
      total: 2,
      next: null,
    });
    assert.equal((await get("/clusters?search=D")).total, 1);
  });
});

describe("brokers", () => {
  beforeEach(setUp);

  it("are listed with all their properties", async () => {
    const certificate = {
      subject: "CN=b",
      fingerprint: "AA",
      verified: true,
      raw: new Uint8Array(9),
    };
    const { raw: _raw, ...shown } = certificate;
    const tls = { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", certificate };
    const software = { language: "JAVA", version: 475 };
    const body = registration(["T1", "T2"], { counter: 7, filterServers: ["10.0.0.1:99"] });
    const before = Date.now();
    await world.register({ heartbeatTimeoutMillis: "5000" }, [], {
      connection: connect({ software, tls }),
      body,
    });
    await world.register({ ...SLAVE, enableActingMaster: "true" }, ["T1", "T2"], {
      connection: connect(),
    });
    const { items: [broker], total } = await get("/brokers");
    assert.equal(total, 1);
    const [master, slave] = broker.members;
    const seen = Date.parse(master.lastHeartbeat);
    assert.ok(seen >= before && seen <= Date.now(), master.lastHeartbeat);
    assert.deepEqual({ ...broker, members: 0 }, {
      brokerName: "b-a",
      cluster: "C",
      zone: null,
      enableActingMaster: true,
      members: 0,
    });
    const { dataVersion, lastHeartbeat: _, ...rest } = master;
    assert.equal(dataVersion.counter, 7);
    assert.deepEqual(rest, {
      brokerId: 0,
      role: "master",
      address: "10.0.0.1:10911",
      haServerAddress: "10.0.0.1:10912",
      filterServers: ["10.0.0.1:99"],
      heartbeatTimeoutMillis: 5000,
      restored: false,
      connection: {
        id: 1,
        peer: "10.0.0.1:7",
        proxied: null,
        since: "2023-11-14T22:13:20.000Z",
        account: null,
        bytesIn: 100,
        bytesOut: 200,
        software: { language: "JAVA", version: { ordinal: 475, name: "V5_3_1" } },
        tls: { ...tls, certificate: { ...shown, subjectAltName: null } },
      },
    });
    assert.equal(slave.role, "slave");
    assert.deepEqual([slave.connection.software, slave.connection.tls], [null, null]);
  });

  it("have an acting master where routes show one", async () => {
    await world.register({ ...SLAVE, enableActingMaster: "true" });
    await world.register({
      ...SLAVE,
      brokerId: "2",
      brokerAddr: "x:1",
      enableActingMaster: "true",
    });
    const roles = async () =>
      (await get("/brokers")).items[0].members.map(({ role }: { role: string }) => role);
    assert.deepEqual(await roles(), ["slave", "slave"]);
    world.options.supportActingMaster = true;
    assert.deepEqual(await roles(), ["actingMaster", "slave"]);
    await world.register({ enableActingMaster: "true" });
    assert.deepEqual(await roles(), ["slave", "slave", "master"]);
  });

  it("have ids without loss of digits, and no connection that is closed", async () => {
    await world.register();
    await world.register({ brokerId: "9223372036854775807", brokerAddr: "10.0.0.2:10911" });
    const { items: [{ members: [master, slave] }] } = await get("/brokers");
    assert.equal(master.connection, null);
    assert.deepEqual([master.brokerId, slave.brokerId], [0, "9223372036854775807"]);
  });

  it("are filtered by cluster, and searched", async () => {
    await world.register();
    await world.register(OTHER);
    const names = async (query: string) =>
      (await get(`/brokers?${query}`)).items.map((it: { brokerName: string }) => it.brokerName);
    assert.deepEqual(await names("cluster=D"), ["b-b"]);
    assert.deepEqual(await names("cluster=nope"), []);
    assert.deepEqual(await names("search=a"), ["b-a"]);
    assert.deepEqual(await names("limit=1&after=b-a"), ["b-b"]);
  });
});

describe("topics", () => {
  beforeEach(setUp);

  it("are listed with their details", async () => {
    await world.register({}, ["T1", "T2"]);
    await world.register(OTHER, ["T1", "%RETRY%g"]);
    assert.deepEqual((await get("/topics")).items, [
      { topic: "%RETRY%g", clusters: ["D"], brokers: 1, readQueues: 8, writeQueues: 8 },
      { topic: "T1", clusters: ["C", "D"], brokers: 2, readQueues: 16, writeQueues: 16 },
      { topic: "T2", clusters: ["C"], brokers: 1, readQueues: 8, writeQueues: 8 },
    ]);
  });

  it("are filtered by cluster and broker, searched and paged", async () => {
    await world.register({}, ["T1", "T2"]);
    await world.register(OTHER, ["T1", "T3"]);
    const topics = async (query: string) =>
      (await get(`/topics?${query}`)).items.map(({ topic }: { topic: string }) => topic);
    assert.deepEqual(await topics("cluster=D"), ["T1", "T3"]);
    assert.deepEqual(await topics("broker=b-a"), ["T1", "T2"]);
    assert.deepEqual(await topics("broker=b-a&cluster=D"), ["T1"]);
    assert.deepEqual(await topics("broker=nope"), []);
    assert.deepEqual(await topics("search=2"), ["T2"]);
    assert.deepEqual(await topics("limit=2&after=T1"), ["T2", "T3"]);
    const { status, parameter } = await problem("/topics?limit=5000");
    assert.deepEqual([status, parameter], [400, "limit"]);
  });
});

describe("a topic's route", () => {
  beforeEach(setUp);

  it("is what clients of a version get", async () => {
    await world.register({}, ["%RETRY%g", "T2"]);
    for (const [version, ordinal] of [["4.9.3", 399], ["V4_9_4", 401], ["513", 513]] as const) {
      const path = `/topics/${encodeURIComponent("%RETRY%g")}/route?version=${version}`;
      const told = await get(path);
      const answer = await world.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "%RETRY%g" }, {
        version: ordinal,
      });
      assert.equal(told.body, answer.body);
      assert.equal(told.dialect, ordinal < 401 ? "fastjson" : "standard");
      assert.equal(told.client.version.ordinal, ordinal);
      assert.equal(told.route.brokerDatas[0].brokerAddrs["0"], "10.0.0.1:10911");
      assert.deepEqual([told.topic, told.code, told.remark], ["%RETRY%g", 0, null]);
    }
    const { dialect, body } = await get(
      "/topics/T2/route?version=4.9.3&acceptStandardJsonOnly=true",
    );
    assert.equal(dialect, "standard");
    JSON.parse(body);
  });

  it("is that of 5.5.0 unless a version is named", async () => {
    await world.register();
    const { client, dialect } = await get("/topics/T1/route");
    assert.deepEqual(client, { version: { ordinal: 513, name: "V5_5_0" }, zone: null });
    assert.equal(dialect, "standard");
  });

  it("is what a zone sees", async () => {
    await world.register({ __ZONE_NAME: "z1" });
    await world.register({ ...OTHER, __ZONE_NAME: "z2" });
    const brokers = async (query: string) =>
      (await get(`/topics/T1/route${query}`)).route.brokerDatas.map(
        ({ brokerName }: { brokerName: string }) => brokerName,
      );
    assert.deepEqual(await brokers(""), ["b-a", "b-b"]);
    assert.deepEqual(await brokers("?zone=Z2"), ["b-b"]);
    assert.deepEqual(await brokers("?zone=%20"), ["b-a", "b-b"]);
  });

  it("shows acting masters and order configuration as the options have it", async () => {
    await world.register({ ...SLAVE, enableActingMaster: "true" });
    await world.kv.put("ORDER_TOPIC_CONFIG", "T1", "b-a:8");
    world.options.supportActingMaster = true;
    world.options.orderMessageEnable = true;
    const { route } = await get("/topics/T1/route");
    assert.deepEqual(Object.keys(route.brokerDatas[0].brokerAddrs), ["0"]);
    assert.equal(route.orderTopicConf, "b-a:8");
  });

  it("tells that clients are refused, while they are", async () => {
    await world.register();
    wait = 1;
    const { code, remark, body, route } = await get("/topics/T1/route");
    assert.deepEqual([code, remark, body, route], [1, "name server not ready", null, null]);
  });

  it("is not there for a topic that is not: 404", async () => {
    assert.equal((await problem("/topics/nope/route")).status, 404);
    world.options.clusterTest = true;
    assert.match((await problem("/topics/nope/route")).message, /productEnvName/);
    assert.equal(world.invoked.length, 0);
  });

  it("needs a version that there is", async () => {
    await world.register();
    for (const version of ["x", "6.0.0", ""]) {
      const { status, parameter } = await problem(`/topics/T1/route?version=${version}`);
      assert.deepEqual([status, parameter], [400, "version"]);
    }
    assert.equal((await problem("/topics/T1/route?acceptStandardJsonOnly=1")).status, 400);
  });

  it("does not touch the cache of routes", async () => {
    await world.register();
    await get("/topics/T1/route");
    assert.equal(world.cache.size, 0);
  });
});

describe("the KV table", () => {
  beforeEach(setUp);

  it("is listed by namespace", async () => {
    await world.kv.put("n2", "b", "2");
    await world.kv.put("n2", "a", "");
    await world.kv.put("a/b", "__proto__", "x");
    assert.deepEqual(await get("/kv"), {
      items: [{ namespace: "a/b", keys: 1 }, { namespace: "n2", keys: 2 }],
      total: 2,
      next: null,
    });
    assert.deepEqual((await get("/kv/n2")).items, [
      { key: "a", value: "" },
      { key: "b", value: "2" },
    ]);
    assert.deepEqual((await get("/kv/a%2Fb")).items, [{ key: "__proto__", value: "x" }]);
    assert.equal((await get("/kv/n2?limit=1")).next, "a");
    assert.equal((await problem("/kv/nope")).status, 404);
  });
});

describe("the configuration", () => {
  beforeEach(setUp);

  it("is shown with defaults, given values and live options", async () => {
    const { options } = await get("/config");
    const find = (name: string) => options.find((it: { name: string }) => it.name === name);
    assert.deepEqual(find("clusterTest"), {
      name: "clusterTest",
      value: false,
      default: false,
      given: true,
      applies: "live",
    });
    assert.deepEqual(find("listenPort"), {
      name: "listenPort",
      value: 9876,
      default: 9876,
      given: false,
      applies: "restart",
    });
    await world.config.update("clusterTest=true");
    const changed = (await get("/config")).options;
    assert.equal(changed.find((it: { name: string }) => it.name === "clusterTest").value, true);
  });

  it("hides secrets, those of other components, too", async () => {
    const told = await get("/config");
    assert.ok(!JSON.stringify(told).includes("hush"));
    const password = told.options.find((it: { name: string }) =>
      it.name === "tls.server.keyPassword"
    );
    assert.equal(password.value, "******");
    assert.deepEqual(told.others, [
      { key: "my.token", value: "******" },
      { key: "my.note", value: "hello" },
    ]);
  });
});

describe("connections", () => {
  beforeEach(setUp);

  it("are listed, the oldest first, in pages, and searched by peer", async () => {
    for (let i = 0; i < 12; i++) connect();
    const first = await get("/connections?limit=10");
    assert.equal(first.total, 12);
    assert.deepEqual(first.items.map(({ id }: { id: number }) => id), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
    ]);
    const second = await get(`/connections?limit=10&after=${first.next}`);
    assert.deepEqual(second.items.map(({ id }: { id: number }) => id), [11, 12]);
    assert.equal(second.next, null);
    assert.equal((await get("/connections?search=10.0.0.12:")).items[0].id, 12);
  });
});
