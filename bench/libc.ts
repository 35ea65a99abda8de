/**
 * The few Linux system calls that the load generator makes itself, through Deno's FFI.
 *
 * A generator on `Deno.connect` or `node:net` costs as much CPU per request as the servers under
 * test and so would measure itself. A plain epoll loop costs a fraction of that, and FFI needs only
 * Deno, no compiler. Only the bench uses `--allow-ffi`; the server never does.
 */

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SOCK_NONBLOCK = 0o4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const CLOCK_MONOTONIC = 1;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The kernel packs `struct epoll_event` to 12 bytes on x86-64 only. */
const EVENT_WORDS = Deno.build.arch === "x86_64" ? 3 : 4;

const symbols = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // i32 instead of ssize_t: a bigint result would be the most expensive part of the call. Sizes
  // here are small.
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** TCP connections over IPv4, one epoll set and a clock. One instance, one thread. */
export class Libc {
  readonly #c = Deno.dlopen("libc.so.6", symbols);
  readonly #clock = new BigInt64Array(2);
  readonly #clockWords = new Int32Array(this.#clock.buffer);
  readonly #events: Int32Array<ArrayBuffer>;
  readonly #maxEvents: number;
  readonly #epoll: number;

  /** @param maxEvents how many ready connections one {@linkcode wait} may report */
  constructor(maxEvents = 1024) {
    this.#maxEvents = maxEvents;
    this.#events = new Int32Array(maxEvents * EVENT_WORDS);
    this.#epoll = this.#c.symbols.epoll_create1(0);
    if (this.#epoll < 0) throw new Error("epoll_create1 failed");
  }

  /** Milliseconds of the monotonic clock, with nanosecond decimals. */
  now(): number {
    return this.#milliseconds(CLOCK_MONOTONIC);
  }

  /**
   * CPU milliseconds, user and system, used by all threads of a process, including those that have
   * ended. Finer than the hundredths of a second of /proc/<pid>/stat, which Deno allows only with
   * `-A`.
   * @throws {Error} when there is no such process
   */
  cpuOf(pid: number): number {
    // Linux's id for the CPU clock of a process: see clock_getcpuclockid(3).
    return this.#milliseconds((~pid << 3) | 2);
  }

  #milliseconds(clock: number): number {
    if (this.#c.symbols.clock_gettime(clock, this.#clock) !== 0) throw new Error("no such process");
    // Little endian words: reading the 64-bit values would create two bigints per call.
    return this.#clockWords[0]! * 1e3 + this.#clockWords[2]! / 1e6;
  }

  /**
   * Connects to an IPv4 address and adds the socket to the epoll set under `tag`.
   * @returns the file descriptor
   * @throws {Error} when the connection is refused
   */
  connect(host: string, port: number, tag: number): number {
    const fd = this.#socket(0);
    if (this.#connectSocket(fd, host, port) !== 0) {
      throw new Error(`cannot connect to ${host}:${port}`);
    }
    this.#watch(EPOLL_CTL_ADD, fd, tag, EPOLLIN);
    return fd;
  }

  /**
   * Starts to connect, as {@linkcode connect} does. The connection becomes ready when it is
   * established; {@linkcode connected} must follow.
   */
  startConnecting(host: string, port: number, tag: number): number {
    const fd = this.#socket(SOCK_NONBLOCK);
    this.#connectSocket(fd, host, port);
    this.#watch(EPOLL_CTL_ADD, fd, tag, EPOLLOUT);
    return fd;
  }

  /** From now on, the connection is ready when it is readable, or also when it is writable. */
  connected(fd: number, tag: number, writable = false): void {
    this.#watch(EPOLL_CTL_MOD, fd, tag, writable ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  #socket(flags: number): number {
    const fd = this.#c.symbols.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) throw new Error("socket failed: is the limit of open files (ulimit -n) too low?");
    this.#c.symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, new Int32Array([1]), 4);
    return fd;
  }

  #connectSocket(fd: number, host: string, port: number): number {
    const address = new Uint8Array(16);
    new DataView(address.buffer).setUint16(0, AF_INET, true);
    new DataView(address.buffer).setUint16(2, port);
    address.set(host.split(".").map(Number), 4);
    return this.#c.symbols.connect(fd, address, address.length);
  }

  #watch(operation: number, fd: number, tag: number, events: number): void {
    const event = new Int32Array(EVENT_WORDS);
    event[0] = events;
    event[EVENT_WORDS - 2] = tag;
    if (this.#c.symbols.epoll_ctl(this.#epoll, operation, fd, event) !== 0) {
      throw new Error("epoll_ctl failed");
    }
  }

  /**
   * Waits until connections are readable, for at most `timeout` milliseconds (0: only checks).
   * @returns how many are ready; {@linkcode readyTag} returns their tags
   */
  wait(timeout: number): number {
    return this.#c.symbols.epoll_wait(this.#epoll, this.#events, this.#maxEvents, timeout);
  }

  /** The tag of ready connection number `index` of the last {@linkcode wait}. */
  readyTag(index: number): number {
    return this.#events[index * EVENT_WORDS + EVENT_WORDS - 2]!;
  }

  /**
   * Reads available bytes: returns their number, 0 at the end of the stream, negative when there
   * are none.
   */
  receive(fd: number, into: Uint8Array<ArrayBuffer>): number {
    return this.#c.symbols.recv(fd, into, BigInt(into.length), MSG_DONTWAIT);
  }

  /** Like {@linkcode receive}, for at most `length` bytes that nobody wants to see: TCP does not copy them. */
  discard(fd: number, length: number): number {
    return this.#c.symbols.recv(fd, null, BigInt(length), MSG_DONTWAIT | MSG_TRUNC);
  }

  /**
   * Writes the first `length` bytes without waiting: returns the number of bytes taken, or a
   * negative number.
   */
  send(fd: number, from: Uint8Array<ArrayBuffer>, length: number): number {
    return this.#c.symbols.send(fd, from, BigInt(length), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Closes a connection, which also removes it from the epoll set. */
  close(fd: number): void {
    this.#c.symbols.close(fd);
  }
}
