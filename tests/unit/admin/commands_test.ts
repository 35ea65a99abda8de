import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  type Behaviour,
  type FakeAnswer,
  FakeNameServers,
  run,
} from "../../support/fake_name_servers.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const A = "10.0.0.1:9876";
const B = "10.0.0.2:9876";
const BOTH = `${A};${B}`;

const CLUSTER = '{"brokerAddrTable":{"broker-b":{"brokerAddrs":{0:"10.1.0.3:10911"},' +
  '"brokerName":"broker-b","cluster":"C2","enableActingMaster":true,"zoneName":"z1"},' +
  '"broker-a":{"brokerAddrs":{1:"10.1.0.2:10911",0:"10.1.0.1:10911",9007199254740993:"10.1.0.9:1"},' +
  '"brokerName":"broker-a","cluster":"C1","enableActingMaster":false}},' +
  '"clusterAddrTable":{"C2":["broker-b"],"C1":["broker-a"]}}';

const route = (perm = 6, queues = 4) =>
  `{"brokerDatas":[{"brokerAddrs":{"0":"10.1.0.1:10911","1":"10.1.0.2:10911"},` +
  `"brokerName":"broker-a","cluster":"C1","enableActingMaster":false}],"filterServerTable":{},` +
  `"queueDatas":[{"brokerName":"broker-a","perm":${perm},"readQueueNums":${queues},` +
  `"topicSysFlag":0,"writeQueueNums":${queues}}]}`;

/** Two brokers of it as the response names those that were restored. */
const RESTORED = "broker-a\t10.1.0.2:10911\nbroker-b\t10.1.0.3:10911";

/** A name server with fixed tables, and a KV table and options that can be changed. */
function nameServer({ topics = ["T1", "T2"], perm = 6, kv = {}, ignoresChanges = false }: {
  topics?: string[];
  perm?: number;
  kv?: Record<string, string>;
  ignoresChanges?: boolean;
} = {}): Behaviour {
  const pairs = new Map(Object.entries(kv));
  const options = new Map([["listenPort", "9876"], ["orderMessageEnable", "false"]]);
  return ({ code, fields, body }): FakeAnswer => {
    const key = `${fields.get("namespace")}/${fields.get("key")}`;
    const topic = fields.get("topic")!;
    switch (code) {
      case RequestCode.PUT_KV_CONFIG:
        pairs.set(key, fields.get("value")!);
        return {};
      case RequestCode.GET_KV_CONFIG:
        return pairs.has(key) ? { fields: { value: pairs.get(key)! } } : { code: 22, remark: "No" };
      case RequestCode.DELETE_KV_CONFIG:
        pairs.delete(key);
        return {};
      case RequestCode.GET_ROUTEINFO_BY_TOPIC:
        return topics.includes(topic)
          ? { body: route(perm) }
          : { code: 17, remark: "No topic route info\nSee the FAQ" };
      case RequestCode.GET_BROKER_CLUSTER_INFO:
        return { body: CLUSTER };
      case RequestCode.WIPE_WRITE_PERM_OF_BROKER:
        return { fields: { wipeTopicCount: fields.get("brokerName") === "broker-a" ? "2" : "0" } };
      case RequestCode.ADD_WRITE_PERM_OF_BROKER:
        return { fields: { addTopicCount: "2" } };
      case RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER:
      case RequestCode.GET_TOPICS_BY_CLUSTER:
        return { body: JSON.stringify({ topicList: topics }) };
      case RequestCode.DELETE_TOPIC_IN_NAMESRV:
        return {};
      case RequestCode.GET_KVLIST_BY_NAMESPACE: {
        const start = `${fields.get("namespace")}/`;
        const table = Object.fromEntries(
          [...pairs].filter(([it]) => it.startsWith(start)).map(([it, value]) => [
            it.slice(start.length),
            value,
          ]),
        );
        return Object.keys(table).length === 0
          ? { code: 22, remark: "No" }
          : { body: JSON.stringify({ table }) };
      }
      case RequestCode.UPDATE_NAMESRV_CONFIG: {
        const [name, value] = body.trimEnd().split("=") as [string, string];
        if (name === "kvConfigPath") {
          return { code: 16, remark: "Can not update config in black list." };
        }
        if (!ignoresChanges && options.has(name)) options.set(name, value);
        return {};
      }
      case RequestCode.GET_NAMESRV_CONFIG:
        return { body: [...options].map(([name, value]) => `${name}=${value}\n`).join("") };
      default:
        return { code: 3, remark: ` request type ${code} not supported` };
    }
  };
}

const one = (behaviour: Behaviour = nameServer()) => new FakeNameServers(new Map([[A, behaviour]]));
const two = (a: Behaviour, b: Behaviour) => new FakeNameServers(new Map([[A, a], [B, b]]));

describe("commands that ask", () => {
  it("clusters", async () => {
    const { code, out, err } = await run(one(), ["clusters", "-n", A]);
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(
      out,
      "CLUSTER  BROKER NAMES  MASTERS  SLAVES  NAMES\n" +
        "C1       1             1        2       broker-a\n" +
        "C2       1             1        0       broker-b\n",
    );
    const json = JSON.parse((await run(one(), ["clusters", "-n", A, "--json"])).out);
    assert.deepEqual(json[1], { cluster: "C2", brokerNames: ["broker-b"], masters: 1, slaves: 0 });
  });

  it("brokers, by id, with ids beyond 2^53 as texts", async () => {
    const { out } = await run(one(), ["brokers", "-n", A, "--cluster", "C1"]);
    assert.deepEqual(out.split("\n").slice(1, -1).map((line) => line.split(/ +/)), [
      ["C1", "broker-a", "0", "master", "10.1.0.1:10911", "no", "-", "confirmed"],
      ["C1", "broker-a", "1", "slave", "10.1.0.2:10911", "no", "-", "confirmed"],
      ["C1", "broker-a", "9007199254740993", "slave", "10.1.0.9:1", "no", "-", "confirmed"],
    ]);
    const json = JSON.parse((await run(one(), ["brokers", "-n", A, "--json"])).out);
    assert.equal(json[0].addresses[2].id, "9007199254740993");
    assert.deepEqual(json[1], {
      cluster: "C2",
      broker: "broker-b",
      enableActingMaster: true,
      zone: "z1",
      addresses: [{ id: 0, role: "master", address: "10.1.0.3:10911", restored: false }],
    });
  });

  it("brokers of a cluster that is not there, with the nearest that is", async () => {
    const { code, out, err } = await run(one(), ["brokers", "-n", A, "--cluster", "c3"]);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^10\.0\.0\.1:9876: unknown cluster c3; did you mean C[12]\?\n$/);
  });

  it("topics, with their routes or only by name", async () => {
    const { out } = await run(one(), ["topics", "-n", A]);
    assert.equal(
      out,
      "TOPIC  CLUSTERS  BROKERS   READ  WRITE  PERM\n" +
        "T1     C1        broker-a  4     4      rw\n" +
        "T2     C1        broker-a  4     4      rw\n",
    );
    const servers = one();
    const names = await run(servers, ["topics", "-n", A, "--names"]);
    assert.equal(names.out, "T1\nT2\n");
    assert.deepEqual(servers.seen.get(A)!.map(({ code }) => code), [
      RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
    ]);
    const json = JSON.parse((await run(one(), ["topics", "-n", A, "--json"])).out);
    assert.deepEqual(json[0], {
      topic: "T1",
      clusters: ["C1"],
      queues: [{ broker: "broker-a", readQueues: 4, writeQueues: 4, perm: 6, sysFlag: 0 }],
    });
  });

  it("topics of a cluster, with that cluster's brokers", async () => {
    const servers = one();
    const { out } = await run(servers, ["topics", "-n", A, "--cluster", "C2"]);
    // The route's only broker is in another cluster.
    assert.match(out, /^T1 +0 +0$/m);
    assert.equal(
      servers.seen.get(A)!.find(({ code }) => code === RequestCode.GET_TOPICS_BY_CLUSTER)!.fields
        .get("cluster"),
      "C2",
    );
  });

  it("thousands of routes over one connection", async () => {
    const topics = Array.from({ length: 3000 }, (_, i) => `T${i}`);
    const servers = one(nameServer({ topics }));
    const { out } = await run(servers, ["topics", "-n", A]);
    assert.equal(out.split("\n").length, 3002);
    assert.equal(servers.connections, 1);
  });

  it("route", async () => {
    const { out } = await run(one(nameServer({ perm: 4 })), ["route", "T1", "-n", A]);
    assert.equal(
      out,
      "CLUSTER  BROKER    ID  ROLE    ADDRESS         READ  WRITE  PERM\n" +
        "C1       broker-a  0   master  10.1.0.1:10911  4     4      r-\n" +
        "C1       broker-a  1   slave   10.1.0.2:10911  4     4      r-\n",
    );
  });

  it("route of a static and ordered topic, in full", async () => {
    const body = '{"brokerDatas":[],"filterServerTable":{"10.1.0.1:1":["10.1.0.1:2"]},' +
      '"orderTopicConf":"broker-a:4","queueDatas":[],"topicQueueMappingByBroker":{"broker-a":' +
      '{"bname":"broker-a","currIdMap":{2:1,0:0},"dirty":false,"epoch":"9007199254740993",' +
      '"scope":"__global__","topic":"T","totalQueues":4}}}';
    const { out } = await run(one(() => ({ body })), ["route", "T", "-n", A]);
    for (
      const line of [
        "order configuration: broker-a:4",
        "filter servers of 10.1.0.1:1: 10.1.0.1:2",
        "static queues on broker-a: 0 2 (of 4)",
      ]
    ) assert.ok(out.includes(`${line}\n`), out);
    const json = JSON.parse(
      (await run(one(() => ({ body })), ["route", "T", "-n", A, "--json"])).out,
    );
    assert.deepEqual(json, {
      topic: "T",
      brokers: [],
      queues: [],
      orderConf: "broker-a:4",
      filterServers: [{ address: "10.1.0.1:1", servers: ["10.1.0.1:2"] }],
      staticQueues: [{
        broker: "broker-a",
        totalQueues: 4,
        epoch: "9007199254740993",
        scope: "__global__",
        queues: [{ global: 0, local: 0 }, { global: 2, local: 1 }],
      }],
    });
  });

  it("route of an unknown topic, with the nearest that there is", async () => {
    const { code, out, err } = await run(one(), ["route", "t2x", "-n", A]);
    assert.deepEqual([code, out], [1, ""]);
    assert.equal(err, `${A}: unknown topic t2x; did you mean T2?\n`);
  });

  it("ping, as often as is asked", async () => {
    const servers = one();
    const { code, out } = await run(servers, ["ping", "-n", A, "--count", "3", "--json"]);
    const [pong] = JSON.parse(out);
    assert.equal(code, 0);
    assert.equal(pong.answerMillis.length, 3);
    assert.deepEqual([pong.server, pong.ok, pong.version, pong.language], [
      A,
      true,
      "V5_5_0",
      "JAVA",
    ]);
    assert.equal(servers.seen.get(A)!.length, 3);
  });

  it("ping tells of each server, and fails when one is down", async () => {
    const { code, out, err } = await run(one(), ["ping", "-n", BOTH]);
    assert.equal(code, 1);
    assert.match(out, /^10\.0\.0\.1:9876 +up /m);
    assert.match(out, /^10\.0\.0\.2:9876 +down$/m);
    assert.match(err, /^10\.0\.0\.2:9876: connection refused: .*\n$/);
  });

  it("ping tells a broker from a name server", async () => {
    const broker = () => ({ code: 3, remark: " request type 101 not supported" });
    const { code, err } = await run(one(broker), ["ping", "-n", A]);
    assert.equal(code, 1);
    assert.match(err, /request type 101 not supported \(code 3\): is it a name server\?/);
  });
});

describe("several servers", () => {
  it("are asked in turn until one answers, with a line for each failure", async () => {
    const servers = new FakeNameServers(new Map([[B, nameServer()]]));
    const { code, out, err } = await run(servers, ["topics", "--names", "-n", BOTH]);
    assert.deepEqual([code, out], [0, "T1\nT2\n"]);
    assert.match(err, /^10\.0\.0\.1:9876: connection refused: .*; trying the next one\n$/);
  });

  it("are asked in turn when one is busy or stopping, but not when it says no", async () => {
    for (const code of [2, 1500]) {
      const servers = two(() => ({ code }), nameServer());
      assert.equal((await run(servers, ["topics", "--names", "-n", BOTH])).out, "T1\nT2\n");
    }
    const servers = two(nameServer({ topics: [] }), nameServer());
    assert.equal((await run(servers, ["route", "T1", "-n", BOTH])).code, 1);
    assert.equal(servers.seen.get(B), undefined);
  });

  it("share the time limit", async () => {
    const servers = two(() => "silent", () => "silent");
    const { code, err } = await run(servers, ["topics", "-n", BOTH, "--timeout", "100"]);
    assert.equal(code, 1);
    assert.deepEqual(err.split("\n").map((line) => /no answer within (\d+) ms/.exec(line)?.[1]), [
      "50",
      "50",
      undefined,
    ]);
  });

  it("that all fail are reported in a line each", async () => {
    const { code, out, err } = await run(new FakeNameServers(new Map()), ["clusters", "-n", BOTH]);
    assert.deepEqual([code, out], [1, ""]);
    assert.deepEqual(err.split("\n").map((line) => line.split(": ")[0]), [A, B, ""]);
  });
});

describe("commands that change", () => {
  it("kv put goes to each server, and tells of each", async () => {
    const servers = two(nameServer(), () => ({ code: 1, remark: "disk full" }));
    const put = ["kv", "put", "ns", "k", "a=b c"];
    const { code, out, err } = await run(servers, [...put, "-n", BOTH]);
    assert.equal(code, 1);
    assert.equal(out, `${A}: ns k stored\n`);
    assert.equal(err, `${B}: disk full (code 1)\n`);
    const stored = await run(servers, ["kv", "get", "ns", "k", "-n", A]);
    assert.equal(stored.out, "a=b c\n");
    const json = JSON.parse((await run(servers, [...put, "-n", BOTH, "--json"])).out);
    assert.deepEqual(json, [
      { server: A, ok: true, namespace: "ns", key: "k", value: "a=b c" },
      { server: B, ok: false, error: "disk full (code 1)" },
    ]);
  });

  it("kv get, list and delete", async () => {
    const servers = one(nameServer({ kv: { "ns/b": "2", "ns/a": "1" } }));
    const kv = (...args: string[]) => run(servers, ["kv", ...args, "-n", A]);
    assert.equal((await kv("list", "ns")).out, "KEY  VALUE\na    1\nb    2\n");
    const { pairs } = JSON.parse((await kv("list", "ns", "--json")).out);
    assert.deepEqual(pairs, [{ key: "a", value: "1" }, { key: "b", value: "2" }]);
    assert.equal((await kv("delete", "ns", "a")).out, `${A}: ns a deleted\n`);
    assert.equal((await kv("delete", "ns", "a")).out, `${A}: ns a did not exist\n`);
    const missing = await kv("get", "ns", "a");
    assert.deepEqual([missing.code, missing.err], [1, `${A}: has no key a in namespace ns\n`]);
    const none = await kv("list", "other");
    assert.deepEqual([none.code, none.err], [1, `${A}: has no namespace other\n`]);
  });

  it("kv copy makes each server's pairs like those of one", async () => {
    const from = "10.0.0.9:9876";
    const keys = Array.from({ length: 100 }, (_, i): [string, string] => [`ns/k${i}`, `v${i}`]);
    const servers = new FakeNameServers(
      new Map([
        [from, nameServer({ kv: { ...Object.fromEntries(keys), "ORDER_TOPIC_CONFIG/T": "a:1" } })],
        [A, nameServer({ kv: { "ns/k0": "v0", "ns/k1": "old", "ns/gone": "x" } })],
        [B, nameServer()],
      ]),
    );
    const copy = (...args: string[]) =>
      run(servers, ["kv", "copy", "--from", from, "-n", BOTH, ...args]);
    assert.deepEqual(await copy(), {
      code: 0,
      out: `${A}: 1 copied, 0 already equal\n${B}: 1 copied, 0 already equal\n`,
      err: "",
    });
    const more = await copy("--namespace", "ns", "--namespace", "ORDER_TOPIC_CONFIG");
    const left = `1 that ${from} does not have (--delete deletes them)`;
    assert.equal(
      more.out,
      `${A}: 99 copied, 2 already equal, ${left}\n${B}: 100 copied, 1 already equal\n`,
    );
    const last = JSON.parse((await copy("--namespace", "ns", "--delete", "--json")).out);
    assert.deepEqual(last, [
      { server: A, ok: true, copied: 0, equal: 100, deleted: 1, more: 0 },
      { server: B, ok: true, copied: 0, equal: 100, deleted: 0, more: 0 },
    ]);
    const all = `${from};${BOTH}`;
    const diff = await run(servers, ["kv", "diff", "-n", all, "--namespace", "ns"]);
    assert.deepEqual([diff.code, diff.err], [0, ""]);
  });

  it("kv copy changes nothing when the source can't be read or has no such namespace", async () => {
    const servers = two(nameServer(), nameServer({ kv: { "ns/a": "1" } }));
    const copy = (...args: string[]) => run(servers, ["kv", "copy", ...args, "-n", B]);
    const cases: [string[], number, RegExp][] = [
      [
        ["--from", A, "--namespace", "ns", "--delete"],
        1,
        /^10\.0\.0\.1:9876: has no namespace ns$/m,
      ],
      [["--from", "10.0.0.8:9876"], 1, /^10\.0\.0\.8:9876: connection refused/],
      [["--from", BOTH], 2, /--from .*: must be one name server/],
      [[], 2, /'--from <host:port>' not specified/],
    ];
    for (const [args, code, reason] of cases) {
      const ran = await copy(...args);
      assert.deepEqual([ran.code, ran.out], [code, ""]);
      assert.match(ran.err, reason);
    }
    assert.equal(servers.seen.get(B), undefined);
  });

  it("kv diff compares namespaces, and nothing else", async () => {
    const servers = two(
      nameServer({ topics: ["T1"], kv: { "ORDER_TOPIC_CONFIG/T": "a:1" } }),
      nameServer({ topics: ["T2"] }),
    );
    const { code, out } = await run(servers, ["kv", "diff", "-n", BOTH]);
    assert.equal(code, 1);
    assert.equal(
      out,
      `WHAT  NAME                  ${A}  ${B}\n` +
        "kv    ORDER_TOPIC_CONFIG T  a:1            -\n",
    );
  });

  it("config get prints options, and names the nearest of one that is not there", async () => {
    const all = await run(one(), ["config", "get", "-n", A]);
    assert.equal(
      all.out,
      "OPTION              VALUE\nlistenPort          9876\norderMessageEnable  false\n",
    );
    const some = await run(one(), ["config", "get", "listenPort", "-n", A, "--json"]);
    assert.deepEqual(JSON.parse(some.out), [{ key: "listenPort", value: "9876" }]);
    const missing = await run(one(), ["config", "get", "listenPrt", "-n", A]);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /has no option listenPrt; did you mean listenPort\?/);
    const strange = await run(one(), ["config", "get", "brokerName", "-n", A]);
    assert.equal(strange.err, `${A}: has no option brokerName\n`);
  });

  it("config set sees that the change took effect", async () => {
    const set = (behaviour: Behaviour, key: string, value: string) =>
      run(one(behaviour), ["config", "set", key, value, "-n", A]);
    const done = await set(nameServer(), "orderMessageEnable", "true");
    assert.deepEqual([done.code, done.out], [0, `${A}: orderMessageEnable is true\n`]);
    const same = await set(nameServer({ ignoresChanges: true }), "orderMessageEnable", "FALSE");
    assert.equal(same.code, 0);
    const ignored = await set(nameServer({ ignoresChanges: true }), "orderMessageEnable", "true");
    assert.deepEqual([ignored.code, ignored.out], [1, ""]);
    assert.equal(
      ignored.err,
      `${A}: orderMessageEnable is still false: the server ignored the change\n`,
    );
    const unknown = await set(nameServer(), "ordrMessageEnable", "true");
    assert.match(unknown.err, /did you mean orderMessageEnable\?/);
    const refused = await set(nameServer(), "kvConfigPath", "/x");
    assert.match(refused.err, /black list\. \(code 16\): change it in the server's configuration/);
  });

  it("config set sends what properties need to be escaped", async () => {
    const servers = one();
    await run(servers, ["config", "set", "orderMessageEnable", "\\a\n=é", "-n", A]);
    const { body } = servers.seen.get(A)!.find(({ code }) =>
      code === RequestCode.UPDATE_NAMESRV_CONFIG
    )!;
    assert.equal(body, "orderMessageEnable=\\\\a\\n=\\u00e9\n");
  });

  it("perm counts topics, and fails for a broker that is not there", async () => {
    const wiped = await run(one(), ["perm", "wipe", "broker-a", "-n", A]);
    assert.equal(wiped.out, `${A}: write permission taken from 2 topics of broker-a\n`);
    const added = await run(one(), ["perm", "add", "broker-a", "-n", A, "--json"]);
    assert.deepEqual(JSON.parse(added.out), [{
      server: A,
      ok: true,
      broker: "broker-a",
      topics: 2,
    }]);
    assert.match(added.err, /^broker-a: all its topics are now rw, [^\n]*\n$/);
    assert.equal(wiped.err, "");
    const unknown = await run(one(), ["perm", "wipe", "broker-x", "-n", A]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /^\S+ unknown broker broker-x; did you mean broker-[ab]\?\n$/);
    const unchanged = await run(one(), ["perm", "wipe", "broker-b", "-n", A]);
    assert.deepEqual([unchanged.code, unchanged.err], [0, ""]);
  });

  it("topic delete tells whether it was there, and names the cluster when asked to", async () => {
    const servers = one();
    const args = ["topic", "delete", "T1", "--cluster", "C1", "-n", A];
    assert.equal((await run(servers, args)).out, `${A}: T1 deleted\n`);
    const request = servers.seen.get(A)!.find(({ code }) =>
      code === RequestCode.DELETE_TOPIC_IN_NAMESRV
    )!;
    assert.deepEqual(request.fields, new Map([["topic", "T1"], ["clusterName", "C1"]]));
    const other = await run(one(), ["topic", "delete", "T9", "-n", A]);
    assert.equal(other.out, `${A}: T9 did not exist\n`);
  });
});

describe("diff", () => {
  const diff = (a: Behaviour, b: Behaviour, ...args: string[]) =>
    run(two(a, b), ["diff", "-n", BOTH, ...args]);

  it("ends with 0 when there is none", async () => {
    const { code, out } = await diff(nameServer(), nameServer());
    assert.deepEqual([code, out], [0, `${A} and ${B} are equal\n`]);
  });

  it("ends with 1 and tells all that is different", async () => {
    const { code, out } = await diff(
      nameServer({ topics: ["T1"], kv: { "ORDER_TOPIC_CONFIG/T1": "x", "mine/k": "1" } }),
      nameServer({ topics: ["T1", "T3"], perm: 4, kv: { "mine/k": "2" } }),
      ...["--json", "--namespace", "ORDER_TOPIC_CONFIG", "--namespace", "mine"],
    );
    assert.equal(code, 1);
    const queues = (perm: string) => `read 4, write 4, ${perm}`;
    assert.deepEqual(JSON.parse(out), [{
      left: A,
      right: B,
      differences: [
        { kind: "queues", path: ["T1", "broker-a"], left: queues("rw"), right: queues("r-") },
        { kind: "topic", path: ["T3"], left: null, right: "present" },
        { kind: "queues", path: ["T3", "broker-a"], left: null, right: queues("r-") },
        { kind: "kv", path: ["ORDER_TOPIC_CONFIG", "T1"], left: "x", right: null },
        { kind: "kv", path: ["mine", "k"], left: "1", right: "2" },
      ],
    }]);
  });

  it("tells of brokers and addresses", async () => {
    const less = CLUSTER.replace(/"broker-b":\{[^}]*\}[^}]*\},/, "").replace(
      "10.1.0.2",
      "10.1.0.7",
    );
    const behaviour = nameServer();
    const { code, out } = await diff(
      nameServer(),
      (request) =>
        request.code === RequestCode.GET_BROKER_CLUSTER_INFO ? { body: less } : behaviour(request),
    );
    assert.equal(code, 1);
    assert.equal(
      out,
      `WHAT     NAME        ${A}                          ${B}\n` +
        "address  broker-a 1  10.1.0.2:10911                         10.1.0.7:10911\n" +
        "broker   broker-b    in C2, acting master enabled, zone z1  -\n" +
        "address  broker-b 0  10.1.0.3:10911                         -\n",
    );
  });

  it("counts restored brokers, or leaves them and their queues out", async () => {
    const behaviour = nameServer();
    const restarted: Behaviour = (request) =>
      request.code === RequestCode.GET_BROKER_CLUSTER_INFO
        ? { body: CLUSTER, fields: { restored: RESTORED } }
        : behaviour(request);
    const servers = new FakeNameServers(new Map([[A, restarted], [B, behaviour]]));
    const all = await run(servers, ["diff", "-n", BOTH]);
    assert.equal(all.code, 0);
    assert.match(all.err, /^10\.0\.0\.1:9876: 2 brokers are known from its snapshot/);
    const { code, out, err } = await run(servers, ["diff", "-n", BOTH, "--no-restored"]);
    assert.deepEqual([code, err], [1, ""]);
    assert.match(out, /^address +broker-a 1 +- +10\.1\.0\.2:10911$/m);
    assert.match(out, /^broker +broker-b +- +in C2/m);
    assert.doesNotMatch(out, /broker-a 0/);
    const { out: list } = await run(servers, ["brokers", "-n", A]);
    assert.match(list, /^C1 +broker-a +1 .* restored$/m);
    assert.match(list, /^C1 +broker-a +0 .* confirmed$/m);
    const { out: looks } = await run(servers, [
      "top",
      ...["-n", A, "--count", "1", "--interval", "100ms", "--http", "127.0.0.1:1"],
    ]);
    assert.match(looks, / brokers=4 restored=2 topics=2$/m);
  });

  it("fails when a server can't be asked, and when there is only one", async () => {
    const down = await run(one(), ["diff", "-n", BOTH]);
    assert.deepEqual([down.code, down.out], [1, ""]);
    assert.match(down.err, /^10\.0\.0\.2:9876: connection refused/);
    assert.equal((await run(one(), ["diff", "-n", A])).code, 2);
    assert.equal((await run(one(), ["diff", "-n", `${A};${A}`])).code, 2);
  });
});

describe("bench", () => {
  it("counts answers, and tells throughput and latencies", async () => {
    const args = ["bench", "--duration", "50ms", "--connections", "2", "--in-flight", "3"];
    const { code, out, err } = await run(one(), [...args, "-n", A, "--json"]);
    assert.deepEqual([code, err], [0, ""]);
    const { requests, codes, latencyMillis, topic } = JSON.parse(out);
    assert.equal(topic, "T1");
    assert.ok(requests >= 6);
    assert.deepEqual(codes, [{ code: 0, count: requests }]);
    assert.deepEqual(Object.keys(latencyMillis), ["p50", "p99", "p999", "max"]);
  });

  it("fails when an answer is an error, and when none comes", async () => {
    let asked = 0;
    const failing: Behaviour = (request) => ++asked > 10 ? { code: 2 } : nameServer()(request);
    const args = ["bench", "--duration", "20ms", "--topic", "T1", "-n", A];
    assert.equal((await run(one(failing), args)).code, 1);
    asked = 0;
    const silent: Behaviour = (request) => ++asked > 10 ? "silent" : nameServer()(request);
    const { code, err } = await run(one(silent), [...args, "--timeout", "40"]);
    assert.equal(code, 1);
    assert.match(err, /^10\.0\.0\.1:9876: no answer within 40 ms/);
  });

  it("wants a topic that there is", async () => {
    const unknown = await run(one(), ["bench", "--topic", "T9", "-n", A]);
    assert.match(unknown.err, /unknown topic T9/);
    const none = await run(one(nameServer({ topics: [] })), ["bench", "-n", A]);
    assert.deepEqual([none.code, none.out], [1, ""]);
    assert.match(none.err, /has no topics/);
  });
});

describe("top", () => {
  const top = (servers: FakeNameServers, ...args: string[]) =>
    run(servers, ["top", "-n", A, "--interval", "100ms", "--http", "127.0.0.1:1", ...args]);

  it("writes a line for each look, and one for each change", async () => {
    let topics = ["T1"];
    let looks = 0;
    const changing: Behaviour = (request) => {
      if (request.code === RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER && ++looks === 2) {
        topics = ["T2"];
      }
      return nameServer({ topics })(request);
    };
    const { code, out } = await top(one(changing), "--count", "2");
    assert.equal(code, 0);
    const lines = out.trimEnd().split("\n").map((line) => line.replace(/^\S+Z /, ""));
    assert.equal(lines.length, 5, out);
    assert.match(
      lines[1]!,
      /^10\.0\.0\.1:9876 no requests\/s: http:\/\/127\.0\.0\.1:1 does not answer: /,
    );
    assert.match(lines[0]!, /^10\.0\.0\.1:9876 up latency=\S+ms requests\/s=- brokers=4 topics=1$/);
    assert.deepEqual(lines.slice(3), [`${A} + topic T2`, `${A} - topic T1`]);
  });

  it("writes JSON lines", async () => {
    const { out } = await top(one(), "--count", "2", "--json");
    const looks = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(looks.length, 2);
    const { time, latencyMillis, noMetrics, ...rest } = looks[1];
    assert.match(noMetrics, /127\.0\.0\.1:1 does not answer/);
    assert.ok(!Number.isNaN(Date.parse(time)) && latencyMillis >= 0);
    assert.deepEqual(rest, {
      server: A,
      brokers: 4,
      restored: 0,
      topics: 2,
      requestsPerSecond: null,
      changes: [],
      error: null,
    });
  });

  it("goes on when a server goes down, and tells when it is back", async () => {
    let asked = 0;
    const behaviour = nameServer();
    // Each round sends three requests; the second round fails at its first.
    const { code, out } = await top(
      one((request) => ++asked === 4 ? "hang up" : behaviour(request)),
      ...["--count", "3"],
    );
    assert.equal(code, 0);
    assert.match(
      out,
      / up .*\n.* no requests.*\n.* down: closed the connection.*\n.* - server\n.* up .*\n.* \+ server\n$/,
    );
  });

  it("fails when no server is there at the start", async () => {
    const { code, out, err } = await top(new FakeNameServers(new Map()));
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /connection refused/);
  });

  it("shows a server that keeps its topics to itself", async () => {
    const behaviour = nameServer();
    const { out } = await top(
      one((request) =>
        request.code === RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER
          ? { code: 1, remark: "disable" }
          : behaviour(request)
      ),
      ...["--count", "1"],
    );
    assert.match(out, /brokers=4 topics=-\n/);
  });

  it("writes over the terminal, and leaves it as it was", async () => {
    const { out } = await run(
      one(),
      ["top", "-n", A, "--count", "1", "--http", "127.0.0.1:1"],
      { terminal: true, noColor: true },
    );
    assert.ok(out.startsWith("\x1b[?1049h\x1b[?25l\x1b[H"), JSON.stringify(out));
    assert.ok(out.endsWith("\x1b[?25h\x1b[?1049l"), JSON.stringify(out));
    assert.match(out, /SERVER +STATE +LATENCY +REQUESTS\/S +BROKERS +TOPICS/);
  });
});
