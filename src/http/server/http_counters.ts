/** Why requests were refused or connections closed, with descriptions for the documentation. */
export const HTTP_REFUSALS = {
  host: "421, the Host header names another server (httpAllowedHosts)",
  requests: "503, too many open requests (httpMaxOpenRequests)",
  unsent: "503, too many unread answers in all (httpMaxUnsentBytes)",
  watchers: "503, too many watchers (watchMaxWatchers)",
  body: "413, the body is too long (httpMaxBodyBytes)",
  logins: "429, too many logins or wrong tokens from an address (httpMaxLoginsPerMinute)",
  tokens: "503, too many tokens are being verified (httpMaxOpenRequests)",
  sessions: "ended, too many sessions (httpMaxSessions)",
  origin: "403, a page of another origin, or without the session's token, asked for a change",
  connections: "closed, too many connections (httpMaxConnections)",
  pipelined: "closed, too many requests at once on a connection (httpMaxOpenRequests)",
  slow: "closed, the request was not complete in time (httpRequestTimeoutSeconds)",
  unread: "closed, the answer was not read in time (httpAnswerTimeoutSeconds)",
  behind: "closed, a watcher left too much unread (watchMaxUnreadBytes)",
  header: "431, line and headers too long (httpMaxHeaderBytes)",
  malformed: "400, the bytes are not HTTP",
  plain: "400, not TLS although httpTlsEnable=true",
  tls:
    "closed, the TLS handshake failed or was not complete in time (httpTlsHandshakeTimeoutMillis)",
} as const;
export type HttpRefusal = keyof typeof HTTP_REFUSALS;

/** Counters of the HTTP port. */
export class HttpCounters {
  /** Open connections. */
  connections = 0;
  /** Successful TLS handshakes. */
  secured = 0;
  /** Open sessions. */
  sessions = 0;
  readonly logins = { ok: 0, failed: 0 };
  readonly refused = Object.fromEntries(
    Object.keys(HTTP_REFUSALS).map((refusal) => [refusal, 0]),
  ) as Record<HttpRefusal, number>;
}
