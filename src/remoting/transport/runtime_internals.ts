/**
 * All that this program uses of the runtime without a public interface. Deno's node:net and node:tls
 * have none for it. A new version of Deno may lack some of it: {@link checkRuntimeInternals} says which.
 */
import * as net from "node:net";
import process from "node:process";
import type { TLSSocket } from "node:tls";
import { StartupError } from "../../startup_error.ts";

/** A part of the runtime is missing. */
export class MissingInternalError extends StartupError {
  override name = "MissingInternalError";
  constructor(part: string) {
    super(`Deno ${Deno.version.deno} lacks ${part}, which this program needs`);
  }
}

/** Node's handle of a TCP connection or listener, as far as it is used. */
interface TcpHandle extends ReadHandle {
  openFromRid(rid: number): number;
  listen(backlog: number): number;
}

/** Node's handle of a connection that is read from. */
export interface ReadHandle {
  /**
   * Called with the bytes read, or without any at the end or an error. {@link readStart} looks it
   * up.
   */
  onread(bytes: ArrayBuffer | undefined): void;
  readStart(): void;
  readStop(): void;
}

interface TcpWrap {
  TCP: { new (type: number): TcpHandle; prototype: TcpHandle };
}

const TCP_SOCKET = 0;
const RID = "Symbol(Deno.internal.rid)";

/**
 * Checks that the parts used are there.
 *
 * @throws {MissingInternalError} when one is not
 */
export function checkRuntimeInternals(): void {
  const { TCP } = tcpWrap();
  for (const name of ["openFromRid", "listen", "readStart", "readStop"] as const) {
    if (!(name in TCP.prototype)) throw new MissingInternalError(`tcp_wrap.TCP.${name}`);
  }
}

/**
 * Takes a connection over into node:net. The connection must stay open until the socket is closed,
 * it must no longer be read or written elsewhere, and no read may be under way.
 *
 * The socket has a file descriptor of its own for the connection.
 */
export function adoptConnection(conn: Deno.TcpConn, highWaterMark: number): net.Socket {
  const symbol = Object.getOwnPropertySymbols(conn).find((symbol) => String(symbol) === RID);
  const rid: unknown = symbol && Reflect.get(conn, symbol);
  if (typeof rid !== "number") throw new MissingInternalError("the resource id of Deno.TcpConn");
  const { TCP } = tcpWrap();
  const handle = new TCP(TCP_SOCKET);
  const error = handle.openFromRid(rid);
  if (error !== 0) throw new Error(`cannot take the connection over: error ${error}`);
  const options = { handle, allowHalfOpen: true, highWaterMark, pauseOnCreate: true };
  return new net.Socket(options as net.SocketConstructorOpts);
}

/** A new socket for the connection of another, which must not be used afterwards. */
export function moveConnection(from: net.Socket, options: net.SocketConstructorOpts): net.Socket {
  const holder = from as unknown as { _handle: TcpHandle | null };
  const handle = holder._handle;
  holder._handle = null;
  return new net.Socket({ ...options, handle } as net.SocketConstructorOpts);
}

/** The handle that a socket reads from. */
export function readHandleOf(socket: net.Socket): ReadHandle {
  return handleOf(socket);
}

/** Tells a listening server to listen; for the system that changes nothing but the backlog. */
export function listenAgain(server: net.Server, backlog: number): void {
  handleOf(server).listen(backlog);
}

/** Why a peer's certificate is not trusted; empty when it is. Public only for a tls.Server. */
export function verifyError(socket: TLSSocket): string {
  const { _handle } = socket as unknown as { _handle?: { verifyError?(): string } };
  if (_handle?.verifyError === undefined) {
    throw new MissingInternalError("TLSSocket._handle.verifyError");
  }
  return _handle.verifyError();
}

function handleOf(owner: net.Socket | net.Server): TcpHandle {
  const { _handle } = owner as unknown as { _handle?: TcpHandle };
  if (_handle === undefined) throw new MissingInternalError("the handles of node:net");
  return _handle;
}

function tcpWrap(): TcpWrap {
  const { binding } = process as unknown as { binding?(name: string): Partial<TcpWrap> };
  const { TCP } = binding?.("tcp_wrap") ?? {};
  if (TCP === undefined) throw new MissingInternalError('process.binding("tcp_wrap").TCP');
  return { TCP };
}
