import type { RequestSigner } from "../access/request_signer.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import { ClientConnection, type RemoteAnswer } from "../remoting/client_connection.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";
import type { TlsConnect, Transport } from "../remoting/transport/transport.ts";
import { CommandFailure, failureOf, RefusedError, ServerFailure } from "./failures.ts";

/** The largest response accepted, in bytes: no Java client accepts a larger one. */
export const FRAME_MAX_LENGTH = 16_777_216;

/** How to connect to name servers. */
export interface Access {
  readonly transport: Transport;
  /** Milliseconds for a response, including the connection. */
  readonly timeout: number;
  /** If absent, connections are plain. */
  readonly tls?: TlsConnect;
  readonly signer: RequestSigner;
}

/** A client for one name server, with one connection that the first request opens. */
export class NameServer {
  /** "host:port" */
  readonly address: string;
  readonly #access: Access;
  #connection: Promise<ClientConnection> | undefined;

  constructor(address: string, access: Access) {
    this.address = address;
    this.#access = access;
  }

  /** Connects, if not connected yet. */
  async connect(): Promise<void> {
    await this.#guarded(() => this.#connect());
  }

  /**
   * Sends a request.
   *
   * @param codes further response codes that the caller handles, besides success
   * @throws {RefusedError} when the server responds with another code
   * @throws {ServerFailure} when there is no response
   */
  async ask(request: OutgoingRequest, codes: readonly number[] = []): Promise<RemoteAnswer> {
    const answer = await this.askAny(request);
    if (answer.code !== ResponseCode.SUCCESS && !codes.includes(answer.code)) {
      throw new RefusedError(this.address, answer.code, answer.remark);
    }
    return answer;
  }

  /**
   * Sends a request and accepts any response code.
   *
   * @throws {ServerFailure} when there is no response
   */
  askAny(request: OutgoingRequest): Promise<RemoteAnswer> {
    return this.#guarded(async () => {
      const start = performance.now();
      const connection = await this.#connect();
      const left = this.#access.timeout - (performance.now() - start);
      return await connection.invoke(this.#access.signer.sign(request), Math.max(1, left));
    });
  }

  /**
   * Sends a request and decodes the response's body.
   *
   * @throws {ServerFailure} also when the body is missing or malformed
   */
  async read<T>(request: OutgoingRequest, decode: (body: Uint8Array) => T): Promise<T> {
    const { body } = await this.ask(request);
    return this.decode(body, decode);
  }

  /**
   * Decodes a body.
   *
   * @throws {ServerFailure} when it is missing or malformed
   */
  decode<T>(body: Uint8Array | null, decode: (body: Uint8Array) => T): T {
    try {
      if (body === null) throw new FastjsonError("empty body");
      return decode(body);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Closes the connection, if there is one. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection?.catch(() => undefined))?.close();
  }

  #connect(): Promise<ClientConnection> {
    const { transport, timeout, tls } = this.#access;
    return this.#connection ??= ClientConnection.open(transport, this.address, {
      timeout,
      frameMaxLength: FRAME_MAX_LENGTH,
      tls,
    });
  }

  async #guarded<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      // A later request opens a new one.
      await this.close();
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    return failureWith(this.address, error, this.#access);
  }
}

/**
 * Converts the error of a call to a {@link ServerFailure}; internal errors are returned unchanged.
 */
export function failureWith(server: string, error: unknown, access: Access): unknown {
  if (error instanceof CommandFailure) return error;
  const { timeout, tls } = access;
  const call = { timeout, tls: tls !== undefined, clientCertificate: tls?.cert !== undefined };
  return failureOf(server, error, call) ?? error;
}

/** The result from one of several servers. */
export type Outcome<T> =
  | { readonly server: NameServer; readonly value: T; readonly failure?: undefined }
  | { readonly server: NameServer; readonly value?: undefined; readonly failure: ServerFailure };

/** The name servers that a command works on. */
export class NameServers {
  readonly all: readonly NameServer[];
  /** The same servers with a shared timeout: the next is asked when one does not answer. */
  readonly #inTurn: readonly NameServer[];

  constructor(addresses: readonly string[], access: Access) {
    this.all = addresses.map((address) => new NameServer(address, access));
    const share = Math.ceil(access.timeout / addresses.length);
    this.#inTurn = addresses.length === 1
      ? this.all
      : addresses.map((address) => new NameServer(address, { ...access, timeout: share }));
  }

  /**
   * Returns the result from the first server that responds.
   *
   * @param warn called with the failures before it
   * @throws {ServerFailure} that of the last server, when none responds
   */
  async first<T>(
    ask: (server: NameServer) => Promise<T>,
    warn: (failure: ServerFailure) => Promise<void>,
  ): Promise<T> {
    for (const [i, server] of this.#inTurn.entries()) {
      try {
        return await ask(server);
      } catch (error) {
        const last = i === this.#inTurn.length - 1;
        if (last || !(error instanceof ServerFailure) || error.answered) throw error;
        await warn(error);
      }
    }
    throw new TypeError("no servers");
  }

  /** Calls all servers at once. */
  async each<T>(ask: (server: NameServer) => Promise<T>): Promise<Outcome<T>[]> {
    return await Promise.all(this.all.map(async (server): Promise<Outcome<T>> => {
      try {
        return { server, value: await ask(server) };
      } catch (error) {
        if (error instanceof ServerFailure) return { server, failure: error };
        throw error;
      }
    }));
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.all, ...this.#inTurn].map((server) => server.close()));
  }
}
