/**
 * The file: `RMQ-NSRT`, the format's number, the length of the rest and its CRC-32 (four bytes each,
 * largest first), and the rest as a {@link ByteWriter} writes it: topics, static mappings, queue data,
 * names of brokers, groups of brokers. What repeats is written once and then named by its number.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { DataVersion } from "../protocol/data_version.ts";
import type { Long } from "../protocol/long.ts";
import type { QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";
import type { KeptBody } from "../route/applied_bodies.ts";
import type { LiveBroker } from "../route/tables.ts";
import { ByteReader, ByteWriter, SnapshotError } from "./bytes.ts";

/** The number of this format. Another one is needed as soon as older versions can't read it. */
export const FORMAT = 1;

const MAGIC = new TextEncoder().encode("RMQ-NSRT");
const HEADER_BYTES = MAGIC.length + 3 * 4;
/** Milliseconds. Longer timeouts never end either. */
const LONGEST_TIMEOUT = 2 ** 50;

/** Topics that have the same queue data. */
export interface SavedTopics {
  readonly names: string[];
  /** One for each broker name. */
  readonly datas: readonly QueueData[];
}

/** A broker with its live entry. */
export interface SavedBroker extends
  Pick<
    LiveBroker,
    | "clusterName"
    | "brokerAddr"
    | "haServerAddr"
    | "dataVersion"
    | "heartbeatTimeoutMillis"
    | "lastUpdateTimestamp"
  > {
  readonly brokerId: Long;
  readonly filterServers: readonly string[];
}

/** The brokers of one name. */
export interface SavedGroup {
  readonly brokerName: string;
  /** The first is the one that routes show. */
  readonly clusters: readonly string[];
  readonly enableActingMaster: boolean;
  readonly zoneName: string | undefined;
  /** Whether its topics are those of its data versions: they did not change while they were saved. */
  readonly settled: boolean;
  readonly brokers: readonly SavedBroker[];
  readonly bodies: readonly KeptBody[];
}

/** The content of a file. */
export interface SavedRoutes {
  /** Milliseconds since the epoch. */
  readonly savedAt: number;
  readonly topics: readonly SavedTopics[];
  readonly mappings: readonly (readonly [topic: string, info: TopicQueueMappingInfo])[];
  readonly groups: readonly SavedGroup[];
}

/** The bytes of a file, and what they hold. */
export interface EncodedRoutes {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
}

/** Puts the header before the content. */
export function withHeader(content: ByteWriter): EncodedRoutes {
  const { pieces, length, crc } = content.end();
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer, MAGIC.length);
  view.setUint32(0, FORMAT);
  view.setUint32(4, length);
  view.setUint32(8, crc);
  return { pieces: [header, ...pieces], bytes: HEADER_BYTES + length };
}

/** Writes one group. */
export function writeGroup(to: ByteWriter, group: SavedGroup): void {
  to.text(group.brokerName);
  writeTexts(to, group.clusters);
  to.flag(group.enableActingMaster);
  to.optional(group.zoneName, (it) => to.text(it));
  to.flag(group.settled);
  to.number(group.brokers.length);
  for (const broker of group.brokers) writeBroker(to, broker);
  to.number(group.bodies.length);
  for (const { key, body, current } of group.bodies) {
    to.text(key);
    writeVersion(to, body.dataVersion);
    to.optional(body.filterServers, (it) => writeTexts(to, it));
    to.flag(body.takesTopics);
    to.flag(body.complete);
    to.flag(current);
  }
}

function writeBroker(to: ByteWriter, broker: SavedBroker): void {
  to.long(broker.brokerId);
  to.text(broker.brokerAddr);
  to.text(broker.clusterName);
  to.optional(broker.haServerAddr, (it) => to.text(it));
  to.number(Math.max(-1, Math.min(LONGEST_TIMEOUT, broker.heartbeatTimeoutMillis)));
  to.number(broker.lastUpdateTimestamp);
  writeVersion(to, broker.dataVersion);
  writeTexts(to, broker.filterServers);
}

function writeVersion(to: ByteWriter, { stateVersion, timestamp, counter }: DataVersion): void {
  to.long(stateVersion);
  to.long(timestamp);
  to.long(counter);
}

function writeTexts(to: ByteWriter, texts: readonly string[]): void {
  to.number(texts.length);
  for (const text of texts) to.text(text);
}

/** Writes a static mapping. */
export function writeMapping(to: ByteWriter, info: TopicQueueMappingInfo): void {
  for (const text of [info.topic, info.bname, info.scope]) {
    to.optional(text ?? undefined, (it) => to.text(it));
  }
  to.number(info.totalQueues);
  to.long(info.epoch);
  to.flag(info.dirty);
  to.number(info.currIdMap.size);
  for (const [global, local] of info.currIdMap) {
    to.number(global);
    to.number(local);
  }
}

/**
 * Reads a file.
 *
 * @throws {SnapshotError} when it is something else, damaged, or of a newer format
 */
export function readSnapshot(bytes: Uint8Array): SavedRoutes {
  if (bytes.length === 0) throw new SnapshotError("it is empty");
  const start = bytes.subarray(0, MAGIC.length);
  if (start.some((byte, i) => byte !== MAGIC[i])) {
    throw new SnapshotError("it is not a route snapshot");
  }
  if (bytes.length < HEADER_BYTES) throw new SnapshotError("it is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset + MAGIC.length);
  const format = view.getUint32(0);
  if (format > FORMAT || format === 0) {
    throw new SnapshotError(`it has format ${format}, and this version reads up to ${FORMAT}`);
  }
  const missing = view.getUint32(4) - (bytes.length - HEADER_BYTES);
  if (missing > 0) throw new SnapshotError(`it is cut off: ${missing} bytes are missing`);
  if (missing < 0) throw new SnapshotError(`it is damaged: ${-missing} bytes follow its end`);
  if (crc32(bytes.subarray(HEADER_BYTES)) !== view.getUint32(8)) {
    throw new SnapshotError("it is damaged: its checksum differs");
  }
  const from = new ByteReader(bytes, HEADER_BYTES);
  const routes = readRoutes(from);
  from.end();
  return routes;
}

function readRoutes(from: ByteReader): SavedRoutes {
  const savedAt = from.number();
  const lists = readTopics(from);
  const mappings = from.list(() => [from.text(), readMapping(from)] as const);
  const kinds = from.list(() => readQueueData(from));
  const brokerNames = from.list(() => from.text());
  const datas = kinds.map(({ brokerIndex, ...queues }): QueueData => ({
    brokerName: element(brokerNames, brokerIndex),
    ...queues,
  }));
  const topics = lists.map(({ names, kinds }) => {
    const own = kinds.map((kind) => element(datas, kind));
    if (new Set(own.map((it) => it.brokerName)).size < own.length) {
      throw new SnapshotError("a topic has a broker twice");
    }
    return { names, datas: own };
  });
  return { savedAt, topics, mappings, groups: from.list(() => readGroup(from)) };
}

function readTopics(from: ByteReader): { names: string[]; kinds: number[] }[] {
  const lists: { names: string[]; kinds: number[] }[] = [];
  const known = new Set<string>();
  while (from.flag()) {
    const name = from.text();
    if (known.has(name)) throw new SnapshotError("a topic is there twice");
    known.add(name);
    const index = from.index(lists.length + 1);
    if (index > 0) element(lists, index - 1).names.push(name);
    else lists.push({ names: [name], kinds: from.list(() => from.number()) });
  }
  return lists;
}

function readQueueData(from: ByteReader) {
  return {
    brokerIndex: from.number(),
    readQueueNums: from.number(),
    writeQueueNums: from.number(),
    perm: from.number(),
    topicSysFlag: from.number(),
  };
}

function readGroup(from: ByteReader): SavedGroup {
  return {
    brokerName: from.text(),
    clusters: from.list(() => from.text()),
    enableActingMaster: from.flag(),
    zoneName: from.optional(() => from.text()),
    settled: from.flag(),
    brokers: from.list(() => readBroker(from)),
    bodies: from.list(() => readBody(from)),
  };
}

function readBroker(from: ByteReader): SavedBroker {
  return {
    brokerId: from.long(),
    brokerAddr: from.text(),
    clusterName: from.text(),
    haServerAddr: from.optional(() => from.text()),
    heartbeatTimeoutMillis: from.number(),
    lastUpdateTimestamp: from.number(),
    dataVersion: readVersion(from),
    filterServers: from.list(() => from.text()),
  };
}

function readBody(from: ByteReader): KeptBody {
  const key = from.text();
  const dataVersion = readVersion(from);
  const filterServers = from.optional(() => from.list(() => from.text()));
  const takesTopics = from.flag();
  const complete = from.flag();
  return {
    key,
    body: { dataVersion, filterServers, takesTopics, complete },
    current: from.flag(),
  };
}

function readVersion(from: ByteReader): DataVersion {
  return { stateVersion: from.long(), timestamp: from.long(), counter: from.long() };
}

function readMapping(from: ByteReader): TopicQueueMappingInfo {
  const text = () => from.optional(() => from.text()) ?? null;
  return {
    topic: text(),
    bname: text(),
    scope: text(),
    totalQueues: from.number(),
    epoch: from.long(),
    dirty: from.flag(),
    currIdMap: new Map(from.list(() => [from.number(), from.number()])),
  };
}

function element<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new SnapshotError("an index is out of range");
  return value;
}
