import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { hashSecret } from "../../src/access/secret_hash.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { kvGet, kvPut, registration, routeQuery } from "../support/brokers.ts";
import { encodeFrame, type Request } from "../support/frames.ts";
import { runCommand } from "./command_process.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { Home, itWithFlags, ServerProcess, START_FLAGS } from "../support/server_process.ts";
import { signed } from "../support/signed.ts";
import { until } from "../support/wait.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const account = (accessKey: string) => ({ accessKey, secretKey: SECRET });
const ADMIN = account("AK-admin");
const APP = account("AK-app");
const BROKER = account("AK-broker");
const RULES = (mode: string, anonymous = "[]") =>
  `mode: ${mode}
anonymous: ${anonymous}
networks: [{from: [10.0.0.0/8], may: [admin]}]
accounts:
  - {accessKey: AK-admin, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-app, secret: ${SECRET}, may: [client]}
  - {accessKey: AK-broker, secret: ${SECRET}, may: [{broker: {cluster: DefaultCluster, name: b}}]}
`;
const BROKER_B = { name: "b", addr: "10.0.0.1:10911", topics: [{ name: "T1" }, { name: "T2" }] };
const IDENTITY = { clusterName: "DefaultCluster", brokerName: "b", brokerAddr: "10.0.0.1:10911" };

/** A request of every kind that could do harm or reveal something. */
const EVERY_KIND: Request[] = [
  kvPut("N", "K", "evil"),
  kvGet("N", "K"),
  { code: RequestCode.DELETE_KV_CONFIG, extFields: { namespace: "N", key: "K" } },
  registration({ name: "evil", addr: "10.9.9.9:1", topics: [{ name: "E1" }, { name: "E2" }] }),
  { code: RequestCode.UNREGISTER_BROKER, extFields: { ...IDENTITY, brokerId: "0" } },
  routeQuery("T1"),
  { code: RequestCode.GET_BROKER_CLUSTER_INFO },
  { code: RequestCode.WIPE_WRITE_PERM_OF_BROKER, extFields: { brokerName: "b" } },
  { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER },
  { code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields: { topic: "T1" } },
  {
    code: RequestCode.REGISTER_TOPIC_IN_NAMESRV,
    extFields: { topic: "E" },
    body: '{"queueDatas":[{"brokerName":"b"}]}',
  },
  { code: RequestCode.GET_KVLIST_BY_NAMESPACE, extFields: { namespace: "N" } },
  { code: RequestCode.GET_TOPICS_BY_CLUSTER, extFields: { cluster: "DefaultCluster" } },
  { code: RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS },
  { code: RequestCode.GET_UNIT_TOPIC_LIST },
  { code: RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST },
  { code: RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST },
  { code: RequestCode.UPDATE_NAMESRV_CONFIG, body: "enableAllTopicList=false\n" },
  { code: RequestCode.GET_NAMESRV_CONFIG },
  { code: RequestCode.QUERY_DATA_VERSION, extFields: { ...IDENTITY, brokerId: "0" } },
  { code: RequestCode.ADD_WRITE_PERM_OF_BROKER, extFields: { brokerName: "b" } },
  {
    code: RequestCode.GET_BROKER_MEMBER_GROUP,
    extFields: { clusterName: "DefaultCluster", brokerName: "b" },
  },
  { code: RequestCode.BROKER_HEARTBEAT, extFields: IDENTITY },
  { code: RequestCode.LIST_ACCESS_ACCOUNTS },
  { code: RequestCode.LIST_ACCESS_REFUSALS },
];

/** Every request about the server itself, from an account that is allowed to send it. */
async function state(peer: Peer): Promise<string[]> {
  const asked = [kvGet("N", "K"), routeQuery("T1"), { code: RequestCode.GET_BROKER_CLUSTER_INFO }, {
    code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
  }, { code: RequestCode.GET_NAMESRV_CONFIG }];
  const answers = await Promise.all(asked.map((request) => peer.call(signed(request, ADMIN))));
  return answers.map(({ code, extFields, body }) =>
    `${code} ${JSON.stringify([...extFields ?? []])} ${new TextDecoder().decode(body)}`
  );
}

/** A server with rules and an audit file. */
class Guarded implements AsyncDisposable {
  private constructor(readonly home: Home, readonly server: ServerProcess, readonly peer: Peer) {}

  static async start(
    rules: string,
    options: Record<string, string> = {},
    flags = START_FLAGS,
  ): Promise<Guarded> {
    const home = await Home.make();
    const accessFile = await home.write("access.yml", rules);
    await Deno.chmod(accessFile, 0o600);
    const auditFile = home.file("audit.log");
    const config = await home.configFile({ accessFile, auditFile, ...options });
    const server = await ServerProcess.start({ home, args: ["-c", config], flags });
    return new Guarded(home, server, await Peer.connect(server.port));
  }

  /** Changes the rules, and waits until they are in effect. */
  async change(rules: string, generation: number): Promise<void> {
    await Deno.writeTextFile(this.home.file("access.yml"), rules);
    await this.server.err.find(new RegExp(`access rules loaded .*generation=${generation} `));
  }

  /** The records of both audit files, by time, when there are so many. */
  async audit(count: number): Promise<AuditRecord[]> {
    let lines: string[] = [];
    await until(async () => {
      const paths = ["audit.log", "audit.log.refused"].map((name) => this.home.file(name));
      const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
      lines = texts.flatMap((text) => text.split("\n").slice(0, -1));
      return lines.length >= count;
    }, `${count} records`);
    const records: AuditRecord[] = lines.map((line) => JSON.parse(line));
    return records.sort((one, other) => Date.parse(one.time) - Date.parse(other.time));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}

describe("access control", () => {
  it("a stranger tries every request: nothing changes, and each attempt is in the audit file", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    const { peer, server } = guarded;
    assert.equal((await peer.call(signed(registration(BROKER_B), BROKER))).code, 0);
    assert.equal((await peer.call(signed(kvPut("N", "K", "good"), ADMIN))).code, 0);
    const before = await state(peer);
    await using stranger = await Peer.connect(server.port);
    const codes = EVERY_KIND.map(({ code }) => code);
    // Those between are the controller's: tests/system/controller_test.ts.
    const answered = Object.values(RequestCode).filter((code) =>
      code < RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE || code > RequestCode.WHO_AM_I
    );
    assert.deepEqual([...codes].sort(), [...answered].sort());
    for (const request of EVERY_KIND) {
      const answer = await stranger.call(request);
      assert.equal(answer.code, 16, `${request.code}`);
      assert.match(
        answer.remark!,
        /^access denied: [a-z:]+ on \S+ needs an account that may do it$/,
      );
      // Without an answer, it must do as little.
      await stranger.send(encodeFrame({ ...request, flag: 2 }, 999));
      const wrong = signed(request, { accessKey: "AK-admin", secretKey: "guessed" });
      assert.equal((await stranger.call(wrong)).remark, answer.remark);
    }
    assert.equal((await stranger.call({ code: 999 })).code, 3);
    assert.deepEqual(await state(peer), before);
    const records = await guarded.audit(2 + 3 * EVERY_KIND.length);
    const denied = records.filter(({ outcome }) => outcome === "denied");
    for (const code of codes) {
      const records = denied.filter(({ request }) => request === code);
      assert.deepEqual(records.map(({ reason, account }) => `${reason} ${account}`), [
        "unsigned undefined",
        "unsigned undefined",
        "bad_signature ?AK-admin",
      ]);
      assert.ok(records.every(({ peer }) => peer === stranger.address));
    }
  });

  it("a signature of 10 MB, or a field twice, decides nothing", async () => {
    await using guarded = await Guarded.start(RULES("enforce"), { maxHeaderBytes: "16000000" });
    const { peer } = guarded;
    const Signature = "A".repeat(10_000_000);
    const huge = {
      code: RequestCode.GET_NAMESRV_CONFIG,
      extFields: { AccessKey: "AK-admin", Signature },
    };
    assert.equal((await peer.call(huge)).code, 16);
    // The handler and the signature see the same one of two: the last.
    const good = signed(
      { code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields: { topic: "T1" } },
      ADMIN,
    );
    const text = (topics: string) =>
      `{"code":216,"flag":0,"language":"JAVA","opaque":77,"version":513,"extFields":{${topics},` +
      `"AccessKey":"AK-admin","Signature":"${good.extFields!.Signature}"}}`;
    const ask = async (topics: string) => {
      const header = new TextEncoder().encode(text(topics));
      const bytes = new Uint8Array(8 + header.length);
      new DataView(bytes.buffer).setInt32(0, 4 + header.length);
      new DataView(bytes.buffer).setInt32(4, header.length);
      bytes.set(header, 8);
      const answer = peer.answer(77);
      await peer.send(bytes);
      return (await answer).code;
    };
    assert.equal(await ask('"topic":"T2","topic":"T1"'), 0);
    assert.equal(await ask('"topic":"T1","topic":"T2"'), 16);
  });

  it("accounts may do what is theirs, and are told what is not", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    const { peer } = guarded;
    const ask = async (request: Request, credentials: typeof ADMIN) => {
      const { code, remark } = await peer.call(signed(request, credentials));
      return code === 16 ? remark : code;
    };
    assert.equal(await ask(registration(BROKER_B), BROKER), 0);
    assert.equal(
      await ask(registration({ ...BROKER_B, name: "c" }), BROKER),
      "access denied: AK-broker may not broker on DefaultCluster/c",
    );
    assert.equal(await ask({ code: RequestCode.GET_BROKER_CLUSTER_INFO }, BROKER), 0);
    assert.equal(await ask(routeQuery("T1"), APP), 0);
    assert.equal(
      await ask({ code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields: { topic: "T1" } }, APP),
      "access denied: AK-app may not topic:write on T1",
    );
    assert.equal(
      await ask({ code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields: { topic: "T1" } }, ADMIN),
      0,
    );
  });

  it("audit only tells; enforce and back again take effect while clients run", async () => {
    await using guarded = await Guarded.start(RULES("audit"));
    const { peer, server } = guarded;
    assert.equal((await peer.call(registration(BROKER_B))).code, 0);
    assert.equal((await peer.call(routeQuery("T1"))).code, 0);
    assert.equal((await peer.call(kvPut("N", "K", "V"))).code, 0);
    await server.err.find(
      /WARN access would be denied account=\(anonymous\).* permission=kv:write/,
    );
    await guarded.change(RULES("enforce", "[client]"), 2);
    assert.equal((await peer.call(routeQuery("T1"))).code, 0);
    assert.equal((await peer.call(kvPut("N", "K", "W"))).code, 16);
    await guarded.change(RULES("audit"), 3);
    assert.equal((await peer.call(kvPut("N", "K", "W"))).code, 0);
    assert.equal((await server.stop()).code, 0);
    const outcomes = (await guarded.audit(4)).map(({ outcome, request }) =>
      `${outcome} ${request}`
    );
    assert.deepEqual(outcomes, [
      "would_deny 103",
      "would_deny 100",
      "denied 100",
      "would_deny 100",
    ]);
  });

  it("rules with a fault change nothing while it runs, and stop the start", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    const { peer, server, home } = guarded;
    await Deno.writeTextFile(home.file("access.yml"), "mode: off\n");
    await server.err.find(/ERROR access rules refused .*access.yml:1:7: mode must be audit or enf/);
    assert.equal((await peer.call(routeQuery("T1"))).code, 16);
    const config = home.file("test.properties");
    const failed = await ServerProcess.run({ home, args: ["-c", config] });
    assert.equal(failed.code, 1);
    assert.match(failed.err.at(-1)!, /access.yml:1:7: mode must be audit or enforce$/);
    assert.ok(failed.err.every((line) => !line.includes(SECRET)));
  });

  it("rules are read again at SIGHUP, when no change of their folder was seen", async () => {
    await using home = await Home.make();
    const link = home.file("current");
    const use = async (folder: string) => {
      await Deno.symlink(home.file(folder), home.file("next"));
      await Deno.rename(home.file("next"), link);
    };
    for (const [folder, mode] of [["audit", "audit"], ["enforce", "enforce"]] as const) {
      await Deno.mkdir(home.file(folder));
      const path = await home.write(`${folder}/access.yml`, RULES(mode));
      await Deno.chmod(path, 0o600);
    }
    await use("audit");
    const config = await home.configFile({ accessFile: `${link}/access.yml` });
    await using server = await ServerProcess.start({ home, args: ["-c", config] });
    await using peer = await Peer.connect(server.port);
    const begun = Date.now();
    for (let change = 1; change <= 5; change++) {
      const enforcing = change % 2 === 1;
      await use(enforcing ? "enforce" : "audit");
      server.kill("SIGHUP");
      await server.err.find(new RegExp(`access rules loaded .*generation=${change + 1} `));
      assert.equal((await peer.call(kvPut("N", "K", "V"))).code, enforcing ? 16 : 0);
    }
    // Without the signal, the server looks every 5 s.
    assert.ok(Date.now() - begun < 15_000, `${Date.now() - begun} ms`);
  });

  it("10 000 accounts are changed under load, and no query is decided by a part of them", async () => {
    const many = (note: string) =>
      RULES("enforce") +
      Array.from(
        { length: 10_000 },
        (_, i) => `  - {accessKey: AK-${note}-${i}, secret: ${SECRET}-${i}, may: [client]}\n`,
      ).join("") +
      // The last of all.
      `  - {accessKey: AK-last, secret: ${SECRET}, may: [admin]}\n`;
    await using guarded = await Guarded.start(many("a"));
    const { peer, home, server } = guarded;
    const query = signed(
      { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER },
      account("AK-last"),
    );
    await Deno.writeTextFile(home.file("access.yml"), many("b"));
    let reloaded = false;
    const loaded = server.err.find(/access rules loaded .*generation=2 /)
      .then(() => reloaded = true);
    const codes = new Set<number>();
    let queries = 0;
    for (const end = Date.now() + 30_000; !reloaded && Date.now() < end;) {
      for (const answer of await Promise.all(peer.callAll(new Array(100).fill(query)))) {
        codes.add(answer.code);
        queries++;
      }
    }
    await loaded;
    assert.deepEqual([...codes], [0]);
    assert.ok(queries >= 100, `${queries} queries`);
    const { code } = await peer.call(
      signed(routeQuery("T"), { ...account("AK-b-9999"), secretKey: `${SECRET}-9999` }),
    );
    assert.equal(code, 17);
  });

  it("does not believe a stranger's PROXY header", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    await using stranger = await Peer.connect(guarded.server.port);
    const header = "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n";
    await stranger.send(new TextEncoder().encode(header));
    assert.equal((await stranger.call({ code: RequestCode.GET_NAMESRV_CONFIG })).code, 16);
    const [record] = await guarded.audit(1);
    assert.equal(record!.proxied, "10.0.0.1:1");
    assert.equal(record!.peer, stranger.address);
    await guarded.change(`trustedProxies: [127.0.0.1]\n${RULES("enforce")}`, 2);
    assert.equal((await stranger.call({ code: RequestCode.GET_NAMESRV_CONFIG })).code, 0);
  });

  it("a request that sets the file by 318 is refused, even an admin's", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    for (const key of ["accessFile", "auditFile"]) {
      const update = signed(
        { code: RequestCode.UPDATE_NAMESRV_CONFIG, body: `${key}=/tmp/x\n` },
        ADMIN,
      );
      assert.equal((await guarded.peer.call(update)).code, 16);
    }
  });
});

describe("requests of the server itself", () => {
  it("are signed for the other environment of clusterTest", async () => {
    await using other = await Guarded.start(RULES("enforce"));
    assert.equal((await other.peer.call(signed(registration(BROKER_B), BROKER))).code, 0);
    const rules = (secret: string) =>
      `outgoing: {accessKey: AK-app, secret: ${secret}}\n${RULES("audit")}`;
    await using here = await Guarded.start(rules(SECRET), {
      clusterTest: "true",
      productEnvNamesrvAddr: `127.0.0.1:${other.server.port}`,
    });
    assert.equal((await here.peer.call(routeQuery("T1"))).code, 0);
    // Of a client's own signature, nothing is handed on.
    const wrong = { ...ADMIN, secretKey: "guessed" };
    assert.equal((await here.peer.call(signed(routeQuery("T1"), wrong))).code, 0);
    await here.change(rules("guessed"), 2);
    assert.equal((await here.peer.call(routeQuery("T1"))).code, 17);
    await here.change(RULES("audit"), 3);
    assert.equal((await here.peer.call(signed(routeQuery("T1"), APP))).code, 0);
    assert.equal((await here.peer.call(routeQuery("T1"))).code, 17);
  });
});

describe("the HTTP port under rules", () => {
  it("answers tokens of accounts that may read, and tells of what it refused", async () => {
    const token = "AK-view.some-token-of-enough-length";
    const hash = await hashSecret(token);
    await using home = await Home.make();
    const accessFile = await home.write(
      "access.yml",
      `${RULES("enforce")}  - {accessKey: AK-view, tokens: ["${hash}"], may: [viewer]}\n` +
        `  - {accessKey: AK-all, tokens: ["${await hashSecret("AK-all.x")}"], may: [admin]}\n`,
    );
    const args = ["-c", await home.configFile({ accessFile })];
    await using http = await HttpServerProcess.start({ args });
    const status = async (path: string, authorization?: string) => {
      const headers = authorization === undefined ? undefined : { authorization };
      const response = await http.get(path, { headers });
      await response.body?.cancel();
      return response.status;
    };
    for (const path of ["/livez", "/readyz", "/version", "/metrics", "/api/v1/openapi.json"]) {
      assert.equal(await status(path), 200, path);
    }
    for (const path of ["/api/v1/brokers", "/api/v1/config", "/api/v1/kv", "/api/v1/audit"]) {
      assert.equal(await status(path), 401, path);
      assert.equal(await status(path, "Bearer AK-view.another-token"), 401, path);
      assert.equal(await status(path, "Bearer AK-none.x"), 401, path);
      assert.equal(await status(path, `Bearer ${token}`), path === "/api/v1/audit" ? 403 : 200);
      assert.equal(await status(path, `Basic ${btoa("AK-all:AK-all.x")}`), 200, path);
      assert.equal(await status(path, `Basic ${btoa("AK-view:AK-all.x")}`), 401, path);
    }
    const headers = { authorization: "Bearer AK-all.x" };
    const answer = await http.get("/api/v1/access/refusals", { headers });
    const items: Record<string, string>[] = (await answer.json()).items;
    assert.deepEqual(
      items.map(({ who, permission }) => `${who} ${permission}`).sort(),
      [
        ...["127.0.0.0/24", "?AK-view"].flatMap((who) =>
          ["access", "cluster", "config", "kv"].map((what) => `${who} ${what}:read`)
        ),
        "AK-view access:read",
      ],
    );
    const tokens = await http.get("/api/v1/audit?account=%3FAK-none&limit=1", { headers });
    const [made] = (await tokens.json()).items;
    assert.deepEqual([made.reason, made.authenticated], ["unknown_account", "no"]);
    // A connection shows whom its requests came from; a refused one names nobody.
    await using peer = await Peer.connect(http.server.port);
    const shown = async () => {
      const response = await http.get(`/api/v1/connections?search=${peer.address}`, { headers });
      return (await response.json()).items[0].account;
    };
    const listing = { code: RequestCode.GET_BROKER_CLUSTER_INFO };
    await peer.call(signed(listing, { ...ADMIN, secretKey: "guessed" }));
    assert.equal(await shown(), null);
    await peer.call(signed(listing, ADMIN));
    assert.equal(await shown(), "AK-admin");
    const audit = await http.get("/api/v1/audit?account=AK-view&limit=1", { headers });
    const [{ time: _, peer: __, ...record }] = (await audit.json()).items;
    assert.deepEqual(record, {
      outcome: "denied",
      action: "access:read",
      request: "GET /api/v1/audit",
      resource: "-",
      account: "AK-view",
      authenticated: "token",
      reason: "no_grant",
    });
  });

  it("can close health checks and metrics, too", async () => {
    await using home = await Home.make();
    const accessFile = await home.write("access.yml", RULES("enforce"));
    const options = { accessFile, httpMetricsOpen: "false", httpHealthOpen: "false" };
    const args = ["-c", await home.configFile(options)];
    await using http = await HttpServerProcess.start({ args });
    for (const path of ["/livez", "/readyz", "/version", "/metrics"]) {
      const response = await http.get(path);
      await response.body?.cancel();
      assert.equal(response.status, 401, path);
    }
  });
});

/** The arguments of a command that signs as the administrator. */
async function adminOf({ server, home }: Guarded): Promise<string[]> {
  const text = `accessKey: AK-admin\nsecretKey: ${SECRET}\n`;
  const credentials = await home.write("tools.yml", text);
  return ["-n", `127.0.0.1:${server.port}`, "--credentials", credentials];
}

describe("admin commands", () => {
  it("are allowed what their account may, whatever fields they send", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    const admin = await adminOf(guarded);
    for (const command of ["brokers", "clusters", "topics", "config get"]) {
      const { code, err } = await runCommand([...command.split(" "), ...admin]);
      assert.deepEqual([code, err], [0, ""], command);
    }
  });
});

describe("access commands", () => {
  it("tell who somebody is, what there is, and what was refused", async () => {
    await using guarded = await Guarded.start(RULES("audit"));
    const { server, peer } = guarded;
    const address = `127.0.0.1:${server.port}`;
    const admin = await adminOf(guarded);
    const empty = await runCommand(["access", "report", ...admin]);
    assert.deepEqual([empty.code, empty.out, empty.err], [0, "", ""]);
    await peer.call(kvPut("N", "K", "V"));
    const report = await runCommand(["access", "report", ...admin]);
    assert.equal(report.code, 1);
    assert.match(report.out, /127\.0\.0\.0\/24 +kv:write +N +unsigned +1 /);
    const me = await runCommand(["access", "whoami", ...admin]);
    assert.match(me.out, /: mode audit; anonymous: nothing; account AK-admin: route:read, /);
    const nobody = await runCommand(["access", "whoami", "-n", address]);
    assert.match(nobody.out, /: mode audit; anonymous: nothing\n$/);
    const list = await runCommand(["access", "list", ...admin]);
    assert.match(list.out, /\nAK-broker +broker cluster DefaultCluster b, .* - +0 +-\n/);
    assert.ok(!list.out.includes(SECRET));
    await guarded.change(RULES("enforce"), 2);
    const long = { code: RequestCode.WHO_AM_I, body: new Uint8Array(2000) };
    assert.match((await peer.call(long)).remark ?? "", /2000 bytes; the limit is 1024/);
    const refused = await runCommand(["access", "list", "-n", address]);
    assert.match(refused.err, /access denied: access:read on - needs an account .* \(code 16\)/);
  });

  it("report a broker whose QUERY_DATA_VERSION is refused: the broker itself shows no error", async () => {
    await using guarded = await Guarded.start(RULES("enforce"));
    const admin = await adminOf(guarded);
    const extFields = { ...IDENTITY, brokerId: "0" };
    const query = { code: RequestCode.QUERY_DATA_VERSION, extFields };
    assert.equal((await guarded.peer.call(query)).code, 16);
    const report = await runCommand(["access", "report", ...admin]);
    assert.equal(report.code, 1);
    assert.match(report.out, /127\.0\.0\.0\/24 +broker +\S*DefaultCluster\S* +unsigned +1 /);
  });
});

describe("the audit file", () => {
  it("tells of each change what it was, and of registrations only what is new", async () => {
    await using guarded = await Guarded.start(RULES("enforce"), { auditSync: "true" });
    const { peer } = guarded;
    for (let i = 0; i < 3; i++) await peer.call(signed(registration(BROKER_B), BROKER));
    await peer.call(
      signed({
        code: RequestCode.UPDATE_NAMESRV_CONFIG,
        body: "clusterTest=true\nclusterTest=true\n",
      }, ADMIN),
    );
    await peer.call(
      signed({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body: "clusterTest=maybe\n" }, ADMIN),
    );
    await peer.call(signed(routeQuery("T1"), APP));
    // Each was on the disk before its answer.
    const records = (await guarded.audit(3)).map(({ time: _, ...record }) => record);
    const by = (account: string, rule: string) => ({
      account,
      authenticated: "signature",
      peer: peer.address,
      rule: `account ${account}: ${rule}`,
    });
    assert.deepEqual(records, [
      {
        ...by("AK-broker", "broker cluster DefaultCluster b"),
        outcome: "done",
        action: "broker",
        request: RequestCode.REGISTER_BROKER,
        resource: "DefaultCluster/b",
        change: { newBroker: true, changedTopics: 2 },
      },
      {
        ...by("AK-admin", "config:write"),
        outcome: "done",
        action: "config:write",
        request: RequestCode.UPDATE_NAMESRV_CONFIG,
        resource: "clusterTest",
        change: [{ key: "clusterTest", before: "false", after: "true" }],
      },
      {
        ...by("AK-admin", "config:write"),
        outcome: "failed",
        action: "config:write",
        request: RequestCode.UPDATE_NAMESRV_CONFIG,
        resource: "clusterTest",
        reason: "clusterTest=maybe: must be true or false",
      },
    ]);
    const { brokerName, brokerAddr, brokerId, clusterName } = registration(BROKER_B).extFields!;
    const extFields = { brokerName, brokerAddr, brokerId, clusterName } as Record<string, string>;
    const unregistration = { code: RequestCode.UNREGISTER_BROKER, extFields };
    assert.equal((await peer.call(signed(unregistration, BROKER))).code, 0);
    const [unregistered] = (await guarded.audit(4)).slice(3);
    assert.equal(unregistered!.request, RequestCode.UNREGISTER_BROKER);
    assert.deepEqual(unregistered!.change, { unregistered: brokerAddr });
  });

  it("works without rules, too", async () => {
    await using home = await Home.make();
    const auditFile = home.file("audit.log");
    const config = await home.configFile({ auditFile });
    await using server = await ServerProcess.start({ home, args: ["-c", config] });
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call(kvPut("N", "K", "V"))).code, 0);
    await server.stop();
    const { time: _, ...record } = JSON.parse(await Deno.readTextFile(auditFile));
    assert.deepEqual(record, {
      outcome: "done",
      action: "kv:write",
      request: RequestCode.PUT_KV_CONFIG,
      resource: "N",
      change: { key: "K", after: "V" },
      authenticated: "no",
      peer: peer.address,
    });
  });

  itWithFlags(
    "on a full disk, stops changes where that is wanted, and nothing that brokers need",
    async () => {
      const options = { auditFile: "/dev/full", auditRequired: "true", auditSync: "true" };
      // Deno only opens a device with all permissions.
      const flags = ["run", "--no-prompt", "--allow-all"];
      await using guarded = await Guarded.start(RULES("audit"), options, flags);
      const { peer, server } = guarded;
      // The first finds out.
      assert.equal((await peer.call(kvPut("N", "K", "V"))).code, 0);
      await server.err.find(/ERROR audit file can't be written .*No space left on device/);
      const refused = await peer.call(kvPut("N", "K", "V"));
      assert.equal(refused.code, 1);
      assert.match(refused.remark!, /auditRequired/);
      assert.equal((await peer.call(registration(BROKER_B))).code, 0);
      assert.equal((await peer.call(routeQuery("T1"))).code, 0);
      assert.equal((await server.stop()).code, 0);
    },
  );
});
