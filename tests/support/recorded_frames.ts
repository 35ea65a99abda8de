import { concat, hex, utf8 } from "./bytes.ts";

/**
 * Frames from the recording of a real cluster (5.5.0), as sent by its brokers, tools and name
 * server. The prefix of a JSON frame, two int32, is recorded, too.
 */
function recorded(prefix: string, headerAndBody: string): Uint8Array<ArrayBuffer> {
  return concat(hex(prefix), utf8(headerAndBody));
}

/** JSON: the response to PUT_KV_CONFIG, opaque 7. */
export const SUCCESS = recorded(
  "00000063 0000005f",
  '{"code":0,"flag":1,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}',
);

/** JSON: the response to GET_KV_CONFIG for a missing key. */
export const NO_CONFIG_ITEM = recorded(
  "000000b8 000000b4",
  '{"code":22,"extFields":{},"flag":1,"language":"JAVA","opaque":5,"remark":"No config item, ' +
    'Namespace: ORDER_TOPIC_CONFIG Key: TopicB","serializeTypeCurrentRPC":"JSON","version":513}',
);

/** JSON: the response to a slave's REGISTER_BROKER. */
export const REGISTERED = recorded(
  "000000d4 000000af",
  '{"code":0,"extFields":{"haServerAddr":"192.0.2.2:10916","masterAddr":"127.0.0.1:10911"},' +
    '"flag":1,"language":"JAVA","opaque":101,"serializeTypeCurrentRPC":"JSON","version":513}' +
    '{"table":{"TopicB":"broker-b:4"}}',
);

/** JSON: the response to GET_ROUTEINFO_BY_TOPIC for an unknown topic. */
export const TOPIC_NOT_EXIST = recorded(
  "000000fb 000000f7",
  '{"code":17,"flag":1,"language":"JAVA","opaque":0,"remark":"No topic route info in name server ' +
    "for the topic: NoSuchTopic\\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for " +
    'further details.","serializeTypeCurrentRPC":"JSON","version":513}',
);

/** JSON: PUT_KV_CONFIG. */
export const PUT_KV = recorded(
  "000000b8 000000b4",
  '{"code":100,"extFields":{"namespace":"ORDER_TOPIC_CONFIG","value":"broker-b:8","key":"TopicB"},' +
    '"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}',
);

/** JSON: UPDATE_NAMESRV_CONFIG, with a body. */
export const UPDATE_CONFIG = recorded(
  "0000007d 00000061",
  '{"code":318,"flag":0,"language":"JAVA","opaque":0,"serializeTypeCurrentRPC":"JSON",' +
    '"version":513}orderMessageEnable=true\n',
);

/** Binary: GET_BROKER_CLUSTER_INFO, opaque 36, no extFields. */
export const BINARY_CLUSTER_INFO = hex(
  "00000019 01000015 006a 00 0201 00000024 00000000 00000000 00000000",
);

/** Binary: UNREGISTER_BROKER, opaque 559. */
export const BINARY_UNREGISTER = hex(`
  0000007e 0100007a 0068 00 0201 0000022f 00000000 00000000 00000065
  0008 62726f6b65724964 00000001 31
  000b 636c75737465724e616d65 0000000e 44656661756c74436c7573746572
  000a 62726f6b657241646472 0000000f 3132372e302e302e313a3130393231
  000a 62726f6b65724e616d65 00000008 62726f6b65722d61`);

/**
 * Binary: REGISTER_BROKER of a broker with compressedRegister=true. Its header says
 * compressed=false, but its body is a zlib stream.
 */
export const BINARY_REGISTER = concat(
  hex(`
    0000024a010001050067000201000000000000000000000000000000f0001668656172746265617454696d65
    6f75744d696c6c6973000000053130303030000862726f6b6572496400000001310009626f64794372633332
    00000009323433313835363438000b636c75737465724e616d650000000e44656661756c74436c7573746572
    000a62726f6b6572416464720000000f3132372e302e302e313a31303932310012656e61626c65416374696e
    674d61737465720000000474727565000c6861536572766572416464720000000f3139322e302e322e323a31
    30393236000a636f6d707265737365640000000566616c7365000a62726f6b65724e616d650000000862726f
    6b65722d61`),
  hex(`
    78da8d51514f8330106efc01fe00e30341a331993a3636706f03cab60c28d28a12632eb8d4b86c3005f66016
    ffbb65660fb33ad7bb5e93bbfbbebbde2184cc953a592cf38a176aafd950cb2aad78cc8b72bac8d78e6a9a71
    e1ccded49e66dc74daba6eb60dbddbfa44081d8adb88fc5ba0090516f5030ac3bee70223e1c85634215d858e
    82818781f507caaac69c5b3c9fbc666931638257d19a2dfddbc8a947ccba1721c5146248517d533822f6983a
    d6be0d748aec1dca8f12221c8f620c1e1980c35fd2e5bcb2e7cb520c625d50069e505c5363ca76f25f507b88
    9dbbda5567c183388a66d62a275f6d57163d855eb293fe7a7bde24fcffc7c6ef93da077afc5c2c66bcb84cd7
    71790967c4752966e093183b80631cb03f984e7fcc58ebd62a331a9bf5d024b0c18ac81847e063df12cf5633
    9a043d787c12167d01cea9c662`),
);

/** A recorded frame with a JSON header as this server writes it, with language OTHER. */
export function inOurLanguage(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const header = new TextDecoder().decode(frame.subarray(8, 8 + view.getInt32(4)));
  const bytes = concat(
    frame.subarray(0, 8),
    utf8(header.replace('"language":"JAVA"', '"language":"OTHER"')),
    frame.subarray(8 + view.getInt32(4)),
  );
  const lengths = new DataView(bytes.buffer);
  lengths.setInt32(0, view.getInt32(0) + 1);
  lengths.setInt32(4, view.getInt32(4) + 1);
  return bytes;
}
