import { parseAddress } from "../address.ts";
import { errorMessage } from "../error_message.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import type { RemotingClient, RemotingSession } from "../remoting/client.ts";
import {
  NoAnswerError,
  type RemoteAnswer,
  StrangeAnswerError,
} from "../remoting/client_connection.ts";
import { ConnectTimeout } from "../remoting/transport/transport.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";

/** Most characters of a remark that are passed on. */
const MAX_REMARK = 500;

/** A name server that did not tell what it was asked. */
export class NotTold extends Error {
  override name = "NotTold";
  /**
   * @param remark why, in one line
   * @param code the response code; null without a response
   * @param limit whether a limit of this server was reached
   */
  constructor(readonly remark: string, readonly code: number | null, readonly limit = false) {
    super(remark);
  }
}

/** The options that limit what another server may take. */
export interface AskOptions {
  readonly compareAnswerTimeoutMillis: number;
  readonly compareTimeoutSeconds: number;
  readonly compareMaxBytes: number;
}

/** How other name servers are reached. */
export interface AskParts {
  readonly client: Pick<RemotingClient, "open">;
  readonly options: Readonly<AskOptions>;
  /** Whether this process may connect to an address, without asking anybody. */
  isPermitted(hostname: string, port: number): boolean;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
}

/** A connection to another name server, within limits. The caller must close it. */
export class OtherServer {
  readonly #session: RemotingSession;
  readonly #options: Readonly<AskOptions>;
  readonly #monotonic: () => number;
  readonly #deadline: number;
  #bytes = 0;
  /** Why nothing more is asked. */
  #failure: NotTold | undefined;

  private constructor(session: RemotingSession, { options, monotonic }: AskParts) {
    this.#session = session;
    this.#options = options;
    this.#monotonic = monotonic;
    this.#deadline = monotonic() + options.compareTimeoutSeconds * 1000;
  }

  /**
   * Connects.
   *
   * @param address "host:port"
   * @throws {NotTold} when it can't be reached in time
   */
  static async open(address: string, parts: AskParts): Promise<OtherServer> {
    const { hostname, port } = parseAddress(address);
    if (!parts.isPermitted(hostname, port)) {
      throw new NotTold(`this server may not connect to it (--allow-net=${address})`, null);
    }
    const { compareAnswerTimeoutMillis: limit } = parts.options;
    try {
      return new OtherServer(await parts.client.open(address, limit), parts);
    } catch (error) {
      throw notTold(error, limit);
    }
  }

  /** Its IP address, if that is one of this machine, as far as the connection tells. */
  get localPeer(): string | undefined {
    return this.#session.localPeer;
  }

  /**
   * Sends a request. After one without a response, there is no further one.
   *
   * @param codes further response codes that the caller handles, besides success
   * @throws {NotTold} when it answers otherwise, not in time, or has used up what it may take
   */
  async ask(request: OutgoingRequest, codes: readonly number[] = []): Promise<RemoteAnswer> {
    const { compareAnswerTimeoutMillis, compareTimeoutSeconds, compareMaxBytes } = this.#options;
    if (this.#failure !== undefined) throw this.#failure;
    const left = this.#deadline - this.#monotonic();
    if (left <= 0) {
      const remark = `not asked after ${compareTimeoutSeconds} s (compareTimeoutSeconds)`;
      throw new NotTold(remark, null, true);
    }
    if (this.#bytes > compareMaxBytes) {
      throw new NotTold(`not asked after ${compareMaxBytes} bytes (compareMaxBytes)`, null, true);
    }
    const limit = Math.min(compareAnswerTimeoutMillis, left);
    let answer: RemoteAnswer;
    try {
      answer = await this.#session.invoke(request, limit);
    } catch (error) {
      throw this.#failure ??= notTold(error, limit);
    }
    this.#bytes += answer.body?.length ?? 0;
    const { code, remark } = answer;
    if (code !== ResponseCode.SUCCESS && !codes.includes(code)) {
      throw new NotTold(oneLine(remark ?? "") || `refused with code ${code}`, code);
    }
    return answer;
  }

  /** Sends the cheapest request there is, which only name servers answer. */
  async probe(): Promise<void> {
    await this.ask({
      code: RequestCode.GET_KV_CONFIG,
      extFields: [["namespace", "rocketmq-namesrv"], ["key", "ping"]],
    }, [ResponseCode.QUERY_NOT_FOUND, ResponseCode.NO_PERMISSION]);
  }

  close(): void {
    this.#session.close();
  }
}

/** The error for a body that could not be read. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof FastjsonError)) return error;
  return new NotTold(`an unreadable answer: ${oneLine(error.message)}`, null);
}

/** @param limit milliseconds that it had */
function notTold(error: unknown, limit: number): NotTold {
  return new NotTold(reasonOf(error, Math.ceil(limit)), null);
}

function reasonOf(error: unknown, limit: number): string {
  if (error instanceof ConnectTimeout) return `no connection within ${limit} ms`;
  if (error instanceof NoAnswerError) {
    return error.kind === "silent"
      ? `no answer within ${limit} ms`
      : "it closed the connection without an answer, as name servers do that require TLS";
  }
  if (error instanceof StrangeAnswerError) return "it does not speak the remoting protocol";
  return oneLine(errorMessage(error));
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.trim().slice(0, MAX_REMARK).replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, " ");
}
