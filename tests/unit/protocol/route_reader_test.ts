import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { FastjsonError } from "../../../src/protocol/fastjson_reader.ts";
import {
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRoute,
  type TopicRouteData,
} from "../../../src/protocol/route_data.ts";
import {
  decodeClusterInfo,
  decodeKvTable,
  decodeTopicList,
  decodeTopicRoute,
} from "../../../src/protocol/route_reader.ts";
import { utf8 } from "../../support/bytes.ts";

const ROUTE: TopicRouteData = {
  queueDatas: [
    { brokerName: "broker-a", readQueueNums: 4, writeQueueNums: 8, perm: 6, topicSysFlag: 1 },
  ],
  brokerDatas: [{
    cluster: "C",
    brokerName: "broker-a",
    brokerAddrs: new Map<number | bigint, string>([[0, "a:1"], [9007199254740993n, "b:1"]]),
    enableActingMaster: true,
    zoneName: "z",
  }],
  filterServerTable: new Map([["a:1", ["f:1", "f:2"]]]),
  topicQueueMappingByBroker: new Map([["broker-a", {
    topic: "T",
    bname: "broker-a",
    scope: null,
    totalQueues: 3,
    epoch: 9007199254740993n,
    dirty: false,
    currIdMap: new Map([[0, 0], [2, 1]]),
  }]]),
  orderTopicConf: "broker-a:4",
};

describe("what is read of a name server's answers", () => {
  it("a route, in either dialect", () => {
    for (const dialect of ["fastjson", "standard"] as const) {
      assert.deepEqual(decodeTopicRoute(encodeTopicRoute(ROUTE, dialect)), ROUTE);
    }
  });

  it("a route of an old server, with what it leaves out", () => {
    const body = utf8(
      '{"brokerDatas":[{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":null}],' +
        '"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":4,"topicSynFlag":0}]}',
    );
    assert.deepEqual(decodeTopicRoute(body), {
      queueDatas: [
        { brokerName: "b", perm: 6, readQueueNums: 4, writeQueueNums: 0, topicSysFlag: 0 },
      ],
      brokerDatas: [
        {
          brokerAddrs: new Map([[0, "a:1"]]),
          brokerName: "b",
          cluster: "",
          enableActingMaster: false,
        },
      ],
      filterServerTable: new Map(),
    });
    assert.deepEqual(decodeTopicRoute(utf8("{}")).queueDatas, []);
  });

  it("clusters, with names that an object could not have as keys", () => {
    const [broker] = ROUTE.brokerDatas;
    const named = { ...broker!, brokerName: "__proto__" };
    const info = decodeClusterInfo(encodeClusterInfo([named], [["__proto__", ["__proto__"]]]));
    assert.deepEqual(info.brokers, new Map([["__proto__", named]]));
    assert.deepEqual(info.clusters, new Map([["__proto__", ["__proto__"]]]));
  });

  it("topics and pairs", () => {
    assert.deepEqual(decodeTopicList(encodeTopicList(["a", "b"], "x:1")), ["a", "b"]);
    assert.deepEqual(decodeTopicList(utf8("{}")), []);
    assert.deepEqual(decodeKvTable(utf8('{"table":{"k":"v"}}')), new Map([["k", "v"]]));
  });

  it("nothing else", () => {
    const bodies = [
      "",
      "null",
      "[]",
      "{",
      '{"queueDatas":{}}',
      '{"queueDatas":[null]}',
      '{"queueDatas":[{"perm":6}]}',
      '{"queueDatas":[{"brokerName":"b","perm":4294967296}]}',
      '{"brokerDatas":[{"brokerName":"b","brokerAddrs":{"x":"a:1"}}]}',
      '{"brokerDatas":[{"brokerName":"b","brokerAddrs":{"0":1}}]}',
      '{"filterServerTable":[]}',
    ];
    for (const body of bodies) {
      assert.throws(() => decodeTopicRoute(utf8(body)), FastjsonError, body);
    }
    assert.throws(() => decodeClusterInfo(utf8('{"clusterAddrTable":{"C":"b"}}')), FastjsonError);
    assert.throws(() => decodeTopicList(utf8('{"topicList":[1]}')), FastjsonError);
    assert.throws(() => decodeKvTable(utf8('{"table":{"k":null}}')), FastjsonError);
  });
});
