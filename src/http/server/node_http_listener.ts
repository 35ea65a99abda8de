import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { formatAddress } from "../../address.ts";
import { errorMessage } from "../../error_message.ts";
import { keepAccepting } from "../../remoting/transport/keep_accepting.ts";
import { unmapped } from "../../remoting/transport/peer_address.ts";
import { checkListenPermission } from "../../remoting/transport/net_permission.ts";
import { HttpProblem } from "./answer.ts";
import {
  CLOSED,
  type HttpCloseReason,
  type HttpLimits,
  type HttpListener,
  type HttpRequest,
  type HttpServer,
  type ResponseStream,
  StreamResponse,
} from "./http_listener.ts";
import { acceptHttpTls, type HttpTls, NothingSent, PlainConnection } from "./http_tls.ts";
import { type Closable, OpenConnections } from "./open_connections.ts";
import { readBody } from "./read_body.ts";

/** Bytes of an answer that are handed to the system at a time. */
const PIECE = 64 * 1024;
/** Connections that the system may queue until they are accepted. */
const BACKLOG = 511;
/** Milliseconds between two searches for requests that are late. */
const CHECK_EVERY = 1000;

/** Methods whose requests have no body that is wanted. */
const READING = ["GET", "HEAD"];
/** No URL can have it as its host. */
const MALFORMED = " ";

/** HTTP over `node:http`: `Deno.serve` (2.9) has no limits on connections, and none in time. */
export const nodeHttpListener: HttpListener = {
  async listen({ hostname, port }, { handler, limits, observer, tls }): Promise<HttpServer> {
    // Loaded on demand: a server without this port takes 2 MB less.
    const { createServer, STATUS_CODES } = await import("node:http");
    // node:http detects a missing permission too late to report it to the caller.
    checkListenPermission(hostname, port);
    const timeout = limits.httpRequestTimeoutSeconds * 1000;
    const server = createServer({
      headersTimeout: timeout,
      requestTimeout: timeout,
      keepAliveTimeout: limits.httpIdleTimeoutSeconds * 1000,
      maxHeaderSize: limits.httpMaxHeaderBytes,
      connectionsCheckingInterval: CHECK_EVERY,
    });
    const open = new OpenConnections<Connection>(() => limits.httpMaxConnections);
    /** By their sockets; one with TLS has two. */
    const connections = new Map<Socket, Connection>();
    /** Those that are open, without the ones that have become streams. */
    const counted = new Set<Connection>();
    /** Connections with streams, which do not count as open ones: each stream has its own limit. */
    const streams = new Map<Connection, ServerResponse>();
    let stopping = false;

    const refuse = (connection: Connection, reason: HttpCloseReason, detail?: string) => {
      if (connection.socket.destroyed) return;
      observer.refused(reason, connection.client, detail);
      connection.destroy();
    };
    const connectionOf = (socket: Socket) =>
      connections.get(socket) ?? new Connection(socket, clientOf(socket));

    /** Answers a client whose request could not be read, and closes its connection. */
    const answerRaw = (socket: Socket, status: number, reason: string) => {
      const answer = new HttpProblem(status, reason).toResponse();
      void rawAnswer(answer, STATUS_CODES[status]).then((text) =>
        socket.end(text, () => socket.destroy())
      );
    };

    const serve = server.listeners("connection");
    if (tls !== undefined) server.removeAllListeners("connection");

    const leave = (connection: Connection) => {
      if (counted.delete(connection)) observer.closed();
      open.remove(connection);
    };

    const beginStream = (
      connection: Connection,
      { headers, begin }: StreamResponse,
      response: ServerResponse,
    ) => {
      // The answers to further requests would have to wait for the end of the stream.
      if (open.requestsOn(connection) > 1) return refuse(connection, "pipelined");
      leave(connection);
      streams.set(connection, response);
      response.writeHead(200, { ...Object.fromEntries(headers), connection: "close" });
      response.flushHeaders();
      begin(streamTo(response, limits, (reason) => refuse(connection, reason)));
      if (stopping) response.end();
    };

    server.on("connection", (socket) => {
      // The client may be gone already.
      if (socket.remoteAddress === undefined) return void socket.destroy();
      const connection = new Connection(socket, clientOf(socket));
      connections.set(socket, connection);
      counted.add(connection);
      observer.opened();
      socket.on("close", () => {
        connections.delete(connection.socket);
        connections.delete(socket);
        leave(connection);
        streams.delete(connection);
      });
      // The end of the connection follows.
      socket.on("error", () => {});
      for (const displaced of open.add(connection, socket.remoteAddress)) {
        refuse(displaced, "connections");
      }
      if (tls !== undefined && !socket.destroyed) void secure(connection, tls);
    });

    const secure = async (connection: Connection, tls: HttpTls) => {
      const plain = connection.socket;
      try {
        const socket = await acceptHttpTls(plain, tls, (socket) => {
          connection.socket = socket;
          connections.set(socket, connection);
        }, (reason) => refuse(connection, "tls", reason));
        if (socket.destroyed) return;
        observer.secured();
        for (const listener of serve) listener.call(server, socket);
        socket.resume();
      } catch (error) {
        if (error instanceof PlainConnection) {
          observer.refused("plain", connection.client);
          return answerRaw(plain, 400, CLOSED.plain);
        }
        if (!connection.destroyed && !(error instanceof NothingSent)) {
          observer.refused("tls", connection.client, errorMessage(error));
        }
        connection.destroy();
      }
    };

    /** A connection whose request is still coming counts as idle: further ones may take its place. */
    const bodyOf = async (request: IncomingMessage, connection: Connection, max: number) => {
      open.end(connection);
      try {
        return await readBody(request, max);
      } finally {
        open.begin(connection);
      }
    };

    server.on("request", (request, response) => {
      const connection = connectionOf(request.socket);
      // A request behind a stream would never be answered.
      if (streams.has(connection)) return refuse(connection, "pipelined");
      const { socket, client } = connection;
      const flooded = open.requests >= limits.httpMaxOpenRequests;
      if (open.begin(connection) > 1 && flooded) return refuse(connection, "pipelined");
      // The rest of a body is read and dropped until the answer has been sent.
      if (stopping || hasBody(request)) response.setHeader("connection", "close");
      if (READING.includes(request.method ?? "")) request.resume();
      const gone = Promise.withResolvers<void>();
      let timer: ReturnType<typeof setTimeout> | undefined;
      response.once("close", () => {
        clearTimeout(timer);
        gone.resolve();
        if (open.end(connection) === 0 && stopping) socket.end();
      });
      const body = (max: number) => bodyOf(request, connection, max);
      handler(toRequest(request, body), gone.promise, client).then(async (answer) => {
        if (response.destroyed || socket.destroyed) return;
        request.resume();
        if (answer instanceof StreamResponse && request.method !== "HEAD") {
          return beginStream(connection, answer, response);
        }
        timer = setTimeout(
          () => refuse(connection, "unread"),
          limits.httpAnswerTimeoutSeconds * 1000,
        );
        await send(answer, response, request.method === "HEAD", gone.promise);
      }).catch(() => socket.destroy());
    });

    server.on("clientError", (error: NodeJS.ErrnoException, duplex) => {
      const socket = duplex as Socket;
      const connection = connectionOf(socket);
      const { code = "" } = error;
      if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
        // A connection that never sent anything gets no response.
        return refuse(connection, "slow");
      }
      if (!code.startsWith("HPE_")) return void socket.destroy();
      const reason = code === "HPE_HEADER_OVERFLOW" ? "header" : "malformed";
      observer.refused(reason, connection.client);
      answerRaw(socket, reason === "header" ? 431 : 400, CLOSED[reason]);
    });

    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: hostname, port, backlog: BACKLOG }, () => {
        server.off("error", reject);
        server.on("error", (error) => observer.acceptFailed(error));
        resolve();
      });
    });
    const stopAccepting = keepAccepting(server, BACKLOG, (error) => observer.acceptFailed(error));
    return {
      port: (server.address() as AddressInfo).port,
      shutdown: () =>
        new Promise((resolve) => {
          stopping = true;
          stopAccepting();
          server.close(() => resolve());
          open.close("idle");
          for (const response of streams.values()) response.end();
        }),
      abort: () => {
        open.close("all");
        for (const connection of streams.keys()) connection.destroy();
      },
    };
  },
};

/** A connection and the socket that now carries it. */
class Connection implements Closable {
  /** Whether this side has closed it. */
  destroyed = false;

  /** @param client "address:port" */
  constructor(public socket: Socket, readonly client: string) {}

  destroy(): void {
    this.destroyed = true;
    this.socket.destroy();
  }
}

function clientOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return formatAddress(remoteAddress, remotePort);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined ||
    (headers["content-length"] ?? "0") !== "0";
}

/** A request may name its server in its line, which then counts, or in the Host header. */
function toRequest(request: IncomingMessage, body: HttpRequest["body"]): HttpRequest {
  const { method = "", url = "", headers, rawHeaders } = request;
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host");
  const host = hosts.length > 1 ? MALFORMED : headers.host ?? "localhost";
  const scheme = "encrypted" in request.socket ? "https" : "http";
  return {
    method,
    url: url.startsWith("/") ? `${scheme}://${host}${url}` : url,
    headers: {
      get: (name) => {
        const value = headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(", ") : value ?? null;
      },
    },
    localHost: unmapped(request.socket.localAddress ?? ""),
    body,
  };
}

/** Sends an answer no faster than it is read. */
async function send(
  answer: Response,
  response: ServerResponse,
  withoutBody: boolean,
  gone: Promise<void>,
): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (withoutBody) {
    response.end();
    return;
  }
  const bytes = await answer.bytes();
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (response.write(bytes.subarray(at, at + PIECE))) continue;
    const drained = new Promise<void>((resolve) => response.once("drain", resolve));
    await Promise.race([drained, gone]);
    if (response.destroyed) return;
  }
  response.end();
}

/** A stream that is refused when the client takes nothing for too long. */
function streamTo(
  response: ServerResponse,
  limits: HttpLimits,
  refuse: (reason: HttpCloseReason) => void,
): ResponseStream {
  let untaken = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expectRead = () => {
    clearTimeout(timer);
    timer = untaken === 0
      ? undefined
      : setTimeout(() => refuse("unread"), limits.httpAnswerTimeoutSeconds * 1000);
  };
  response.once("close", () => clearTimeout(timer));
  return {
    write(bytes, taken) {
      if (response.destroyed || response.writableEnded) return;
      if (untaken++ === 0) expectRead();
      response.write(bytes, (error) => {
        if (error || response.destroyed) return;
        untaken--;
        expectRead();
        taken();
      });
    },
    end: () => void response.end(),
    refuse,
  };
}

/** An answer as it is sent to a client whose request could not be read. */
async function rawAnswer(answer: Response, title = ""): Promise<string> {
  const { status, headers } = answer;
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${title}\r\nconnection: close\r\n${lines.join("")}\r\n` +
    await answer.text();
}
