import { ResponseCode } from "../protocol/codes.ts";
import type { Peer } from "../remoting/peer.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { MemoryBudget } from "../remoting/wire/frame_decoder.ts";
import type { WorkSlice } from "../work_slice.ts";
import { RequestError } from "./errors.ts";

/** Handles one kind of request. Errors that it throws become responses, see errors.ts. */
export type Handler = (request: Command, peer: Peer) => Reply | Promise<Reply>;

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

/** Limits of a request queue. */
export interface RequestQueueOptions {
  /** How many requests may wait. */
  capacity(): number;
  /** How many unfinished requests may be in progress. */
  concurrency(): number;
  /** How many of them may be of one peer; any number by default. */
  perPeer?: number;
  /** Counts the work of the handlers. Without it, they never let others have a turn. */
  slice?: WorkSlice;
  budget: MemoryBudget;
}

/**
 * A class of requests, like an executor with a bounded queue in the reference. A request runs at
 * once if possible. It waits while too many of its class are in progress, or when the slice of all
 * work is over. It is refused with SYSTEM_BUSY when too many wait. The requests of one peer start in
 * the order of arrival; peers take turns, so that none waits behind all requests of another.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  /** Those that may start, by peer. The first peer is the next. */
  readonly #ready = new Map<Peer, Waiting[]>();
  /** Those of peers that have as many requests in progress as they may. */
  readonly #held = new Map<Peer, Waiting[]>();
  readonly #runningOf = new Map<Peer, number>();
  #waiting = 0;
  #running = 0;
  #refused = 0;
  #turnRequested = false;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Number of started requests that could not be answered at once. */
  get running(): number {
    return this.#running;
  }

  /** Number of requests refused with SYSTEM_BUSY. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether a request of this peer waits or is in progress. Needs the limit by peer. */
  isBusyWith(peer: Peer): boolean {
    return this.#runningOf.has(peer) || this.#ready.has(peer);
  }

  /**
   * Runs a request, or queues it.
   *
   * @throws {RequestError} SYSTEM_BUSY when too many wait or there is no memory for it, and anything
   *   that the handler throws
   */
  run(handler: Handler, request: Command, peer: Peer): Reply | Promise<Reply> {
    const { budget } = this.#options;
    if (this.#free && this.#ready.size === 0 && !this.#isHeld(peer)) {
      const size = request.body?.length ?? 0;
      if (size > 0 && !budget.take(size)) throw this.#busy();
      return this.#start(handler, request, peer, size);
    }
    return this.#enqueue(handler, request, peer);
  }

  // Not part of run, as run would then allocate what the closure captures for every request.
  #enqueue(handler: Handler, request: Command, peer: Peer): Promise<Reply> {
    const { budget, capacity } = this.#options;
    const size = sizeOf(request);
    if (this.#waiting >= capacity() || !budget.take(size)) throw this.#busy();
    return new Promise((resolve, reject) => {
      const table = this.#isHeld(peer) ? this.#held : this.#ready;
      const line = table.get(peer);
      const waiting = { handler, request, peer, size, resolve, reject };
      if (line === undefined) table.set(peer, [waiting]);
      else line.push(waiting);
      this.#waiting++;
      this.#requestTurn();
    });
  }

  get #free(): boolean {
    return this.#running < this.#options.concurrency() && this.#options.slice?.over !== true;
  }

  #isHeld(peer: Peer): boolean {
    const { perPeer = Infinity } = this.#options;
    return perPeer !== Infinity && (this.#runningOf.get(peer) ?? 0) >= perPeer;
  }

  #busy(): RequestError {
    this.#refused++;
    return new RequestError(ResponseCode.SYSTEM_BUSY, BUSY);
  }

  /** @param size bytes of the budget that it has; they are given back when it is finished */
  #start(handler: Handler, request: Command, peer: Peer, size: number): Reply | Promise<Reply> {
    const { slice, budget } = this.#options;
    let response: Reply | Promise<Reply> | undefined;
    try {
      response = slice === undefined
        ? handler(request, peer)
        : runIn(slice, handler, request, peer);
    } finally {
      if (size > 0 && !(response instanceof Promise)) budget.give(size);
    }
    return response instanceof Promise ? this.#follow(response, peer, size) : response;
  }

  #follow(response: Promise<Reply>, peer: Peer, size: number): Promise<Reply> {
    this.#running++;
    if (this.#options.perPeer !== undefined) {
      this.#runningOf.set(peer, (this.#runningOf.get(peer) ?? 0) + 1);
    }
    return response.finally(() => {
      this.#options.budget.give(size);
      this.#finished(peer);
    });
  }

  #finished(peer: Peer): void {
    this.#running--;
    if (this.#options.perPeer !== undefined) {
      const left = (this.#runningOf.get(peer) ?? 1) - 1;
      if (left === 0) this.#runningOf.delete(peer);
      else this.#runningOf.set(peer, left);
      const line = this.#held.get(peer);
      if (line !== undefined) {
        this.#held.delete(peer);
        this.#ready.set(peer, line);
      }
    }
    this.#drain();
  }

  #drain(): void {
    while (this.#free) {
      const first = this.#ready.entries().next().value;
      if (first === undefined) break;
      const [peer, line] = first;
      this.#ready.delete(peer);
      const next = line.shift();
      if (next === undefined) continue;
      const { handler, request, size, resolve, reject } = next;
      this.#waiting--;
      try {
        resolve(this.#start(handler, request, peer, size));
      } catch (error) {
        reject(error);
      }
      if (line.length > 0) (this.#isHeld(peer) ? this.#held : this.#ready).set(peer, line);
    }
    this.#requestTurn();
  }

  /** Goes on after the others had their turn, when it is only the slice that holds requests up. */
  #requestTurn(): void {
    const { slice, concurrency } = this.#options;
    if (this.#turnRequested || slice === undefined || this.#ready.size === 0) return;
    // A slice that was over may not be over any more. What waits only for it needs a turn even so:
    // nothing else would start it.
    if (this.#running >= concurrency() && !slice.over) return;
    this.#turnRequested = true;
    slice.afterTurn(() => {
      this.#turnRequested = false;
      this.#drain();
    });
  }
}

/** Not inline, as the closure would be allocated for requests without a slice, too. */
function runIn(slice: WorkSlice, handler: Handler, request: Command, peer: Peer) {
  return slice.run(() => handler(request, peer));
}

/** Bytes that a request keeps in memory, but for a small constant. */
function sizeOf({ body, extFields }: Command): number {
  let characters = 0;
  for (const [name, value] of extFields) characters += name.length + value.length;
  return (body?.length ?? 0) + 2 * characters;
}
