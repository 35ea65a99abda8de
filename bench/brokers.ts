/** The bench's brokers: their registrations, and a small client that sends frames. */
import { crc32, deflateSync } from "node:zlib";
import { Code, encodeHead, encodeRequest, Flag } from "./frames.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface Broker {
  cluster: string;
  name: string;
  id: number;
  /** `ip:port`. */
  address: string;
}

/** A broker's topics at one moment. */
export interface TopicTable {
  topics: readonly string[];
  /** `dataVersion.counter`: increases with every change of a topic. */
  counter: number;
  /** `dataVersion.timestamp`, milliseconds. */
  timestamp: number;
  /** Number of queues by topic, if it is not 8: used to change a topic. */
  queues?: ReadonlyMap<string, number>;
}

/** Encoding of a registration's body: JSON, or the zlib stream of `compressedRegister`. */
export type BodyForm = "plain" | "compressed";

/** `count` topic names of equal length, so that frames about them have the same length, too. */
export function topicNames(count: number, prefix = "BenchTopic"): string[] {
  const digits = String(count - 1).length;
  return Array.from({ length: count }, (_, index) => prefix + String(index).padStart(digits, "0"));
}

/** A master (id 0) or slave of the bench's cluster, with its own address. */
export function broker(index: number, id = 0): Broker {
  const host = `10.${index >> 16 & 255}.${index >> 8 & 255}.${index & 255}`;
  return {
    cluster: "BenchCluster",
    name: `broker-${String(index).padStart(4, "0")}`,
    id,
    address: `${host}:${10911 + 10 * id}`,
  };
}

/** The body of REGISTER_BROKER. `saidAt` becomes mappingDataVersion.timestamp, which brokers renew each time. */
export function registrationBody(
  table: TopicTable,
  form: BodyForm,
  saidAt: number,
): Uint8Array<ArrayBuffer> {
  return form === "plain" ? plainBody(table, saidAt) : compressedBody(table);
}

function plainBody(table: TopicTable, saidAt: number): Uint8Array<ArrayBuffer> {
  const { topics, counter, timestamp, queues } = table;
  const topicConfigTable = Object.fromEntries(topics.map((topicName) => {
    const queueNums = queues?.get(topicName) ?? 8;
    return [topicName, {
      attributes: {},
      order: false,
      perm: 6,
      readQueueNums: queueNums,
      topicFilterType: "SINGLE_TAG",
      topicName,
      topicSysFlag: 0,
      writeQueueNums: queueNums,
    }];
  }));
  return encoder.encode(JSON.stringify({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion: { counter, stateVersion: 0, timestamp },
      mappingDataVersion: { counter: 0, stateVersion: 0, timestamp: saidAt },
      topicConfigTable,
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: {},
    },
  }));
}

function compressedBody(table: TopicTable): Uint8Array<ArrayBuffer> {
  const { topics, counter, timestamp, queues } = table;
  const parts: Uint8Array[] = [];
  const int32 = (value: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value);
    parts.push(bytes);
  };
  const text = (value: string) => {
    const bytes = encoder.encode(value);
    int32(bytes.length);
    parts.push(bytes);
  };
  text(JSON.stringify({ counter, stateVersion: 0, timestamp }));
  int32(topics.length);
  for (const topic of topics) {
    const queueNums = queues?.get(topic) ?? 8;
    text(`${topic} ${queueNums} ${queueNums} 6 SINGLE_TAG {}`);
  }
  text("[]");
  int32(0);
  return new Uint8Array(deflateSync(concat(parts)));
}

/** A heartbeat timeout of an hour: the bench's brokers send only the requests that are measured. */
const HEARTBEAT_TIMEOUT_MS = 3_600_000;

/** A complete REGISTER_BROKER frame. */
export function registration(
  from: Broker,
  body: Uint8Array,
  form: BodyForm,
  opaque: number,
): Uint8Array<ArrayBuffer> {
  return concat([registrationHead(from, body, form, opaque), body]);
}

/** A REGISTER_BROKER frame up to its body, which many brokers may have in common. */
export function registrationHead(
  from: Broker,
  body: Uint8Array,
  form: BodyForm,
  opaque: number,
): Uint8Array<ArrayBuffer> {
  return encodeHead(Code.REGISTER_BROKER, opaque, body.length, {
    heartbeatTimeoutMillis: String(HEARTBEAT_TIMEOUT_MS),
    brokerId: String(from.id),
    bodyCrc32: String(crc32(body) & 0x7fffffff),
    clusterName: from.cluster,
    brokerAddr: from.address,
    enableActingMaster: "false",
    haServerAddr: from.address,
    compressed: String(form === "compressed"),
    brokerName: from.name,
  });
}

/** A BROKER_HEARTBEAT frame, one-way like those of real brokers. */
export function heartbeat(from: Broker, opaque: number): Uint8Array<ArrayBuffer> {
  return encodeRequest(
    Code.BROKER_HEARTBEAT,
    opaque,
    { brokerName: from.name, brokerAddr: from.address, clusterName: from.cluster },
    undefined,
    Flag.ONEWAY,
  );
}

export interface Answer {
  header: { code: number; opaque: number; remark?: string; extFields?: Record<string, string> };
  body: Uint8Array<ArrayBuffer>;
}

/**
 * One connection to a name server: one request at a time, and occasional heartbeats to keep it
 * open.
 */
export class Client {
  readonly #connection: Deno.TcpConn;
  #opaque = 0;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<Client> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay();
    return new Client(connection);
  }

  /** The opaque for the next request. */
  nextOpaque(): number {
    return this.#opaque++;
  }

  /** Sends a one-way frame. */
  async send(frame: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < frame.length;) at += await this.#connection.write(frame.subarray(at));
  }

  /**
   * Sends a frame and waits for its response. @throws {Error} when the server closes the connection
   */
  async call(frame: Uint8Array<ArrayBuffer>): Promise<Answer> {
    await this.send(frame);
    const length = new DataView((await this.#read(4)).buffer).getUint32(0);
    const answer = await this.#read(length);
    const headerLength = new DataView(answer.buffer).getUint32(0) & 0xffffff;
    return {
      header: JSON.parse(decoder.decode(answer.subarray(4, 4 + headerLength))),
      body: answer.slice(4 + headerLength),
    };
  }

  /** Like {@linkcode call}. @throws {Error} when the response is not a success */
  async succeed(frame: Uint8Array<ArrayBuffer>): Promise<Answer> {
    const answer = await this.call(frame);
    if (answer.header.code !== 0) {
      throw new Error(`the server answered ${JSON.stringify(answer.header)}`);
    }
    return answer;
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await this.#connection.read(bytes.subarray(at));
      if (count === null) throw new Error("the server closed the connection");
      at += count;
    }
    return bytes;
  }

  /** Registers a broker with all its topics. @throws {Error} when it is refused */
  async register(from: Broker, table: TopicTable, form: BodyForm = "plain"): Promise<void> {
    const body = registrationBody(table, form, Date.now());
    await this.succeed(registration(from, body, form, this.nextOpaque()));
  }

  /** Sends a heartbeat of `from` every 20 s: servers close connections that are silent for 120 s. */
  keepAlive(from: Broker): void {
    this.#keepAlive = setInterval(() => this.send(heartbeat(from, this.nextOpaque())), 20_000);
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#connection.close();
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
