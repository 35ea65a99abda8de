import type { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";

/** What a connection hears from its socket. */
export interface SocketHandler {
  /** Bytes came. They are good only until this returns. Not heard while paused. */
  onData(chunk: Uint8Array): void;
  /** The socket was full and is no more. */
  onDrain(): void;
  /** The peer sends no more; it may still read. Not heard while paused. */
  onEnd(): void;
  /** The peer has broken the rules of TLS after the handshake: the connection is of no use now. */
  onViolation?(reason: string): void;
  /** The socket is closed; `reason` says why when that was not asked for. Comes once, last. */
  onClose(reason?: string): void;
}

/** One connection, whatever runtime API carries it. */
export interface Socket {
  /** "address:port" of the peer. */
  readonly remoteAddress: string;
  /** Bytes written and not yet taken by the operating system. */
  readonly unsent: number;
  /** Whether the unsent bytes went above the high water mark, and not down to the low one since. */
  readonly full: boolean;
  /**
   * Starts reading: nothing is heard before. An accepted socket may only be written to after
   * {@link plain} or {@link secure}.
   */
  start(handler: SocketHandler): void;
  /**
   * Queues bytes, sent in order. Returns whether they may change afterwards: the system took them at
   * once, or they were encrypted.
   */
  write(bytes: Uint8Array): boolean;
  /** Neither data nor an end is heard until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Goes on with what comes as it is: no {@link secure} is to follow. */
  plain(): void;
  /**
   * Goes on as the server of a TLS connection whose first bytes were received. The handler hears
   * what was decrypted from then on, after {@link resume}: the socket is paused when this resolves.
   * Rejects when the handshake fails, or the connection closes before it is over.
   */
  secure(accept: TlsAccept, received: Uint8Array): Promise<TlsSession>;
  /** Closes after what was written has left; at once while a handshake is under way. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a TLS handshake needs to know. */
export interface TlsAccept {
  /** Key, certificate, versions, and the authorities for client certificates. */
  secureContext: SecureContext;
  /** Whether the client is asked for a certificate. It may still show none, or any. */
  requestCert: boolean;
}

/** What a TLS handshake has brought. */
export interface TlsSession {
  /** E.g. "TLSv1.3". */
  protocol: string;
  /** The cipher suite's IANA name. */
  cipher: string;
  /** Whether an earlier session goes on. The client's certificate is the one of then. */
  resumed: boolean;
  /** What the client has shown. */
  certificate?: X509Certificate;
  /** Why the certificate is not trusted. Nothing is looked at in a resumed session. */
  distrust?: string;
}

/** How a client makes a TLS connection. */
export interface TlsConnect {
  /** PEM; without it, the authorities that the runtime trusts. */
  ca?: string;
  /** The client's own certificate and its key: PEM. */
  cert?: string;
  key?: string;
  /** Whether the server has to show a certificate of a trusted authority, for its own name. */
  rejectUnauthorized: boolean;
  /** The name that the certificate is to be for, where it is not the host connected to. */
  servername?: string;
}

/** Sizes of a connection's backlog of unsent bytes. */
export interface WaterMarks {
  high(): number;
  low(): number;
}

/** A peer that could not be connected to in the time there was. */
export class ConnectTimeout extends Error {
  override name = "ConnectTimeout";
  /** @param connected whether only the TLS handshake was missing */
  constructor(readonly connected: boolean) {
    super(connected ? "TLS handshake timed out" : "connect timed out");
  }
}

/** A port that is listened on. */
export interface Listener {
  readonly port: number;
  /** Accepts no more connections. */
  close(): void;
}

/** The one place where the runtime's socket API is used. */
export interface Transport {
  /** Rejects with what the runtime throws when the address can't be listened on. */
  listen(
    options: { hostname: string; port: number; backlog: number; waterMarks: WaterMarks },
    accept: (socket: Socket) => void,
  ): Promise<Listener>;
  /**
   * Connects to a peer; with `tls`, the handshake belongs to it. Rejects with what the runtime
   * throws, or with a {@link ConnectTimeout} when the time (ms) is over.
   */
  connect(hostname: string, port: number, timeout: number, tls?: TlsConnect): Promise<Socket>;
}
