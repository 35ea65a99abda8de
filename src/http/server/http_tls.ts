import type { Socket } from "node:net";
import { nextTick } from "node:process";
import type { TLSSocket } from "node:tls";
import type { TlsContext } from "../../tls/context.ts";
import { HandshakeError } from "../../tls/handshake_error.ts";
import type { TlsSettings } from "../../tls/settings.ts";
import type { WorkSlice } from "../../work_slice.ts";
import { CLOSED, TlsServerSide } from "../../remoting/transport/tls_server_side.ts";

/** Options of the same names. */
export interface HttpTlsOptions {
  readonly httpTlsKeyPath: string;
  readonly httpTlsKeyPassword: string;
  readonly httpTlsCertPath: string;
  readonly httpTlsTrustCertPath: string;
}

/** How a listener accepts TLS connections. */
export interface HttpTls {
  /** Returns the context for a new connection. */
  readonly context: () => TlsContext | Promise<TlsContext>;
  readonly limits: { readonly httpTlsHandshakeTimeoutMillis: number };
  /** Handshakes wait for it, and it counts their work. */
  readonly slice: WorkSlice;
}

/** The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1). */
const HANDSHAKE = 22;

/** The first bytes of a connection are no TLS. */
export class PlainConnection extends Error {
  override name = "PlainConnection";
}

/** A connection ended without a byte, as when somebody looks whether the port is open. */
export class NothingSent extends Error {
  override name = "NothingSent";
}

/** How the HTTP port accepts TLS connections. */
export function httpTlsSettings(options: Readonly<HttpTlsOptions>): TlsSettings {
  const setting = (option: keyof HttpTlsOptions) => ({ option, value: options[option] });
  const verifies = options.httpTlsTrustCertPath !== "";
  return {
    key: setting("httpTlsKeyPath"),
    keyPassword: setting("httpTlsKeyPassword"),
    cert: setting("httpTlsCertPath"),
    ...(verifies && { trust: setting("httpTlsTrustCertPath") }),
    clientCertificate: verifies ? "require" : "none",
    enforcing: true,
  };
}

/**
 * Performs the server side of a handshake on a new connection.
 *
 * @param begun called with the socket to destroy from now on
 * @param violated called with the reason when the peer violates TLS after the handshake
 * @throws {PlainConnection} when the peer speaks something else
 * @throws {NothingSent} when the connection ends before its first byte
 * @throws {HandshakeError} when the handshake fails, takes too long or the client is refused; the
 * caller must close the connection
 */
export async function acceptHttpTls(
  plain: Socket,
  { context, limits, slice }: HttpTls,
  begun: (socket: TLSSocket) => void,
  violated: (reason: string) => void,
): Promise<TLSSocket> {
  const limit = limits.httpTlsHandshakeTimeoutMillis;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const reason = `TLS: no handshake in ${limit} ms (httpTlsHandshakeTimeoutMillis)`;
    late.reject(new HandshakeError(reason));
  }, limit);
  try {
    return await Promise.race([
      late.promise,
      handshake(plain, { context, slice }, begun, violated),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

async function handshake(
  plain: Socket,
  { context, slice }: Pick<HttpTls, "context" | "slice">,
  begun: (socket: TLSSocket) => void,
  violated: (reason: string) => void,
): Promise<TLSSocket> {
  const received = await firstBytes(plain);
  if (received[0] !== HANDSHAKE) throw new PlainConnection();
  const current = await context();
  if (slice.over) await slice.turn();
  if (plain.destroyed) throw new HandshakeError(`TLS: ${CLOSED}`);
  const options = { ...current.accept, ALPNProtocols: ["http/1.1"] };
  const tls = slice.run(() => new TlsServerSide(plain, options, received, violated));
  const { socket, encrypted } = tls;
  begun(socket);
  try {
    const shaken = slice.run(() => tls.handshake());
    // The hello is answered within this tick.
    void slice.runAsync(() => new Promise<void>(nextTick));
    current.check(await shaken, Date.now());
  } catch (error) {
    throw error instanceof HandshakeError ? error : HandshakeError.of(error, received);
  }
  // Otherwise a client that reads no answers would fill the memory with requests.
  socket.on("pause", () => socket.destroyed || encrypted.readStop());
  socket.on("resume", () => socket.destroyed || encrypted.readStart());
  return socket;
}

function firstBytes(plain: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new NothingSent());
    plain.once("end", closed);
    plain.once("close", closed);
    plain.once("data", (bytes: Uint8Array) => {
      plain.off("end", closed);
      plain.off("close", closed);
      plain.pause();
      resolve(bytes);
    });
  });
}
