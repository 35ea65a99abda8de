import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { hashSecret } from "../../src/access/secret_hash.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { kvPut, registration } from "../support/brokers.ts";
import { ConsoleClient } from "../support/console_client.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Description, type Document } from "../support/openapi.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { Home } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { signed } from "../support/signed.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const account = (accessKey: string) => ({ accessKey, secretKey: SECRET });
const TOKEN = "AK-robot.some-token";

const rules = async (mode: string) =>
  `mode: ${mode}
anonymous: [admin]
networks: [{from: [127.0.0.0/8], may: [admin]}]
accounts:
  - {accessKey: AK-admin, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-view, secret: ${SECRET}, may: [viewer]}
  - {accessKey: AK-kv, secret: ${SECRET}, may: [viewer, {"kv:write": N}]}
  - {accessKey: AK-live, secret: ${SECRET}, may: [{"config:write": "watch*"}]}
  - {accessKey: AK-robot, tokens: ["${await hashSecret(TOKEN)}"], may: [admin]}
`;

/** Every change, in an order in which each can be made. */
const CHANGES: [method: string, path: string, body?: unknown][] = [
  ["PUT", "/api/v1/kv/N/K", { value: "new" }],
  ["DELETE", "/api/v1/kv/N/K"],
  ["POST", "/api/v1/brokers/broker-a/wipe-write-permission"],
  ["POST", "/api/v1/brokers/broker-a/add-write-permission"],
  ["DELETE", "/api/v1/topics/T1?cluster=Other"],
  ["PATCH", "/api/v1/config", { waitSecondsForService: "7" }],
];

describe("changes over HTTP", () => {
  let home: Home;
  let http: HttpServerProcess;
  let address: string;
  let broker: Peer;
  let described: Description;

  beforeAll(async () => {
    home = await Home.make();
    const accessFile = await home.write("access.yml", await rules("audit"));
    await Deno.chmod(accessFile, 0o600);
    const options = { accessFile, auditFile: home.file("audit.log"), httpMaxBodyBytes: "2048" };
    http = await HttpServerProcess.start({ args: ["-c", await home.configFile(options)] });
    address = `http://127.0.0.1:${http.httpPort}`;
    broker = await Peer.connect(http.server.port);
    const topics = [{ name: "T1" }, { name: "T2" }];
    const other = { name: "broker-b", cluster: "Other", addr: "10.0.0.2:10911", topics };
    const calls = [
      registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }),
      registration(other),
      kvPut("N", "K", "old"),
    ].map((request) => signed(request, account("AK-admin")));
    for (const answer of broker.callAll(calls)) assert.equal((await answer).code, 0);
    described = new Description(await http.json("/api/v1/openapi.json") as Document);
  });
  afterAll(async () => {
    broker.close();
    await http[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const session = async (accessKey: string) => {
    const client = new ConsoleClient(address);
    const before = await logins();
    await client.logIn(account(accessKey));
    // Its record must not be taken for one of what follows.
    await until(async () => await logins() > before, "the record of the login");
    return client;
  };
  const logins = async () =>
    (await linesOf("audit.log")).filter((line) => JSON.parse(line).action === "login").length;
  const linesOf = async (name: string) =>
    (await Deno.readTextFile(home.file(name))).split("\n").slice(0, -1);
  /** All records so far of changes and of refusals. */
  const audit = async () => await Promise.all([linesOf("audit.log"), linesOf("audit.log.refused")]);
  /** The records that a task adds. */
  const recorded = async (task: () => Promise<void>, count: number): Promise<AuditRecord[]> => {
    const before = await audit();
    await task();
    let added: string[] = [];
    await until(async () => {
      added = (await audit()).flatMap((lines, i) => lines.slice(before[i]?.length));
      return added.length >= count;
    }, `${count} records`);
    return added.map((line) => JSON.parse(line));
  };
  /** All that a change could change. */
  const state = async () => {
    const paths = ["kv/N", "topics", "topics/T1/route", "topics/T2/route", "config"];
    return await Promise.all(paths.map((path) => http.json(`/api/v1/${path}`)));
  };

  it("are refused without an account that may, in mode audit as well, and change nothing", async () => {
    const before = await state();
    const view = await session("AK-view");
    const gone = new ConsoleClient(address);
    gone.cookie = `rocketmq_namesrv_session_${http.httpPort}=${"x".repeat(43)}`;
    const clients: [client: ConsoleClient, status: number, headers?: Record<string, string>][] = [
      [new ConsoleClient(address), 401],
      [gone, 401],
      [new ConsoleClient(address), 401, { authorization: "Bearer AK-robot.wrong" }],
      [new ConsoleClient(address), 401, { authorization: `Basic ${btoa(`AK-robot:${TOKEN}`)}` }],
      [view, 403],
    ];
    const records = await recorded(async () => {
      for (const [client, status, headers] of clients) {
        for (const [method, path, body] of CHANGES) {
          const response = await client.ask(method, path, body, headers);
          assert.equal(response.status, status, `${method} ${path}`);
          await described.check(path, response, method.toLowerCase());
        }
      }
    }, clients.length * CHANGES.length);
    assert.ok(records.every(({ outcome }) => outcome === "denied"));
    assert.deepEqual(
      records.filter(({ account }) => account === "AK-view").map(({ action, request, reason }) =>
        `${action} ${request} ${reason}`
      ),
      [
        "kv:write PUT /api/v1/kv/:namespace/:key no_grant",
        "kv:write DELETE /api/v1/kv/:namespace/:key no_grant",
        "perm:write POST /api/v1/brokers/:brokerName/wipe-write-permission no_grant",
        "perm:write POST /api/v1/brokers/:brokerName/add-write-permission no_grant",
        "topic:write DELETE /api/v1/topics/:topic no_grant",
        "config:write PATCH /api/v1/config no_grant",
      ],
    );
    assert.deepEqual(await state(), before);
  });

  it("are refused for what an account may not change, beside what it may", async () => {
    const before = await state();
    const [kv, live] = [await session("AK-kv"), await session("AK-live")];
    const records = await recorded(async () => {
      const refused = await kv.json("PUT", "/api/v1/kv/Other/K", { value: "x" });
      assert.deepEqual([refused.status, refused.body.detail], [403, "AK-kv may not kv:write"]);
      const both = { watchMaxWatchers: "3", waitSecondsForService: "8" };
      assert.equal((await live.json("PATCH", "/api/v1/config", both)).status, 403);
    }, 2);
    assert.deepEqual(records.map(({ outcome, resource }) => `${outcome} ${resource}`), [
      "denied Other",
      "denied watchMaxWatchers,waitSecondsForService",
    ]);
    assert.deepEqual(await state(), before);
    const allowed = await kv.json("PUT", "/api/v1/kv/N/other", { value: "x" });
    const { etag, ...put } = allowed.body;
    assert.deepEqual(put, { namespace: "N", key: "other", value: "x", before: null });
    assert.equal(etag, '"LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE"');
    const { body } = await live.json("PATCH", "/api/v1/config", { watchMaxWatchers: "63" });
    assert.deepEqual(body.changed, { watchMaxWatchers: { before: "64", after: "63" } });
  });

  it("need the page's origin and the session's token: CSRF", async () => {
    const before = await state();
    const admin = await session("AK-admin");
    const foreign: Record<string, string>[] = [
      { "x-csrf-token": "" },
      { "x-csrf-token": "x".repeat(43) },
      { "x-csrf-token": (await session("AK-admin")).csrfToken! },
      { origin: "" },
      { origin: "null" },
      { origin: "http://evil.example" },
      { origin: `http://127.0.0.1:${http.httpPort + 1}` },
      { origin: `http://localhost:${http.httpPort}` },
      { origin: "http://evil.example", authorization: `Bearer ${TOKEN}`, cookie: "" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin", origin: "", "x-csrf-token": "" },
    ];
    for (const headers of foreign) {
      for (const [method, path, body] of [...CHANGES, ["DELETE", "/api/v1/session"] as const]) {
        const response = await admin.ask(method, path, body, headers);
        assert.equal(response.status, 403, `${method} ${path} ${JSON.stringify(headers)}`);
        await described.check(path, response, method.toLowerCase());
      }
    }
    // A page can send these types to any server without being asked first.
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      const login = await admin.json("POST", "/api/v1/session", account("AK-admin"), {
        "content-type": type,
      });
      assert.equal(login.status, 415, type);
    }
    const login = { origin: "http://evil.example", cookie: "", "x-csrf-token": "" };
    const answer = await admin.json("POST", "/api/v1/session", account("AK-admin"), login);
    assert.equal(answer.status, 403);
    assert.deepEqual(await state(), before);
    assert.equal((await admin.session()).account, "AK-admin");
    const metrics = parseScrape(await (await http.get("/metrics")).text()).values;
    const refused = metrics.get('rocketmq_namesrv_http_refused_total{reason="origin"}');
    assert.equal(refused, foreign.length * (CHANGES.length + 1) + 1);
  });

  it("are refused under another host name, whatever else is right: rebinding", async () => {
    const before = await state();
    const admin = await session("AK-admin");
    const host = `evil.example:${http.httpPort}`;
    const statusAt = async (method: string, path: string, body: unknown = "") => {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port: http.httpPort });
      const text = body === "" ? "" : JSON.stringify(body);
      const headers = {
        host,
        origin: `http://${host}`,
        cookie: admin.cookie,
        "x-csrf-token": admin.csrfToken,
        "content-type": "application/json",
        "content-length": `${text.length}`,
        connection: "close",
      };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const request = `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${text}`;
      await conn.write(new TextEncoder().encode(request));
      const answer = await new Response(conn.readable).text();
      return Number(answer.split(" ")[1]);
    };
    for (const [method, path, body] of [...CHANGES, ["GET", "/api/v1/session"] as const]) {
      assert.equal(await statusAt(method, path, body), 421, path);
    }
    assert.equal(await statusAt("POST", "/api/v1/session", account("AK-admin")), 421);
    assert.equal(await statusAt("GET", "/console/"), 421);
    // The address service answers under any name, but to nothing else than GET.
    assert.equal(await statusAt("GET", "/rocketmq/nsaddr"), 200);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      assert.equal(await statusAt(method, "/rocketmq/nsaddr", {}), 421);
    }
    assert.deepEqual(await state(), before);
  });

  it("with wrong bodies or values change nothing, and say why", async () => {
    const admin = await session("AK-admin");
    const wrong: [method: string, path: string, body: unknown, status: number, detail: RegExp][] = [
      ["PUT", "/api/v1/kv/N/K", "{", 400, /JSON/],
      ["PUT", "/api/v1/kv/N/K", {}, 400, /^value: is missing/],
      ["PUT", "/api/v1/kv/N/K", { value: 1 }, 400, /^value: must be a text/],
      ["PUT", "/api/v1/kv/N/K", { value: "x\ud800" }, 400, /^value: has a lone surrogate/],
      ["PUT", "/api/v1/kv/N/%ED%A0%80", { value: "x" }, 400, /^key: is not percent-encoded/],
      [
        "PATCH",
        "/api/v1/config",
        { configBlackList: "\udc00" },
        400,
        /^configBlackList: has a lone/,
      ],
      ["PUT", "/api/v1/kv/N/K", { value: "x", x: "y" }, 400, /^x: no such field/],
      ["PUT", "/api/v1/kv/N/null", { value: "x" }, 400, /null/],
      ["PUT", "/api/v1/kv/N/%00", { value: "x" }, 400, /control/],
      [`PUT`, `/api/v1/kv/N/${"k".repeat(256)}`, { value: "x" }, 400, /255/],
      ["PUT", "/api/v1/kv/N/K", { value: "x".repeat(2049) }, 413, /httpMaxBodyBytes/],
      ["DELETE", "/api/v1/kv/N/none", undefined, 404, /unknown/],
      ["DELETE", "/api/v1/kv/None/K", undefined, 404, /unknown/],
      ["POST", "/api/v1/brokers/none/wipe-write-permission", undefined, 404, /unknown broker/],
      ["POST", "/api/v1/brokers/none/add-write-permission", undefined, 404, /unknown broker/],
      ["DELETE", "/api/v1/topics/none", undefined, 404, /no broker has/],
      ["DELETE", "/api/v1/topics/T1?cluster=None", undefined, 404, /this cluster/],
      ["PATCH", "/api/v1/config", { waitSecondsForServise: "7" }, 400, /did you mean/],
      [
        "PATCH",
        "/api/v1/config",
        { waitSecondsForService: "x" },
        400,
        /waitSecondsForService.*from 0/,
      ],
      ["PATCH", "/api/v1/config", { kvConfigPath: "/x" }, 400, /kvConfigPath can not be changed/],
      ["PATCH", "/api/v1/config", { listenPort: "1" }, 400, /needs a restart/],
      ["PATCH", "/api/v1/config", { __proto__x: "1" }, 400, /no such option/],
    ];
    const before = await state();
    for (const [method, path, body, status, detail] of wrong) {
      const response = await admin.ask(method, path, body);
      const told = await described.check(path, response, method.toLowerCase()) as {
        detail: string;
      };
      assert.equal(response.status, status, `${method} ${path}: ${told.detail}`);
      assert.match(told.detail, detail);
    }
    const form = await admin.ask("PUT", "/api/v1/kv/N/K", { value: "x" }, {
      "content-type": "text/plain",
    });
    assert.equal(form.status, 415);
    await described.check("/api/v1/kv/N/K", form, "put");
    // Without a length that the headers tell.
    const stream = await fetch(`${address}/api/v1/kv/N/K`, {
      method: "PUT",
      headers: {
        cookie: admin.cookie!,
        origin: address,
        "x-csrf-token": admin.csrfToken!,
        "content-type": "application/json",
      },
      body: new Blob(["x".repeat(100_000)]).stream(),
    });
    assert.equal(stream.status, 413);
    await stream.body?.cancel();
    assert.deepEqual(await state(), before);
  });

  it("are made for an account that may, as by remoting, and recorded", async () => {
    const admin = await session("AK-admin");
    const answers: unknown[] = [];
    const records = await recorded(async () => {
      for (const [method, path, body] of CHANGES) {
        const response = await admin.ask(method, path, body);
        assert.equal(response.status, 200, `${method} ${path}`);
        const { etag: _, ...answer } = await described.check(
          path,
          response,
          method.toLowerCase(),
        ) as Record<string, unknown>;
        answers.push(answer);
      }
    }, CHANGES.length);
    assert.deepEqual(answers, [
      { namespace: "N", key: "K", value: "new", before: "old" },
      { namespace: "N", key: "K", before: "new" },
      { brokerName: "broker-a", topics: 2 },
      { brokerName: "broker-a", topics: 2 },
      { topic: "T1", cluster: "Other", removedFrom: ["broker-b"], keptBy: ["broker-a"] },
      { changed: { waitSecondsForService: { before: "45", after: "7" } } },
    ]);
    for (const { account, authenticated, outcome, rule } of records) {
      assert.deepEqual([account, authenticated, outcome], ["AK-admin", "session", "done"]);
      assert.match(rule!, /^account AK-admin: /);
    }
    assert.deepEqual(records.map(({ resource, change }) => [resource, change]), [
      ["N", { key: "K", before: "old", after: "new" }],
      ["N", { key: "K", before: "new" }],
      ["broker-a", { topics: 2 }],
      ["broker-a", { topics: 2 }],
      ["T1", { cluster: "Other", removedFrom: 1, keptBy: 1 }],
      ["waitSecondsForService", [{ key: "waitSecondsForService", before: "45", after: "7" }]],
    ]);
    const { items } = await http.json("/api/v1/topics?search=T1");
    assert.deepEqual([items[0].clusters, items[0].brokers], [["DefaultCluster"], 1]);
    const order = await admin.json("PUT", "/api/v1/kv/ORDER_TOPIC_CONFIG/T%2F1", { value: "b:4" });
    assert.equal(order.status, 200);
    assert.equal((await http.json("/api/v1/kv/ORDER_TOPIC_CONFIG")).items[0].key, "T/1");
    // controller_http_test.ts and sessions_test.ts have the others.
    const own = (path: string) => !/\/(controller|session)/.test(path);
    for (const id of described.changing(own)) {
      assert.ok(described.seen.has(`${id} 200`) && described.seen.has(`${id} 403`), id);
    }
  });

  it("are not made when others have changed the same meanwhile, if the request asks for that", async () => {
    const admin = await session("AK-admin");
    const ask = async (
      method: string,
      path: string,
      body: unknown,
      headers: Record<string, string> = {},
    ) => {
      const response = await admin.ask(method, path, body, headers);
      const answer = await described.check(path, response, method.toLowerCase());
      return { status: response.status, answer: answer as { etag: string; detail?: string } };
    };
    const key = "/api/v1/kv/N/cas";
    const mine = await ask("PUT", key, { value: "mine" }, { "if-none-match": "*" });
    assert.equal(mine.status, 200);
    const match = { "if-match": mine.answer.etag };
    assert.equal((await ask("PUT", key, { value: "x" }, { "if-none-match": "*" })).status, 412);
    await ask("PUT", key, { value: "theirs" });
    const [record] = await recorded(async () => {
      const late = await ask("PUT", key, { value: "before" }, match);
      assert.deepEqual([late.status, late.answer.detail], [412, "the value has changed meanwhile"]);
    }, 1);
    assert.deepEqual([record?.outcome, record?.reason], [
      "failed",
      "the value has changed meanwhile",
    ]);
    assert.equal((await ask("DELETE", key, undefined, match)).status, 412);
    assert.equal((await http.json("/api/v1/kv/N?search=cas")).items[0].value, "theirs");
    assert.equal((await ask("DELETE", key, undefined, { "if-match": "*" })).status, 200);
    assert.equal((await ask("DELETE", key, undefined, { "if-match": "*" })).status, 412);
    assert.equal((await ask("DELETE", key, undefined)).status, 404);
    assert.equal((await ask("PUT", key, { value: "x" }, { "if-match": "no tag" })).status, 400);

    const config = "/api/v1/config";
    const option = (value: string) => ({ watchMaxWatchers: value });
    const own = await ask("PATCH", config, option("50"));
    const condition = { "if-match": own.answer.etag };
    await ask("PATCH", config, { waitSecondsForService: "8" });
    assert.equal((await ask("PATCH", config, option("51"), condition)).status, 200);
    assert.equal((await ask("PATCH", config, option("50"), condition)).status, 412);
    const { options } = await http.json(config);
    const now = options.find(({ name }: { name: string }) => name === "watchMaxWatchers");
    assert.equal(now.value, 51);
  });

  it("are made for a bearer token without a session, which needs no origin", async () => {
    const robot = new ConsoleClient(address);
    const headers = { authorization: `Bearer ${TOKEN}`, origin: "" };
    const records = await recorded(async () => {
      const put = await robot.json("PUT", "/api/v1/kv/N/robot", { value: "1" }, headers);
      assert.equal(put.status, 200);
    }, 1);
    assert.deepEqual(records.map((it) => [it.account, it.authenticated]), [["AK-robot", "token"]]);
  });

  it("end with the rules that allowed them", async () => {
    const admin = await session("AK-admin");
    assert.equal((await admin.json("PUT", "/api/v1/kv/N/x", { value: "1" })).status, 200);
    await Deno.writeTextFile(home.file("access.yml"), `${await rules("enforce")}`);
    await http.server.err.find(/access rules loaded .*generation=2 /);
    assert.equal((await admin.json("PUT", "/api/v1/kv/N/x", { value: "2" })).status, 401);
    assert.equal((await http.json("/api/v1/kv/N?search=x")).items[0].value, "1");
  });

  it("are not possible without an access file, which is said", async () => {
    await using open = await HttpServerProcess.start();
    const anyone = new ConsoleClient(`http://127.0.0.1:${open.httpPort}`);
    for (const [method, path, body] of CHANGES) {
      const { status, body: told } = await anyone.json(method, path, body);
      assert.equal(status, 403);
      assert.match(told.detail, /accessFile/);
    }
    await using off = await HttpServerProcess.start({ args: ["--consoleEnable=false"] });
    const nobody = new ConsoleClient(`http://127.0.0.1:${off.httpPort}`);
    for (const [method, path, body] of CHANGES) {
      const { status } = await nobody.json(method, path, body);
      assert.ok(status === 404 || status === 405, `${status} ${method} ${path}`);
    }
  });
});
