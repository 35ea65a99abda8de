/** What a connection hears from its socket. */
export interface SocketHandler {
  /** Bytes came. They are good only until this returns. */
  onData(chunk: Uint8Array): void;
  /** What was written has left, down to the low water mark, after it had been above the high one. */
  onDrain(): void;
  /** The peer sends no more, or the socket failed (then `reason` says why). Comes once, last. */
  onEnd(reason?: string): void;
}

/** One accepted connection, whatever runtime API carries it. */
export interface Socket {
  /** "address:port" of the peer. */
  readonly remoteAddress: string;
  /** Bytes written and not yet taken by the operating system. */
  readonly unsent: number;
  /** Starts reading: nothing is heard before. */
  start(handler: SocketHandler): void;
  /** Queues bytes, sent in order. They must not change afterwards. */
  write(bytes: Uint8Array): void;
  /** No data is heard until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Closes after what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Sizes of a connection's backlog of unsent bytes. */
export interface WaterMarks {
  high(): number;
  low(): number;
}

/** A port that is listened on. */
export interface Listener {
  readonly port: number;
  /** Accepts no more connections. */
  close(): void;
}

/** The one place where the runtime's socket API is used. */
export interface Transport {
  /** @throws what the runtime throws when the address can't be listened on */
  listen(
    options: { hostname: string; port: number; backlog: number; waterMarks: WaterMarks },
    accept: (socket: Socket) => void,
  ): Listener;
  /** Connects to a peer. Rejects with what the runtime throws, or when the time (ms) is over. */
  connect(hostname: string, port: number, timeout: number): Promise<Socket>;
}
