/** How long events are counted before they are counted anew. */
const WINDOW_MS = 60_000;
/** Events that are counted apart from each other; further ones are counted together. */
const MAX_EVENTS = 1000;

/** What was left out of a minute. */
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

/** Lets so many events of a kind pass in a minute, and tells how many it did not. */
export class RepeatLimit {
  /** Events of a kind that pass in a minute; 0 lets all pass. */
  limit: number;
  readonly #report: (leftOut: LeftOut) => void;
  /** By level and event. */
  readonly #windows = new Map<string, Window>();

  /** @param report hears, when a minute is over, what was left out of it */
  constructor(limit: number, report: (leftOut: LeftOut) => void) {
    this.limit = limit;
    this.#report = report;
  }

  /** Counts an event. Returns whether it is to be told. */
  passes(level: string, event: string): boolean {
    if (this.limit === 0) return true;
    const window = this.#windowOf(level, event);
    if (window.passed < this.limit) {
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

  /** Tells what was left out so far. */
  close(): void {
    for (const window of [...this.#windows.values()]) this.#end(window);
  }

  #windowOf(level: string, event: string): Window {
    const now = Date.now();
    const known = this.#windows.get(keyOf(level, event));
    if (known !== undefined) {
      if (isOpen(known, now)) return known;
      this.#end(known);
    }
    if (this.#windows.size >= MAX_EVENTS) this.#forget(now);
    const name = this.#windows.size < MAX_EVENTS ? event : "(others)";
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

/** One that begins in the future is not: a clock that was set back must not make it longer. */
function isOpen({ since }: Window, now: number): boolean {
  return since <= now && now - since < WINDOW_MS;
}

function keyOf(level: string, event: string): string {
  return `${level} ${event}`;
}
