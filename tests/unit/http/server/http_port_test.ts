import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { defaultOptions, type Options } from "../../../../src/config/options.ts";
import { AllowedHosts } from "../../../../src/http/server/allowed_hosts.ts";
import { answer, busy, HttpProblem } from "../../../../src/http/server/answer.ts";
import { HttpCounters } from "../../../../src/http/server/http_counters.ts";
import { StreamResponse } from "../../../../src/http/server/http_listener.ts";
import { HttpPort } from "../../../../src/http/server/http_port.ts";
import { FakeHttpListener } from "../../../support/fake_http_listener.ts";
import { RecordedLog } from "../../../support/recorded_log.ts";
import { first } from "../../../support/lists.ts";

let time: FakeTime;
let log: RecordedLog;
let listener: FakeHttpListener;
let port: HttpPort;
let options: Options;
let counters: HttpCounters;
let begun: string[];
/** The pending requests for /slow. */
let slow: PromiseWithResolvers<void>[];
/** Secrets that are verified: of requests for /secret. */
let proofs: PromiseWithResolvers<void>[];

async function setUp(): Promise<void> {
  time = new FakeTime(0);
  log = new RecordedLog();
  listener = new FakeHttpListener();
  options = defaultOptions();
  counters = new HttpCounters();
  begun = [];
  slow = [];
  proofs = [];
  const large = new Uint8Array(8 * 1024 * 1024);
  const text = (name: string) => () => {
    begun.push(name);
    return answer(name, "text/plain");
  };
  port = new HttpPort({
    listener,
    log,
    hosts: new AllowedHosts(() => options.httpAllowedHosts, options.httpBindAddress),
    limits: options,
    counters,
    now: () => Date.now(),
    authorizer: {
      prove: async ({ path }) => {
        if (path !== "/secret") return;
        proofs.push(Promise.withResolvers());
        await proofs.at(-1)!.promise;
      },
      authorize: ({ path }) => {
        if (path === "/secret") begun.push("authorize");
        return Promise.resolve();
      },
    },
    routes: [
      { path: "/secret", answer: text("secret") },
      { path: "/secret", method: "POST", answer: text("secret change") },
      { path: "/a", answer: text("a") },
      { path: "/vital", priority: true, answer: text("vital") },
      { path: "/any-host", anyHost: true, answer: text("any-host") },
      { path: "/stream", answer: () => new StreamResponse({}, () => {}) },
      { path: "/full", answer: () => Promise.reject(busy("watchers", "full (watchMaxWatchers)")) },
      { path: "/large", answer: () => answer(large, "text/plain") },
      {
        path: "/slow",
        answer: async () => {
          begun.push("slow");
          slow.push(Promise.withResolvers());
          await slow.at(-1)!.promise;
          return answer("slow", "text/plain");
        },
      },
      {
        path: "/broken",
        answer: () => {
          throw new TypeError("oops, /secret/path");
        },
      },
      {
        path: "/problem",
        answer: () => Promise.reject(new HttpProblem(404, "no", { parameter: "p" })),
      },
    ],
  });
  await port.listen("127.0.0.1", 9890);
}

/** Sends a request; `sent` settles when the response has been sent. */
function ask(path: string, sent: Promise<void> = Promise.resolve(), method = "GET") {
  return listener.ask(path, sent, method);
}

/** Lets time pass, turn by turn. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 20) {
    await time.tickAsync(20);
    await time.runMicrotasks();
  }
}

describe("HttpPort", () => {
  beforeEach(setUp);
  afterEach(() => time.restore());

  it("listens on the given address", () => {
    assert.deepEqual(listener.address, { hostname: "127.0.0.1", port: 9890 });
  });

  it("begins one request after another, with room between", async () => {
    const answers = Array.from({ length: 5 }, () => ask("/a"));
    await time.runMicrotasks();
    assert.equal(begun.length, 1);
    for (const count of [2, 3, 4, 5]) {
      await time.tickAsync(20);
      await time.runMicrotasks();
      assert.equal(begun.length, count);
    }
    for (const answer of answers) assert.equal(await (await answer).text(), "a");
    await time.tickAsync(100);
    // A single request does not wait.
    void ask("/a");
    await time.runMicrotasks();
    assert.equal(begun.length, 6);
  });

  it("does not let vital requests wait behind the others", async () => {
    const crowd = Array.from({ length: 50 }, () => ask("/a"));
    void ask("/vital");
    await time.runMicrotasks();
    assert.deepEqual(begun.toSorted(), ["a", "vital"]);
    await pass(1200);
    assert.equal((await Promise.all(crowd)).length, 50);
  });

  it("lets no vital request wait for more than half a second, however many come", async () => {
    const crowd = Array.from({ length: 500 }, () => ask("/vital"));
    await time.runMicrotasks();
    assert.equal(begun.length, 1);
    await pass(240);
    assert.ok(begun.length > 10 && begun.length < 20, `${begun.length} have begun`);
    await pass(260);
    assert.equal(begun.length, 500);
    assert.equal((await Promise.all(crowd)).length, 500);
    // The crowd is over.
    await time.tickAsync(500);
    void ask("/vital");
    await time.runMicrotasks();
    assert.equal(begun.length, 501);
  });

  it("paces problems, too", async () => {
    let answered = 0;
    for (let i = 0; i < 5; i++) void ask("/nothing").then(() => answered++);
    await time.runMicrotasks();
    assert.equal(answered, 1);
    await time.tickAsync(20);
    await time.runMicrotasks();
    await time.tickAsync(20);
    await time.runMicrotasks();
    assert.equal(answered, 3);
  });

  it("refuses what comes on top of 256 open requests, but for vital ones", async () => {
    const sent = Promise.withResolvers<void>();
    const open = Array.from({ length: 256 }, () => ask("/a", sent.promise));
    await pass(6000);
    await Promise.all(open);
    const refused = await ask("/a");
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.match((await refused.json()).detail, /256/);
    assert.equal((await ask("/vital")).status, 200);
    // Requests of clients that have gone end, too.
    sent.reject(new Error("gone"));
    await time.runMicrotasks();
    assert.equal((await ask("/a")).status, 200);
  });

  it("answers one request after another, in order, but for vital ones", async () => {
    void ask("/slow");
    const others = [ask("/a"), ask("/slow"), ask("/a")];
    await pass(400);
    assert.deepEqual(begun, ["slow"]);
    assert.equal((await ask("/vital")).status, 200);
    slow.shift()!.resolve();
    await pass(400);
    assert.deepEqual(begun, ["slow", "vital", "a", "slow"]);
    slow.shift()!.reject(new Error("oops"));
    await pass(400);
    assert.deepEqual((await Promise.all(others)).map(({ status }) => status), [200, 500, 200]);
  });

  it("lets no request wait while secrets of others are verified, and counts these as open", async () => {
    options.httpMaxOpenRequests = 3;
    const verified = [ask("/secret"), ask("/secret", undefined, "POST")];
    assert.equal((await ask("/a")).status, 200);
    const refused = ask("/secret");
    await pass(100);
    assert.deepEqual(begun, ["a"]);
    assert.equal((await ask("/a")).status, 503);
    proofs[0]!.resolve();
    proofs[1]!.resolve();
    proofs[2]!.reject(new HttpProblem(429, "too many", { refusal: "logins" }));
    await pass(100);
    assert.deepEqual(begun, ["a", "authorize", "secret", "authorize", "secret change"]);
    assert.deepEqual((await Promise.all(verified)).map(({ status }) => status), [200, 200]);
    assert.equal((await refused).status, 429);
    assert.equal(counters.refused.logins, 1);
  });

  it("makes no further answers while 64 MiB of them have not left, but for vital ones", async () => {
    const sent = Promise.withResolvers<void>();
    const answers = Array.from({ length: 12 }, () => ask("/large", sent.promise));
    await pass(400);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.deepEqual(statuses, [...Array(9).fill(200), 503, 503, 503]);
    assert.equal((await ask("/vital")).status, 200);
    sent.resolve();
    await pass(400);
    assert.equal((await ask("/large")).status, 200);
  });

  it("forgets answers to clients that left before these were there", async () => {
    const gone = Promise.reject(new Error("gone"));
    gone.catch(() => {});
    for (let i = 0; i < 12; i++) void ask("/large", gone);
    await pass(400);
    assert.equal((await ask("/large")).status, 200);
  });

  it("tells problems as problem details", async () => {
    const answer = await ask("/problem");
    assert.equal(answer.status, 404);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const expected = { type: "about:blank", title: "Not Found", status: 404, detail: "no" };
    assert.deepEqual(await answer.json(), { ...expected, parameter: "p" });
    await time.tickAsync(20);
    const refused = await ask("/a", undefined, "POST");
    assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"]);
  });

  it("tells nothing of its own faults, and logs them", async () => {
    const answer = await ask("/broken");
    assert.equal(answer.status, 500);
    assert.ok(!(await answer.text()).includes("secret"));
    const { event, fields } = first(log.at("ERROR"));
    assert.equal(event, "HTTP request failed");
    assert.match(String(fields.error), /oops/);
  });

  it("answers under addresses, localhost and httpAllowedHosts; otherwise 421", async () => {
    options.httpAllowedHosts = "a.example, *.b.example";
    const hosts: [host: string, status: number][] = [
      ["127.0.0.1", 200],
      ["10.0.0.1:80", 200],
      ["[::1]:9890", 200],
      ["localhost:9890", 200],
      ["LOCALHOST.", 200],
      ["A.example:9890", 200],
      ["x.b.example", 200],
      ["b.example", 421],
      ["xb.example", 421],
      ["evil.example", 421],
      ["localhost.evil.example", 421],
      ["127.0.0.1.evil.example", 421],
    ];
    for (const [host, status] of hosts) {
      assert.equal((await listener.ask("/vital", undefined, "GET", host)).status, status, host);
      await pass(20);
    }
    const refused = await listener.ask("/vital", undefined, "GET", "evil.example");
    assert.match((await refused.json()).detail, /httpAllowedHosts/);
    assert.equal(counters.refused.host, 6);
    assert.match(`${log.at("WARN")[0]!.fields.reason}`, /httpAllowedHosts/);
    const open = listener.ask("/any-host", undefined, "GET", "evil.example");
    await pass(20);
    assert.equal((await open).status, 200);
    options.httpAllowedHosts = "*";
    assert.equal((await listener.ask("/vital", undefined, "GET", "evil.example")).status, 200);
  });

  it("does not count streams as open requests", async () => {
    options.httpMaxOpenRequests = 2;
    const never = new Promise<void>(() => {});
    for (let i = 0; i < 5; i++) {
      const answer = ask("/stream", never);
      await pass(20);
      assert.ok(await answer instanceof StreamResponse);
    }
    assert.equal((await ask("/a")).status, 200);
  });

  it("counts and logs what a route refuses at a limit", async () => {
    const refused = await ask("/full");
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    assert.equal(counters.refused.watchers, 1);
    assert.match(`${log.at("WARN")[0]!.fields.reason}`, /watchMaxWatchers/);
  });

  it("counts and logs what its listener refuses", () => {
    listener.observer!.opened();
    listener.observer!.refused("slow", "10.0.0.1:5");
    assert.deepEqual([counters.connections, counters.refused.slow], [1, 1]);
    assert.match(`${log.at("WARN")[0]!.fields.reason}`, /httpRequestTimeoutSeconds/);
    listener.observer!.closed();
    assert.equal(counters.connections, 0);
  });

  it("stops when what is under way is over", async () => {
    const stopped = port.stop(700);
    assert.deepEqual(listener.events, ["listen", "shutdown"]);
    listener.shutDown.resolve();
    await stopped;
    await time.tickAsync(1000);
    assert.deepEqual(listener.events, ["listen", "shutdown"]);
    await port.stop(700);
    assert.deepEqual(listener.events, ["listen", "shutdown"]);
  });

  it("stops after the limit with what is still under way", async () => {
    const stopped = port.stop(700);
    await time.tickAsync(699);
    assert.deepEqual(listener.events, ["listen", "shutdown"]);
    await time.tickAsync(1);
    assert.deepEqual(listener.events, ["listen", "shutdown", "abort"]);
    await stopped;
  });
});
