/** The outcome of a request. */
export type Outcome =
  /** It was allowed, and done. */
  | "done"
  /** It was allowed, and could not be done. */
  | "failed"
  /** The rules refused it. */
  | "denied"
  /** The rules would have refused it; it was done, because they only audit. */
  | "would_deny";

/** One line of the audit log. */
export interface AuditRecord {
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly outcome: Outcome;
  /** The permission that it takes, e.g. `kv:write`; or `login`. */
  readonly action: string;
  /** The request's code, or the method and path of an HTTP request. */
  readonly request: number | string;
  /** The resource that it is about, e.g. a topic. */
  readonly resource: string;
  /** The access key; with a `?` before it when nothing has shown that it is the sender's. */
  readonly account?: string;
  readonly authenticated: "signature" | "certificate" | "network" | "token" | "session" | "no";
  /** "address:port" of the socket. */
  readonly peer: string;
  /** "address:port" that a PROXY header named. */
  readonly proxied?: string;
  /** Subject of the TLS certificate, and whether it was verified. */
  readonly certificate?: string;
  readonly certificateVerified?: boolean;
  /** The rule that allowed it, and to whom. */
  readonly rule?: string;
  /** Why it was refused, or failed. */
  readonly reason?: string;
  /** The values that it changed. */
  readonly change?: object;
}

/** The records that a client asks for. */
export interface AuditFilter {
  readonly outcome?: string;
  readonly account?: string;
  readonly action?: string;
}

/** Whether a record passes a filter. */
export function passes(record: AuditRecord, filter: AuditFilter): boolean {
  return (filter.outcome === undefined || record.outcome === filter.outcome) &&
    (filter.account === undefined || record.account === filter.account) &&
    (filter.action === undefined || record.action === filter.action);
}
