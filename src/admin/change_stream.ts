import { chunksOf } from "../chunks_of.ts";
import { errorMessage } from "../error_message.ts";
import { readEvents } from "./event_stream.ts";
import { ServerFailure } from "./failures.ts";
import { silentPort } from "./http_port.ts";
import type { Fetch } from "./request_counter.ts";
import { printable } from "./text.ts";

/** A change, or a `gap`. */
export interface Change {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Dependencies of a {@link ChangeStream}. */
export interface ChangeStreamParts {
  /** "host:port" of the name server, for messages. */
  readonly server: string;
  /** Of its HTTP port: "http://host:port" or "https://host:port". */
  readonly origin: string;
  readonly filter: Readonly<Record<string, string>>;
  /** The id of the last event that is known. */
  readonly since?: string;
  /** A bearer token. */
  readonly token?: string;
  /** Milliseconds for the headers of a response. */
  readonly timeout: number;
  readonly fetch: Fetch;
  /** Aborts when no more changes are wanted. */
  readonly signal: AbortSignal;
  /** Waits this many milliseconds, or until no more changes are wanted. */
  sleep(ms: number): Promise<void>;
  /** Called when the stream was lost or is back. */
  told(what: string): Promise<void>;
}

/** Milliseconds without a sign of life after which a stream counts as lost: servers give one a minute. */
const SILENCE = 180_000;
/** Milliseconds before a lost stream is tried again; they double each time. */
const FIRST_RETRY = 500;
const LAST_RETRY = 10_000;
/** Statuses that another try would not change. */
const FINAL: readonly number[] = [400, 401, 403, 404, 405, 421];
/** Characters of an answer that is no stream. */
const MAX_PROBLEM = 100_000;

/** The changes of one name server, across its restarts. */
export class ChangeStream {
  readonly #parts: ChangeStreamParts;
  #position: string | undefined;

  constructor(parts: ChangeStreamParts) {
    this.#parts = parts;
    this.#position = parts.since;
  }

  /**
   * Returns changes until no more are wanted. A stream that is lost is resumed.
   *
   * @throws {ServerFailure} when the first stream can't be opened, or the server refuses a later one
   */
  async *changes(): AsyncGenerator<Change, void> {
    let began = false;
    for (let retry = FIRST_RETRY; !this.#parts.signal.aborted;) {
      const attempt = new Attempt(this.#parts.signal);
      try {
        const body = await this.#open(attempt);
        if (began) await this.#parts.told("watching again");
        began = true;
        retry = FIRST_RETRY;
        for await (const { id, name, data } of readEvents(attempt.guarded(body))) {
          this.#position = id ?? this.#position;
          if (name !== undefined) yield { id, event: name, data: JSON.parse(data) };
        }
        await this.#lost("the stream ended", retry);
      } catch (error) {
        if (this.#parts.signal.aborted) return;
        if (error instanceof ServerFailure && (!began || error.answered)) throw error;
        if (!isLost(error)) throw error;
        if (retry === FIRST_RETRY) await this.#lost(reasonOf(error), retry);
      } finally {
        attempt.end();
      }
      await this.#parts.sleep(retry);
      retry = Math.min(2 * retry, LAST_RETRY);
    }
  }

  async #lost(reason: string, retry: number): Promise<void> {
    if (retry === FIRST_RETRY && !this.#parts.signal.aborted) {
      await this.#parts.told(`${reason}; trying again`);
    }
  }

  async #open(attempt: Attempt): Promise<AsyncIterable<Uint8Array>> {
    const { server, origin, filter, token, timeout, fetch } = this.#parts;
    const query = new URLSearchParams(filter);
    let response: Response;
    attempt.expect(timeout);
    try {
      response = await fetch(`${origin}/api/v1/watch${query.size > 0 ? `?${query}` : ""}`, {
        headers: {
          ...(this.#position !== undefined && { "last-event-id": this.#position }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        signal: attempt.signal,
      });
    } catch {
      throw new ServerFailure(server, silentPort(origin));
    }
    if (response.status === 200 && response.body !== null) {
      const type = response.headers.get("content-type") ?? "";
      if (type.startsWith("text/event-stream")) return chunksOf(response);
    }
    const reason = await problemOf(response, attempt);
    throw new ServerFailure(
      server,
      `${origin}: ${reason}${adviceFor(response.status)}`,
      FINAL.includes(response.status),
    );
  }
}

/** One connection: it is given up when nothing comes for too long, or no more is wanted. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #wanted: AbortSignal;
  readonly #abort = () => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wanted: AbortSignal) {
    this.#wanted = wanted;
    wanted.addEventListener("abort", this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives it up unless something comes within so many milliseconds. */
  expect(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#abort, ms);
  }

  /** The chunks of a body, as long as they come in time. */
  async *guarded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    this.expect(SILENCE);
    for await (const chunk of body) {
      this.expect(SILENCE);
      yield chunk;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#wanted.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }
}

/** Errors of connections; all others are faults of this program. */
function isLost(error: unknown): boolean {
  return error instanceof ServerFailure || error instanceof RangeError ||
    error instanceof SyntaxError || error instanceof TypeError ||
    error instanceof DOMException || error instanceof Deno.errors.Http ||
    error instanceof Deno.errors.ConnectionReset;
}

function reasonOf(error: unknown): string {
  if (error instanceof ServerFailure) return error.what;
  return `the stream was lost (${printable(errorMessage(error)).slice(0, 200)})`;
}

/** The reason in an answer that is no stream. */
async function problemOf(response: Response, attempt: Attempt): Promise<string> {
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of attempt.guarded(chunksOf(response))) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_PROBLEM) break;
    }
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === "string") return printable(detail.slice(0, 500));
  } catch {
    // The status alone has to do.
  }
  return `HTTP status ${response.status}`;
}

function adviceFor(status: number): string {
  switch (status) {
    case 401:
      return ": name the file of a token with --token-file (`access token` makes one)";
    case 404:
      return ": is it an older name server, or is another program's port in --http?";
    case 503:
      return ": try again, or raise the option";
    default:
      return "";
  }
}
