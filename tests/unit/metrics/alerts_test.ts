import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AlertWatch } from "../../../src/metrics/alert_watch.ts";
import { RequestCode, ResponseCode } from "../../../src/protocol/codes.ts";
import { AnswerResult } from "../../../src/remoting/request_counters.ts";
import { metricsWorld, type World } from "../../support/metrics_world.ts";

const NOW = 1_700_000_000;

let sources: World;
let seconds: number;
let watch: AlertWatch;

function addBroker(silentSince: number): void {
  const broker = { clusterName: "C", brokerName: "broker-a", brokerAddr: "10.0.0.1:10911" };
  sources.tables.putBroker({
    ...broker,
    brokerId: 0,
    enableActingMaster: false,
    zoneName: undefined,
  });
  sources.tables.putLiveBroker({
    ...broker,
    haServerAddr: "",
    dataVersion: { stateVersion: 0, timestamp: 0, counter: 0 },
    heartbeatTimeoutMillis: 120_000,
    connection: { close() {} },
    // It registers every 30 seconds from here on, as far as these tests look.
    lastUpdateTimestamp: (NOW + 100_000 - silentSince) * 1000,
    heardAt: 0,
    restored: false,
  });
}

/** Lets minutes pass, and does something before each sample. */
function pass(minutes: number, act: () => void = () => {}): void {
  for (let i = 0; i < minutes * 12; i++) {
    seconds += 5;
    act();
    watch.sample();
  }
}

function names(): string[] {
  return watch.firing("ns-a:9876").map(({ name }) => name);
}

function answer(count: number, milliseconds: number, code: number = ResponseCode.SUCCESS): void {
  const { requests } = sources.remoting;
  for (let i = 0; i < count; i++) {
    requests.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, code, AnswerResult.SUCCESS);
  }
  requests.left(milliseconds);
}

describe("the alerts of a server", () => {
  beforeEach(() => {
    sources = metricsWorld();
    seconds = 0;
    addBroker(0);
    watch = new AlertWatch({
      sources,
      now: () => (NOW + seconds) * 1000,
      monotonic: () => seconds * 1000,
    });
    watch.sample();
  });

  it("show a controller that can't work, and its sets without master or with few in sync", () => {
    const figures = { sets: 1, replicas: 3, bytes: 1, withoutMaster: 0, fewInSync: 0 };
    const controller = {
      leading: true,
      problem: undefined as string | undefined,
      figures,
      counters: {
        elections: { elected: 0, none: 0 },
        stored: 0,
        notStored: 0,
        leaderships: 1,
        refused: { sets: 0, replicas: 0, bytes: 0 },
        limitedTimeouts: 0,
      },
      liveness: { size: 3, refused: 0 },
    };
    sources.controller = {
      controller,
      server: { connections: 3 },
      queues: { reads: { refused: 0 }, writes: { refused: 0 } },
      notifier: { sent: 0, failed: 0 },
    };
    const ofController = () => names().filter((name) => name.startsWith("NamesrvController"));
    pass(6);
    assert.deepEqual(ofController(), []);
    controller.problem = "no controller leads";
    pass(2);
    assert.deepEqual(ofController(), ["NamesrvControllerOut"]);
    controller.problem = undefined;
    Object.assign(figures, { withoutMaster: 1, fewInSync: 1 });
    pass(2);
    assert.deepEqual(ofController(), ["NamesrvControllerSetWithoutMaster"]);
    pass(4);
    assert.deepEqual(
      ofController().sort(),
      ["NamesrvControllerFewInSync", "NamesrvControllerSetWithoutMaster"],
    );
  });

  it("are silent while all is well", () => {
    pass(20, () => answer(10, 1));
    assert.deepEqual(names(), []);
  });

  it("fire when a condition has held for the time of its rule, and end with it", () => {
    const { queues } = { queues: sources.classes };
    pass(1, () => queues.client_request.refused++);
    assert.deepEqual(names(), []);
    pass(1.5, () => queues.client_request.refused++);
    assert.deepEqual(watch.firing("ns-a:9876"), [{
      name: "NamesrvBusy",
      severity: "critical",
      summary: "Name server ns-a:9876 answers SYSTEM_BUSY (client_request).",
    }]);
    pass(4.5);
    assert.deepEqual(names(), ["NamesrvBusy"]);
    pass(1);
    assert.deepEqual(names(), []);
  });

  it("know a share, and a quantile, over a window", () => {
    pass(12, () => {
      answer(9, 1);
      answer(1, 500, ResponseCode.SYSTEM_ERROR);
    });
    assert.deepEqual(watch.firing("a").map(({ summary }) => summary), [
      "Name server a answers 10% of its requests with errors.",
      "One in 100 route queries at a takes more than 910 ms.",
    ]);
  });

  it("do not take a missing topic for an error", () => {
    pass(12, () => answer(1, 1, ResponseCode.TOPIC_NOT_EXIST));
    assert.deepEqual(names(), []);
  });

  it("put the critical ones first", () => {
    sources.runtime = { ...sources.runtime, heapLimit: () => 9e6 };
    sources.kv.failedWrites = 1;
    pass(6);
    assert.deepEqual(names(), ["NamesrvKvWritesFail", "NamesrvMemory"]);
    pass(5);
    assert.deepEqual(names(), ["NamesrvMemory"]);
  });

  it("know that there is no broker, and which one is silent", () => {
    sources.tables = metricsWorld().tables;
    pass(1);
    assert.deepEqual(names(), []);
    pass(2);
    assert.deepEqual(names(), ["NamesrvNoBrokers"]);
    addBroker(100_000 - seconds + 75);
    watch.sample();
    assert.deepEqual(watch.firing("a").map(({ summary }) => summary), [
      "Broker broker-a (0) was last heard 1m 15s ago at a.",
    ]);
  });

  it("tell how long a certificate is good, of either port", () => {
    const store = { expires: (NOW + 80_000) * 1000, reloads: 0, failedReloads: 0 };
    sources.http = { ...sources.http, tls: store };
    watch.sample();
    assert.deepEqual(watch.firing("a").map(({ name, summary }) => [name, summary]), [
      [
        "NamesrvCertificateExpired",
        "The certificate of name server a ends within a day, or has ended.",
      ],
      ["NamesrvCertificateExpires", "The certificate of name server a ends in 22h 13m 20s."],
    ]);
    store.failedReloads++;
    pass(59);
    assert.ok(names().includes("NamesrvCertificateRefused"));
    pass(2);
    assert.ok(!names().includes("NamesrvCertificateRefused"));
  });
});
