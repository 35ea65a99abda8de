/** Bodies of registrations of all broker versions. */

import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { int32, sized } from "./bytes.ts";

/** A broker's topic in a registration. */
export interface Topic {
  name: string;
  read?: number;
  write?: number;
  perm?: number;
  sysFlag?: number;
}

/** A static topic's mapping in a registration; `epoch` is text to stay exact. */
export interface Mapping {
  topic: string;
  bname: string;
  totalQueues: number;
  epoch: string;
  currIdMap: Record<string, number>;
  dirty?: boolean;
  scope?: string;
}

/** A broker's data version; 4.x brokers send no stateVersion. */
export interface DataVersion {
  counter: number;
  timestamp: number;
  stateVersion?: number;
}

/** Contents of a registration's body. */
export interface Registration {
  version: DataVersion;
  topics: Topic[];
  filterServers?: string[];
  mappings?: Mapping[];
}

const topicJson = (topic: Topic) => ({
  attributes: {},
  order: false,
  perm: topic.perm ?? 6,
  readQueueNums: topic.read ?? 8,
  topicFilterType: "SINGLE_TAG",
  topicName: topic.name,
  topicSysFlag: topic.sysFlag ?? 0,
  writeQueueNums: topic.write ?? 8,
});

/** A mapping in fastjson's form: integer keys without quotes. */
function mappingJson(mapping: Mapping): string {
  const ids = Object.entries(mapping.currIdMap).map(([key, id]) => `${key}:${id}`).join(",");
  return `{"bname":${JSON.stringify(mapping.bname)},"currIdMap":{${ids}},` +
    `"dirty":${mapping.dirty ?? false},"epoch":${mapping.epoch},` +
    `"scope":${JSON.stringify(mapping.scope ?? "__global__")},` +
    `"topic":${JSON.stringify(mapping.topic)},"totalQueues":${mapping.totalQueues}}`;
}

function wrapperFields(registration: Registration): string[] {
  const topics = registration.topics.map((topic) =>
    `${JSON.stringify(topic.name)}:${JSON.stringify(topicJson(topic))}`
  );
  return [
    `"dataVersion":${JSON.stringify(registration.version)}`,
    `"topicConfigTable":{${topics.join(",")}}`,
  ];
}

/** The body of a registration since V3_0_11, plain. */
export function plainBody(registration: Registration): string {
  const mappings = (registration.mappings ?? []).map((mapping) =>
    `${JSON.stringify(mapping.topic)}:${mappingJson(mapping)}`
  );
  const fields = [
    ...wrapperFields(registration),
    `"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1700000000000}`,
    `"topicQueueMappingDetailMap":{}`,
    `"topicQueueMappingInfoMap":{${mappings.join(",")}}`,
  ];
  return `{"filterServerList":${JSON.stringify(registration.filterServers ?? [])},` +
    `"topicConfigSerializeWrapper":{${fields.join(",")}}}`;
}

/** The body of a registration before V3_0_11: the topic table alone. */
export function oldBody(registration: Registration): string {
  return `{${wrapperFields(registration).join(",")}}`;
}

/** The zlib stream of a registration with `compressed=true`; mappings since V5_0_0 only. */
export function compressedBody(registration: Registration, withMappings = true): Uint8Array {
  const mappings = registration.mappings ?? [];
  const parts = [
    sized(4, JSON.stringify(registration.version)),
    int32(registration.topics.length),
    ...registration.topics.map((topic) =>
      sized(
        4,
        `${topic.name} ${topic.read ?? 8} ${topic.write ?? 8} ${topic.perm ?? 6} SINGLE_TAG {}`,
      )
    ),
    sized(4, JSON.stringify(registration.filterServers ?? [])),
    ...(withMappings
      ? [int32(mappings.length), ...mappings.map((mapping) => sized(4, mappingJson(mapping)))]
      : []),
  ];
  return deflateSync(Buffer.concat(parts));
}
