import { ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { Peer } from "../remoting/peer.ts";
import type { MemoryBudget } from "../remoting/wire/frame_decoder.ts";
import { RequestError } from "./errors.ts";

/** Handles one kind of request. Errors that it throws become responses, see errors.ts. */
export type Handler = (
  request: Command,
  peer: Peer,
) => Reply | Promise<Reply>;

const BUSY = "[OVERLOAD]system busy, start flow control for a while";

interface Waiting {
  handler: Handler;
  request: Command;
  peer: Peer;
  /** Bytes of the budget that it has. */
  size: number;
  resolve(response: Reply | Promise<Reply>): void;
  reject(error: unknown): void;
}

/** Limits of a request class. */
export interface RequestQueueOptions {
  /** How many requests may wait. */
  capacity(): number;
  /** How many unfinished requests may be in progress. */
  concurrency(): number;
  /** Milliseconds of continuous work before other classes get a turn. */
  slice: number;
  budget: MemoryBudget;
  /** Runs a task after all events that are pending now. */
  nextTurn(task: () => void): void;
}

/**
 * A class of requests, like an executor with a bounded queue in the reference. A request runs at
 * once if possible. It waits while too many of its class are waiting for the disk or being decoded,
 * or when the class has used up its time slice. It is refused with SYSTEM_BUSY when too many wait.
 * Requests start in the order of arrival.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  #waiting: Waiting[] = [];
  /** Entries before this index have been started. */
  #next = 0;
  #running = 0;
  #refused = 0;
  /** Milliseconds of continuous work, up to `#lastEnd`. */
  #spent = 0;
  #lastEnd = 0;
  /** True while other classes have their turn. */
  #resting = false;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  /** Number of started requests that could not be answered at once. */
  get running(): number {
    return this.#running;
  }

  /** Number of requests refused with SYSTEM_BUSY. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Runs a request, or queues it.
   *
   * @throws {RequestError} SYSTEM_BUSY when too many wait, and anything that the handler throws
   */
  run(handler: Handler, request: Command, peer: Peer): Reply | Promise<Reply> {
    if (this.#free() && this.waiting === 0) return this.#start(handler, request, peer);
    const size = sizeOf(request);
    if (this.waiting >= this.#options.capacity() || !this.#options.budget.take(size)) {
      this.#refused++;
      throw new RequestError(ResponseCode.SYSTEM_BUSY, BUSY);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ handler, request, peer, size, resolve, reject });
    });
  }

  #free(): boolean {
    return !this.#resting && this.#running < this.#options.concurrency();
  }

  #start(handler: Handler, request: Command, peer: Peer): Reply | Promise<Reply> {
    if (this.#options.slice === Infinity) return this.#track(handler(request, peer));
    const start = performance.now();
    try {
      return this.#track(handler(request, peer));
    } finally {
      const end = performance.now();
      // Work that ended a while ago does not count.
      if (start - this.#lastEnd > this.#options.slice) this.#spent = 0;
      this.#spent += end - start;
      this.#lastEnd = end;
      if (this.#spent > this.#options.slice) this.#rest();
    }
  }

  #track(response: Reply | Promise<Reply>): Reply | Promise<Reply> {
    if (!(response instanceof Promise)) return response;
    this.#running++;
    return response.finally(() => {
      this.#running--;
      this.#drain();
    });
  }

  #rest(): void {
    this.#resting = true;
    this.#options.nextTurn(() => {
      this.#resting = false;
      this.#spent = 0;
      this.#drain();
    });
  }

  #drain(): void {
    while (this.#free()) {
      const next = this.#waiting[this.#next];
      if (next === undefined) return;
      this.#next++;
      const { handler, request, peer, size, resolve, reject } = next;
      this.#options.budget.give(size);
      try {
        resolve(this.#start(handler, request, peer));
      } catch (error) {
        reject(error);
      }
      // Shifting one by one would move the whole rest each time.
      if (this.#next * 2 >= this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
    }
  }
}

/** Bytes that a request keeps in memory, but for a small constant. */
function sizeOf({ body, extFields }: Command): number {
  let characters = 0;
  for (const [name, value] of extFields) characters += name.length + value.length;
  return (body?.length ?? 0) + 2 * characters;
}
