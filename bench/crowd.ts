/**
 * Connections of brokers and clients on one epoll loop, each of which sends frames of its own and
 * hears of its answers. load.ts is faster, but all its connections do the same.
 */
import { Code, encodeRequest } from "./frames.ts";
import { Histogram } from "./histogram.ts";
import { Libc } from "./libc.ts";

/** The start of the header of each answer that is a success. */
const SUCCESS = new TextEncoder().encode('{"code":0,');
/** Length of a frame, length of its header, and the start of that. */
const HEAD_BYTES = 8 + SUCCESS.length;
const RECEIVE_BYTES = 256 * 1024;
/** Ready connections handled in one turn. More would hold up a probe. */
const READY_AT_ONCE = 32;
/** An answer's rest from which on it is received without looking at it. */
const DISCARD_BYTES = 4096;
/** Bytes passed to the system in one call. */
const SEND_BYTES = 1024 * 1024;

/** The reactions of a connection's owner; `now` is the time of the event in milliseconds. */
export interface Handler {
  onConnected?(connection: Connection, now: number): void;
  /** Called for each answer, once it is complete. */
  onAnswer?(connection: Connection, now: number): void;
  /** Called with whatever is received, instead of {@linkcode onAnswer}. */
  onBytes?(connection: Connection, now: number): void;
}

/** One connection. */
export class Connection {
  connecting = true;
  open = true;
  readonly queue: Uint8Array<ArrayBuffer>[] = [];
  /** The start of an answer, until it is known how long that is. */
  readonly head = new Uint8Array(HEAD_BYTES);
  headBytes = 0;
  /** Bytes of the answer that have not come. */
  left = 0;

  constructor(readonly fd: number, readonly tag: number, readonly handler: Handler) {}
}

/** All connections of a load, to one server. */
export class Crowd {
  readonly libc = new Libc(READY_AT_ONCE);
  /** Bytes of all frames and answers so far. */
  sent = 0;
  received = 0;
  readonly #port: number;
  readonly #connections: Connection[] = [];
  readonly #in = new Uint8Array(RECEIVE_BYTES);

  constructor(port: number) {
    this.#port = port;
  }

  /** Starts to connect. */
  connect(handler: Handler): Connection {
    const tag = this.#connections.length;
    const fd = this.libc.startConnecting("127.0.0.1", this.#port, tag);
    const connection = new Connection(fd, tag, handler);
    this.#connections.push(connection);
    return connection;
  }

  /** Sends these bytes after all that were given before; they must not change any more. */
  send(connection: Connection, ...parts: Uint8Array<ArrayBuffer>[]): void {
    const waiting = connection.queue.length > 0;
    connection.queue.push(...parts);
    if (!waiting && !connection.connecting) this.#flush(connection, false);
  }

  close(connection: Connection): void {
    connection.open = false;
    this.libc.close(connection.fd);
  }

  /**
   * Handles what is ready; waits at most `timeout` milliseconds for it.
   * @throws {Error} when the server closes a connection or answers with a failure
   */
  turn(timeout: number): void {
    const ready = this.libc.wait(timeout);
    for (let index = 0; index < ready; index++) {
      const connection = this.#connections[this.libc.readyTag(index)]!;
      if (!connection.open) continue;
      if (connection.connecting) {
        connection.connecting = false;
        this.libc.connected(connection.fd, connection.tag);
        connection.handler.onConnected?.(connection, this.libc.now());
        this.#flush(connection, false);
      } else {
        if (connection.queue.length > 0) this.#flush(connection, true);
        this.#receive(connection);
      }
    }
  }

  /**
   * Turns until a condition holds.
   * @param tick called in each turn; returns in how many milliseconds it wants to be called again
   * @throws {Error} when that takes longer than `limit` milliseconds
   */
  until(holds: () => boolean, limit: number, tick: (now: number) => number = () => 100): void {
    const end = this.libc.now() + limit;
    while (!holds()) {
      const now = this.libc.now();
      if (now > end) throw new Error(`not within ${limit} ms: ${holds}`);
      // epoll waits whole milliseconds: when the next moment is near, it is only asked.
      const wait = tick(now);
      this.turn(wait < 1 ? 0 : Math.floor(wait));
    }
  }

  #flush(connection: Connection, watched: boolean): void {
    const { queue } = connection;
    while (queue.length > 0) {
      const part = queue[0]!;
      const length = Math.min(part.length, SEND_BYTES);
      const sent = this.libc.send(connection.fd, part, length);
      if (sent < 0) {
        if (!watched) this.libc.connected(connection.fd, connection.tag, true);
        return;
      }
      this.sent += sent;
      if (sent < part.length) queue[0] = part.subarray(sent);
      else queue.shift();
    }
    if (watched) this.libc.connected(connection.fd, connection.tag);
  }

  #receive(connection: Connection): void {
    if (connection.left > DISCARD_BYTES) {
      const discarded = this.libc.discard(connection.fd, connection.left);
      if (discarded < 0) return;
      if (discarded === 0) throw new Error("the server closed a connection");
      this.received += discarded;
      connection.left -= discarded;
      if (connection.left === 0) connection.handler.onAnswer?.(connection, this.libc.now());
      return;
    }
    const received = this.libc.receive(connection.fd, this.#in);
    // Writable, but not readable.
    if (received < 0) return;
    if (received === 0) throw new Error("the server closed a connection");
    this.received += received;
    const now = this.libc.now();
    const { handler } = connection;
    if (handler.onBytes) return handler.onBytes(connection, now);
    for (let at = 0; at < received;) {
      if (connection.left === 0) {
        const count = Math.min(HEAD_BYTES - connection.headBytes, received - at);
        connection.head.set(this.#in.subarray(at, at + count), connection.headBytes);
        connection.headBytes += count;
        at += count;
        if (connection.headBytes < HEAD_BYTES) return;
        this.#check(connection.head);
        connection.left = new DataView(connection.head.buffer).getUint32(0) + 4 - HEAD_BYTES;
        connection.headBytes = 0;
      }
      const count = Math.min(connection.left, received - at);
      connection.left -= count;
      at += count;
      if (connection.left === 0) handler.onAnswer?.(connection, now);
    }
  }

  #check(head: Uint8Array): void {
    for (const [index, byte] of SUCCESS.entries()) {
      if (head[8 + index] === byte) continue;
      throw new Error(`an answer begins with ${new TextDecoder().decode(head.subarray(8))}`);
    }
  }
}

/**
 * One client that asks for a route at fixed intervals, whether or not it has the answers to earlier
 * requests. A request's time counts from when it was due.
 */
export class Probe {
  readonly latencies = new Histogram();
  readonly #crowd: Crowd;
  readonly #interval: number;
  readonly #connection: Connection;
  readonly #request: Uint8Array<ArrayBuffer>;
  #waiting: number[] = [];
  #due = 0;

  /** @param interval milliseconds */
  constructor(crowd: Crowd, topic: string, interval: number) {
    this.#crowd = crowd;
    this.#interval = interval;
    this.#request = encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, 1, { topic });
    this.#connection = crowd.connect({
      onAnswer: (_, now) => this.latencies.record(now - this.#waiting.shift()!),
    });
  }

  /** Asks if it is time. Returns the milliseconds until the next request. */
  tick(now: number): number {
    if (this.#due === 0) this.#due = now;
    for (; this.#due <= now; this.#due += this.#interval) {
      this.#waiting.push(this.#due);
      this.#crowd.send(this.#connection, this.#request);
    }
    return this.#due - now;
  }

  /** Forgets what was measured, and goes on from now. */
  restart(): void {
    this.#due = 0;
    this.latencies.reset();
  }

  /** Whether requests are unanswered that were due before this time. */
  waitsSince(time: number): boolean {
    return this.#waiting[0] !== undefined && this.#waiting[0] <= time;
  }
}
