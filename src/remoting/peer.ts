import type { PeerFields } from "../log/log.ts";
import type { TlsPeer } from "../tls/context.ts";

/** A peer's software, as stated in its first request. */
export interface PeerSoftware {
  /** E.g. "JAVA". */
  readonly language: string;
  /** Ordinal of MQVersion. */
  readonly version: number;
}

/** The sender of a request, as handlers see it. Also identifies its connection: compare by `===`. */
export interface Peer {
  /** "address:port" of the socket's other end. */
  readonly socketAddress: string;
  /**
   * "address:port" that a PROXY protocol header named, unless trustedProxies excludes its sender. If
   * that option is empty, the header may come from anybody: good for display, never an identity.
   */
  readonly proxiedAddress?: string;
  /** Identity shown in the TLS handshake; `undefined` on a plain connection. */
  readonly tls?: TlsPeer;
  /** `undefined` before the first request. */
  readonly software?: PeerSoftware;
  /** The account of its last request that access control allowed to one; access control sets it. */
  account?: string;
  /** Whether the connection is closed or being closed. */
  readonly closed: boolean;
}

/** Returns a peer's addresses, as the log shows them. */
export function addressesOf(peer: Pick<Peer, "socketAddress" | "proxiedAddress">): PeerFields {
  const { socketAddress, proxiedAddress } = peer;
  if (proxiedAddress === undefined) return { peer: socketAddress };
  return { peer: socketAddress, proxied: proxiedAddress };
}
