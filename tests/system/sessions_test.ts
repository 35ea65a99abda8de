import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { hashSecret } from "../../src/access/secret_hash.ts";
import { ConsoleClient } from "../support/console_client.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Description, type Document } from "../support/openapi.ts";
import { parseScrape } from "../support/scrape.ts";
import { Home } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const TOKEN = "AK-view.some-token-of-enough-length";
const PATH = "/api/v1/session";
const NEVER = "2020-01-01T00:00:00Z";
const KEYS = { accessKey: "AK-ops", secretKey: SECRET };

const rules = async (mode = "enforce", anonymous = "[]") =>
  `mode: ${mode}
anonymous: ${anonymous}
accounts:
  - {accessKey: AK-ops, secret: ${SECRET}, may: [viewer, {"kv:write": N}]}
  - {accessKey: AK-view, tokens: ["${await hashSecret(TOKEN)}"], may: [viewer]}
  - {accessKey: AK-far, secret: ${SECRET}, networks: [10.0.0.0/8], may: [admin]}
  - {accessKey: AK-tls, secret: ${SECRET}, requireTls: true, may: [admin]}
  - {accessKey: AK-off, secret: ${SECRET}, disabled: true, may: [admin]}
  - {accessKey: AK-old, secret: ${SECRET}, expires: ${NEVER}, may: [admin]}
`;

describe("sessions of the HTTP port", () => {
  let home: Home;
  let http: HttpServerProcess;
  let client: ConsoleClient;

  const start = async (options: Record<string, string> = {}, text?: string) => {
    const accessFile = await home.write("access.yml", text ?? await rules());
    await Deno.chmod(accessFile, 0o600);
    const args = ["-c", await home.configFile({ accessFile, ...options })];
    http = await HttpServerProcess.start({ args });
    client = new ConsoleClient(`http://127.0.0.1:${http.httpPort}`);
  };
  const status = async (path: string) => (await client.json("GET", path)).status;
  const audited = async (query: string) => {
    const view = new ConsoleClient(client.address);
    const headers = { authorization: "Bearer AK-audit.x" };
    return (await view.json("GET", `/api/v1/audit?${query}`, undefined, headers)).body.items;
  };
  const withAuditor = async () =>
    `${await rules()}  - {accessKey: AK-audit, tokens: ["${await hashSecret("AK-audit.x")}"], ` +
    `may: ["access:read"]}\n`;

  beforeEach(async () => {
    home = await Home.make();
  });
  afterEach(async () => {
    await http[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  it("begin with a key or a token, act as the account, and end by log out", async () => {
    await start();
    const described = new Description(await http.json("/api/v1/openapi.json") as Document);
    const anonymous = await client.session();
    assert.deepEqual(
      { ...anonymous, version: "", server: "" },
      {
        access: "enforce",
        account: null,
        expires: null,
        csrfToken: null,
        permissions: [],
        canWrite: false,
        readOnlyReason: "changes need an account that may do them",
        tls: false,
        version: "",
        server: "",
      },
    );
    assert.equal(anonymous.server, `127.0.0.1:${http.server.port}`);
    assert.equal(await status("/api/v1/brokers"), 401);

    const response = await client.ask("POST", PATH, KEYS);
    const cookie = response.headers.get("set-cookie")!;
    assert.match(
      cookie,
      new RegExp(
        `^rocketmq_namesrv_session_${http.httpPort}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/; Max-Age=28(800|799)$`,
      ),
    );
    const view = await described.check(PATH, response, "post") as Record<string, unknown>;
    assert.deepEqual([view.account, view.canWrite, view.readOnlyReason], ["AK-ops", true, null]);
    assert.ok((view.permissions as string[]).includes("kv:write"));

    const { expires } = await client.logIn(KEYS);
    const hours = (Date.parse(expires!) - Date.now()) / 3_600_000;
    assert.ok(hours > 7.9 && hours <= 8, `${hours}`);
    assert.equal((await client.session()).account, "AK-ops");
    assert.equal(await status("/api/v1/brokers"), 200);
    assert.equal(await status("/api/v1/audit"), 403);
    const before = client.cookie;
    const out = await client.ask("DELETE", PATH);
    assert.match(out.headers.get("set-cookie")!, /Max-Age=0$/);
    await described.check(PATH, out, "delete");
    assert.equal(client.cookie, before);
    assert.equal(await status("/api/v1/brokers"), 401);

    const viewer = await client.logIn({ token: TOKEN });
    assert.deepEqual([viewer.account, viewer.canWrite], ["AK-view", false]);
    assert.equal(viewer.readOnlyReason, "AK-view may not change anything");
    assert.equal(await status("/api/v1/brokers"), 200);
    // A login in a session begins another one.
    const first = client.cookie!;
    await client.logIn(KEYS);
    assert.equal(
      (await client.json("GET", "/api/v1/kv", undefined, { cookie: first })).status,
      401,
    );
  });

  it("do not begin with wrong secrets, or for accounts that may not be used; all is recorded", async () => {
    await start({}, await withAuditor());
    const of = (accessKey: string) => ({ accessKey, secretKey: SECRET });
    const tries: [body: unknown, status: number, reason?: string][] = [
      [{ accessKey: "AK-ops", secretKey: "wrong" }, 401, "bad_credentials"],
      [{ accessKey: "AK-none", secretKey: SECRET }, 401, "unknown_account"],
      [{ token: "AK-view.wrong" }, 401, "bad_credentials"],
      [{ token: "x" }, 401, "unknown_account"],
      [{ token: `AK-view.${"x".repeat(3000)}` }, 401, "bad_credentials"],
      [of("AK-far"), 403, "network"],
      [of("AK-tls"), 403, "tls"],
      [of("AK-off"), 403, "disabled"],
      [of("AK-old"), 403, "expired"],
      [of("AK-ops"), 200],
      [{ accessKey: "AK-ops" }, 400],
      [{ token: TOKEN, accessKey: "AK-ops" }, 400],
      [{ user: "AK-ops" }, 400],
      ["{", 400],
    ];
    for (const [body, status] of tries) {
      const answer = await client.json("POST", PATH, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.ok(!JSON.stringify(answer.body).includes(SECRET));
    }
    const records: Record<string, unknown>[] = await audited("action=login");
    assert.deepEqual(
      records.toReversed().map(({ reason }) => reason),
      tries.filter(([, status]) => status !== 400).map(([, , reason]) => reason),
    );
    const [ok] = records;
    const { time: _, peer, ...rest } = ok!;
    assert.match(`${peer}`, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(rest, {
      outcome: "done",
      action: "login",
      request: "POST /api/v1/session",
      resource: "-",
      account: "AK-ops",
      authenticated: "session",
    });
    assert.equal(records.at(-2)!.account, "?AK-none");
    const { values } = parseScrape(await (await http.get("/metrics")).text());
    assert.equal(values.get('rocketmq_namesrv_http_logins_total{result="failed"}'), 9);
    assert.equal(values.get('rocketmq_namesrv_http_logins_total{result="ok"}'), 1);
    assert.equal(values.get("rocketmq_namesrv_http_sessions"), 1);
    const { err } = await http.server.stop();
    assert.ok(err.some((line) => /login refused .*account=\?AK-ops .*bad_credentials/.test(line)));
    assert.ok(!err.some((line) => line.includes(SECRET)));
  });

  it("end by log out and when the rules change, with the streams that are open", async () => {
    await start();
    const leaving = new ConsoleClient(client.address);
    const streams: Response[] = [];
    for (const it of [client, leaving]) {
      await it.logIn(KEYS);
      const stream = await it.ask("GET", "/api/v1/watch");
      assert.equal(stream.status, 200);
      streams.push(stream);
    }
    assert.equal((await leaving.json("DELETE", PATH)).status, 204);
    assert.equal(await status("/api/v1/brokers"), 200);
    await Deno.writeTextFile(home.file("access.yml"), `${await rules()}# changed\n`);
    await http.server.err.find(/access rules loaded .*generation=2 /);
    assert.equal((await client.session()).account, null);
    assert.equal(await status("/api/v1/brokers"), 401);
    // Seen with the next sign of life.
    for (const stream of streams) await withLimit(stream.text(), "the stream goes on");
    assert.equal((await client.json("DELETE", PATH)).status, 204);
  });

  it("are limited in number, and by address and minute", async () => {
    await start({ httpMaxSessions: "2", httpMaxLoginsPerMinute: "5" });
    const clients = [1, 2, 3].map(() => new ConsoleClient(client.address));
    for (const it of clients) await it.logIn(KEYS);
    const accounts = await Promise.all(clients.map((it) => it.session()));
    assert.deepEqual(accounts.map(({ account }) => account), [null, "AK-ops", "AK-ops"]);
    for (const secretKey of ["wrong", SECRET]) {
      await client.json("POST", PATH, { accessKey: "AK-ops", secretKey });
    }
    const refused = await client.ask("POST", PATH, KEYS);
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get("retry-after")!, /^\d\d$/);
    const described = new Description(await http.json("/api/v1/openapi.json") as Document);
    await described.check(PATH, refused, "post");
    const { values } = parseScrape(await (await http.get("/metrics")).text());
    const count = (reason: string) =>
      values.get(`rocketmq_namesrv_http_refused_total{reason="${reason}"}`);
    assert.deepEqual([count("logins"), count("sessions")], [1, 2]);
  });

  it("and a proven token go on where too many wrong tokens were shown", async () => {
    await start({ httpMaxLoginsPerMinute: "3" });
    const described = new Description(await http.json("/api/v1/openapi.json") as Document);
    const statusWith = async (token: string, path = "/api/v1/brokers") => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await http.get(path, { headers });
      if (response.status === 429) assert.match(response.headers.get("retry-after")!, /^\d\d?$/);
      if (path === "/metrics") await response.text();
      else await described.check(path, response);
      return response.status;
    };
    assert.equal(await statusWith(TOKEN), 200);
    await client.logIn(KEYS);
    const statuses: number[] = [];
    for (const path of [PATH, "/api/v1/brokers", PATH, "/api/v1/events", "/api/v1/brokers"]) {
      statuses.push(await statusWith(`AK-view.guess-${statuses.length}`, path));
    }
    assert.deepEqual(statuses, [200, 401, 429, 429, 429]);
    assert.equal(await statusWith(TOKEN), 200);
    assert.equal((await client.session()).account, "AK-ops");
    assert.equal((await new ConsoleClient(client.address).session()).account, null);
    assert.equal(await statusWith("AK-view.guess", "/metrics"), 200);
    const { values } = parseScrape(await (await http.get("/metrics")).text());
    assert.equal(values.get(`rocketmq_namesrv_http_refused_total{reason="logins"}`), 3);
    await http.server.err.find(/HTTP request refused .*too many wrong tokens/);
  });

  it("and a proven token go on while a crowd of tokens is verified", async () => {
    await start({ httpMaxLoginsPerMinute: "1000", httpMaxOpenRequests: "20" });
    const described = new Description(await http.json("/api/v1/openapi.json") as Document);
    const path = "/api/v1/brokers";
    const askWith = (token: string) =>
      http.get(path, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await askWith(TOKEN)).status, 200);
    await client.logIn(KEYS);
    const guesses = Array.from({ length: 16 }, (_, i) => askWith(`AK-view.guess-${i}`));
    const [known, session] = await Promise.all([askWith(TOKEN), client.session()]);
    assert.deepEqual([known.status, session.account], [200, "AK-ops"]);
    const statuses: number[] = [];
    for (const answer of await Promise.all(guesses)) {
      statuses.push(answer.status);
      await described.check(path, answer);
    }
    assert.ok(statuses.every((status) => status === 401 || status === 503), `${statuses}`);
    assert.ok(statuses.includes(401) && statuses.includes(503), `${statuses}`);
    await http.server.err.find(/HTTP request refused .*too many tokens are being verified/);
  });

  it("are not there without an access file, which is said, nor with consoleEnable=false", async () => {
    await using open = await HttpServerProcess.start();
    const anyone = new ConsoleClient(`http://127.0.0.1:${open.httpPort}`);
    const view = await anyone.session();
    assert.deepEqual([view.access, view.account, view.canWrite], ["off", null, false]);
    assert.match(view.readOnlyReason!, /accessFile/);
    assert.ok(view.permissions.includes("cluster:read") && view.permissions.includes("topic:list"));
    const answer = await anyone.json("POST", PATH, KEYS);
    assert.equal(answer.status, 403);
    assert.match(answer.body.detail, /accessFile/);
    await start({ consoleEnable: "false" });
    for (const method of ["GET", "POST", "DELETE"]) {
      assert.equal((await client.json(method, PATH)).status, 404, method);
    }
  });
});
