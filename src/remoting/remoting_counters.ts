import { RequestCounters } from "./request_counters.ts";

/** Why a connection is no more, with what that means. */
export const CLOSE_REASONS = {
  peer: "the peer closed it",
  network: "it broke",
  idle: "no byte came or left for serverChannelMaxIdleTimeSeconds",
  frame: "what came was no frame, or not of the kind that tls.server.mode asks for",
  tls: "its TLS handshake failed",
  expired: "the broker at its other end was silent for too long",
  stop: "this server stops",
  fault: "a fault of this server",
} as const;
export type CloseReason = keyof typeof CLOSE_REASONS;

/** What the connections of a server count. */
export class RemotingCounters {
  readonly requests: RequestCounters;
  /** Connections accepted. */
  accepted = 0;
  /** Connections that are no more, by reason. */
  readonly closed = Object.fromEntries(
    Object.keys(CLOSE_REASONS).map((reason) => [reason, 0]),
  ) as Record<CloseReason, number>;
  /** Bytes received, and those given to the system to send; of TLS, what it carries. */
  bytesIn = 0;
  bytesOut = 0;

  /** @param requestCodes those that are told apart, as are the response codes */
  constructor(requestCodes: readonly number[], responseCodes: readonly number[]) {
    this.requests = new RequestCounters(requestCodes, responseCodes);
  }
}
