/** Our encoders against the recorded bytes: recorded data is decoded and encoded again. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { encodeDataVersion, readDataVersion } from "../../src/protocol/data_version.ts";
import { FastjsonReader } from "../../src/protocol/fastjson_reader.ts";
import {
  type BrokerData,
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRoute,
  type QueueData,
  type TopicQueueMappingInfo,
} from "../../src/protocol/route_data.ts";
import { type Command, SerializeType } from "../../src/remoting/wire/command.ts";
import { FrameEncoder } from "../../src/remoting/wire/frame_encoder.ts";
import { decodeHeader, encodeHeader } from "../../src/remoting/wire/header_codec.ts";
import type { Command as Frame } from "../support/frames.ts";
import { kvList } from "../support/kv.ts";
import { type Json, parseJson } from "../support/json.ts";
import { isRequest, readRecording, type RequestStep } from "./recording.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

type JsonObject = Map<string, Json>;

/** Splits a frame. */
function parts(bytes: Uint8Array): { type: number; header: Uint8Array; body: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  assert.equal(view.getInt32(0), bytes.length - 4);
  const end = 8 + (view.getInt32(4) & 0xffffff);
  return { type: view.getUint8(4), header: bytes.subarray(8, end), body: bytes.subarray(end) };
}

/** A recorded header as this server would write it, with language OTHER instead of JAVA. */
function ofOther(header: Uint8Array, type: number): Uint8Array {
  if (type === SerializeType.JSON) {
    const text = new TextDecoder().decode(header);
    assert.ok(text.includes('"language":"JAVA"'));
    return new TextEncoder().encode(text.replace('"language":"JAVA"', '"language":"OTHER"'));
  }
  const other = header.slice();
  assert.equal(other[2], 0);
  other[2] = 7;
  return other;
}

/** Our encoder's input for a recorded header. */
function outgoing({ code, opaque, flag, version, remark, extFields }: Frame) {
  return {
    code,
    opaque,
    flag,
    version,
    remark: remark ?? undefined,
    extFields: extFields === null ? undefined : [...extFields],
  };
}

function parse(body: Uint8Array): JsonObject {
  return parseJson(new TextDecoder().decode(body)).value as JsonObject;
}

function brokerData(value: Json): BrokerData {
  const object = value as JsonObject;
  const addrs = [...object.get("brokerAddrs") as Map<string, string>];
  return {
    brokerAddrs: new Map(addrs.map(([id, addr]) => [Number(id), addr])),
    brokerName: object.get("brokerName") as string,
    cluster: object.get("cluster") as string,
    enableActingMaster: object.get("enableActingMaster") as boolean,
  };
}

function queueData(value: Json): QueueData {
  const object = value as JsonObject;
  const int = (name: string) => Number(object.get(name));
  return {
    brokerName: object.get("brokerName") as string,
    perm: int("perm"),
    readQueueNums: int("readQueueNums"),
    topicSysFlag: int("topicSysFlag"),
    writeQueueNums: int("writeQueueNums"),
  };
}

function mapping(value: Json): TopicQueueMappingInfo {
  const object = value as JsonObject;
  const ids = [...object.get("currIdMap") as Map<string, bigint>];
  return {
    bname: object.get("bname") as string,
    currIdMap: new Map(ids.map(([id, local]) => [Number(id), Number(local)])),
    dirty: object.get("dirty") as boolean,
    epoch: Number(object.get("epoch")),
    scope: object.get("scope") as string,
    topic: object.get("topic") as string,
    totalQueues: Number(object.get("totalQueues")),
  };
}

/** Request code -> decodes and re-encodes the body of its response, in the recorded order. */
const BODIES = new Map<number, (body: JsonObject) => Uint8Array>([
  [RequestCode.REGISTER_BROKER, (body) => kvList(body.get("table") as Map<string, string>)],
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, (body) => {
    const mappings = body.get("topicQueueMappingByBroker") as JsonObject | undefined;
    return encodeTopicRoute({
      brokerDatas: (body.get("brokerDatas") as Json[]).map(brokerData),
      filterServerTable: body.get("filterServerTable") as Map<string, string[]>,
      orderTopicConf: body.get("orderTopicConf") as string | undefined,
      queueDatas: (body.get("queueDatas") as Json[]).map(queueData),
      topicQueueMappingByBroker: mappings &&
        new Map([...mappings].map(([name, info]) => [name, mapping(info)])),
    }, "standard");
  }],
  [RequestCode.GET_BROKER_CLUSTER_INFO, (body) =>
    encodeClusterInfo(
      [...(body.get("brokerAddrTable") as JsonObject).values()].map(brokerData),
      body.get("clusterAddrTable") as Map<string, string[]>,
    )],
  [
    RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
    (body) => encodeTopicList(body.get("topicList") as string[]),
  ],
]);

describe("against the recorded bytes", () => {
  let requests: RequestStep[];
  let answered: Required<RequestStep>[];

  beforeAll(async () => {
    const steps = [
      ...await readRecording("cluster-5.5.0"),
      ...await readRecording("acting-master-binary-5.5.0"),
    ];
    requests = steps.filter((step) => isRequest(step));
    answered = requests.filter((step): step is Required<RequestStep> => step.answer !== undefined);
  });

  it("headers of requests are read alike, and written byte for byte, in both forms", () => {
    const count = [0, 0];
    for (const { line, bytes, request } of requests) {
      const { type, header } = parts(bytes);
      const { extFields, ...fields } = decodeHeader(header, type as SerializeType);
      const { code, flag, language, opaque, remark, version } = request;
      assert.deepEqual(fields, { code, flag, language, opaque, remark, version }, `line ${line}`);
      assert.deepEqual([...extFields], [...request.extFields ?? []], `line ${line}`);
      const again = encodeHeader(outgoing(request), type as SerializeType);
      assert.equal(again.toHex(), ofOther(header, type).toHex(), `line ${line}`);
      count[type]!++;
    }
    assert.deepEqual(count, [216, 1186]);
  });

  it("answers are written byte for byte, whole frames of them glued together", () => {
    const encoder = new FrameEncoder();
    const expected: Uint8Array[] = [];
    for (const { request, answer } of answered) {
      const { type, header, body } = parts(answer.bytes);
      assert.equal(type, SerializeType.JSON);
      const ours = ofOther(header, type);
      const frame = new Uint8Array(8 + ours.length + body.length);
      const view = new DataView(frame.buffer);
      view.setInt32(0, 4 + ours.length + body.length);
      view.setInt32(4, ours.length);
      frame.set(ours, 8);
      frame.set(body, 8 + ours.length);
      expected.push(frame);

      const { code, remark, extFields } = outgoing(answer.frame);
      const asked = { ...request, serializeType: SerializeType.JSON, extFields: new Map() };
      encoder.reply(asked as Command, {
        code,
        remark,
        extFields,
        body: body.length === 0 ? undefined : body,
      });
    }
    assert.equal(expected.length, 898);
    const writes: Uint8Array[] = [];
    encoder.flush({ write: (bytes) => writes.push(bytes.slice()) > 0 });
    const written = Buffer.concat(writes);
    let at = 0;
    for (const [i, frame] of expected.entries()) {
      const ours = written.subarray(at, at += frame.length).toString("latin1");
      assert.equal(ours, Buffer.from(frame).toString("latin1"), `line ${answered[i]!.line}`);
    }
    assert.equal(at, written.length);
  });

  it("bodies of answers are written byte for byte", () => {
    const count = new Map<number, number>();
    for (const { line, request, answer } of answered) {
      const { body } = answer.frame;
      const again = BODIES.get(request.code);
      if (again === undefined || body.length === 0) continue;
      assert.equal(
        new TextDecoder().decode(again(parse(body))),
        new TextDecoder().decode(body),
        `line ${line}`,
      );
      count.set(request.code, 1 + (count.get(request.code) ?? 0));
    }
    assert.deepEqual(Object.fromEntries(count), {
      [RequestCode.REGISTER_BROKER]: 18,
      [RequestCode.GET_ROUTEINFO_BY_TOPIC]: 47,
      [RequestCode.GET_BROKER_CLUSTER_INFO]: 232,
      [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER]: 4,
    });
  });

  it("data versions are written byte for byte", () => {
    const bodies = requests.filter((step) => isRequest(step, RequestCode.QUERY_DATA_VERSION)).map((
      { request },
    ) => request.body);
    for (const body of bodies) {
      const version = readDataVersion(new FastjsonReader(body))!;
      assert.equal(
        new TextDecoder().decode(encodeDataVersion(version)),
        new TextDecoder().decode(body),
      );
    }
    assert.equal(bodies.length, 522);
  });
});
