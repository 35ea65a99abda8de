/**
 * Frames as real peers send them, implemented apart from the server's codecs: shared code would
 * mean shared mistakes. Field order and extra fields are those of recorded 5.5.0 frames.
 */

/** `MQVersion.V5_5_0`. */
export const VERSION = 513;

export const Code = {
  REGISTER_BROKER: 103,
  GET_ROUTEINFO_BY_TOPIC: 105,
  GET_BROKER_CLUSTER_INFO: 106,
  GET_ALL_TOPIC_LIST_FROM_NAMESERVER: 206,
  UPDATE_NAMESRV_CONFIG: 318,
  BROKER_HEARTBEAT: 904,
  CONTROLLER_ALTER_SYNC_STATE_SET: 1001,
  CONTROLLER_ELECT_MASTER: 1002,
  CONTROLLER_REGISTER_BROKER: 1003,
  CONTROLLER_GET_REPLICA_INFO: 1004,
  CONTROLLER_GET_METADATA_INFO: 1005,
  NOTIFY_BROKER_ROLE_CHANGED: 1008,
  CONTROLLER_APPLY_BROKER_ID: 1013,
} as const;

export const Flag = { NONE: 0, ONEWAY: 2 } as const;

const encoder = new TextEncoder();

/** A complete request frame with a JSON header, its keys in the order of the Java peers. */
export function encodeRequest(
  code: number,
  opaque: number,
  extFields?: Record<string, string>,
  body: Uint8Array = new Uint8Array(0),
  flag: number = Flag.NONE,
): Uint8Array<ArrayBuffer> {
  const head = encodeHead(code, opaque, body.length, extFields, flag);
  const frame = new Uint8Array(head.length + body.length);
  frame.set(head);
  frame.set(body, head.length);
  return frame;
}

/** A request frame up to its body, with the length of that. */
export function encodeHead(
  code: number,
  opaque: number,
  bodyLength: number,
  extFields?: Record<string, string>,
  flag: number = Flag.NONE,
): Uint8Array<ArrayBuffer> {
  const header = encoder.encode(JSON.stringify({
    code,
    extFields,
    flag,
    language: "JAVA",
    opaque,
    serializeTypeCurrentRPC: "JSON",
    version: VERSION,
  }));
  const head = new Uint8Array(8 + header.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, 4 + header.length + bodyLength);
  view.setUint32(4, header.length);
  head.set(header, 8);
  return head;
}
