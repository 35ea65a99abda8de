import { byteAt } from "../byte_access.ts";
import { MqVersion, Perm } from "./codes.ts";
import { type DataVersion, readDataVersion, ZERO_DATA_VERSION } from "./data_version.ts";
import { asciiText, FastjsonError, FastjsonReader, STEP_BYTES } from "./fastjson_reader.ts";
import type { Long } from "./long.ts";
import { parseInt32 } from "./long.ts";
import { checkName } from "./names.ts";
import type { TopicQueueMappingInfo } from "./route_data.ts";

/** Configuration of one topic in a registration. */
export interface TopicConfig {
  readonly topicName: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly perm: number;
  readonly topicSysFlag: number;
}

/** The body of REGISTER_BROKER. */
export interface RegisterBrokerBody {
  dataVersion: DataVersion;
  topics: TopicConfig[];
  /** Empty when the body names none; `undefined` when they stay as they are. */
  filterServers?: string[];
  /** By topic. */
  mappings: Map<string, TopicQueueMappingInfo>;
}

/** Bytes of a topic, a mapping or a version: more than any real one has, and read in a few milliseconds. */
const MAX_VALUE = 512 * 1024;
const DEFAULT_QUEUE_NUMS = 16;
/** Far more than any real broker has, and read in a few milliseconds. */
const MAX_QUEUE_IDS = 65_536;
const MAX_FILTER_SERVERS = 10_000;
/** Longer names are decoded in another way, which has no limit. */
const MAX_ASCII_NAME = 255;
const SPACE = 0x20;
const DELETE = 0x7f;

// A leading U+FEFF is part of the text, not a byte order mark.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads an uncompressed body (protocol.md, "RegisterBrokerBody"). A generator, so that the caller
 * can do other work in between; the result is its return value.
 *
 * @param version ordinal of the broker's MQVersion: below 3.0.11 the body is a bare wrapper
 * @param now used as data version if the body has none, so that it counts as new each time
 * @param maxTopics the most topics that it may have
 * @throws {FastjsonError} when it is malformed or has more topics
 */
export function* readPlainBody(
  bytes: Uint8Array,
  version: number,
  now: number,
  maxTopics: number,
): Generator<void, RegisterBrokerBody> {
  const reader = new FastjsonReader(bytes, 0, bytes.length, MAX_VALUE);
  const body: RegisterBrokerBody = {
    dataVersion: { stateVersion: 0, timestamp: now, counter: 0 },
    topics: [],
    mappings: new Map(),
  };
  if (version < MqVersion.V3_0_11) {
    yield* readWrapper(reader, body, maxTopics);
  } else {
    if (!reader.beginObject()) throw new FastjsonError("the registration is null");
    // As in the reference: a missing list is an empty one, null is none.
    body.filterServers = [];
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key === "filterServerList") body.filterServers = yield* readStrings(reader);
      else if (key === "topicConfigSerializeWrapper") yield* readWrapper(reader, body, maxTopics);
      else yield* reader.skipInSteps();
      if (reader.tired) yield* pauseOf(reader);
    }
  }
  reader.end();
  return body;
}

/**
 * Reads an inflated body (protocol.md, "RegisterBrokerBody", compressed). A generator like {@link
 * readPlainBody}.
 *
 * @param maxTopics the most topics that it may have
 * @throws {FastjsonError} when it is malformed or has more topics
 */
export function* readInflatedBody(
  bytes: Uint8Array,
  version: number,
  maxTopics: number,
): Generator<void, RegisterBrokerBody> {
  const parts = new LengthPrefixed(bytes);
  const dataVersion = parts.json("the data version", readDataVersion);
  if (dataVersion === undefined) throw new FastjsonError("the data version is null");
  const topics: TopicConfig[] = [];
  const topicCount = parts.count("topics");
  checkTopicCount(topicCount, maxTopics);
  for (let i = 0; i < topicCount; i++) {
    topics.push(parseTopicConfig(bytes, ...parts.range("a topic")));
    if (parts.tired) yield* pauseOf(parts);
  }
  const servers = parts.reader("the filter servers");
  const filterServers = yield* readStrings(servers);
  servers.end();
  const mappings = new Map<string, TopicQueueMappingInfo>();
  if (version >= MqVersion.V5_0_0) {
    const mappingCount = parts.count("mappings");
    checkTopicCount(mappingCount, maxTopics);
    for (let i = 0; i < mappingCount; i++) {
      const info = parts.json("a mapping", readMappingInfo);
      if (info?.topic != null) mappings.set(info.topic, info);
      if (parts.tired) yield* pauseOf(parts);
    }
  }
  return { dataVersion, topics, filterServers, mappings };
}

/**
 * The number of topics that the start of an inflated body announces; `undefined` when the start is
 * too short to tell.
 */
export function announcedTopics(start: Uint8Array): number | undefined {
  if (start.length < 4) return undefined;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const at = 4 + view.getInt32(0);
  return at >= 4 && at + 4 <= start.length ? view.getInt32(at) : undefined;
}

/** @throws {FastjsonError} when a registration has more topics than it may have */
export function checkTopicCount(count: number, most: number): void {
  if (count > most) throw new FastjsonError(`more than ${most} topics (maxTopicsPerBroker)`);
}

/** The content of a registration without a body, from a broker of this version. */
export function emptyBody(version: number): RegisterBrokerBody {
  const filterServers = version < MqVersion.V3_0_11 ? undefined : [];
  return { dataVersion: ZERO_DATA_VERSION, topics: [], filterServers, mappings: new Map() };
}

function* readWrapper(
  reader: FastjsonReader,
  body: RegisterBrokerBody,
  maxTopics: number,
): Generator<void> {
  if (!reader.beginObject()) return;
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case "dataVersion":
        body.dataVersion = readDataVersion(reader) ?? body.dataVersion;
        break;
      case "topicConfigTable":
        body.topics = yield* readTopicTable(reader, maxTopics);
        break;
      case "topicQueueMappingInfoMap":
        body.mappings = yield* readMappings(reader, maxTopics);
        break;
      default:
        yield* reader.skipInSteps();
    }
    if (reader.tired) yield* pauseOf(reader);
  }
}

/** Lets others have a turn. */
function* pauseOf(reader: { rest(): void }): Generator<void> {
  yield;
  reader.rest();
}

/** A parsed topic configuration, and the positions of it and of the topic's name. */
interface TopicSample {
  readonly topic: TopicConfig;
  readonly start: number;
  /** Start and end of the name inside its quotes; both 0 when it contains escapes or non-ASCII. */
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly end: number;
}

function* readTopicTable(
  reader: FastjsonReader,
  maxTopics: number,
): Generator<void, TopicConfig[]> {
  const topics: TopicConfig[] = [];
  if (!reader.beginObject()) return topics;
  let count = 0;
  let sample: TopicSample | undefined;
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    if (sample !== undefined && takeSameBut(reader, sample, name)) {
      topics.push({ ...sample.topic, topicName: name });
    } else {
      sample = readTopicConfig(reader, name);
      if (sample !== undefined) topics.push(sample.topic);
    }
    checkName("topicName", topics.at(-1)?.topicName ?? null);
    checkTopicCount(++count, maxTopics);
    if (reader.tired) yield* pauseOf(reader);
  }
  return topics;
}

/** Most topics of a broker differ in their names only: comparing costs a fraction of parsing. */
function takeSameBut(reader: FastjsonReader, sample: TopicSample, name: string): boolean {
  if (sample.nameEnd === 0) return false;
  const { offset } = reader;
  if (
    reader.takeRepeated(sample.start, sample.nameStart) && reader.takeText(name) &&
    reader.takeRepeated(sample.nameEnd, sample.end)
  ) return true;
  reader.rewind(offset);
  return false;
}

function readTopicConfig(reader: FastjsonReader, name: string): TopicSample | undefined {
  const start = reader.offset;
  if (!reader.beginObject()) return undefined;
  let topicName = name;
  let readQueueNums = DEFAULT_QUEUE_NUMS;
  let writeQueueNums = DEFAULT_QUEUE_NUMS;
  let perm: number = Perm.READ | Perm.WRITE;
  let topicSysFlag = 0;
  let nameStart = 0;
  let nameEnd = 0;
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case "topicName": {
        nameStart = reader.offset + 1;
        const text = reader.readString();
        nameEnd = reader.offset - 1;
        if (text === null || nameEnd - nameStart !== text.length) nameStart = nameEnd = 0;
        topicName = text ?? name;
        break;
      }
      case "readQueueNums":
        readQueueNums = reader.readInt(DEFAULT_QUEUE_NUMS);
        break;
      case "writeQueueNums":
        writeQueueNums = reader.readInt(DEFAULT_QUEUE_NUMS);
        break;
      case "perm":
        perm = reader.readInt(perm);
        break;
      case "topicSysFlag":
        topicSysFlag = reader.readInt();
        break;
      default:
        reader.skip();
    }
  }
  const topic = { topicName, readQueueNums, writeQueueNums, perm, topicSysFlag };
  return { topic, start, nameStart, nameEnd, end: reader.offset };
}

/**
 * Parses the text form used in compressed bodies: name, read and write queues, perm, filter type,
 * attributes. From the bytes: the name must not keep the rest of the text in memory.
 */
function parseTopicConfig(bytes: Uint8Array, start: number, end: number): TopicConfig {
  let plain = true;
  let nameEnd = start;
  for (; nameEnd < end && bytes[nameEnd] !== SPACE; nameEnd++) {
    const byte = byteAt(bytes, nameEnd);
    if (byte < SPACE || byte >= DELETE) plain = false;
  }
  const readEnd = nextSpace(bytes, nameEnd + 1, end);
  const writeEnd = nextSpace(bytes, readEnd + 1, end);
  const permEnd = nextSpace(bytes, writeEnd + 1, end);
  const readQueueNums = int32Between(bytes, nameEnd + 1, readEnd);
  const writeQueueNums = int32Between(bytes, readEnd + 1, writeEnd);
  const perm = int32Between(bytes, writeEnd + 1, permEnd);
  if (
    permEnd >= end || readQueueNums === undefined || writeQueueNums === undefined ||
    perm === undefined
  ) {
    const shown = JSON.stringify(utf8.decode(bytes.subarray(start, Math.min(end, start + 80))));
    throw new FastjsonError(`unreadable topic ${shown}`);
  }
  let topicName: string;
  if (plain && nameEnd - start <= MAX_ASCII_NAME) topicName = asciiText(bytes, start, nameEnd);
  else checkName("topicName", topicName = utf8.decode(bytes.subarray(start, nameEnd)));
  return { topicName, readQueueNums, writeQueueNums, perm, topicSysFlag: 0 };
}

/** Returns the offset of the next space, or the end. */
function nextSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== SPACE) at++;
  return at;
}

/** Parses the usual short numbers without making a text of them. */
function int32Between(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < 1 || end - start > 9) {
    return parseInt32(utf8.decode(bytes.subarray(start, end)));
  }
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = byteAt(bytes, at) - 0x30;
    if (digit < 0 || digit > 9) return parseInt32(utf8.decode(bytes.subarray(start, end)));
    value = 10 * value + digit;
  }
  return value;
}

function* readMappings(
  reader: FastjsonReader,
  maxTopics: number,
): Generator<void, Map<string, TopicQueueMappingInfo>> {
  const mappings = new Map<string, TopicQueueMappingInfo>();
  if (!reader.beginObject()) return mappings;
  let count = 0;
  for (let topic = reader.nextKey(); topic !== undefined; topic = reader.nextKey()) {
    const info = readMappingInfo(reader);
    checkName("topic", topic);
    if (info !== undefined) mappings.set(topic, info);
    checkTopicCount(++count, maxTopics);
    if (reader.tired) yield* pauseOf(reader);
  }
  return mappings;
}

function readMappingInfo(reader: FastjsonReader): TopicQueueMappingInfo | undefined {
  if (!reader.beginObject()) return undefined;
  let topic: string | null = null;
  let bname: string | null = null;
  let scope: string | null = "__global__";
  let totalQueues = 0;
  let epoch: Long = 0;
  let dirty = false;
  const currIdMap = new Map<number, number>();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case "topic":
        topic = reader.readString();
        break;
      case "bname":
        bname = reader.readString();
        break;
      case "scope":
        scope = reader.readString();
        break;
      case "totalQueues":
        totalQueues = reader.readInt();
        break;
      case "epoch":
        epoch = reader.readLong();
        break;
      case "dirty":
        dirty = reader.readBoolean();
        break;
      case "currIdMap":
        readIdMap(reader, currIdMap);
        break;
      default:
        reader.skip();
    }
  }
  checkName("topic", topic);
  checkName("bname", bname);
  checkName("scope", scope);
  return { topic, bname, scope, totalQueues, epoch, dirty, currIdMap };
}

function readIdMap(reader: FastjsonReader, ids: Map<number, number>): void {
  if (!reader.beginObject()) return;
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const id = parseInt32(key);
    if (id === undefined) throw new FastjsonError(`a queue id is no integer: ${key.slice(0, 40)}`);
    ids.set(id, reader.readInt());
    if (ids.size > MAX_QUEUE_IDS) throw new FastjsonError(`more than ${MAX_QUEUE_IDS} queue ids`);
  }
}

function* readStrings(reader: FastjsonReader): Generator<void, string[] | undefined> {
  if (!reader.beginArray()) return undefined;
  const strings: string[] = [];
  for (let count = 1; reader.nextElement(); count++) {
    if (count > MAX_FILTER_SERVERS) {
      throw new FastjsonError(`more than ${MAX_FILTER_SERVERS} filter servers`);
    }
    const text = reader.readString();
    checkName("filterServerList", text);
    if (text !== null) strings.push(text);
    if (reader.tired) yield* pauseOf(reader);
  }
  return strings;
}

/** Reads sequences of `int32 length, bytes`, never beyond the end. */
class LengthPrefixed {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #stepStart = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the number of parts that follow. Each takes at least four bytes. */
  count(what: string): number {
    const count = this.#int32(what);
    if (count < 0 || count > (this.#bytes.length - this.#at) / 4) {
      throw new FastjsonError(`${count} ${what} announced, more than the body holds`);
    }
    return count;
  }

  /** Reads a length, and returns the start and the end of the bytes that it counts. */
  range(what: string): [start: number, end: number] {
    const length = this.#int32(what);
    if (length < 0 || length > this.#bytes.length - this.#at) {
      throw new FastjsonError(`the length of ${what}, ${length}, goes past the end of the body`);
    }
    if (length > MAX_VALUE) throw new FastjsonError(`${what} of more than ${MAX_VALUE} bytes`);
    this.#at += length;
    return [this.#at - length, this.#at];
  }

  json<T>(what: string, read: (reader: FastjsonReader) => T): T {
    const reader = this.reader(what);
    const value = read(reader);
    reader.end();
    return value;
  }

  /** A reader of the next part. */
  reader(what: string): FastjsonReader {
    return new FastjsonReader(this.#bytes, ...this.range(what), MAX_VALUE);
  }

  /** Whether enough was read for others to have a turn. */
  get tired(): boolean {
    return this.#at - this.#stepStart >= STEP_BYTES;
  }

  /** Begins the next step. */
  rest(): void {
    this.#stepStart = this.#at;
  }

  #int32(what: string): number {
    if (this.#bytes.length - this.#at < 4) {
      throw new FastjsonError(`the body ends before ${what}`);
    }
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }
}
