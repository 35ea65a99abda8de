import { RequestCounters } from "./request_counters.ts";

/** Reasons for closing a connection, with their descriptions. */
export const CLOSE_REASONS = {
  peer: "the peer closed it",
  network: "a network error",
  idle: "idle for serverChannelMaxIdleTimeSeconds",
  frame: "invalid data, or TLS or plain against tls.server.mode",
  tls: "the TLS handshake failed",
  slow: "a frame or a PROXY header was not complete in time (frameTimeoutSeconds, " +
    "frameMinBytesPerSecond, proxyHeaderTimeoutSeconds)",
  memory: "it held most of the memory when that was short (maxBufferedRequestBytes and its shares)",
  limit: "too many connections (maxConnections, maxConnectionsPerAddress)",
  expired: "its broker sent no heartbeat for too long",
  stop: "this server is stopping",
  fault: "an internal error of this server",
} as const;
export type CloseReason = keyof typeof CLOSE_REASONS;

/** Counters for the connections of a server. */
export class RemotingCounters {
  readonly requests: RequestCounters;
  /** Connections accepted. */
  accepted = 0;
  /** Number of times that accepting a connection failed. */
  acceptFailures = 0;
  /** Closed connections, by reason. */
  readonly closed = Object.fromEntries(
    Object.keys(CLOSE_REASONS).map((reason) => [reason, 0]),
  ) as Record<CloseReason, number>;
  /** Bytes received, and bytes handed to the system to send; for TLS, the decrypted ones. */
  bytesIn = 0;
  bytesOut = 0;

  /** @param requestCodes the codes counted separately, likewise for responses */
  constructor(requestCodes: readonly number[], responseCodes: readonly number[]) {
    this.requests = new RequestCounters(requestCodes, responseCodes);
  }
}
