import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { Members } from "../../../../src/group/members.ts";
import { overviewRoutes } from "../../../../src/http/routes/overview_routes.ts";
import { Router } from "../../../../src/http/server/router.ts";
import { AlertWatch } from "../../../../src/metrics/alert_watch.ts";
import { History } from "../../../../src/metrics/history.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";
import { metricsWorld, type World } from "../../../support/metrics_world.ts";

describe("the overview", () => {
  let sources: World;
  let millis: number;
  let router: Router;
  let watch: AlertWatch;

  beforeEach(() => {
    sources = metricsWorld();
    millis = 0;
    const options = {
      bindAddress: "0.0.0.0",
      advertisedAddress: "ns-a",
      namesrvAddrs: "ns-a;ns-b",
      supportActingMaster: true,
      maxBufferedRequestBytes: 1000,
    };
    const observed = {
      sources,
      now: () => sources.runtime.startTime + 90_500 + millis,
      monotonic: () => millis,
    };
    watch = new AlertWatch(observed);
    const parts = {
      ...observed,
      ...sources,
      members: new Members(options, () => 9876),
      history: new History(observed),
      alerts: watch,
      budget: { used: 7 },
      limits: { maxTableBytes: 2e9 },
      options,
      pid: 42,
    };
    const checks = () => Promise.resolve([{ name: "kvFile", ok: false, reason: "full" }]);
    router = new Router(
      overviewRoutes(parts, checks, new WorkSlice(setImmediate), () => millis),
    );
  });

  async function overview() {
    const url = "http://x/api/v1/overview";
    return await (await router.find({ method: "GET", url, localHost: "" }).answer(SENDER)).json();
  }

  function addBroker(brokerName: string, brokerId: number): void {
    sources.tables.putBroker({
      clusterName: "C",
      brokerName,
      brokerAddr: `10.0.0.${brokerId}:10911`,
      brokerId,
      enableActingMaster: true,
      zoneName: undefined,
    });
  }

  it("has what the parts say", async () => {
    for (const id of [0, 1, 2]) addBroker("broker-a", id);
    for (const id of [3, 4]) addBroker("broker-b", id);
    for (let i = 0; i < 30; i++, millis += 5000) watch.sample();
    assert.deepEqual(await overview(), {
      server: {
        address: "ns-a:9876",
        version: "1.2.3",
        startedAt: new Date(1_700_000_000_500).toISOString(),
        uptimeSeconds: 240,
        pid: 42,
      },
      health: { ready: false, checks: [{ name: "kvFile", ok: false, reason: "full" }] },
      counts: {
        clusters: 1,
        brokers: { master: 1, actingMaster: 1, slave: 3 },
        restored: 0,
        topics: 0,
        connections: 0,
        watchers: 3,
      },
      memory: {
        rss: 60e6,
        heapUsed: 8e6,
        heapLimit: 4e9,
        budgetUsed: 7,
        budgetLimit: 1000,
        tableBytes: sources.tables.heapBytes,
        tableLimit: 2e9,
      },
      nameServers: [
        { address: "ns-a:9876", self: true },
        { address: "ns-b:9876", self: false },
      ],
      alerts: [],
    });
  });

  it("shares a count of brokers for a second, and names alerts that fire", async () => {
    watch.sample();
    millis = 121_000;
    watch.sample();
    assert.equal((await overview()).alerts[0].name, "NamesrvNoBrokers");
    addBroker("broker-a", 0);
    assert.equal((await overview()).counts.brokers.master, 0);
    millis += 1000;
    assert.equal((await overview()).counts.brokers.master, 1);
  });
});
