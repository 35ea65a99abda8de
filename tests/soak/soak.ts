import type { Request } from "../support/frames.ts";
import type { Peer } from "../support/peer.ts";

/** A participant in a soak, until it is over. */
export class Soak {
  /** A random integer from 0 to `below` - 1. */
  readonly below: (below: number) => number;
  /** Kinds of trouble that participants had, and how often. */
  readonly troubles = new Map<string, number>();
  readonly #parts: Promise<void>[] = [];
  /** Ends each rest: a race with one promise for all would remember every rest of the hour. */
  readonly #resting = new Set<() => void>();
  #running = true;

  constructor(below: (below: number) => number) {
    this.below = below;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Runs a part until the soak is over, again and again if it fails. */
  add(name: string, part: () => Promise<void>): void {
    const run = async () => {
      await this.rest(10_000);
      while (this.#running) {
        try {
          await part();
        } catch (error) {
          this.#note(`${name}: ${error instanceof Error ? error.message : error}`);
          await this.rest(1000);
        }
      }
    };
    this.#parts.push(run());
  }

  /** Sends a request; notes an answer that no server in order gives. */
  async call(peer: Peer, request: Request): Promise<void> {
    const { code, remark } = await peer.call(request);
    if (code === 1 || code === 2 || code === 3) {
      this.#note(`${request.code}: ${code} ${remark?.replaceAll(/[0-9]+/g, "N")}`);
    }
  }

  /** Waits half this time to one and a half, or until the soak is over. */
  rest(ms: number): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#resting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms / 2 + this.below(ms));
      this.#resting.add(end);
    });
  }

  /** Ends it; resolves when all parts have left. */
  async end(): Promise<void> {
    this.#running = false;
    for (const end of [...this.#resting]) end();
    await Promise.all(this.#parts);
  }

  #note(trouble: string): void {
    this.troubles.set(trouble, (this.troubles.get(trouble) ?? 0) + 1);
  }
}
