import type { TlsPeer } from "./tls/context.ts";

/** A peer's software, as stated in its first request. */
export interface PeerSoftware {
  /** E.g. "JAVA". */
  readonly language: string;
  /** Ordinal of MQVersion. */
  readonly version: number;
}

/** The sender of a request, as handlers see it. Also identifies its connection: compare by `===`. */
export interface Peer {
  /** "address:port" of the client: {@link proxiedAddress} if a proxy named one. */
  readonly address: string;
  /** "address:port" of the socket's other end. */
  readonly socketAddress: string;
  /** "address:port" that a PROXY protocol header named. */
  readonly proxiedAddress?: string;
  /** Identity shown in the TLS handshake; `undefined` on a plain connection. */
  readonly tls?: TlsPeer;
  /** `undefined` before the first request. */
  readonly software?: PeerSoftware;
  /** Whether the connection is closed or being closed. */
  readonly closed: boolean;
}
