import type { TlsAccept, TlsSession } from "../../tls/session.ts";
import type { WorkSlice } from "../../work_slice.ts";

/** Events of a socket. */
export interface SocketHandler {
  /** Called with received bytes, which are valid only during the call. Not called while paused. */
  onData(chunk: Uint8Array): void;
  /** Called when a full socket accepts data again. */
  onDrain(): void;
  /** Called when the peer has ended its side; it may still read. Not called while paused. */
  onEnd(): void;
  /** Called when the peer violates TLS after the handshake. The connection is no longer usable. */
  onViolation?(reason: string): void;
  /** Called once, as the last event. `reason` is given when the close was not requested. */
  onClose(reason?: string): void;
}

/** One connection, independent of the runtime API that carries it. */
export interface Socket {
  /** "address:port" of the peer. */
  readonly remoteAddress: string;
  /** The address of this machine at which the connection ends, without brackets, where it is known. */
  readonly localHost?: string;
  /** Number of bytes written but not yet taken by the operating system. */
  readonly unsent: number;
  /**
   * Whether the unsent bytes rose above the high water mark and have not yet fallen to the low one.
   */
  readonly full: boolean;
  /**
   * Starts reading and events. An accepted socket may only be written to after {@link plain} or
   * {@link secure}.
   */
  start(handler: SocketHandler): void;
  /**
   * Queues bytes in order. Returns true when the caller may change them afterwards: the system took
   * them at once, or they were copied or encrypted.
   *
   * @param constant whether nothing will ever change them: then they need no copy
   */
  write(bytes: Uint8Array, constant?: boolean): boolean;
  /** Suspends data and end events until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Continues as a plain connection. {@link secure} must not be called afterwards. */
  plain(): void;
  /**
   * Continues as the server side of a TLS connection whose first bytes were received. From then on,
   * the handler gets decrypted data, after {@link resume}: the socket is paused when this resolves.
   * Rejects when the handshake fails or the connection closes first.
   *
   * @param slice waits for it, and counts the work of the handshake
   */
  secure(accept: TlsAccept, received: Uint8Array, slice: WorkSlice): Promise<TlsSession>;
  /** Closes after the written data has been sent; at once during a handshake. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Settings for a client's TLS connection. */
export interface TlsConnect {
  /** PEM; defaults to the authorities that the runtime trusts. */
  ca?: string;
  /** The client's own certificate and key, as PEM. */
  cert?: string;
  key?: string;
  /** Whether the server must present a trusted certificate for its own name. */
  rejectUnauthorized: boolean;
  /** The name that the certificate must be for, if it differs from the host. */
  servername?: string;
}

/** High and low water marks for a connection's unsent bytes. */
export interface WaterMarks {
  high(): number;
  low(): number;
}

/** The peer could not be reached in time. */
export class ConnectTimeout extends Error {
  override name = "ConnectTimeout";
  /** @param connected whether only the TLS handshake was missing */
  constructor(readonly connected: boolean) {
    super(connected ? "TLS handshake timed out" : "connect timed out");
  }
}

/** Water marks that are never reached. */
export const UNBOUNDED: WaterMarks = { high: () => Infinity, low: () => Infinity };

/** How a {@link Transport} listens. */
export interface ListenOptions {
  /** An IP address or a name. "::" also takes IPv4 connections, unless the system forbids it. */
  hostname: string;
  /** 0 lets the system choose one. */
  port: number;
  /** Number of connections that the system keeps until they are accepted. */
  backlog: number;
  waterMarks: WaterMarks;
  /** Called when a connection could not be accepted, e.g. for lack of file descriptors. */
  acceptFailed(error: unknown): void;
}

/** A listening port. */
export interface Listener {
  readonly port: number;
  /** Stops accepting connections. */
  close(): void;
}

/** The only place where the runtime's socket API is used. */
export interface Transport {
  /** Rejects with the runtime's error when it can't listen on the address. */
  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener>;
  /**
   * Connects to a peer, including the TLS handshake when `tls` is given. Rejects with the runtime's
   * error, or with a {@link ConnectTimeout} after `timeout` milliseconds.
   */
  connect(hostname: string, port: number, timeout: number, tls?: TlsConnect): Promise<Socket>;
  /**
   * Resolves once the system was asked which sockets have something to read. Rejects, or is undefined,
   * when that can't be known.
   */
  turn?(): Promise<void> | undefined;
}
