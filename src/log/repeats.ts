/** Length of a counting window in milliseconds. */
const WINDOW_MS = 60_000;
/** Number of events counted separately; further ones are counted together. */
const MAX_EVENTS = 1000;

/** The lines omitted in a minute. */
export interface LeftOut {
  level: string;
  event: string;
  count: number;
  seconds: number;
}

interface Window {
  level: string;
  event: string;
  since: number;
  passed: number;
  leftOut: number;
  timer?: ReturnType<typeof setTimeout>;
}

/** Most events per minute; 0 for no limit. */
export interface RepeatLimits {
  /** Of each kind. */
  kind: number;
  /** Of all kinds together that peers can cause, for each level: a flood of one hides no other. */
  peers: number;
}

/** The name under which omitted events of all kinds are reported. */
const ALL_OF_PEERS = "(all that peers cause)";

/**
 * Passes a limited number of events per minute, of each kind and of all kinds that peers can cause,
 * and reports how many it omitted.
 */
export class RepeatLimit {
  readonly limits: RepeatLimits;
  readonly #report: (leftOut: LeftOut) => void;
  /** By level and event. */
  readonly #windows = new Map<string, Window>();

  /** @param report called at the end of a minute in which events were omitted */
  constructor(limits: Readonly<RepeatLimits>, report: (leftOut: LeftOut) => void) {
    this.limits = { ...limits };
    this.#report = report;
  }

  /**
   * Counts an event. Returns whether it should be written.
   *
   * @param ofPeers whether peers can cause such events
   * @param apart counts events with another one of these separately
   */
  passes(level: string, event: string, ofPeers: boolean, apart = ""): boolean {
    const { kind, peers } = this.limits;
    const name = apart === "" ? event : `${event} (${apart})`;
    if (kind !== 0 && !this.#count(this.#windowOf(level, name), kind)) return false;
    return !ofPeers || peers === 0 || this.#count(this.#windowOf(level, ALL_OF_PEERS), peers);
  }

  /** Reports the events omitted so far. */
  close(): void {
    for (const window of [...this.#windows.values()]) this.#end(window);
  }

  #count(window: Window, limit: number): boolean {
    if (window.passed < limit) {
      window.passed++;
      return true;
    }
    window.leftOut++;
    if (window.timer === undefined) {
      const left = window.since + WINDOW_MS - Date.now();
      window.timer = setTimeout(() => this.#end(window), left);
      Deno.unrefTimer(window.timer);
    }
    return false;
  }

  #windowOf(level: string, event: string): Window {
    const now = Date.now();
    const known = this.#windows.get(keyOf(level, event));
    if (known !== undefined) {
      if (isOpen(known, now)) return known;
      this.#end(known);
    }
    if (this.#windows.size >= MAX_EVENTS) this.#forget(now);
    const isFull = this.#windows.size >= MAX_EVENTS && event !== ALL_OF_PEERS;
    const name = isFull ? "(others)" : event;
    const shared = this.#windows.get(keyOf(level, name));
    if (shared !== undefined) return shared;
    const window = { level, event: name, since: now, passed: 0, leftOut: 0 };
    this.#windows.set(keyOf(level, name), window);
    return window;
  }

  #end({ level, event, since, leftOut, timer }: Window): void {
    clearTimeout(timer);
    this.#windows.delete(keyOf(level, event));
    if (leftOut === 0) return;
    const seconds = Math.min(WINDOW_MS, Math.max(0, Date.now() - since)) / 1000;
    this.#report({ level, event, count: leftOut, seconds: Math.ceil(seconds) });
  }

  #forget(now: number): void {
    for (const window of [...this.#windows.values()]) {
      if (!isOpen(window, now)) this.#end(window);
    }
  }
}

/** A window that starts in the future is not open: setting back the clock must not prolong it. */
function isOpen({ since }: Window, now: number): boolean {
  return since <= now && now - since < WINDOW_MS;
}

function keyOf(level: string, event: string): string {
  return `${level} ${event}`;
}
