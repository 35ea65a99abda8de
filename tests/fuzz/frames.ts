/** Frames for the fuzzer: well-formed requests of every code, and what mutation makes of them. */

import { RequestCode } from "../../src/protocol/codes.ts";
import { compressedBody, oldBody, plainBody, type Registration } from "../support/bodies.ts";
import { concat, utf8 } from "../support/bytes.ts";
import { bodyCrc32, encodeFrame, type Request, type Serialization } from "../support/frames.ts";

/** Returns an integer from 0 to `below` - 1. */
export type Chance = (below: number) => number;

const NAMES = ["a", "b", "c", "__proto__", "constructor", "題", "x".repeat(255)];
const CLUSTERS = ["C", "D", "toString"];
const ADDRS = ["10.0.0.1:10911", "10.0.0.2:10911", "[::1]:10911", "z", "10.0.0.3:99999"];
const TOPICS = ["T1", "T2", "T3", "%RETRY%g", "__proto__", "TBW102", "題", "t".repeat(127)];
const NAMESPACES = ["ns", "ORDER_TOPIC_CONFIG", "__proto__"];
const HOSTILE = ["", " ", "\0", "\n", "-1", "99999999999999999999", "NaN", "true", "y".repeat(300)];
const VERSIONS = [0, 35, 37, 399, 401, 413, 475, 513, 32_767];
const CODES = Object.values(RequestCode);
/** These make the tables: the others are of little use without them. */
const REGISTRATION = 103;
/** Frames that are sent again, mostly changed: a new one takes several times as long to make. */
const REMEMBERED = 64;

/** Changes of the configuration that leave the server as it is for the other connections. */
const CONFIGURATION = [
  "orderMessageEnable=true",
  "orderMessageEnable=false",
  "supportActingMaster=true",
  "deleteTopicWithBrokerRegistration=true",
  "deleteTopicWithBrokerRegistration=false",
  "listenPort=1",
  "nothing=1",
  "kvConfigPath=/tmp/x",
  "=",
];

/** Makes the bytes that a peer sends. */
export class Frames {
  readonly #below: Chance;
  readonly #remembered: Uint8Array<ArrayBuffer>[] = [];
  #opaque = 0;

  constructor(below: Chance) {
    this.#below = below;
  }

  /** The bytes of the next few frames, most of them well-formed. */
  next(): Uint8Array<ArrayBuffer> {
    const remembered = this.#below(4) > 0 ? this.#remembered[this.#below(REMEMBERED)] : undefined;
    if (remembered !== undefined) return this.#maybeMutate(remembered, 3);
    const frame = this.request();
    this.#remembered[this.#below(REMEMBERED)] = frame;
    return this.#maybeMutate(frame, 8);
  }

  #maybeMutate(frame: Uint8Array<ArrayBuffer>, oneIn: number): Uint8Array<ArrayBuffer> {
    switch (this.#below(oneIn)) {
      case 0:
        return this.mutate(frame);
      case 1:
        return this.mutate(this.mutate(frame));
      default:
        return frame;
    }
  }

  /** Bytes with which a connection begins that are no frame: PROXY headers, TLS records, others. */
  preamble(): Uint8Array<ArrayBuffer> {
    const texts = [
      "PROXY TCP4 192.0.2.1 10.0.0.1 5000 9876\r\n",
      "PROXY TCP6 2001:db8::1 ::1 5000 9876\r\n",
      "PROXY UNKNOWN\r\n",
      "PROXY TCP4 192.0.2.1",
      `PROXY ${"x".repeat(200)}\r\n`,
      "GET / HTTP/1.1\r\n\r\n",
    ];
    const make = this.#one([
      () => utf8(this.#one(texts)),
      () => proxyV2(this.#below),
      () => tlsRecord(this.#below),
    ]);
    const bytes = make();
    return this.#below(3) === 0 ? this.mutate(bytes) : bytes;
  }

  /** A well-formed frame whose fields may be wrong. */
  request(): Uint8Array<ArrayBuffer> {
    const code = this.#below(3) === 0 ? REGISTRATION : this.#one(CODES);
    const version = this.#one(VERSIONS);
    const { fields, body } = code === REGISTRATION
      ? this.#registration(version)
      : { fields: this.#fields(), body: this.#body(code) };
    if (this.#below(10) === 0) fields[this.#one(Object.keys(fields))] = this.#one(HOSTILE);
    if (this.#below(20) === 0) delete fields[this.#one(Object.keys(fields))];
    const serialization: Serialization = this.#below(2) === 0 ? "JSON" : "ROCKETMQ";
    return this.encode({
      code: this.#below(50) === 0 ? this.#below(70_000) - 2000 : code,
      version,
      language: this.#below(14),
      flag: this.#below(10) === 0 ? this.#below(4) : 0,
      extFields: fields,
      body,
      serialization,
    }, this.#opaque++);
  }

  protected encode(request: Request, opaque: number): Uint8Array<ArrayBuffer> {
    return encodeFrame(request, opaque);
  }

  /** Bytes cut into pieces, as the network may deliver them. */
  *pieces(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
    if (this.#below(4) !== 0) return yield bytes;
    for (let at = 0; at < bytes.length;) {
      const length = 1 + this.#below(1 + this.#below(bytes.length));
      yield bytes.slice(at, at += length);
    }
  }

  #registration(version: number) {
    const registration: Registration = {
      version: {
        counter: this.#below(3),
        timestamp: 1 + this.#below(2),
        stateVersion: this.#below(2),
      },
      topics: TOPICS.filter(() => this.#below(2) === 0).map((name) => ({
        name,
        read: this.#below(9),
        perm: this.#one([0, 2, 4, 6, 7]),
      })),
      filterServers: this.#below(3) === 0 ? ["f1"] : [],
      mappings: this.#below(4) > 0 ? [] : [{
        topic: this.#one(TOPICS),
        bname: this.#one(NAMES),
        totalQueues: 4,
        epoch: `${this.#below(3)}`,
        currIdMap: { 0: 0 },
      }],
    };
    const compressed = this.#below(2) === 0;
    const body = version < 37
      ? utf8(oldBody(registration))
      : compressed
      ? compressedBody(registration, version >= 413) as Uint8Array<ArrayBuffer>
      : utf8(plainBody(registration));
    // An intact body with invalid content must be refused, too.
    const sent = this.#below(8) === 0 ? this.mutate(body) : body;
    const fields: Record<string, string> = {
      ...this.#fields(),
      compressed: `${compressed}`,
      bodyCrc32: this.#below(10) === 0 ? "1" : bodyCrc32(sent),
      haServerAddr: this.#one(ADDRS),
    };
    if (this.#below(4) === 0) fields.heartbeatTimeoutMillis = "120000";
    if (this.#below(4) === 0) fields.enableActingMaster = "true";
    if (this.#below(8) === 0) fields.zoneName = "z";
    return { fields, body: sent };
  }

  #fields(): Record<string, string> {
    const cluster = this.#one(CLUSTERS);
    return {
      clusterName: cluster,
      cluster,
      brokerName: this.#one(NAMES),
      brokerAddr: this.#one(ADDRS),
      brokerId: `${this.#below(3)}`,
      topic: this.#one(TOPICS),
      namespace: this.#one(NAMESPACES),
      key: this.#one(TOPICS),
      value: this.#one([...HOSTILE, "a:4;b:4"]),
    };
  }

  #body(code: number): Uint8Array<ArrayBuffer> | undefined {
    if (code === RequestCode.UPDATE_NAMESRV_CONFIG) {
      const count = this.#below(3);
      return utf8(Array.from({ length: count }, () => this.#one(CONFIGURATION)).join("\n"));
    }
    if (code === RequestCode.REGISTER_TOPIC_IN_NAMESRV) {
      const queueDatas = [{
        brokerName: this.#one(NAMES),
        readQueueNums: 4,
        writeQueueNums: this.#below(5),
        perm: 6,
        topicSysFlag: this.#below(4),
      }];
      return utf8(JSON.stringify({ queueDatas, brokerDatas: [], filterServerTable: {} }));
    }
    if (code === RequestCode.QUERY_DATA_VERSION) {
      return utf8(JSON.stringify({ counter: this.#below(3), timestamp: 1, stateVersion: 0 }));
    }
    if (this.#below(5) > 0) return undefined;
    return utf8(this.#one(["{}", "[", "null", '{"a":', "{a:1,'b':[{}]}", "\xff"]));
  }

  /** Bytes that differ in one place. */
  mutate(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.length === 0) return bytes;
    const at = this.#below(bytes.length);
    const changed = bytes.slice();
    switch (this.#below(7)) {
      case 0:
        changed[at] = (bytes[at] ?? 0) ^ 1 << this.#below(8);
        return changed;
      case 1:
        changed[at] = this.#one([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x7b]);
        return changed;
      case 2:
        return bytes.slice(0, at);
      case 3:
        return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + this.#below(8)));
      case 4: {
        const part = bytes.subarray(at, at + 1 + this.#below(64));
        return concat(bytes.subarray(0, at), part, part, bytes.subarray(at));
      }
      case 5: {
        const noise = new Uint8Array(1 + this.#below(16)).map(() => this.#below(256));
        return concat(bytes.subarray(0, at), noise, bytes.subarray(at));
      }
      default: {
        // A length field, most often.
        const view = new DataView(changed.buffer);
        const where = this.#below(2) === 0 ? 0 : this.#below(Math.max(1, bytes.length - 3));
        if (where + 4 <= bytes.length) {
          view.setInt32(where, this.#one([0, -1, 4, 0x7fffffff, 0x1000000, bytes.length]));
        }
        return changed;
      }
    }
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }
}

/** A PROXY header of version 2, with an extension of any length. */
function proxyV2(below: Chance): Uint8Array<ArrayBuffer> {
  const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
  const extra = below(3) === 0 ? below(6000) : 0;
  const length = 12 + extra;
  const head = [...signature, 0x20 + below(2), 0x11, length >> 8, length & 0xff];
  return concat(new Uint8Array(head), new Uint8Array(length).fill(10));
}

/** A TLS record, mostly of a handshake, with any content. */
function tlsRecord(below: Chance): Uint8Array<ArrayBuffer> {
  const length = below(300);
  const head = [22 - below(2) * below(3), 3, 1 + below(3), length >> 8, length & 0xff];
  const content = Uint8Array.from({ length }, (_, i) => i === 0 ? 1 : below(256));
  return concat(new Uint8Array(head), content);
}
