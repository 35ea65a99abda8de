import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RequestCode } from "../../src/protocol/codes.ts";
import { type Broker, kvPut, registration } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home } from "../support/server_process.ts";
import { Description } from "../support/openapi.ts";

const RULES = `mode: enforce
anonymous: ["topic:list", "kv:read"]
accounts: []
`;
const BROKER_A: Broker = {
  name: "broker-a",
  addr: "10.0.0.1:10911",
  topics: [{ name: "Shared" }, { name: "OnlyHere" }],
};

/** A group of name servers: one that is asked, one that differs, one that refuses, one that is down. */
describe("the name servers of a group", () => {
  let home: Home;
  let other: HttpServerProcess;
  let strict: HttpServerProcess;
  let http: HttpServerProcess;
  let description: Description;
  let down: string;
  const peers: Peer[] = [];

  beforeAll(async () => {
    home = await Home.make();
    other = await HttpServerProcess.start({ args: ["--orderMessageEnable=true"] });
    const accessFile = home.file("access.yaml");
    await Deno.writeTextFile(accessFile, RULES);
    strict = await HttpServerProcess.start({ args: [`--accessFile=${accessFile}`] });
    down = `127.0.0.1:${freePort()}`;
    const listenPort = freePort();
    const group = [listenPort, other.server.port, strict.server.port].map((port) =>
      `127.0.0.1:${port}`
    );
    // The last one leads to the first by a name that it does not know for its own.
    const namesrvAddrs = [...group, down, `localhost:${listenPort}`].join(";");
    http = await HttpServerProcess.start({
      args: [`--listenPort=${listenPort}`, `--namesrvAddrs=${namesrvAddrs}`],
    });
    description = new Description(await http.json("/api/v1/openapi.json"));
    for (const server of [http, other]) {
      const peer = await Peer.connect(server.server.port);
      peers.push(peer);
      const here = server === http;
      const topics = here ? BROKER_A.topics : [{ name: "Shared", write: 4 }, { name: "OnlyThere" }];
      const calls = [
        registration({ ...BROKER_A, topics }),
        kvPut("ORDER_TOPIC_CONFIG", "Shared", here ? "broker-a:8" : "broker-a:4"),
      ];
      for (const answer of peer.callAll(calls)) assert.equal((await answer).code, 0);
    }
  });

  afterAll(async () => {
    for (const peer of peers) peer.close();
    await http[Symbol.asyncDispose]();
    await strict[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  // deno-lint-ignore no-explicit-any
  async function read(path: string): Promise<any> {
    const response = await http.get(path);
    const body = await description.check(path, response);
    assert.equal(response.status, 200, JSON.stringify(body));
    return body;
  }

  it("are there or not, and this one is known by any name", async () => {
    const { items } = await read("/api/v1/name-servers");
    const shown = items.map(({ self, ok, error }: Record<string, unknown>) => [self, ok, error]);
    assert.deepEqual(shown.slice(0, 3), [[true, true, null], [false, true, null], [
      false,
      true,
      null,
    ]]);
    assert.deepEqual(shown[3].slice(0, 2), [false, false]);
    assert.match(shown[3][2], /refused/i);
    assert.deepEqual(shown[4], [true, true, null]);
    const { nameServers } = await read("/api/v1/overview");
    assert.deepEqual(nameServers.map(({ self }: { self: boolean }) => self), [
      true,
      false,
      false,
      false,
      true,
    ]);
  });

  it("are compared in their tables and their options", async () => {
    const result = await read(`/api/v1/compare?with=127.0.0.1:${other.server.port}`);
    const differences = result.differences.map(
      ({ kind, path, left, right }: Record<string, unknown>) => [kind, path, left, right],
    );
    assert.deepEqual(differences, [
      ["topic", ["OnlyHere"], "present", null],
      ["queues", ["OnlyHere", "broker-a"], "read 8, write 8, rw", null],
      ["topic", ["OnlyThere"], null, "present"],
      ["queues", ["OnlyThere", "broker-a"], null, "read 8, write 8, rw"],
      ["queues", ["Shared", "broker-a"], "read 8, write 8, rw", "read 8, write 4, rw"],
      ["kv", ["ORDER_TOPIC_CONFIG", "Shared"], "broker-a:8", "broker-a:4"],
    ]);
    assert.deepEqual([result.partial, result.truncated, result.total], [[], false, 6]);
    const order = result.config.find(({ name }: { name: string }) => name === "orderMessageEnable");
    assert.deepEqual(Object.values(order.values), ["false", "true"]);
  });

  it("refuse, and this is no emptiness", async () => {
    const { differences, partial } = await read(
      `/api/v1/compare?with=127.0.0.1:${strict.server.port}`,
    );
    const kinds = new Set(differences.map(({ kind }: { kind: string }) => kind));
    // It tells topics and KV pairs, and has none; brokers and options it does not tell.
    assert.deepEqual([...kinds].sort(), ["kv", "queues", "topic"]);
    assert.deepEqual(
      partial.map(({ what, code }: Record<string, unknown>) => [what, code]),
      [["brokers", 16], ["config", 16]],
    );
  });

  it("may be down", async () => {
    const { differences, partial } = await read(`/api/v1/compare?with=${down}`);
    assert.deepEqual(differences, []);
    assert.deepEqual(
      partial.map(({ server, what, code }: Record<string, unknown>) => [server, what, code]),
      [[down, "connection", null]],
    );
  });

  it("have options that differ, of those that tell them", async () => {
    const { servers, items } = await read("/api/v1/compare/config");
    const answers = servers.map(({ ok }: { ok: boolean }) => ok);
    assert.deepEqual(answers, [true, true, false, false, true]);
    const port = items.find(({ name }: { name: string }) => name === "listenPort");
    assert.equal(Object.keys(port.values).length, 3);
  });

  it("are asked by no address that the group does not have", async () => {
    const self = `127.0.0.1:${http.server.port}`;
    for (const address of [self, "127.0.0.1:1", `127.0.0.1:${http.httpPort}`, ""]) {
      const path = `/api/v1/compare?with=${address}`;
      const response = await http.get(path);
      assert.equal(response.status, 400, address);
      const problem = await description.check(path, response) as { parameter: string };
      assert.equal(problem.parameter, "with");
    }
    const response = await http.get("/api/v1/compare");
    assert.equal(response.status, 400);
    await response.body?.cancel();
  });

  it("do not hold up others while they are asked", async () => {
    // A server that takes connections and says nothing.
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
    const update = { code: RequestCode.UPDATE_NAMESRV_CONFIG, body: `namesrvAddrs=${address}\n` };
    const [peer] = peers;
    assert.equal((await peer!.call(update)).code, 0);
    const comparing = read(`/api/v1/compare?with=${address}`);
    let over = false;
    void comparing.then(() => over = true);
    await read("/api/v1/clusters");
    await read("/api/v1/clusters");
    assert.equal(over, false);
    const { partial } = await comparing;
    assert.deepEqual(partial.map(({ what }: { what: string }) => what), [
      "brokers",
      "topics",
      "kv",
      "config",
    ]);
  });
});
