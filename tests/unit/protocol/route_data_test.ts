import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FastjsonError } from "../../../src/protocol/fastjson_reader.ts";
import {
  type BrokerData,
  decodeQueueDatas,
  encodeBrokerMemberGroup,
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRoute,
  type QueueData,
  type TopicQueueMappingInfo,
  type TopicRouteData,
} from "../../../src/protocol/route_data.ts";
import { text, utf8 } from "../../support/bytes.ts";

function broker(brokerName: string, addrs: [number | bigint, string][]): BrokerData {
  return {
    cluster: "DefaultCluster",
    brokerName,
    brokerAddrs: new Map(addrs),
    enableActingMaster: false,
  };
}

function queue(brokerName: string): QueueData {
  return { brokerName, readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 };
}

function mapping(bname: string, currIdMap: [number, number][]): TopicQueueMappingInfo {
  return {
    topic: "StaticT",
    bname,
    scope: "__global__",
    totalQueues: 8,
    epoch: 1795344184577,
    dirty: false,
    currIdMap: new Map(currIdMap),
  };
}

const BROKER_A = broker("broker-a", [[0, "127.0.0.1:10911"], [1, "127.0.0.1:10921"]]);
const BROKER_B = broker("broker-b", [[0, "127.0.0.1:10931"]]);
const MAPPING_A = mapping("broker-a", [[1, 0], [3, 1], [5, 2], [7, 3]]);
const MAPPING_B = mapping("broker-b", [[0, 0], [2, 1], [4, 2], [6, 3]]);

/** The state behind the bodies recorded from the reference, in the order of its tables. */
const STATIC_TOPIC: TopicRouteData = {
  brokerDatas: [BROKER_B, BROKER_A],
  filterServerTable: new Map(),
  queueDatas: [queue("broker-b"), queue("broker-a")],
  topicQueueMappingByBroker: new Map([["broker-b", MAPPING_B], ["broker-a", MAPPING_A]]),
};

const EMPTY: TopicRouteData = {
  brokerDatas: [],
  filterServerTable: new Map(),
  queueDatas: [],
};

describe("encodeTopicRoute", () => {
  it("is byte for byte what the reference sent, in the standard dialect", () => {
    const recorded =
      '{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10931"},"brokerName":"broker-b",' +
      '"cluster":"DefaultCluster","enableActingMaster":false},{"brokerAddrs":{"0":"127.0.0.1:10911",' +
      '"1":"127.0.0.1:10921"},"brokerName":"broker-a","cluster":"DefaultCluster",' +
      '"enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-b",' +
      '"perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4},{"brokerName":"broker-a",' +
      '"perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}],"topicQueueMappingByBroker":' +
      '{"broker-a":{"bname":"broker-a","currIdMap":{"1":0,"3":1,"5":2,"7":3},"dirty":false,' +
      '"epoch":1795344184577,"scope":"__global__","topic":"StaticT","totalQueues":8},' +
      '"broker-b":{"bname":"broker-b","currIdMap":{"0":0,"2":1,"4":2,"6":3},"dirty":false,' +
      '"epoch":1795344184577,"scope":"__global__","topic":"StaticT","totalQueues":8}}}';
    assert.equal(text(encodeTopicRoute(STATIC_TOPIC, "standard")), recorded);
  });

  it("leaves numeric keys unquoted in fastjson's dialect, everywhere", () => {
    assert.equal(
      text(encodeTopicRoute(STATIC_TOPIC, "fastjson")),
      '{"brokerDatas":[{"brokerAddrs":{0:"127.0.0.1:10931"},"brokerName":"broker-b",' +
        '"cluster":"DefaultCluster","enableActingMaster":false},{"brokerAddrs":{0:"127.0.0.1:10911",' +
        '1:"127.0.0.1:10921"},"brokerName":"broker-a","cluster":"DefaultCluster",' +
        '"enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-b",' +
        '"perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4},{"brokerName":"broker-a",' +
        '"perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}],"topicQueueMappingByBroker":' +
        '{"broker-b":{"bname":"broker-b","currIdMap":{0:0,2:1,4:2,6:3},"dirty":false,' +
        '"epoch":1795344184577,"scope":"__global__","topic":"StaticT","totalQueues":8},' +
        '"broker-a":{"bname":"broker-a","currIdMap":{1:0,3:1,5:2,7:3},"dirty":false,' +
        '"epoch":1795344184577,"scope":"__global__","topic":"StaticT","totalQueues":8}}}',
    );
  });

  it("leaves out what is null or missing", () => {
    const bare = '{"brokerDatas":[],"filterServerTable":{},"queueDatas":[]}';
    assert.equal(text(encodeTopicRoute(EMPTY, "fastjson")), bare);
    assert.equal(text(encodeTopicRoute(EMPTY, "standard")), bare);
    const info = { ...mapping("b", []), topic: null, bname: null, scope: null };
    const route = { ...EMPTY, topicQueueMappingByBroker: new Map([["b", info]]) };
    assert.equal(
      text(encodeTopicRoute(route, "standard")),
      '{"brokerDatas":[],"filterServerTable":{},"queueDatas":[],"topicQueueMappingByBroker":' +
        '{"b":{"currIdMap":{},"dirty":false,"epoch":1795344184577,"totalQueues":8}}}',
    );
  });

  it("writes order configuration, zone and filter servers in their places", () => {
    const route: TopicRouteData = {
      ...EMPTY,
      brokerDatas: [{ ...BROKER_B, enableActingMaster: true, zoneName: "z1" }],
      filterServerTable: new Map([["b:1", ["f:2", "f:1"]], ["a:1", []]]),
      orderTopicConf: "broker-b:8",
    };
    assert.equal(
      text(encodeTopicRoute(route, "standard")),
      '{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10931"},"brokerName":"broker-b",' +
        '"cluster":"DefaultCluster","enableActingMaster":true,"zoneName":"z1"}],' +
        '"filterServerTable":{"a:1":[],"b:1":["f:2","f:1"]},"orderTopicConf":"broker-b:8",' +
        '"queueDatas":[]}',
    );
    // An empty configuration and an empty zone are written.
    const empty = { ...EMPTY, orderTopicConf: "", brokerDatas: [{ ...BROKER_B, zoneName: "" }] };
    assert.match(text(encodeTopicRoute(empty, "fastjson")), /"zoneName":"".*"orderTopicConf":""/);
  });

  it("keeps an epoch beyond 2^53 digit for digit", () => {
    const info = { ...MAPPING_A, epoch: 9007199254740993n };
    const route = { ...EMPTY, topicQueueMappingByBroker: new Map([["a", info]]) };
    assert.match(text(encodeTopicRoute(route, "fastjson")), /"epoch":9007199254740993,/);
    assert.match(text(encodeTopicRoute(route, "standard")), /"epoch":"9007199254740993",/);
  });

  it("escapes every name", () => {
    const name = 'a"\n\u0001é\u{1f600}\\__proto__';
    const info = { ...MAPPING_A, topic: name, bname: name, scope: name };
    const route: TopicRouteData = {
      brokerDatas: [{
        cluster: name,
        brokerName: name,
        brokerAddrs: new Map([[0, name]]),
        enableActingMaster: false,
        zoneName: name,
      }],
      filterServerTable: new Map([[name, [name]]]),
      queueDatas: [queue(name)],
      topicQueueMappingByBroker: new Map([[name, info]]),
      orderTopicConf: name,
    };
    const standard = text(encodeTopicRoute(route, "standard"));
    const value = JSON.parse(standard);
    assert.equal(value.brokerDatas[0].cluster, name);
    assert.equal(value.brokerDatas[0].brokerName, name);
    assert.equal(value.brokerDatas[0].brokerAddrs[0], name);
    assert.equal(value.brokerDatas[0].zoneName, name);
    assert.equal(value.orderTopicConf, name);
    assert.equal(value.queueDatas[0].brokerName, name);
    assert.deepEqual(value.filterServerTable[name], [name]);
    const { topic, bname, scope } = value.topicQueueMappingByBroker[name];
    assert.deepEqual([topic, bname, scope], [name, name, name]);
    const fastjson = text(encodeTopicRoute(route, "fastjson"));
    assert.deepEqual(JSON.parse(fastjson.replaceAll(/([{,])(\d+):/g, '$1"$2":')), value);
  });
});

describe("encodeClusterInfo", () => {
  it("is byte for byte what the reference sent", () => {
    assert.equal(
      text(encodeClusterInfo(
        [BROKER_B, BROKER_A],
        [["DefaultCluster", new Set(["broker-b", "broker-a"])]],
      )),
      '{"brokerAddrTable":{"broker-b":{"brokerAddrs":{0:"127.0.0.1:10931"},"brokerName":"broker-b",' +
        '"cluster":"DefaultCluster","enableActingMaster":false},"broker-a":{"brokerAddrs":' +
        '{0:"127.0.0.1:10911",1:"127.0.0.1:10921"},"brokerName":"broker-a","cluster":"DefaultCluster",' +
        '"enableActingMaster":false}},"clusterAddrTable":{"DefaultCluster":["broker-b","broker-a"]}}',
    );
  });

  it("writes empty tables as the reference sent them", () => {
    assert.equal(text(encodeClusterInfo([], [])), '{"brokerAddrTable":{},"clusterAddrTable":{}}');
  });
});

describe("encodeBrokerMemberGroup", () => {
  it("writes ids unquoted, of any size", () => {
    const addrs = new Map<number | bigint, string>([[0, "a:1"], [9007199254740993n, "b:2"]]);
    assert.equal(
      text(encodeBrokerMemberGroup("C", "b-a", addrs)),
      '{"brokerMemberGroup":{"brokerAddrs":{0:"a:1",9007199254740993:"b:2"},"brokerName":"b-a",' +
        '"cluster":"C"}}',
    );
    assert.equal(
      text(encodeBrokerMemberGroup("C", "x", new Map())),
      '{"brokerMemberGroup":{"brokerAddrs":{},"brokerName":"x","cluster":"C"}}',
    );
  });
});

describe("encodeTopicList", () => {
  it("is byte for byte what the reference sent", () => {
    assert.equal(text(encodeTopicList([])), '{"topicList":[]}');
    assert.equal(
      text(encodeTopicList(["C", "b-a"], "127.0.0.1:10911")),
      '{"brokerAddr":"127.0.0.1:10911","topicList":["C","b-a"]}',
    );
  });
});

describe("decodeQueueDatas", () => {
  const decode = (json: string) => decodeQueueDatas(utf8(json));

  it("reads the queue data of a route, and only that", () => {
    const route = text(encodeTopicRoute(STATIC_TOPIC, "fastjson"));
    assert.deepEqual(decode(route), STATIC_TOPIC.queueDatas);
  });

  it("takes missing numbers for 0 and a missing list for none", () => {
    assert.deepEqual(decode('{"queueDatas":[{"brokerName":"b","other":{}}]}'), [
      { brokerName: "b", readQueueNums: 0, writeQueueNums: 0, perm: 0, topicSysFlag: 0 },
    ]);
    for (const json of ["null", "{}", '{"queueDatas":null}', '{"queueDatas":[]}']) {
      assert.deepEqual(decode(json), [], json);
    }
  });

  it("refuses everything else, naming the field", () => {
    const cases: [string, RegExp][] = [
      ["", /bad JSON/],
      ["[]", /route/],
      ["1", /route/],
      ['{"queueDatas":{}}', /queueDatas/],
      ['{"queueDatas":"x"}', /queueDatas/],
      ['{"queueDatas":[1]}', /queue data/],
      ['{"queueDatas":[null]}', /queue data/],
      ['{"queueDatas":[{}]}', /<brokerName>/],
      ['{"queueDatas":[{"brokerName":7}]}', /<brokerName>/],
      ['{"queueDatas":[{"brokerName":"b","perm":"x"}]}', /<perm>/],
      ['{"queueDatas":[{"brokerName":"b","perm":6.5}]}', /<perm>/],
      ['{"queueDatas":[{"brokerName":"b","readQueueNums":2147483648}]}', /<readQueueNums>/],
      ['{"queueDatas":[{"brokerName":"b","writeQueueNums":true}]}', /<writeQueueNums>/],
      ['{"queueDatas":[{"brokerName":"b","topicSysFlag":[]}]}', /<topicSysFlag>/],
      ['{"queueDatas":[]}x', /bad JSON/],
    ];
    for (const [json, message] of cases) {
      assert.throws(
        () => decode(json),
        (error: Error) => error instanceof FastjsonError && message.test(error.message),
        json,
      );
    }
  });

  it("fails at every cut", () => {
    const bytes = encodeTopicRoute(STATIC_TOPIC, "fastjson");
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => decodeQueueDatas(bytes.subarray(0, end)), FastjsonError, `${end}`);
    }
  });
});
