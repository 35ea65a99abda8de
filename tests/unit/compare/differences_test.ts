import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { compareConfigurations } from "../../../src/compare/config_differences.ts";
import {
  compareBrokers,
  compareNamespace,
  compareRoutes,
  compareTopicNames,
  type Differences,
  sorted,
} from "../../../src/compare/differences.ts";
import type { BrokerData, TopicRouteData } from "../../../src/protocol/route_data.ts";

function broker(brokerName: string, addresses: readonly string[]): [string, BrokerData] {
  const brokerAddrs = new Map(addresses.map((address, id) => [id, address]));
  return [brokerName, { cluster: "C", brokerName, brokerAddrs, enableActingMaster: false }];
}

function route(perm: number): TopicRouteData {
  const queueDatas = [
    { brokerName: "a", readQueueNums: 4, writeQueueNums: 8, perm, topicSysFlag: 0 },
  ];
  return { queueDatas, brokerDatas: [], filterServerTable: new Map() };
}

/** The differences as lines, sorted. */
function lines(...all: Differences[]): string[] {
  const found = all.flatMap((differences) => [...differences]).filter((it) => it !== undefined);
  return sorted(found).map(({ kind, path, left, right }) =>
    `${kind} ${path.join("/")}: ${left} ${right}`
  );
}

describe("the differences of two name servers", () => {
  it("are sorted by subject, and ids by their number", () => {
    const eleven = Array.from({ length: 11 }, (_, id) => `10.0.0.${id}:1`);
    const left = new Map([broker("b", ["x:1"]), broker("a", eleven)]);
    const right = new Map([broker("a", ["10.0.0.0:1", "y:1"])]);
    assert.deepEqual(
      lines(
        compareNamespace("N", undefined, new Map([["k", "v"]])),
        compareRoutes("T", route(6), route(4)),
        compareTopicNames(new Set(["T", "A"]), new Set(["T"])),
        compareBrokers(left, right),
      ),
      [
        "address a/1: 10.0.0.1:1 y:1",
        ...Array.from({ length: 9 }, (_, i) => `address a/${i + 2}: 10.0.0.${i + 2}:1 null`),
        "broker b: in C null",
        "address b/0: x:1 null",
        "topic A: present null",
        "queues T/a: read 4, write 8, rw read 4, write 8, r-",
        "kv N/k: null v",
      ],
    );
  });

  it("take a step for whatever is equal", () => {
    const names = new Set(["A", "B", "C"]);
    assert.deepEqual([...compareTopicNames(names, names)], [undefined, undefined, undefined]);
  });
});

describe("the differences of configurations", () => {
  const ours = new Map([["httpPort", "9890"], ["logLevel", "INFO"], ["listenPort", "9876"]]);

  it("are options that not all servers have the same value of", () => {
    const other = new Map([...ours, ["logLevel", "DEBUG"]]);
    assert.deepEqual(compareConfigurations(new Map([["a", ours], ["b", other], ["c", ours]])), [
      { name: "logLevel", values: new Map([["a", "INFO"], ["b", "DEBUG"], ["c", "INFO"]]) },
    ]);
  });

  it("are not options that the reference does not have, unless ours differ", () => {
    const reference = new Map([["listenPort", "9876"], ["serverWorkerThreads", "8"]]);
    assert.deepEqual(compareConfigurations(new Map([["a", ours], ["jvm", reference]])), [
      { name: "serverWorkerThreads", values: new Map([["a", null], ["jvm", "8"]]) },
    ]);
  });

  it("show no secret", () => {
    const secrets = new Map([...ours, ["tls.server.keyPassword", "hush"], ["db.password", "x"]]);
    const found = compareConfigurations(new Map([["a", ours], ["b", secrets]]));
    assert.deepEqual(found.map(({ values }) => [...values.values()]), [
      [null, "******"],
      [null, "******"],
    ]);
  });
});
