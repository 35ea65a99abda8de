/**
 * The load generator: route queries over many connections, with its own epoll loop.
 *
 * It runs as a separate process, so that it can be pinned to another core than the server: `deno
 * run --allow-ffi bench/load.ts '<LoadOptions as JSON>'` prints one {@linkcode LoadResult} as JSON.
 * Nothing here awaits: while a load runs, the event loop stands still.
 */
import { createHmac } from "node:crypto";
import { Code, encodeRequest } from "./frames.ts";
import { Histogram } from "./histogram.ts";
import { Libc } from "./libc.ts";

export interface LoadOptions {
  host: string;
  port: number;
  connections: number;
  /** Requests in flight on each connection (closed loop). Ignored when `rate` is given. */
  depth: number;
  /** Requests a second over all connections (open loop); 0: closed loop. */
  rate: number;
  /**
   * Queried in turn. Their names should have equal lengths: a frame template is patched in place.
   */
  topics: string[];
  /** The account that signs the queries. */
  credentials?: { accessKey: string; secretKey: string };
  /** Whether headers have a form that the server does not cache. */
  uncached?: boolean;
  /**
   * Closed loop, measured from the first moment: all connect at once, and each sends as soon as it is
   * connected. There is no warm-up then.
   */
  fresh?: boolean;
  warmupSeconds: number;
  seconds: number;
  /**
   * The server's process, whose CPU time is read at both ends of the measured time; 0: not read.
   */
  serverPid: number;
}

export interface LoadResult {
  /** Measured time in seconds, and the number of responses in it. */
  seconds: number;
  answers: number;
  throughput: number;
  /** Latencies in milliseconds. Open loop: counted from the time at which the request was due. */
  p50: number;
  p99: number;
  p999: number;
  max: number;
  /** Longest waiting time of a request still unanswered at the end, in milliseconds. */
  oldestUnanswered: number;
  /** Failed, unrequested or unreadable responses, and broken connections. */
  errors: number;
  /** Message of the first error, if any. */
  firstError?: string;
  /** Open loop: requests never answered, not even in the time allowed after the end. */
  lost: number;
  /** Responses on the connection with the fewest, the median one and the one with the most. */
  perConnection: { min: number; median: number; max: number };
  /**
   * With `fresh`: the slowest first response in milliseconds, as long as the whole load when there are
   * connections without any, and the number of those.
   */
  slowestFirst?: number;
  neverServed?: number;
  /** CPU seconds of the server process, all threads, in the measured time. */
  serverCpu: number;
  /**
   * CPU seconds of the generator itself: close to `seconds` means that the generator was the limit.
   */
  generatorCpu: number;
}

/**
 * Opaques keep seven digits, so that all frames of a topic have the same length; each connection
 * counts its own.
 */
const FIRST_OPAQUE = 1_000_000;
const LAST_OPAQUE = 9_999_999;
const OPAQUE_DIGITS = 7;
/** How long an open loop waits for the last responses. */
const DRAIN_MS = 5_000;
const RECEIVE_BYTES = 256 * 1024;
/** Space before the received bytes for the start of a header from an earlier read. */
const CARRY_BYTES = 64 * 1024;

class Connection {
  opaque = FIRST_OPAQUE;
  answers = 0;
  open = true;
  connecting = false;
  /** When its first response came. */
  first: number | undefined;
  /** Remaining bytes of the current response's body, and its opaque. */
  bodyLeft = 0;
  bodyOpaque = 0;
  /** The start of a frame whose header is incomplete. */
  carry: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Opaque and time of requests in flight, by opaque modulo the length: responses may come in any
   * order.
   */
  readonly pendingOpaque: Int32Array;
  readonly pendingSince: Float64Array;

  constructor(readonly fd: number, window: number) {
    this.pendingOpaque = new Int32Array(window);
    this.pendingSince = new Float64Array(window);
  }
}

/**
 * Runs one load to its end and returns the result.
 * @param aside called repeatedly with the time in milliseconds, for other work
 * @throws {Error} when a connection is refused
 */
export function runLoad(options: LoadOptions, aside?: (now: number) => void): LoadResult {
  return new Load(options, aside).run();
}

/** The frame that asks for a topic's route. */
function queryFor(topic: string, { credentials, uncached }: LoadOptions): Uint8Array<ArrayBuffer> {
  const fields: Record<string, string> = { topic };
  if (credentials !== undefined) {
    const { accessKey, secretKey } = credentials;
    fields.AccessKey = accessKey;
    fields.Signature = createHmac("sha1", secretKey).update(accessKey + topic).digest("base64");
  }
  const frame = encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, FIRST_OPAQUE, fields);
  if (!uncached) return frame;
  // As Python's json.dumps writes it, with a blank.
  const header = new TextDecoder().decode(frame.subarray(8)).replace('"opaque":', '"opaque": ');
  const longer = new Uint8Array(frame.length + 1);
  longer.set(new TextEncoder().encode(header), 8);
  const view = new DataView(longer.buffer);
  view.setUint32(0, longer.length - 4);
  view.setUint32(4, longer.length - 8);
  return longer;
}

class Load {
  readonly #options: LoadOptions;
  readonly #aside: (now: number) => void;
  readonly #libc = new Libc();
  readonly #latencies = new Histogram();
  readonly #connections: Connection[] = [];
  readonly #templates: { frame: Uint8Array<ArrayBuffer>; opaqueAt: number }[];
  readonly #window: number;
  readonly #in = new Uint8Array(CARRY_BYTES + RECEIVE_BYTES);
  readonly #inView = new DataView(this.#in.buffer);
  readonly #receiveInto = this.#in.subarray(CARRY_BYTES);
  readonly #out: Uint8Array<ArrayBuffer>;
  readonly #answerHeader = new AnswerHeader();
  #nextTopic = 0;
  #alive = 0;
  #errors = 0;
  #firstError: string | undefined;

  constructor(options: LoadOptions, aside: (now: number) => void = () => {}) {
    this.#options = options;
    this.#aside = aside;
    this.#templates = options.topics.map((topic) => {
      const frame = queryFor(topic, options);
      return { frame, opaqueAt: indexOf(frame, `${FIRST_OPAQUE}`) };
    });
    // Space for responses that overtake others; in the open loop for a server that is seconds
    // behind.
    const inFlight = options.rate > 0 ? 4 * options.rate / options.connections : options.depth;
    this.#window = 2 ** Math.ceil(Math.log2(Math.max(16, inFlight * 8)));
    const longest = Math.max(...this.#templates.map((template) => template.frame.length));
    this.#out = new Uint8Array(longest * this.#window);
  }

  run(): LoadResult {
    const { connections, warmupSeconds, seconds, serverPid, rate, fresh } = this.#options;
    const started = this.#libc.now();
    for (let tag = 0; tag < connections; tag++) this.#connections.push(this.#connect(tag));
    this.#alive = connections;

    const drive = rate > 0 ? this.#openLoop() : this.#closedLoop();
    const start = this.#libc.now();
    if (!fresh) drive(start, start + warmupSeconds * 1000);

    this.#latencies.reset();
    for (const connection of this.#connections) connection.answers = 0;
    const serverCpu = serverPid ? this.#libc.cpuOf(serverPid) : 0;
    const ownCpu = this.#libc.cpuOf(Deno.pid);
    const from = this.#libc.now();
    drive(from, from + seconds * 1000);
    const to = this.#libc.now();
    const generatorCpu = (this.#libc.cpuOf(Deno.pid) - ownCpu) / 1000;
    const serverCpuUsed = serverPid ? (this.#libc.cpuOf(serverPid) - serverCpu) / 1000 : 0;

    const counts = this.#connections.map((connection) => connection.answers).sort((a, b) => a - b);
    const answers = counts.reduce((sum, count) => sum + count, 0);
    const lost = rate > 0 ? this.#drain() : 0;
    const oldestUnanswered = this.#oldestPending(to);
    for (const connection of this.#connections) {
      if (connection.open) this.#libc.close(connection.fd);
    }
    return {
      seconds: (to - from) / 1000,
      answers,
      throughput: answers / ((to - from) / 1000),
      p50: this.#latencies.percentileMs(0.5),
      p99: this.#latencies.percentileMs(0.99),
      p999: this.#latencies.percentileMs(0.999),
      max: this.#latencies.maxMs,
      oldestUnanswered,
      errors: this.#errors,
      firstError: this.#firstError,
      lost,
      perConnection: {
        min: counts[0]!,
        median: counts[counts.length >> 1]!,
        max: counts[counts.length - 1]!,
      },
      serverCpu: serverCpuUsed,
      generatorCpu,
      ...(fresh && this.#firstAnswers(started)),
    };
  }

  #connect(tag: number): Connection {
    const { host, port, fresh } = this.#options;
    if (!fresh) return new Connection(this.#libc.connect(host, port, tag), this.#window);
    const connection = new Connection(this.#libc.startConnecting(host, port, tag), this.#window);
    connection.connecting = true;
    return connection;
  }

  #firstAnswers(started: number): Pick<LoadResult, "slowestFirst" | "neverServed"> {
    const firsts = this.#connections.map(({ first }) => first);
    const ended = this.#libc.now();
    return {
      slowestFirst: Math.max(...firsts.map((first) => first ?? ended)) - started,
      neverServed: firsts.filter((first) => first === undefined).length,
    };
  }

  /**
   * Keeps `depth` requests in flight on every connection: each response triggers the next request.
   */
  #closedLoop(): (from: number, until: number) => void {
    const start = this.#libc.now();
    for (const connection of this.#connections) {
      if (!connection.connecting) this.#send(connection, this.#options.depth, start);
    }
    return (_from, until) => {
      let now = this.#libc.now();
      while (now < until && this.#alive > 0) {
        const ready = this.#libc.wait(Math.ceil(until - now));
        for (let index = 0; index < ready; index++) {
          const tag = this.#libc.readyTag(index);
          const connection = this.#connections[tag]!;
          if (connection.connecting) {
            connection.connecting = false;
            this.#libc.connected(connection.fd, tag);
            this.#send(connection, this.#options.depth, this.#libc.now());
            continue;
          }
          const answered = this.#receive(connection);
          if (answered > 0) this.#send(connection, answered, this.#libc.now());
        }
        now = this.#libc.now();
        this.#aside(now);
      }
    };
  }

  /**
   * Sends at a fixed rate, over the connections in turn, regardless of the responses. Latency
   * counts from the time at which the request was due, so that a server that stalls is charged for
   * all that waited meanwhile.
   */
  #openLoop(): (from: number, until: number) => void {
    const interval = 1000 / this.#options.rate;
    let turn = 0;
    return (from, until) => {
      let due = from;
      let now = this.#libc.now();
      while (now < until && this.#alive > 0) {
        for (; due <= now; due += interval) {
          const connection = this.#connections[turn++ % this.#connections.length]!;
          if (connection.open) this.#send(connection, 1, due);
        }
        // Sleeping would round the next moment up to a whole millisecond: spin when it is near.
        this.#receiveAll(due - now > 2 ? 1 : 0);
        now = this.#libc.now();
        this.#aside(now);
      }
    };
  }

  /** Receives the responses still in flight. @returns how many requests remain unanswered */
  #drain(): number {
    const until = this.#libc.now() + DRAIN_MS;
    while (this.#countPending() > 0 && this.#libc.now() < until && this.#alive > 0) {
      this.#receiveAll(10);
    }
    return this.#countPending();
  }

  #receiveAll(timeout: number): void {
    const ready = this.#libc.wait(timeout);
    for (let index = 0; index < ready; index++) {
      this.#receive(this.#connections[this.#libc.readyTag(index)]!);
    }
  }

  #countPending(): number {
    let pending = 0;
    for (const connection of this.#connections) {
      if (!connection.open) continue;
      for (const opaque of connection.pendingOpaque) if (opaque !== 0) pending++;
    }
    return pending;
  }

  #oldestPending(now: number): number {
    let oldest = 0;
    for (const { pendingOpaque, pendingSince } of this.#connections) {
      for (let slot = 0; slot < pendingOpaque.length; slot++) {
        if (pendingOpaque[slot] !== 0) oldest = Math.max(oldest, now - pendingSince[slot]!);
      }
    }
    return oldest;
  }

  /** Writes `count` requests at once; their latency counts from `since`. */
  #send(connection: Connection, count: number, since: number): void {
    const { pendingOpaque, pendingSince } = connection;
    const mask = this.#window - 1;
    const out = this.#out;
    let length = 0;
    for (let sent = 0; sent < count; sent++) {
      let tries = 0;
      // The slot is still in use by a response that a whole window has overtaken: skip that opaque.
      while (pendingOpaque[connection.opaque & mask] !== 0) {
        if (++tries > mask) return this.#break(connection, "too many requests without an answer");
        connection.opaque = nextOpaque(connection.opaque);
      }
      const opaque = connection.opaque;
      connection.opaque = nextOpaque(opaque);
      pendingOpaque[opaque & mask] = opaque;
      pendingSince[opaque & mask] = since;
      const { frame, opaqueAt } = this.#templates[this.#nextTopic++ % this.#templates.length]!;
      out.set(frame, length);
      writeDigits(out, length + opaqueAt, opaque);
      length += frame.length;
    }
    if (this.#libc.send(connection.fd, out, length) !== length) {
      this.#break(connection, "the server stopped reading");
    }
  }

  /**
   * Reads available bytes and checks every response in them. @returns the number of completed
   * responses
   */
  #receive(connection: Connection): number {
    const received = this.#libc.receive(connection.fd, this.#receiveInto);
    if (received <= 0) {
      this.#break(connection, "the server closed the connection");
      return 0;
    }
    const now = this.#libc.now();
    const buffer = this.#in;
    let at = CARRY_BYTES;
    const end = CARRY_BYTES + received;
    if (connection.carry) {
      at -= connection.carry.length;
      buffer.set(connection.carry, at);
      connection.carry = undefined;
    }
    let answered = 0;
    for (;;) {
      if (connection.bodyOpaque !== 0) {
        const taken = Math.min(connection.bodyLeft, end - at);
        at += taken;
        connection.bodyLeft -= taken;
        if (connection.bodyLeft > 0) return answered;
        this.#settle(connection, now);
        answered++;
      }
      const left = end - at;
      const headerLength = left >= 8 ? this.#inView.getUint32(at + 4) & 0xffffff : 0;
      if (left < 8 + headerLength || left < 8) {
        if (left > 0) connection.carry = buffer.slice(at, end);
        return answered;
      }
      const length = this.#inView.getUint32(at);
      const opaque = this.#answerHeader.successOpaque(buffer, at + 8, headerLength);
      if (opaque <= 0) this.#fail(`unexpected answer ${this.#answerHeader.unexpected}`);
      connection.bodyOpaque = opaque || -1;
      connection.bodyLeft = length - 4 - headerLength;
      at += 8 + headerLength;
    }
  }

  /** Counts a response whose last byte has arrived. */
  #settle(connection: Connection, now: number): void {
    const opaque = Math.abs(connection.bodyOpaque);
    const slot = opaque & (this.#window - 1);
    connection.bodyOpaque = 0;
    if (connection.pendingOpaque[slot] !== opaque) {
      this.#fail(`an answer to opaque ${opaque}, which is not in flight`);
      return;
    }
    this.#latencies.record(now - connection.pendingSince[slot]!);
    connection.pendingOpaque[slot] = 0;
    connection.answers++;
    connection.first ??= now;
  }

  #fail(reason: string): void {
    this.#errors++;
    this.#firstError ??= reason;
  }

  #break(connection: Connection, reason: string): void {
    this.#fail(reason);
    this.#libc.close(connection.fd);
    connection.open = false;
    this.#alive--;
  }
}

/**
 * Checks response headers. The first one is parsed; later ones are compared with it byte for byte,
 * except for the digits of the opaque, which checks as much at a fraction of the cost.
 */
class AnswerHeader {
  #known = new Uint8Array(0);
  #opaqueAt = 0;
  /** Text of the last header that was not a success. */
  unexpected = "";

  /**
   * Returns the opaque of a successful response, or the negative opaque (0: unreadable) of any
   * other.
   */
  successOpaque(buffer: Uint8Array<ArrayBuffer>, at: number, length: number): number {
    if (length === this.#known.length && this.#matches(buffer, at)) {
      let opaque = 0;
      for (let digit = 0; digit < OPAQUE_DIGITS; digit++) {
        opaque = opaque * 10 + buffer[at + this.#opaqueAt + digit]! - 0x30;
      }
      return opaque;
    }
    return this.#learn(buffer.slice(at, at + length));
  }

  #matches(buffer: Uint8Array, at: number): boolean {
    const known = this.#known;
    const opaqueAt = this.#opaqueAt;
    for (let index = 0; index < opaqueAt; index++) {
      if (buffer[at + index] !== known[index]) return false;
    }
    for (let index = opaqueAt + OPAQUE_DIGITS; index < known.length; index++) {
      if (buffer[at + index] !== known[index]) return false;
    }
    return true;
  }

  #learn(header: Uint8Array<ArrayBuffer>): number {
    const text = new TextDecoder().decode(header);
    let command: { code?: unknown; opaque?: unknown; flag?: unknown };
    try {
      command = JSON.parse(text);
    } catch {
      this.unexpected = text;
      return 0;
    }
    const opaque = Number(command.opaque) || 0;
    if (command.code !== 0 || command.flag !== 1) {
      this.unexpected = text;
      return -opaque;
    }
    this.#known = header;
    this.#opaqueAt = indexOf(header, `"opaque":${opaque}`) + `"opaque":`.length;
    return opaque;
  }
}

function nextOpaque(opaque: number): number {
  return opaque === LAST_OPAQUE ? FIRST_OPAQUE : opaque + 1;
}

function writeDigits(into: Uint8Array, at: number, value: number): void {
  for (let digit = OPAQUE_DIGITS - 1; digit >= 0; digit--) {
    const rest = (value / 10) | 0;
    into[at + digit] = 0x30 + value - rest * 10;
    value = rest;
  }
}

function indexOf(bytes: Uint8Array, text: string): number {
  return String.fromCharCode(...bytes).indexOf(text);
}

if (import.meta.main) {
  console.log(JSON.stringify(runLoad(JSON.parse(Deno.args[0]!))));
}
