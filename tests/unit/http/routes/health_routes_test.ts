import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { healthRoutes, readiness } from "../../../../src/http/routes/health_routes.ts";
import type { Route } from "../../../../src/http/server/router.ts";
import { ROUTE_REQUEST } from "../../../support/fake_http_listener.ts";

const SOFTWARE = { name: "n", version: "1.2.3", protocol: "V5_5_0", deno: "2", v8: "3" };

let time: FakeTime;
let condition: { listening: boolean; stopping: boolean; wait: number };
let checks: number;
let checkKvFile: () => Promise<void>;
let routes: Route[];
let auditFailure: string | undefined;
let etcd: { problem: string | undefined } | undefined;
let controller: { problem: string | undefined } | undefined;

function setUp(): void {
  time = new FakeTime(0);
  condition = { listening: true, stopping: false, wait: 0 };
  checks = 0;
  auditFailure = undefined;
  etcd = undefined;
  controller = undefined;
  checkKvFile = () => Promise.resolve();
  const told = {
    listening: () => condition.listening,
    stopping: () => condition.stopping,
    serviceWait: () => condition.wait,
    auditFailure: () => auditFailure,
    etcd: () => etcd,
    controller: () => controller,
    checkKvFile: () => {
      checks++;
      return checkKvFile();
    },
  };
  const tables = { liveBrokerCount: 5, restoredBrokerCount: 2 };
  routes = healthRoutes(readiness(told, () => Date.now()), tables, SOFTWARE);
}
async function ask(path: string): Promise<Response> {
  const route = routes.find((it) => it.path === path)!;
  return await route.answer(ROUTE_REQUEST);
}

/** The status, and the failed checks with their reasons. */
async function ready(): Promise<[number, Record<string, string>]> {
  const response = await ask("/readyz");
  const { ready, checks, brokers } = await response.json();
  assert.deepEqual(brokers, { confirmed: 3, restored: 2 });
  assert.equal(ready, response.status === 200);
  const failed = checks.filter(({ ok }: { ok: boolean }) => !ok);
  assert.equal(checks.length, 5);
  return [
    response.status,
    Object.fromEntries(failed.map((it: { name: string; reason: string }) => [it.name, it.reason])),
  ];
}

describe("/livez", () => {
  beforeEach(setUp);
  afterEach(() => time.restore());

  it("says when the audit file can't be written", async () => {
    auditFailure = "No space left on device";
    assert.deepEqual(await ready(), [503, { auditFile: "No space left on device" }]);
  });

  it("says yes whatever else is, and is priority", async () => {
    Object.assign(condition, { listening: false, stopping: true, wait: 1 });
    const response = await ask("/livez");
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { alive: true });
    assert.deepEqual(
      routes.filter(({ priority }) => priority).map(({ path }) => path),
      ["/livez", "/readyz"],
    );
  });
});

describe("/version", () => {
  beforeEach(setUp);
  afterEach(() => time.restore());

  it("tells what runs", async () => {
    assert.deepEqual(await (await ask("/version")).json(), SOFTWARE);
  });
});

describe("/readyz", () => {
  beforeEach(setUp);
  afterEach(() => time.restore());

  it("is ready when all is well", async () => {
    assert.deepEqual(await ready(), [200, {}]);
  });

  it("says which check fails, and why", async () => {
    condition.listening = false;
    assert.deepEqual(await ready(), [503, { listening: "the remoting port is not open" }]);
    condition.stopping = true;
    condition.wait = 12_001;
    assert.deepEqual(await ready(), [503, {
      listening: "the remoting port is not open",
      notStopping: "the server is stopping",
      waitForService: "route queries are refused for 13 s (needWaitForService)",
    }]);
  });

  it("fails while the KV file can't be written", async () => {
    checkKvFile = () => Promise.reject(new Error("cannot write /kv: disk full"));
    assert.deepEqual(await ready(), [503, { kvFile: "cannot write /kv: disk full" }]);
    checkKvFile = () => Promise.resolve();
    await time.tickAsync(1000);
    assert.deepEqual(await ready(), [200, {}]);
  });

  it("stays ready while the KV table does not follow etcd, and says so", async () => {
    const check = async () => {
      const response = await ask("/readyz");
      const { ready, checks } = await response.json();
      return { status: response.status, ready, etcd: checks[5] };
    };
    assert.deepEqual(await check(), { status: 200, ready: true, etcd: undefined });
    etcd = { problem: undefined };
    const well = { name: "etcd", ok: true, required: false };
    assert.deepEqual(await check(), { status: 200, ready: true, etcd: well });
    etcd = { problem: "etcd does not answer" };
    const reason = "the KV table does not follow etcd: etcd does not answer";
    const ill = { name: "etcd", ok: false, required: false, reason };
    assert.deepEqual(await check(), { status: 200, ready: true, etcd: ill });
    condition.listening = false;
    assert.equal((await check()).status, 503);
  });

  it("stays ready while no controller leads, and says so", async () => {
    controller = { problem: "no controller leads" };
    const response = await ask("/readyz");
    const { ready, checks } = await response.json();
    const check = { name: "controller", ok: false, required: false, reason: "no controller leads" };
    assert.deepEqual([response.status, ready, checks[5]], [200, true, check]);
  });

  it("asks the disk once a second, however many want to know", async () => {
    await Promise.all(Array.from({ length: 50 }, ready));
    await time.tickAsync(999);
    await ready();
    assert.equal(checks, 1);
    await time.tickAsync(1);
    await ready();
    assert.equal(checks, 2);
  });

  it("does not wait for a disk that hangs, and does not ask it again before it answers", async () => {
    const disk = Promise.withResolvers<void>();
    checkKvFile = () => disk.promise;
    for (let i = 0; i < 3; i++) {
      const outcome = ready();
      await time.tickAsync(1000);
      assert.deepEqual(await outcome, [503, {
        kvFile: "the disk has not answered in 1000 ms",
      }]);
    }
    assert.equal(checks, 1);
    disk.resolve();
    await time.runMicrotasks();
    assert.deepEqual(await ready(), [200, {}]);
  });
});
