import { ipOf, networkOf } from "../ip_ranges.ts";

const MINUTE = 60_000;
/** Addresses that are remembered. Over it, the one that began first is forgotten. */
const MAX_ADDRESSES = 10_000;

/** Limits how often an address may try to log in, or show a token that proves nothing. */
export class LoginLimit {
  readonly #perMinute: () => number;
  readonly #now: () => number;
  /** The minutes that have begun, in their order. */
  readonly #minutes = new Map<string, { readonly began: number; attempts: number }>();

  /**
   * @param perMinute attempts of an address in a minute
   * @param now milliseconds of a monotonic clock
   */
  constructor(perMinute: () => number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /**
   * Seconds until a client may try again; `undefined` when it may now.
   *
   * @param client "address:port"
   */
  wait(client: string): number | undefined {
    const { began, attempts } = this.#minuteOf(addressOf(client)) ?? { began: 0, attempts: 0 };
    if (attempts < this.#perMinute()) return undefined;
    return Math.ceil((began + MINUTE - this.#now()) / 1000);
  }

  /** Counts an attempt of a client. */
  count(client: string): void {
    const address = addressOf(client);
    const minute = this.#minuteOf(address);
    if (minute !== undefined) {
      minute.attempts++;
      return;
    }
    this.#minutes.delete(address);
    this.#minutes.set(address, { began: this.#now(), attempts: 1 });
    for (const oldest of this.#minutes.keys()) {
      if (this.#minutes.size <= MAX_ADDRESSES) break;
      this.#minutes.delete(oldest);
    }
  }

  /** The minute of an address, if it is not over. */
  #minuteOf(address: string) {
    const minute = this.#minutes.get(address);
    return minute !== undefined && this.#now() - minute.began < MINUTE ? minute : undefined;
  }
}

/** The address that attempts are counted for. An IPv6 host has a whole /64, so that counts as one. */
function addressOf(client: string): string {
  const ip = ipOf(client);
  return ip.includes(":") ? networkOf(ip) : ip;
}
