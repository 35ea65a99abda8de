import { FastjsonError } from "../protocol/fastjson_reader.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { NoAnswerError, StrangeAnswerError } from "../remoting/client_connection.ts";
import { ConnectTimeout } from "../remoting/transport/transport.ts";
import { printable } from "./text.ts";

/** A command failed. The message is one line: what happened and what to try. */
export class CommandFailure extends Error {
  override name = "CommandFailure";
}

/** Invalid arguments. The message is one line. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A server did not do what was requested. The message is one line that begins with its address. */
export class ServerFailure extends CommandFailure {
  override name = "ServerFailure";
  /**
   * @param what the rest of the line after the server's address
   * @param answered whether the server responded, so that no other one needs to be asked
   */
  constructor(readonly server: string, readonly what: string, readonly answered = false) {
    super(`${printable(server)}: ${what}`);
  }
}

/** A server responded with an error. */
export class RefusedError extends ServerFailure {
  override name = "RefusedError";
  constructor(server: string, readonly code: number, remark: string | null) {
    const what = `${refusal(code, remark)} (code ${code})${adviceFor(code, remark)}`;
    super(server, what, !PASSING.includes(code));
  }
}

/** Errors that another server may well not return. */
const PASSING: readonly number[] = [
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.GO_AWAY,
  ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
];

/** How a command calls a server: hints about what to try next depend on it. */
export interface CallSettings {
  readonly tls: boolean;
  readonly clientCertificate: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Converts the error of a call that got no valid response.
 *
 * @returns the failure, or `undefined` for an error that the peer did not cause
 */
export function failureOf(
  server: string,
  error: unknown,
  call: CallSettings,
): ServerFailure | undefined {
  const what = whatFailed(error, call);
  return what === undefined ? undefined : new ServerFailure(server, what);
}

function whatFailed(error: unknown, call: CallSettings): string | undefined {
  const { tls, timeout } = call;
  if (error instanceof ConnectTimeout) {
    return error.connected
      ? `no TLS handshake within ${timeout} ms: does it serve TLS? Try without --tls`
      : `no connection within ${timeout} ms: check the address and the firewall, or raise --timeout`;
  }
  if (error instanceof NoAnswerError) {
    if (error.kind === "silent") {
      return `no answer within ${timeout} ms: is it a name server? If it is busy, raise --timeout`;
    }
    if (!tls) {
      return "closed the connection without an answer: is it a name server? If it requires TLS, try --tls";
    }
    return call.clientCertificate
      ? "closed the connection without an answer: it may not trust the certificate of --tls-cert"
      : "closed the connection without an answer: it may require a certificate (--tls-cert, --tls-key)";
  }
  if (error instanceof StrangeAnswerError) return strange(error);
  if (error instanceof FastjsonError) {
    return `an invalid answer (${printable(error.message)}): is it a name server?`;
  }
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? systemFailure(code, error.message, tls) : undefined;
}

function strange({ start, message }: StrangeAnswerError): string {
  if (String.fromCharCode(...start.subarray(0, 5)) === "HTTP/") {
    return "speaks HTTP: -n needs the port for clients, 9876 by default";
  }
  // A TLS alert or handshake record.
  if ((start[0] === 0x15 || start[0] === 0x16) && start[1] === 3) {
    return "speaks TLS: try --tls";
  }
  return `does not speak the remoting protocol (${printable(message)}): is it a name server?`;
}

/** Describes an error by the code that the runtime gives to socket and TLS errors. */
function systemFailure(code: string, message: string, tls: boolean): string | undefined {
  const what = SYSTEM_FAILURES.get(code);
  if (what !== undefined) return what;
  if (tls && code === "ECONNRESET") {
    return "closed the connection in the TLS handshake: is TLS enabled there? Try without --tls";
  }
  if (tls && code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return "does not speak TLS: try without --tls";
  }
  const reason = printable(firstLine(message));
  if (tls && (code.includes("CERT") || code.includes("LEAF"))) {
    return `its certificate is not trusted (${reason}): pass its authority with --tls-trust, ` +
      "or use --tls-insecure to skip the check";
  }
  if (tls && /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return `the TLS handshake failed: ${reason}`;
  return /^E[A-Z]+$/.test(code) ? `cannot be reached (${reason}): check -n` : undefined;
}

const SYSTEM_FAILURES: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused: is the name server running, and is this its port?"],
  ["ENOTFOUND", "host not found: check the name in -n"],
  ["EAI_AGAIN", "the host name cannot be resolved at the moment: check the name in -n, and DNS"],
  ["EHOSTUNREACH", "no route to this host: check the address in -n, and the network"],
  ["ENETUNREACH", "no route to this network: check the address in -n, and the network"],
]);

function firstLine(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line;
}

function refusal(code: number, remark: string | null): string {
  const line = firstLine((remark ?? "").trim());
  if (line !== "") return printable(line.slice(0, 500));
  return code === ResponseCode.SYSTEM_BUSY ? "busy" : "refused without a reason";
}

function adviceFor(code: number, remark: string | null): string {
  switch (code) {
    case ResponseCode.SYSTEM_BUSY:
      return ": try again";
    case ResponseCode.GO_AWAY:
      return ": it is stopping; try another one";
    case ResponseCode.REQUEST_CODE_NOT_SUPPORTED:
      return ": is it a name server? Brokers and proxies answer like this";
    case ResponseCode.NO_PERMISSION:
      return ": change it in the server's configuration file and restart the server";
    case ResponseCode.TOPIC_NOT_EXIST:
      return ": `topics` lists all topics";
    case ResponseCode.QUERY_NOT_FOUND:
      return ": `kv list` lists the keys of a namespace";
    default:
      if (remark === "disable") return ": enableTopicList or enableAllTopicList is off there";
      if (remark === "name server not ready") return ": it has just started; try again in a minute";
      return "";
  }
}
