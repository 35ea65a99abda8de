/** Malformed frames, unreadable bodies and missing fields. */

import { compressedBody, plainBody } from "../../support/bodies.ts";
import { bytesOf, encodeFrame } from "../../support/frames.ts";
import {
  a,
  allTopics,
  ask,
  aSlave,
  b,
  binary,
  broker,
  clusterInfo,
  fieldsOf,
  identity,
  list,
  named,
  on,
  queueData,
  queueDatas,
  register,
  registerTopic,
  type Scenario,
  type Step,
  two,
  version,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { int32 } from "../../support/bytes.ts";

const marked = (mark: number, header: string, body = "") => {
  const bytes = bytesOf(header);
  const content = bytesOf(body);
  const frame = new Uint8Array(8 + bytes.length + content.length);
  frame.set(int32(4 + bytes.length + content.length), 0);
  frame.set(int32((mark << 24) | bytes.length), 4);
  frame.set(bytes, 8);
  frame.set(content, 8 + bytes.length);
  return frame;
};

const joined = (...parts: Uint8Array[]) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const bad = (name: string, raw: Uint8Array): Step[] => [
  { name, on: name, raw },
  named(`${name}: the others go on`, allTopics()),
];

const frames: Scenario = {
  name: "frames that are none",
  steps: [
    ...bad("a header that is not JSON", marked(0, "nonsense")),
    ...bad("a header of half a JSON", marked(0, '{"code":106,')),
    ...bad("an unknown serialization", marked(2, '{"code":106}')),
    ...bad("a header longer than its frame", joined(int32(8), int32(100), int32(0))),
    ...bad("a binary header that is too short", marked(1, "abc")),
    ...bad("a negative length", joined(int32(-1), int32(0), int32(0))),
    ...bad("a length beyond the limit", joined(int32(16777217), int32(0))),
    ...bad("a length of zero", joined(int32(0), int32(0), int32(0))),
    ...bad(
      "a binary header whose extFields run over",
      encodeFrame({
        code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        extFields: { a: "b" },
        ...binary,
      }, 1).map((byte, at) => at === 28 ? 99 : byte),
    ),
    {
      name: "a response nobody asked for",
      on: "odd",
      raw: marked(0, '{"code":0,"flag":1,"opaque":9}'),
    },
    named("after it, the connection goes on", on("odd", allTopics())),
    {
      name: "a header with extras",
      on: "odd",
      raw: marked(0, '{"x":{"y":[1]},"flag":2,"code":206}'),
    },
    named("after the extras, the connection goes on", on("odd", allTopics())),
    {
      name: "PROXY protocol, version 1",
      on: "proxy1",
      raw: bytesOf("PROXY TCP4 10.1.1.1 10.2.2.2 1111 9876\r\n"),
    },
    named("a request after it", on("proxy1", allTopics())),
    {
      name: "PROXY protocol, version 2",
      on: "proxy2",
      raw: joined(
        Uint8Array.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12]),
        Uint8Array.from([10, 1, 1, 1, 10, 2, 2, 2, 4, 87, 38, 148]),
      ),
    },
    named("a request after version 2", on("proxy2", allTopics())),
  ],
};

const badFields: Scenario = {
  name: "bad fields and bodies",
  steps: [
    register("a crc that differs", a, two, { bodyCrc32: "12345" }),
    named("a crc that differs, binary", register("", a, two, { bodyCrc32: "1" }, binary)),
    register("a crc without a body", a, two, { bodyCrc32: "12345" }, { body: "" }),
    register("a brokerId that is no number", a, two, { brokerId: "abc" }),
    register("an empty brokerId", a, two, { brokerId: "" }),
    register("a body that is no JSON", a, two, {}, { body: "{nonsense" }),
    register("a body that is a list", a, two, {}, { body: "[]" }),
    register("a body that is null", a, two, {}, { body: "null" }),
    register("a body whose table is a number", a, two, {}, {
      body: '{"topicConfigSerializeWrapper":{"topicConfigTable":5}}',
    }),
    register("a body whose queue number is a word", a, two, {}, {
      body: plainBody(two).replace('"perm":6', '"perm":"six"'),
    }),
    register("a compressed body that is not", a, two, { compressed: "true" }),
    register("a compressed body, cut", a, two, { compressed: "true" }, {
      body: compressedBody(two).subarray(0, 40),
    }),
    register("register, no brokerId", a, two, {}, {
      extFields: { brokerName: "x", brokerAddr: "y:1", clusterName: "z", haServerAddr: "h:1" },
    }),
    ask("register, no extFields", RequestCode.REGISTER_BROKER, undefined, { body: plainBody(two) }),
    clusterInfo("nothing came in"),
    ask("put, no extFields", RequestCode.PUT_KV_CONFIG),
    ask("put, no namespace", RequestCode.PUT_KV_CONFIG, { key: "k", value: "v" }),
    ask("put, no key", RequestCode.PUT_KV_CONFIG, { namespace: "n", value: "v" }),
    list("n"),
    { name: "data version, bad JSON", send: version(a, "nonsense") },
    registerTopic("register topic, bad JSON", "x", "["),
    named("all topics at the end", allTopics()),
  ],
};

const without = (fields: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));

/**
 * Values that the reference treats as null. Some of them break its tables, so this has its own
 * servers.
 */
const missing: Scenario = {
  name: "fields that the reference does without",
  steps: [
    ask("route, no topic", RequestCode.GET_ROUTEINFO_BY_TOPIC, {}),
    ask("route, no extFields", RequestCode.GET_ROUTEINFO_BY_TOPIC),
    ask("topics of no cluster", RequestCode.GET_TOPICS_BY_CLUSTER),
    ask("put, no value", RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k" }),
    ask("get, no key", RequestCode.GET_KV_CONFIG, { namespace: "n" }),
    ask("get, no extFields", RequestCode.GET_KV_CONFIG),
    ask("delete, no key", RequestCode.DELETE_KV_CONFIG, { namespace: "n" }),
    ask("list, no namespace", RequestCode.GET_KVLIST_BY_NAMESPACE, {}),
    ask("wipe, no broker", RequestCode.WIPE_WRITE_PERM_OF_BROKER, {}),
    ask("add, no broker", RequestCode.ADD_WRITE_PERM_OF_BROKER),
    ask("delete topic, no topic", RequestCode.DELETE_TOPIC_IN_NAMESRV, {}),
    ask("register topic, no topic", RequestCode.REGISTER_TOPIC_IN_NAMESRV, {}, {
      body: queueDatas(queueData("b", 1)),
    }),
    ask("unregister, no extFields", RequestCode.UNREGISTER_BROKER),
    ask("unregister, brokerId abc", RequestCode.UNREGISTER_BROKER, {
      ...identity(a),
      brokerId: "abc",
    }),
    ask("unregister, no brokerId", RequestCode.UNREGISTER_BROKER, without(identity(a), "brokerId")),
    ask("member group, no broker", RequestCode.GET_BROKER_MEMBER_GROUP, { clusterName: "C" }),
    ask("member group, no extFields", RequestCode.GET_BROKER_MEMBER_GROUP),
    ask("heartbeat, no cluster", RequestCode.BROKER_HEARTBEAT, without(identity(a), "clusterName")),
    ask("heartbeat, no address", RequestCode.BROKER_HEARTBEAT, without(identity(a), "brokerAddr")),
    ask(
      "data version, no cluster",
      RequestCode.QUERY_DATA_VERSION,
      without(identity(a), "clusterName"),
    ),
    ask("data version, brokerId abc", RequestCode.QUERY_DATA_VERSION, {
      ...identity(a),
      brokerId: "abc",
    }),
    register("heartbeatTimeoutMillis x", a, two, { heartbeatTimeoutMillis: "x" }),
    register("bodyCrc32 x", b, two, { bodyCrc32: "x" }),
    clusterInfo("wrong numbers"),
    ask(
      "register, no haServerAddr",
      RequestCode.REGISTER_BROKER,
      without(fieldsOf(aSlave), "haServerAddr"),
      {
        body: plainBody(two),
      },
    ),
    ...["clusterName", "brokerName", "brokerAddr"].map((field) =>
      ask(
        `register, no ${field}`,
        RequestCode.REGISTER_BROKER,
        without(fieldsOf(broker(`no ${field}`, 77, { cluster: `no ${field}` })), field),
        { body: plainBody(two) },
      )
    ),
    clusterInfo("after registrations without a name"),
  ],
};

/** The scenarios of this file. */
export const BAD_INPUT: Scenario[] = [
  frames,
  badFields,
  missing,
];
