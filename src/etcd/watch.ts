import type { Options } from "../config/options.ts";
import { sleep } from "../sleep.ts";
import { EtcdError } from "./errors.ts";
import { type EtcdStream, faultOf, type Gateway } from "./gateway.ts";
import {
  encode,
  endOfPrefix,
  type EtcdEvent,
  eventOf,
  type Json,
  listOf,
  numberOf,
  objectOf,
  parseObject,
  revisionOf,
  textOf,
} from "./messages.ts";

/** Options of a watch. */
export type EtcdWatchOptions = Readonly<
  Pick<Options, "etcdMaxAnswerBytes" | "etcdWatchCheckMillis">
>;

/** Changes that were made together or soon after each other. */
export interface EtcdWatchBatch {
  /** The revision of the last change. */
  readonly revision: number;
  /** In the order in which they were made. All changes of a revision are in one batch. */
  readonly events: readonly EtcdEvent[];
}

/** A watch to be opened. */
export interface EtcdWatchRequest {
  /** All keys that begin with it. */
  readonly prefix: string;
  /** The first revision of interest. */
  readonly fromRevision: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /**
   * Called when the stream is open, and with an error when it has ended or can't be opened. Not called
   * with one when a silent stream is opened anew: others may have changed other keys only.
   */
  readonly onState?: (failure: EtcdError | undefined) => void;
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** Checks without news, after which a watch is opened anew if the store has changed meanwhile. */
const QUIET_CHECKS = 6;

/** Whether the stream has lost changes, or there were none for it, can't be seen: it is opened anew. */
class SilentWatchError extends EtcdError {
  constructor(endpoint: string) {
    super("unavailable", `${endpoint}: the watch is silent`);
  }
}

/**
 * Watches keys. A stream that ends, or whose endpoint no longer answers, is followed by another one
 * that begins where it ended, so that no change is missed or comes twice. While the caller works on a
 * batch, nothing is read.
 *
 * @throws {EtcdError} `compacted` when etcd no longer keeps the changes, `tooLarge` when they are more
 *   than etcdMaxAnswerBytes: read the keys again
 */
export async function* watchKeys(
  gateway: Gateway,
  options: EtcdWatchOptions,
  { prefix, fromRevision, signal, onState = () => {} }: EtcdWatchRequest,
): AsyncGenerator<EtcdWatchBatch, void> {
  let next = fromRevision;
  for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    let stream: EtcdStream | undefined;
    try {
      stream = await gateway.open("watch", watchBody(prefix, next), signal);
      gateway.counters.watches++;
      for await (const message of messagesOf(gateway, options, stream, prefix, () => next)) {
        // A stream that fails after this alone is no reason to hurry.
        if (message.created) onState(undefined);
        else pause = FIRST_PAUSE;
        if (message.events.length > 0) {
          yield { revision: message.revision, events: message.events };
        }
        next = Math.max(next, message.revision + 1);
      }
      throw new EtcdError("unavailable", `${stream.endpoint}: the watch has ended`);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (error.fault === "compacted" || error.fault === "tooLarge") throw error;
      if (signal.aborted) return;
      if (stream !== undefined) gateway.leave(stream.endpoint);
      if (!(error instanceof SilentWatchError)) onState(error);
    } finally {
      stream?.close();
    }
    await sleep(pause * (0.5 + Math.random() / 2), signal);
  }
}

function watchBody(prefix: string, fromRevision: number): Json {
  return {
    create_request: {
      key: encode(prefix),
      range_end: encode(endOfPrefix(prefix)),
      start_revision: String(fromRevision),
      progress_notify: true,
      fragment: true,
    },
  };
}

/** A message of a stream: events up to a revision. */
interface Message {
  readonly created: boolean;
  /** 0 when the message says nothing about it. */
  readonly revision: number;
  readonly events: readonly EtcdEvent[];
}

/** Reads a stream. Of a revision whose changes come in fragments, it waits for the last one. */
async function* messagesOf(
  gateway: Gateway,
  options: EtcdWatchOptions,
  stream: EtcdStream,
  prefix: string,
  next: () => number,
): AsyncGenerator<Message, void> {
  const { endpoint, signal } = stream;
  const lines = new Lines(stream, () => options.etcdMaxAnswerBytes);
  let held: EtcdEvent[] = [];
  let quiet = 0;
  try {
    for (;;) {
      const line = await lines.next(options.etcdWatchCheckMillis);
      if (line === undefined) return;
      if (line === "late") {
        const answer = await gateway.askOne(endpoint, "kv/range", probeBody(prefix), { signal });
        const missed = revisionOf(answer) >= next();
        if (missed && ++quiet >= QUIET_CHECKS) {
          throw new SilentWatchError(endpoint);
        }
        continue;
      }
      quiet = 0;
      const result = resultOf(gateway, line);
      const events = [...held, ...listOf(result.events).map(eventOf)];
      held = [];
      if (result.fragment === true) {
        const last = events.at(-1)?.modRevision ?? 0;
        held = events.filter(({ modRevision }) => modRevision === last);
        events.length -= held.length;
        const size = held.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
        if (size > options.etcdMaxAnswerBytes) {
          throw new EtcdError(
            "tooLarge",
            `${endpoint}: the changes of revision ${last} are larger than etcdMaxAnswerBytes`,
          );
        }
      }
      const isProgress = events.length === 0 && held.length === 0 && result.created !== true;
      const revision = events.at(-1)?.modRevision ?? (isProgress ? revisionOf(result) : 0);
      yield { created: result.created === true, revision, events };
    }
  } finally {
    lines.cancel();
  }
}

/** Reads the text of one message. */
function resultOf(gateway: Gateway, line: string): Json {
  const message = parseObject(line);
  if (message.error !== undefined) throw faultOf(objectOf(message.error));
  const result = objectOf(message.result);
  if (result.canceled !== true) return result;
  const compacted = numberOf(result.compact_revision);
  if (compacted > 0) {
    throw new EtcdError("compacted", `etcd keeps changes from revision ${compacted} only`);
  }
  // It says no more of a token that has ended.
  gateway.forgetLogin();
  const reason = textOf(result.cancel_reason) || "etcd has cancelled the watch";
  throw faultOf({ message: reason, code: 14 });
}

/** Asks for nothing but the answer, for which etcd asks its leader. */
function probeBody(prefix: string): Json {
  return {
    key: encode(prefix),
    range_end: encode(endOfPrefix(prefix)),
    limit: "1",
    keys_only: true,
  };
}

/** The lines of a stream. */
class Lines {
  readonly #stream: EtcdStream;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #most: () => number;
  readonly #decoder = new TextDecoder();
  #reading: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
  /** Text that was read, but not returned yet. */
  #text = "";

  constructor(stream: EtcdStream, most: () => number) {
    this.#stream = stream;
    this.#reader = stream.body.getReader();
    this.#most = most;
  }

  /**
   * Returns the next line; `undefined` at the end, and "late" when there is none in time.
   *
   * @param limit milliseconds
   */
  async next(limit: number): Promise<string | undefined> {
    for (let searched = 0;;) {
      const end = this.#text.indexOf("\n", searched);
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      searched = this.#text.length;
      if (searched > this.#most()) {
        throw new EtcdError(
          "tooLarge",
          `the answer has more than ${this.#most()} bytes (etcdMaxAnswerBytes)`,
        );
      }
      const read = await this.#read(limit);
      if (read === "late") return read;
      if (read.done) return undefined;
      this.#text += this.#decoder.decode(read.value, { stream: true });
    }
  }

  /** Gives the stream up, without waiting for the runtime. */
  cancel(): void {
    this.#reading?.catch(() => {});
    this.#reader.cancel().catch(() => {});
  }

  async #read(limit: number): Promise<ReadableStreamReadResult<Uint8Array> | "late"> {
    this.#reading ??= this.#reader.read();
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), limit);
    try {
      const read = await this.#stream.race(Promise.race([this.#reading, late.promise]));
      if (read !== "late") this.#reading = undefined;
      return read;
    } catch {
      throw new EtcdError("unavailable", "the connection of the watch has ended");
    } finally {
      clearTimeout(timer);
    }
  }
}
