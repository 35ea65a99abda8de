import { ResponseCode } from "../protocol/codes.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import { ClientConnection, type RemoteAnswer } from "../remoting/client_connection.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";
import type { TlsConnect, Transport } from "../remoting/transport/transport.ts";
import { CommandFailure, failureOf, RefusedError, ServerFailure } from "./failures.ts";

/** The largest answer that is taken: no Java client takes a larger one. */
export const FRAME_MAX_LENGTH = 16_777_216;

/** How name servers are asked. */
export interface Access {
  readonly transport: Transport;
  /** Milliseconds in which a server has to answer, connecting included. */
  readonly timeout: number;
  /** Left out, connections are plain ones. */
  readonly tls?: TlsConnect;
}

/** A name server that is asked over one connection, which the first request makes. */
export class NameServer {
  /** "host:port" */
  readonly address: string;
  readonly #access: Access;
  #connection: Promise<ClientConnection> | undefined;

  constructor(address: string, access: Access) {
    this.address = address;
    this.#access = access;
  }

  /** Connects, unless that was done already. */
  async connect(): Promise<void> {
    await this.#guarded(() => this.#connect());
  }

  /**
   * Sends a request.
   *
   * @param codes that the caller takes as an answer, besides success
   * @throws {RefusedError} when the server answers with another code
   * @throws {ServerFailure} when there is no answer
   */
  async ask(request: OutgoingRequest, codes: readonly number[] = []): Promise<RemoteAnswer> {
    const answer = await this.askAny(request);
    if (answer.code !== ResponseCode.SUCCESS && !codes.includes(answer.code)) {
      throw new RefusedError(this.address, answer.code, answer.remark);
    }
    return answer;
  }

  /**
   * Sends a request, and takes an answer of any code.
   *
   * @throws {ServerFailure} when there is none
   */
  askAny(request: OutgoingRequest): Promise<RemoteAnswer> {
    return this.#guarded(async () => {
      const start = performance.now();
      const connection = await this.#connect();
      const left = this.#access.timeout - (performance.now() - start);
      return await connection.invoke(request, Math.max(1, left));
    });
  }

  /**
   * Sends a request and reads its answer's body.
   *
   * @throws {ServerFailure} also when there is none, or it is something else
   */
  async read<T>(request: OutgoingRequest, decode: (body: Uint8Array) => T): Promise<T> {
    const { body } = await this.ask(request);
    return this.decode(body, decode);
  }

  /**
   * Reads a body.
   *
   * @throws {ServerFailure} when there is none, or it is something else
   */
  decode<T>(body: Uint8Array | null, decode: (body: Uint8Array) => T): T {
    try {
      if (body === null) throw new FastjsonError("it is empty");
      return decode(body);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Ends the connection, if there is one. */
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
      // A later request makes a new one.
      await this.close();
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    return failureWith(this.address, error, this.#access);
  }
}

/** What a call came to, as a {@link ServerFailure}; errors of the program itself stay as they are. */
export function failureWith(server: string, error: unknown, access: Access): unknown {
  if (error instanceof CommandFailure) return error;
  const { timeout, tls } = access;
  const asked = { timeout, tls: tls !== undefined, clientCertificate: tls?.cert !== undefined };
  return failureOf(server, error, asked) ?? error;
}

/** What came of asking one of several servers. */
export type Outcome<T> =
  | { readonly server: NameServer; readonly value: T; readonly failure?: undefined }
  | { readonly server: NameServer; readonly value?: undefined; readonly failure: ServerFailure };

/** The name servers that a command is about. */
export class NameServers {
  readonly all: readonly NameServer[];
  /** The same ones, when they share the time: the next is asked where one does not answer. */
  readonly #inTurn: readonly NameServer[];

  constructor(addresses: readonly string[], access: Access) {
    this.all = addresses.map((address) => new NameServer(address, access));
    const share = Math.ceil(access.timeout / addresses.length);
    this.#inTurn = addresses.length === 1
      ? this.all
      : addresses.map((address) => new NameServer(address, { ...access, timeout: share }));
  }

  /**
   * What the first server says that answers.
   *
   * @param warn hears of those before it
   * @throws {ServerFailure} of the last one, when none does
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

  /** Asks all of them, at once. */
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

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.all, ...this.#inTurn].map((server) => server.close()));
  }
}
