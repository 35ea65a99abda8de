import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { readEvents, type StreamEvent } from "../../src/admin/event_stream.ts";
import { hashSecret } from "../../src/access/secret_hash.ts";
import { kvPut, manyTopics, registration } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { until, withLimit } from "../support/wait.ts";
import { runCommand } from "./command_process.ts";
import { signed } from "../support/signed.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const BROKER = { accessKey: "AK-broker", secretKey: SECRET };

/** A stream of /api/v1/watch. */
class Watching implements AsyncDisposable {
  readonly #controller: AbortController;
  readonly #events: AsyncGenerator<StreamEvent, void>;
  /** The id of the latest event or position. */
  id: string | undefined;

  private constructor(controller: AbortController, response: Response) {
    this.#controller = controller;
    this.#events = readEvents(response.body!);
  }

  static async open(
    http: { get: HttpServerProcess["get"] },
    query = "",
    headers: Record<string, string> = {},
  ): Promise<Watching> {
    const controller = new AbortController();
    const { signal } = controller;
    const response = await http.get(`/api/v1/watch${query}`, { headers, signal });
    if (response.status !== 200) {
      throw new Error(`${response.status} ${await response.text()}`);
    }
    const watching = new Watching(controller, response);
    const first = await watching.next();
    assert.ok(first?.name === undefined || first.name === "gap", `begins with ${first?.name}`);
    return watching;
  }

  /** The next event or position; `undefined` at the end of the stream. */
  async next(): Promise<StreamEvent | undefined> {
    const { value } = await withLimit(this.#events.next(), "no event");
    this.id = value?.id ?? this.id;
    return value ?? undefined;
  }

  /** The next events in words. */
  async take(count: number): Promise<string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const event = await this.next();
      assert.ok(event !== undefined, `the stream ended after ${found}`);
      if (event.name === undefined) continue;
      const { brokerName, topic, key, name, reason, added } = JSON.parse(event.data);
      const about = [brokerName, topic ?? added, key, name, reason];
      found.push([event.name, ...about].filter((it) => it !== undefined).join(" "));
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#events.return().catch(() => {});
  }
}

const broker = (name: string, topics = [{ name: "T1" }, { name: "T2" }], counter = 1) =>
  registration({ name, addr: `${name}:10911`, topics, counter });

describe("/api/v1/watch", () => {
  it("tells what happens, in order, filtered, and what happened since", async () => {
    await using http = await HttpServerProcess.start();
    await using all = await Watching.open(http);
    await using one = await Watching.open(http, "?broker=broker-b&topic=T2");
    const begin = all.id;
    await using peer = await Peer.connect(http.server.port);
    const lost = await Peer.connect(http.server.port);
    assert.equal((await peer.call(broker("broker-a"))).code, 0);
    assert.deepEqual(await all.take(3), [
      "brokerUp broker-a",
      "topicAdded broker-a T1",
      "topicAdded broker-a T2",
    ]);
    assert.equal((await lost.call(broker("broker-b"))).code, 0);
    await all.take(3);
    assert.equal((await peer.call(kvPut("N", "K", "V"))).code, 0);
    assert.deepEqual(await all.take(1), ["kvChanged K"]);
    lost.close();
    assert.deepEqual(await all.take(3), [
      "brokerDown broker-b connection lost",
      "topicRemoved broker-b T1",
      "topicRemoved broker-b T2",
    ]);
    assert.deepEqual(await one.take(2), ["topicAdded broker-b T2", "topicRemoved broker-b T2"]);
    await using again = await Watching.open(http, "", { "last-event-id": begin! });
    assert.equal((await again.take(10)).at(-1), "topicRemoved broker-b T2");
    assert.equal(again.id, all.id);
    await using foreign = await Watching.open(http, "?since=0-1");
    assert.equal(foreign.id, all.id);
  });

  it("tells a broker of very many topics in two events", async () => {
    await using http = await HttpServerProcess.start();
    await using watching = await Watching.open(http);
    await using peer = await Peer.connect(http.server.port);
    assert.equal((await peer.call(broker("broker-a", manyTopics(20_000)))).code, 0);
    assert.deepEqual((await watching.take(2))[0], "brokerUp broker-a");
    const { values } = parseScrape(await (await http.get("/metrics")).text());
    assert.equal(values.get('rocketmq_namesrv_watch_events_total{event="topicAdded"}'), 0);
    assert.equal(values.get("rocketmq_namesrv_watchers"), 1);
  });

  it("has a limit of watchers, who do not take the places of requests", async () => {
    const args = ["--watchMaxWatchers=12", "--httpMaxConnections=10", "--httpMaxOpenRequests=2"];
    await using http = await HttpServerProcess.start({ args });
    const open: Watching[] = [];
    try {
      for (let i = 0; i < 12; i++) open.push(await Watching.open(http));
      const refused = await http.get("/api/v1/watch");
      assert.equal(refused.status, 503);
      assert.match((await refused.json()).detail, /watchMaxWatchers/);
      await http.server.err.find(/WARN HTTP request refused .*watchMaxWatchers/);
      for (let i = 0; i < 5; i++) assert.equal((await http.json("/version")).protocol, "V5_5_0");
      await open.pop()![Symbol.asyncDispose]();
      await until(async () => {
        const again = await Watching.open(http).catch(() => undefined);
        if (again !== undefined) open.push(again);
        return again !== undefined;
      }, "the place of a watcher that has gone is free");
    } finally {
      for (const watching of open) await watching[Symbol.asyncDispose]();
    }
  });

  it("closes a watcher that does not read, and no other", async () => {
    const args = ["--watchMaxUnreadBytes=65536", "--watchNamedTopics=1000"];
    await using http = await HttpServerProcess.start({ args });
    await using quick = await Watching.open(http, "?topic=quick");
    using slow = await Deno.connect({ hostname: "127.0.0.1", port: http.httpPort });
    await slow.write(
      new TextEncoder().encode("GET /api/v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    );
    await using peer = await Peer.connect(http.server.port);
    let counter = 0;
    const closed = () => http.server.err.all.some((line) => line.includes("watchMaxUnreadBytes"));
    await until(async () => {
      const topics = Array.from({ length: 900 }, (_, i) => ({
        name: `T${i}`.padEnd(200, "x"),
        read: 1 + counter % 2,
      }));
      assert.equal((await peer.call(broker("broker-a", topics, ++counter))).code, 0);
      return closed();
    }, "the watcher that does not read is closed");
    const last = [{ name: "quick" }, { name: "other" }];
    assert.equal((await peer.call(broker("broker-q", last))).code, 0);
    assert.deepEqual(await quick.take(1), ["topicAdded broker-q quick"]);
  });

  it("closes a connection with further requests behind a stream", async () => {
    await using http = await HttpServerProcess.start();
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: http.httpPort });
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const bytes = new TextEncoder().encode(request("/api/v1/watch") + request("/livez").repeat(50));
    await conn.write(bytes);
    const buffer = new Uint8Array(65_536);
    const read = () => withLimit(conn.read(buffer).catch(() => null), "still open");
    while (await read() !== null);
    assert.equal((await http.json("/livez")).alive, true);
  });

  it("ends at once when the server stops", async () => {
    await using http = await HttpServerProcess.start();
    await using watching = await Watching.open(http);
    http.server.kill("SIGTERM");
    assert.equal(await watching.next(), undefined);
    assert.equal((await withLimit(http.server.ended, "not stopped")).code, 0);
  });

  it("shows accounts what they may read, and ends when the rules change", async () => {
    await using home = await Home.make();
    const rules = async (may: string) =>
      `mode: enforce\naccounts:\n  - {accessKey: AK-broker, secret: ${SECRET}, may: [broker]}\n` +
      `  - {accessKey: AK-t, tokens: ["${await hashSecret("AK-t.x")}"], may: [${may}]}\n`;
    const accessFile = await home.write("access.yml", await rules("{route:read: [T1]}"));
    const args = ["-c", await home.configFile({ accessFile })];
    await using http = await HttpServerProcess.start({ args });
    const refused = await http.get("/api/v1/watch");
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
    const headers = { authorization: "Bearer AK-t.x" };
    await using watching = await Watching.open(http, "", headers);
    await using peer = await Peer.connect(http.server.port);
    assert.equal((await peer.call(signed(broker("broker-a"), BROKER))).code, 0);
    assert.equal((await peer.call(signed(broker("broker-b", manyTopics(100)), BROKER))).code, 0);
    assert.deepEqual(await watching.take(2), ["topicAdded broker-a T1", "gap unnamedTopics"]);
    await home.write("access.yml", await rules("{route:read: [T2]}"));
    http.server.kill("SIGHUP");
    await http.server.err.find(/access rules loaded .*generation=2/);
    assert.equal((await peer.call(signed(broker("broker-c"), BROKER))).code, 0);
    assert.equal(await watching.next(), undefined);
    await using resumed = await Watching.open(http, `?since=${watching.id}`, headers);
    assert.deepEqual(await resumed.take(1), ["topicAdded broker-c T2"]);
  });
});

describe("watch", () => {
  it("shows changes, goes on after a restart of the server, and says that there is a gap", async () => {
    await using home = await Home.make();
    const [port, httpPort] = [freePort(), freePort()];
    const args = [`--listenPort=${port}`, `--httpPort=${httpPort}`];
    const first = await ServerProcess.start({ home, args });
    const ran = runCommand([
      "watch",
      ...["-n", `127.0.0.1:${port}`, "--json", "--count", "3", "--broker", "broker-a"],
    ]);
    const url = `http://127.0.0.1:${httpPort}/metrics`;
    await until(async () => {
      const { values } = parseScrape(await (await fetch(url)).text());
      return values.get("rocketmq_namesrv_watchers") === 1;
    }, "the command watches");
    {
      await using peer = await Peer.connect(port);
      assert.equal((await peer.call(broker("broker-a", []))).code, 0);
      await until(async () => {
        const { values } = parseScrape(await (await fetch(url)).text());
        return values.get('rocketmq_namesrv_watch_events_total{event="brokerUp"}') === 1;
      }, "the event is made");
      await first.stop();
    }
    await using _second = await ServerProcess.start({ home, args });
    await until(async () => {
      const { values } = parseScrape(await (await fetch(url)).text());
      return values.get("rocketmq_namesrv_watchers") === 1;
    }, "the command watches again");
    await using peer = await Peer.connect(port);
    assert.equal(
      (await peer.call(broker("broker-a", [{ name: "T1" }, { name: "T2" }], 2))).code,
      0,
    );
    const { code, out, err } = await ran;
    assert.equal(code, 0, err);
    const events = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(events.slice(0, 2).map(({ event }) => event), ["brokerUp", "gap"]);
    assert.equal(events[1].reason, "otherProcess");
    assert.equal(events[0].server, `127.0.0.1:${port}`);
    assert.match(err, /trying again[^]*watching again/);
  });

  it("fails where there is nothing to watch, and for a wrong command line", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    const address = `127.0.0.1:${server.port}`;
    const none = await runCommand(["watch", "-n", address]);
    assert.deepEqual([none.code, none.out], [1, ""]);
    assert.match(none.err, /has no HTTP port \(httpPort=0\)/);
    const wrong = await runCommand(["watch", "-n", address, "--count", "0"]);
    assert.equal(wrong.code, 2);
    const two = await runCommand(["watch", "-n", `${address};10.0.0.1:1`, "--since", "a-1"]);
    assert.deepEqual([two.code, two.out], [2, ""]);
  });
});
