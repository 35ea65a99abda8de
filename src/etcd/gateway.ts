import { bodyText } from "../chunks_of.ts";
import type { Options } from "../config/options.ts";
import { errorMessage } from "../error_message.ts";
import { EtcdCounters } from "./counters.ts";
import { osReason } from "../os_error.ts";
import type { Credentials } from "./credentials.ts";
import { Deadline } from "./deadline.ts";
import { EtcdError } from "./errors.ts";
import { type Json, numberOf, objectOf, parseObject, textOf } from "./messages.ts";

/** Options that every request follows. */
export type EtcdRequestOptions = Readonly<
  Pick<Options, "etcdUser" | "etcdRequestTimeoutMillis" | "etcdMaxAnswerBytes">
>;

/** How a request is to be made. */
export interface EtcdCall {
  /** Milliseconds that an endpoint has to answer; by default etcdRequestTimeoutMillis. */
  readonly timeoutMillis?: number;
  /** Ends the request. */
  readonly signal?: AbortSignal;
}

/** A stream of answers. The caller must close it. */
export interface EtcdStream {
  readonly endpoint: string;
  readonly body: ReadableStream<Uint8Array>;
  /** Comes when the stream is given up. */
  readonly signal: AbortSignal;
  /** Settles like the promise, but rejects when the stream is given up. */
  race<T>(promise: Promise<T>): Promise<T>;
  close(): void;
}

/** Codes of gRPC that etcd's gateway uses. */
const GRPC = {
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** etcd wants another token, or one at all: nothing was done. */
class TokenError extends EtcdError {
  constructor(message: string) {
    super("denied", message);
  }
}

/**
 * Sends requests to the JSON gateways of an etcd cluster. An endpoint that does not answer is followed
 * by the next one in the list, which is then asked first.
 */
export class Gateway {
  readonly counters = new EtcdCounters();
  readonly #endpoints: readonly string[];
  readonly #options: EtcdRequestOptions;
  readonly #fetch: typeof fetch;
  readonly #closed = new AbortController();
  #credentials: Credentials;
  #current = 0;
  #login: Promise<string> | undefined;
  #cluster: string | undefined;

  /** @param endpoints URLs, at least one */
  constructor(
    endpoints: readonly string[],
    options: EtcdRequestOptions,
    credentials: Credentials,
    fetch: typeof globalThis.fetch,
  ) {
    this.#endpoints = endpoints;
    this.#options = options;
    this.#credentials = credentials;
    this.#fetch = fetch;
  }

  /** Uses other credentials from now on. Requests in progress go on with the old ones. */
  use(credentials: Credentials): void {
    this.#credentials.client.close();
    this.#credentials = credentials;
    this.#login = undefined;
  }

  /** Ends all requests. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#credentials.client.close();
  }

  /**
   * Sends a request that only reads, or that may be made twice. All endpoints are tried.
   *
   * @throws {EtcdError} when none has answered with success
   */
  ask(path: string, body: Json, call: EtcdCall = {}): Promise<Json> {
    return this.#counted(() => this.#anywhere(call, (at) => this.#loggedIn(at, path, body, call)));
  }

  /**
   * Sends a change. Another endpoint is tried only if the change has certainly not been made.
   *
   * @throws {EtcdError} when etcd has not answered with success; `maybeDone` tells the outcome
   */
  change(path: string, body: Json, call: EtcdCall = {}): Promise<Json> {
    return this.#counted(() =>
      this.#anywhere(call, (at) => this.#loggedIn(at, path, body, call, true))
    );
  }

  /**
   * Sends a request to one endpoint, to find out whether it works.
   *
   * @throws {EtcdError} when it has not answered with success; it is then asked last
   */
  askOne(endpoint: string, path: string, body: Json, call: EtcdCall = {}): Promise<Json> {
    const at = this.#endpoints.indexOf(endpoint);
    return this.#counted(() => this.#noting(at, () => this.#loggedIn(endpoint, path, body, call)));
  }

  /**
   * Opens a stream. etcd ends it when the endpoint has lost its leader.
   *
   * @param signal ends the stream
   * @throws {EtcdError} when no endpoint can be reached
   */
  open(path: string, body: Json, signal: AbortSignal): Promise<EtcdStream> {
    return this.#anywhere({ signal }, async (endpoint) => {
      const token = await this.#token(endpoint);
      const deadline = this.#deadline({ signal });
      try {
        const response = await deadline.race(
          this.#send(endpoint, path, body, token, deadline.signal),
        );
        if (response.body === null) throw new EtcdError("unreadable", "the answer has no body");
        // The limit is for the beginning of the answer only.
        deadline.stopClock();
        return {
          endpoint,
          body: response.body,
          signal: deadline.signal,
          race: (promise) => deadline.race(promise),
          close: () => deadline.close(),
        };
      } catch (error) {
        deadline.close();
        if (error instanceof TokenError) this.forgetLogin();
        const { fault, message } = this.#asEtcdError(error, { signal });
        throw new EtcdError(fault, `${endpoint}: ${message}`);
      }
    });
  }

  /** The endpoint failed in the middle of a stream: others are asked first. */
  leave(endpoint: string): void {
    if (this.#endpoints[this.#current] === endpoint) {
      this.#current = (this.#current + 1) % this.#endpoints.length;
    }
  }

  /** The next request logs in again. */
  forgetLogin(): void {
    this.#login = undefined;
  }

  async #counted(request: () => Promise<Json>): Promise<Json> {
    const start = performance.now();
    try {
      const answer = await request();
      this.counters.succeeded++;
      return answer;
    } catch (error) {
      this.counters.failed++;
      throw error;
    } finally {
      this.counters.seconds.add((performance.now() - start) / 1000);
    }
  }

  async #anywhere<T>(
    { signal }: EtcdCall,
    attempt: (endpoint: string) => Promise<T>,
  ): Promise<T> {
    const first = this.#current;
    const failures: EtcdError[] = [];
    for (let i = 0; i < this.#endpoints.length; i++) {
      const at = (first + i) % this.#endpoints.length;
      try {
        return await this.#noting(at, attempt);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        if (error.fault !== "unavailable" || error.maybeDone || signal?.aborted) throw error;
        failures.push(error);
      }
    }
    throw new EtcdError("unavailable", failures.map(({ message }) => message).join("; "));
  }

  /** Notes whether an endpoint works. */
  async #noting<T>(at: number, attempt: (endpoint: string) => Promise<T>): Promise<T> {
    const endpoint = this.#endpoints[at] ?? "";
    try {
      const answer = await attempt(endpoint);
      this.#current = at;
      return answer;
    } catch (error) {
      if (this.#closed.signal.aborted) {
        const maybeDone = error instanceof EtcdError && error.maybeDone;
        throw new EtcdError("closed", "the client is closed", maybeDone);
      }
      if (error instanceof EtcdError && error.fault === "unavailable") this.leave(endpoint);
      throw error;
    }
  }

  /** Sends a request with a token. If etcd has forgotten it, logs in again and repeats once. */
  async #loggedIn(
    endpoint: string,
    path: string,
    body: Json,
    call: EtcdCall,
    changes = false,
  ): Promise<Json> {
    for (let repeated = false;; repeated = true) {
      const login = this.#login;
      const token = await this.#token(endpoint);
      try {
        return await this.#exchange(endpoint, path, body, token, call);
      } catch (error) {
        if (error instanceof TokenError && this.#options.etcdUser !== "" && !repeated) {
          // Another request may have logged in meanwhile.
          if (this.#login === login || login === undefined) this.#login = undefined;
          continue;
        }
        if (changes || !(error instanceof EtcdError)) throw error;
        throw new EtcdError(error.fault, error.message);
      }
    }
  }

  /** The token of the user; empty without one. Requests at the same time share one login. */
  async #token(endpoint: string): Promise<string> {
    if (this.#options.etcdUser === "") return "";
    const login = this.#login ??= this.#logIn(endpoint);
    try {
      return await login;
    } catch (error) {
      if (this.#login === login) this.#login = undefined;
      // The request itself was not sent.
      if (error instanceof EtcdError) throw new EtcdError(error.fault, error.message);
      throw error;
    }
  }

  async #logIn(endpoint: string): Promise<string> {
    const body = { name: this.#options.etcdUser, password: this.#credentials.password };
    try {
      const answer = await this.#exchange(endpoint, "auth/authenticate", body, "", {});
      return textOf(answer.token);
    } catch (error) {
      // Users can be set up before they are demanded.
      if (error instanceof EtcdError && error.message.includes("authentication is not enabled")) {
        return "";
      }
      throw error;
    }
  }

  async #exchange(
    endpoint: string,
    path: string,
    body: Json,
    token: string,
    call: EtcdCall,
  ): Promise<Json> {
    const deadline = this.#deadline(call);
    try {
      const response = await deadline.race(
        this.#send(endpoint, path, body, token, deadline.signal),
      );
      const text = await deadline.race(readText(response, this.#options.etcdMaxAnswerBytes));
      const answer = parseObject(text);
      // A method that answers with a stream wraps each message.
      if (answer.error !== undefined && answer.result === undefined) {
        throw faultOf(objectOf(answer.error));
      }
      const inner = answer.result === undefined ? answer : objectOf(answer.result);
      this.#checkCluster(inner);
      return inner;
    } catch (error) {
      throw named(endpoint, this.#asEtcdError(error, call));
    } finally {
      deadline.close();
    }
  }

  #deadline({ timeoutMillis = this.#options.etcdRequestTimeoutMillis, signal }: EtcdCall) {
    const sources = [this.#closed.signal, ...(signal ? [signal] : [])];
    return new Deadline(
      sources,
      timeoutMillis,
      () => new EtcdError("unavailable", `no answer within ${timeoutMillis} ms`, true),
    );
  }

  /** Sends a request and returns the answer if its status is a success. */
  async #send(
    endpoint: string,
    path: string,
    body: Json,
    token: string,
    signal: AbortSignal,
  ): Promise<Response> {
    const response = await this.#fetch(`${endpoint}/v3/${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // etcd ends the streams of a member that has lost its leader.
        "grpc-metadata-hasleader": "true",
        ...(token !== "" && { authorization: token }),
      },
      body: JSON.stringify(body),
      // The password must not follow a redirection.
      redirect: "error",
      signal,
      client: this.#credentials.client,
    });
    if (response.ok) return response;
    throw faultOfAnswer(
      response.status,
      await readText(response, this.#options.etcdMaxAnswerBytes),
    );
  }

  #asEtcdError(error: unknown, { signal }: EtcdCall): EtcdError {
    if (error instanceof EtcdError) return error;
    if (signal?.aborted) return new EtcdError("closed", "the request was given up", true);
    if (error instanceof Deno.errors.NotCapable) {
      return new EtcdError("unavailable", osReason(error, "--allow-net"));
    }
    // Deno names the cause's step. Any other words mean that the request may have arrived.
    const reason = errorMessage(error instanceof Error && error.cause ? error.cause : error);
    const isSent = !reason.includes("client error (Connect)");
    const short = reason.replace(/^error sending request .*?\): /, "");
    return new EtcdError("unavailable", short, isSent);
  }

  /** A list of endpoints of several clusters would show now one store, now another. */
  #checkCluster(answer: Json): void {
    const cluster = textOf(objectOf(answer.header).cluster_id);
    if (cluster === "") return;
    this.#cluster ??= cluster;
    if (this.#cluster !== cluster) {
      throw new EtcdError(
        "otherCluster",
        `it belongs to the etcd cluster ${cluster}, but the first answer came from ${this.#cluster}: ` +
          "name one cluster in etcdEndpoints, or restart after it was restored from a backup",
      );
    }
  }
}

/** The same error with the endpoint before its message. */
function named(endpoint: string, error: EtcdError): EtcdError {
  const message = `${endpoint}: ${error.message}`;
  return error instanceof TokenError
    ? new TokenError(message)
    : new EtcdError(error.fault, message, error.maybeDone);
}

/** Reads an answer's text, but no more bytes than allowed. */
function readText(response: Response, most: number): Promise<string> {
  const reason = `the answer has more than ${most} bytes (etcdMaxAnswerBytes)`;
  return bodyText(response, most, () => new EtcdError("tooLarge", reason, true));
}

function faultOfAnswer(status: number, text: string): EtcdError {
  let answer: Json;
  try {
    answer = parseObject(text);
  } catch {
    return faultOfText(status, text);
  }
  return faultOf(answer);
}

/** Some answers of the gateway itself are plain text. */
function faultOfText(status: number, text: string): EtcdError {
  if (text.includes("CommonName of client")) {
    return new EtcdError(
      "denied",
      "etcd takes no client certificate with a CommonName while its authentication is on: make the " +
        "certificate (etcdCertFile) without a CommonName, and set etcdUser",
    );
  }
  if (status === 404) {
    return new EtcdError("refused", "there is no gateway of etcd 3.4 or newer (HTTP status 404)");
  }
  return new EtcdError("unavailable", `HTTP status ${status}, not an answer of etcd`, true);
}

/** Reads the error of an answer: `{"error","message","code"}`, in streams with `grpc_code`. */
export function faultOf(answer: Json): EtcdError {
  const { message, error } = answer;
  const text = typeof message === "string" ? message : typeof error === "string" ? error : "";
  const code = numberOf(answer.code ?? answer.grpc_code);
  const words = oneLine(text) || `gRPC code ${code}`;
  if (text.includes("user name is empty")) {
    return new TokenError(`${words}: etcd asks for a user: set etcdUser`);
  }
  if (text.includes("invalid user ID or password")) {
    return new EtcdError("denied", `${words} (etcdUser, etcdPasswordFile)`);
  }
  if (code === GRPC.UNAUTHENTICATED || text.includes("auth store is old")) {
    return new TokenError(words);
  }
  if (code === GRPC.PERMISSION_DENIED) {
    return new EtcdError("denied", `${words}: the user (etcdUser) may not use these keys`);
  }
  if (text.includes("compacted")) return new EtcdError("compacted", words);
  if (code === GRPC.NOT_FOUND && text.includes("lease")) return new EtcdError("noLease", words);
  if (text.includes("too many requests")) return new EtcdError("unavailable", words);
  if (code === GRPC.RESOURCE_EXHAUSTED) return new EtcdError("refused", words);
  const isUnknown = new Set<number>([
    GRPC.CANCELLED,
    GRPC.UNKNOWN,
    GRPC.DEADLINE_EXCEEDED,
    GRPC.INTERNAL,
    GRPC.UNAVAILABLE,
  ]).has(code);
  return new EtcdError(isUnknown ? "unavailable" : "refused", words, isUnknown);
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").slice(0, 300);
}
