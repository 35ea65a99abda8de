import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tls from "node:tls";
import { encodeFrame } from "../support/frames.ts";
import { kvPut, manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Description, type Document } from "../support/openapi.ts";
import { Peer } from "../support/peer.ts";
import { Home } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

describe("the HTTP port of a server with brokers", () => {
  let certificates: Home;
  let http: HttpServerProcess;
  let description: Description;
  let document: Document;
  const peers: Peer[] = [];
  let secure: tls.TLSSocket;

  beforeAll(async () => {
    certificates = await Home.make();
    await makeAuthority(certificates.path, "ca");
    await makeCertificate(certificates.path, "server", "ca");
    await makeCertificate(certificates.path, "broker", "ca");
    const file = await certificates.configFile({
      "tls.test.mode.enable": "false",
      "tls.server.keyPath": certificates.file("server.key"),
      "tls.server.certPath": certificates.file("server.pem"),
      "tls.server.trustCertPath": certificates.file("ca.pem"),
      "tls.server.need.client.auth": "optional",
      "tls.server.authClient": "true",
      "tls.server.keyPassword": "hush",
      supportActingMaster: "true",
      orderMessageEnable: "true",
      namesrvAddrs: "127.0.0.1:1",
      namesrvAddrsByUnit: "blue=10.0.0.1:9876",
      "someone.password": "hush",
      "a.note": "loud",
    });
    http = await HttpServerProcess.start({ args: ["-c", file] });
    const { port } = http.server;

    const peer = await Peer.connect(port);
    peers.push(peer);
    const topics = [{ name: "TopicTest" }, { name: "%RETRY%group", read: 1, write: 1 }];
    const calls = [
      registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }),
      registration({ name: "broker-a", id: 1, addr: "10.0.0.2:10911", topics }),
      {
        ...registration({
          name: "broker-c",
          cluster: "Other",
          id: 2,
          addr: "10.0.0.4:10911",
          topics: [{ name: "TopicTest" }, { name: "a/b?c#d 題" }],
          enableActingMaster: true,
        }),
        version: 399,
      },
      kvPut("ORDER_TOPIC_CONFIG", "TopicTest", "broker-a:8"),
      kvPut("a/b", "__proto__", "x"),
    ];
    for (const answer of peer.callAll(calls)) assert.equal((await answer).code, 0);

    secure = tls.connect({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      key: await Deno.readTextFile(certificates.file("broker.key")),
      cert: await Deno.readTextFile(certificates.file("broker.pem")),
    });
    const broker = registration({ name: "broker-b", addr: "10.0.0.3:10911", topics });
    secure.write(encodeFrame(broker, 1));
    await new Promise((resolve, reject) => {
      secure.once("data", resolve);
      secure.once("error", reject);
    });
    peers.push(await Peer.connect(port));

    document = await http.json("/api/v1/openapi.json");
    description = new Description(document);
  });

  afterAll(async () => {
    secure.destroy();
    for (const peer of peers) peer.close();
    await http[Symbol.asyncDispose]();
    await certificates[Symbol.asyncDispose]();
  });

  it("serves a valid OpenAPI document", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as never);
    assert.ok(valid, JSON.stringify(errors));
    assert.equal(validator.version, "3.1");
  });

  it("answers as the document says, every operation of it that reads", async () => {
    const topic = encodeURIComponent("a/b?c#d 題");
    const paths = [
      "/livez",
      "/readyz",
      "/version",
      "/metrics",
      "/rocketmq/nsaddr?nofix=1",
      "/rocketmq/nsaddr/brokers",
      "/rocketmq/nsaddr-blue?nofix=1",
      "/api/v1/openapi.json",
      "/api/v1/overview",
      "/api/v1/history",
      "/api/v1/name-servers",
      "/api/v1/compare?with=127.0.0.1:1",
      "/api/v1/compare/config",
      "/api/v1/clusters",
      "/api/v1/clusters?limit=1&after=DefaultCluster&search=t",
      "/api/v1/brokers",
      "/api/v1/brokers?cluster=Other&broker=broker-c",
      "/api/v1/topics",
      "/api/v1/topics?cluster=Other&broker=broker-c&search=a",
      "/api/v1/topics/TopicTest/route",
      "/api/v1/topics/TopicTest/route?version=4.9.3&zone=z&acceptStandardJsonOnly=false",
      `/api/v1/topics/${topic}/route?version=V5_3_1`,
      "/api/v1/kv",
      "/api/v1/kv/a%2Fb",
      "/api/v1/config",
      "/api/v1/config/options",
      "/api/v1/connections",
      "/api/v1/access/accounts",
      "/api/v1/access/refusals",
      "/api/v1/audit?outcome=done",
      "/api/v1/session",
      "/api/v1/events?limit=1000",
    ];
    for (const path of paths) {
      const response = await http.get(path);
      assert.equal(response.status, 200, path);
      await description.check(path, response);
    }
    // Its events have no end.
    const watch = await http.get("/api/v1/watch", { method: "HEAD" });
    await description.check("/api/v1/watch", watch);
    // controller_http_test.ts has the others.
    const own = (path: string) => !path.startsWith("/api/v1/controller");
    for (const id of description.reading(own)) assert.ok(description.seen.has(`${id} 200`), id);
  });

  it("tells problems as the document says", async () => {
    const problems: [path: string, method: string, status: number, parameter?: string][] = [
      ["/api/v1/topics/nope/route", "GET", 404],
      ["/api/v1/kv/nope", "GET", 404],
      ["/rocketmq/nsaddr-red", "GET", 404],
      ["/rocketmq/nsaddr", "POST", 405],
      ["/api/v1/topics?limit=0", "GET", 400, "limit"],
      ["/api/v1/topics/TopicTest/route?version=3.2.6", "GET", 400, "version"],
      ["/api/v1/topics/%ff/route", "GET", 400, "topic"],
      ["/livez?verbose", "GET", 400, "verbose"],
      ["/metrics", "POST", 405],
      ["/api/v1/kv/a%2Fb", "DELETE", 405],
    ];
    for (const [path, method, status, parameter] of problems) {
      const response = await http.get(path, { method });
      assert.equal(response.status, status, path);
      assert.equal(response.headers.get("allow"), status === 405 ? "GET, HEAD" : null);
      const body = await description.check(path, response) as Record<string, unknown>;
      assert.equal(body.parameter, parameter);
    }
    const unknown = await http.get("/api/v2/topics");
    assert.equal(unknown.status, 404);
    assert.equal((await unknown.json()).status, 404);
  });

  it("answers HEAD without a body", async () => {
    const response = await http.get("/api/v1/config", { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.ok(Number(response.headers.get("content-length")) > 1000);
    assert.equal(await response.text(), "");
  });

  it("shows brokers with their connections and TLS peers", async () => {
    const { items } = await http.json("/api/v1/brokers");
    const members = new Map<string, Record<string, never>>();
    for (const broker of items) {
      for (const member of broker.members) members.set(member.address, member);
    }
    const [master, slave, other, secured] = ["1", "2", "4", "3"].map((it) =>
      members.get(`10.0.0.${it}:10911`)! as Record<string, unknown>
    ) as { role: string; connection: Record<string, unknown> }[];
    assert.deepEqual([master!.role, slave!.role, other!.role], ["master", "slave", "actingMaster"]);
    assert.equal(master!.connection.peer, peers[0]!.address);
    assert.equal(master!.connection.tls, null);
    assert.deepEqual(master!.connection.software, {
      language: "JAVA",
      version: { ordinal: 513, name: "V5_5_0" },
    });
    const { certificate } = secured!.connection.tls as { certificate: Record<string, unknown> };
    assert.deepEqual([certificate.subject, certificate.verified], ["CN=broker", true]);
  });

  it("shows the bytes that a client of the version gets", async () => {
    for (const version of [399, 513]) {
      const topic = "TopicTest";
      const [asker] = peers;
      const { body } = await asker!.call({ ...routeQuery(topic), version });
      const told = await http.json(`/api/v1/topics/${topic}/route?version=${version}`);
      assert.equal(told.body, new TextDecoder().decode(body));
    }
  });

  it("shows open connections, and those only", async () => {
    const passing = await Peer.connect(http.server.port);
    assert.equal(
      (await passing.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO, language: 9, version: 401 }))
        .code,
      0,
    );
    const shown = async () => {
      const { items } = await http.json("/api/v1/connections");
      return items.find(({ peer }: { peer: string }) => peer === passing.address);
    };
    assert.deepEqual((await shown()).software, {
      language: "GO",
      version: { ordinal: 401, name: "V4_9_4" },
    });
    const silent = (await http.json("/api/v1/connections")).items
      .find(({ peer }: { peer: string }) => peer === peers[1]!.address);
    assert.equal(silent.software, null);
    await withLimit(passing.end(), "the connection is still open");
    assert.equal(await shown(), undefined);
  });

  it("tells no secret", async () => {
    const text = await (await http.get("/api/v1/config")).text();
    assert.ok(!text.includes("hush"));
    assert.ok(text.includes('{"name":"tls.server.keyPassword","value":"******"'));
    assert.ok(text.includes('{"key":"someone.password","value":"******"}'));
    assert.ok(text.includes('{"key":"a.note","value":"loud"}'));
  });

  it("shows each of 50 000 topics once, while others come and go", async () => {
    const [peer] = peers;
    const topics = manyTopics(50_000);
    const addr = "10.0.0.9:10911";
    const many = { name: "broker-many", cluster: "Many", addr, topics };
    assert.equal((await peer!.call(registration(many))).code, 0);
    const seen: string[] = [];
    for (let after = ""; after !== undefined;) {
      const cursor = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const { items, total, next } = await http.json(
        `/api/v1/topics?limit=1000&cluster=Many${cursor}`,
      );
      assert.ok(total >= 50_000);
      seen.push(...items.map(({ topic }: { topic: string }) => topic));
      const coming = [{ name: `orders-${seen.length}` }, { name: `zzz-${seen.length}` }];
      const more = { ...many, name: "broker-more", addr: "10.0.0.10:10911", topics: coming };
      assert.equal((await peer!.call(registration(more))).code, 0);
      after = next ?? undefined;
    }
    const old = seen.filter((topic) => topic.startsWith("orders-created-by-shop-"));
    assert.deepEqual(old, topics.map(({ name }) => name).sort());
    assert.equal(new Set(seen).size, seen.length);
  });
});
