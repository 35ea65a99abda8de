import { ResponseCode } from "../protocol/codes.ts";
import type { Command, Response } from "../remoting/wire/command.ts";
import type { Connection } from "../remoting/connection.ts";
import type { MemoryBudget } from "../remoting/wire/frame_decoder.ts";
import { RequestError } from "./errors.ts";

/** Answers one kind of request. What it throws becomes the answer, see errors.ts. */
export type Handler = (
  request: Command,
  connection: Connection,
) => Response | Promise<Response>;

const BUSY = "[OVERLOAD]system busy, start flow control for a while";

interface Waiting {
  handler: Handler;
  request: Command;
  connection: Connection;
  resolve(response: Response | Promise<Response>): void;
  reject(error: unknown): void;
}

/** The bounds of a class of requests. */
export interface RequestClassOptions {
  /** How many may wait. */
  capacity(): number;
  /** How many that can't be answered at once may be worked at. */
  concurrency(): number;
  /** Milliseconds of work in a row before others get their turn. */
  slice: number;
  budget: MemoryBudget;
  /** Runs something after the events that wait now. */
  nextTurn(task: () => void): void;
}

/**
 * A class of requests: what the reference does with an executor and its bounded queue. A request
 * is worked at right away where that can be; it waits while too many of its class wait for the disk
 * or are being decoded, or the class had the processor for long enough; and it is refused with
 * SYSTEM_BUSY when too many wait. Requests start in the order in which they came.
 */
export class RequestClass {
  readonly #options: RequestClassOptions;
  #waiting: Waiting[] = [];
  /** Those before it in the list have been started. */
  #next = 0;
  #running = 0;
  #refused = 0;
  /** Milliseconds of work in a row, up to `#lastEnd`. */
  #spent = 0;
  #lastEnd = 0;
  /** Others have their turn. */
  #resting = false;

  constructor(options: RequestClassOptions) {
    this.#options = options;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  /** Requests that are worked at, and could not be answered at once. */
  get running(): number {
    return this.#running;
  }

  /** Requests that were answered SYSTEM_BUSY. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Has a request answered.
   *
   * @throws {RequestError} SYSTEM_BUSY when too many wait, and what the handler throws
   */
  run(handler: Handler, request: Command, connection: Connection): Response | Promise<Response> {
    if (this.#free() && this.waiting === 0) return this.#start(handler, request, connection);
    const size = request.body?.length ?? 0;
    if (this.waiting >= this.#options.capacity() || !this.#options.budget.take(size)) {
      this.#refused++;
      throw new RequestError(ResponseCode.SYSTEM_BUSY, BUSY);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ handler, request, connection, resolve, reject });
    });
  }

  #free(): boolean {
    return !this.#resting && this.#running < this.#options.concurrency();
  }

  #start(handler: Handler, request: Command, connection: Connection): Response | Promise<Response> {
    if (this.#options.slice === Infinity) return this.#track(handler(request, connection));
    const start = performance.now();
    try {
      return this.#track(handler(request, connection));
    } finally {
      const end = performance.now();
      // Work that was done a while ago is no reason to rest.
      if (start - this.#lastEnd > this.#options.slice) this.#spent = 0;
      this.#spent += end - start;
      this.#lastEnd = end;
      if (this.#spent > this.#options.slice) this.#rest();
    }
  }

  #track(response: Response | Promise<Response>): Response | Promise<Response> {
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
    while (this.waiting > 0 && this.#free()) {
      const { handler, request, connection, resolve, reject } = this.#waiting[this.#next++];
      this.#options.budget.give(request.body?.length ?? 0);
      try {
        resolve(this.#start(handler, request, connection));
      } catch (error) {
        reject(error);
      }
      // Taking from the front one by one would move the rest each time.
      if (this.#next * 2 >= this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
    }
  }
}
