/**
 * Upper bounds of the bytes that parts of the tables take in answers, in either dialect. They are
 * added up while the tables change, so that what would make an answer too large is refused when it
 * is written.
 * @module
 */
import { jsonString } from "../protocol/fastjson_writer.ts";
import type { QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";

const utf8 = new TextEncoder();
const PLAIN = /^[ !#-[\]-~]*$/;

/** Digits of a 64-bit integer, its sign, quotes, colon and comma. */
const LONG = 24;
const INT = 12;

/** Bytes of a JSON string with its quotes, and a comma or colon. */
export function textBytes(text: string | null | undefined): number {
  if (text === null || text === undefined) return 0;
  return 1 + (PLAIN.test(text) ? text.length + 2 : utf8.encode(jsonString(text)).length);
}

/** A broker group in cluster info and in routes, without its addresses. */
export function groupBytes(
  brokerName: string,
  cluster: string,
  zoneName: string | undefined,
): number {
  const fields =
    `{"brokerAddrs":{},"brokerName":,"cluster":,"enableActingMaster":false,"zoneName":}`;
  return fields.length + 2 * textBytes(brokerName) + textBytes(cluster) + textBytes(zoneName);
}

/** An address in its group. */
export function addressBytes(brokerAddr: string): number {
  return LONG + textBytes(brokerAddr);
}

/** A cluster, with the names of its groups. */
export function clusterBytes(clusterName: string, groups: Iterable<string> = []): number {
  let bytes = textBytes(clusterName) + 3;
  for (const name of groups) bytes += textBytes(name);
  return bytes;
}

/** The filter servers of a broker in a route. */
export function filterServerBytes(brokerAddr: string, servers: readonly string[]): number {
  if (servers.length === 0) return 0;
  return servers.reduce((sum, server) => sum + textBytes(server), textBytes(brokerAddr) + 3);
}

/** A topic's queue data in its route. */
export function queueDataBytes({ brokerName }: Pick<QueueData, "brokerName">): number {
  const fields = `{"brokerName":,"perm":,"readQueueNums":,"topicSysFlag":,"writeQueueNums":},`;
  return fields.length + 4 * INT + textBytes(brokerName);
}

/** A static mapping in its topic's route. */
export function mappingBytes(info: TopicQueueMappingInfo): number {
  const fields =
    `{"bname":,"currIdMap":{},"dirty":false,"epoch":,"scope":,"topic":,"totalQueues":},`;
  return fields.length + 2 * textBytes(info.bname) + textBytes(info.scope) + textBytes(info.topic) +
    LONG + INT + 2 * (INT + 2) * info.currIdMap.size;
}
