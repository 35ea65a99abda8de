import type { HttpTls } from "./http_tls.ts";

/** The parts of a request that handlers use. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute; it may be malformed. */
  readonly url: string;
  readonly headers: Pick<Headers, "get">;
  /** The address of this machine that the client connected to; IPv6 has no brackets. */
  readonly localHost: string;
  /**
   * Reads the body, which is dropped when this is not called. Rejects with an HttpProblem when the body
   * is longer than `max` bytes, or ends early.
   */
  body(max: number): Promise<Uint8Array>;
}

/** A response that goes on until one of both sides ends it. */
export class StreamResponse extends Response {
  /**
   * Sends the content. It is not called when the client has gone, or wants the headers only.
   */
  readonly begin: (stream: ResponseStream) => void;

  constructor(headers: Readonly<Record<string, string>>, begin: (stream: ResponseStream) => void) {
    super(null, { headers });
    this.begin = begin;
  }
}

/** The content of a {@link StreamResponse} on its way to the client. */
export interface ResponseStream {
  /** Sends bytes. Calls `taken` when the system has taken them; never, when the client has gone. */
  write(bytes: Uint8Array, taken: () => void): void;
  /** Ends the response after what was written. */
  end(): void;
  /** Closes the connection at a limit. */
  refuse(reason: HttpCloseReason): void;
}

/**
 * Handles a request.
 *
 * @param sent settles when the response has been sent, or the client has gone
 * @param client "address:port" of the client
 */
export type HttpHandler = (
  request: HttpRequest,
  sent: Promise<void>,
  client: string,
) => Promise<Response>;

/** Limits of a listening server. */
export interface HttpLimits {
  readonly httpMaxConnections: number;
  readonly httpMaxOpenRequests: number;
  readonly httpMaxHeaderBytes: number;
  readonly httpRequestTimeoutSeconds: number;
  readonly httpIdleTimeoutSeconds: number;
  readonly httpAnswerTimeoutSeconds: number;
}

/** Why a listener closes a connection, with the words for the log. */
export const CLOSED = {
  connections: "too many connections (httpMaxConnections)",
  pipelined: "too many requests at once (httpMaxOpenRequests)",
  slow: "the request was not complete in time (httpRequestTimeoutSeconds)",
  unread: "the answer was not read in time (httpAnswerTimeoutSeconds)",
  behind: "a watcher left too much unread (watchMaxUnreadBytes)",
  header: "the line and headers of the request are too long (httpMaxHeaderBytes)",
  malformed: "it does not speak HTTP",
  plain: "this port speaks HTTPS only (httpTlsEnable)",
  tls: "the TLS handshake failed",
} as const;
export type HttpCloseReason = keyof typeof CLOSED;

/** Notified of events of connections. */
export interface HttpObserver {
  opened(): void;
  /** Called for every connection that was opened. */
  closed(): void;
  /** A TLS handshake has succeeded. */
  secured(): void;
  /**
   * The listener closes a connection, or does not take it.
   *
   * @param detail replaces the words of {@link CLOSED}
   */
  refused(reason: HttpCloseReason, client: string, detail?: string): void;
  /** Connections wait and can't be accepted, mostly for lack of file descriptors. */
  acceptFailed(error: unknown): void;
}

/** A listening HTTP server. */
export interface HttpServer {
  readonly port: number;
  /**
   * Stops accepting connections, and ends streams; resolves when the requests in progress are
   * answered.
   */
  shutdown(): Promise<void>;
  /** Closes all connections at once. */
  abort(): void;
}

/** Opens HTTP ports. */
export interface HttpListener {
  /**
   * Rejects with the runtime's error when it can't listen on the address.
   *
   * @param parts.tls if given, the port serves nothing but TLS
   */
  listen(
    address: { hostname: string; port: number },
    parts: { handler: HttpHandler; limits: HttpLimits; observer: HttpObserver; tls?: HttpTls },
  ): Promise<HttpServer>;
}
