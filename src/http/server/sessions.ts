import { randomBytes, timingSafeEqual } from "node:crypto";
import type { HttpCounters } from "./http_counters.ts";
import type { HttpRequest } from "./http_listener.ts";
import { readSessionCookie } from "./session_cookie.ts";

/** Bytes of an id, and of a token against CSRF. */
const RANDOM_LENGTH = 32;
const HOUR = 3_600_000;

/** Options of the same names. */
export interface SessionOptions {
  readonly httpMaxSessions: number;
  readonly httpSessionHours: number;
}

/** The time between log in and log out of an account. */
export interface Session<A> {
  readonly id: string;
  readonly account: A;
  /** A request that changes something must have it: only pages of this server can read it. */
  readonly csrfToken: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/**
 * The open sessions. They are only in memory: a restart ends them all. Over the limit, the oldest one of
 * the account that has most ends, so that one account can't end those of all others.
 */
export class Sessions<A> {
  readonly #options: Readonly<SessionOptions>;
  readonly #isCurrent: (account: A) => boolean;
  readonly #counters: Pick<HttpCounters, "sessions" | "refused">;
  readonly #now: () => number;
  /** By id, the oldest first. */
  readonly #sessions = new Map<string, Session<A>>();

  /**
   * @param parts.isCurrent whether an account may still be used: it may not, once the rules have changed
   * @param parts.now milliseconds since 1970
   */
  constructor(parts: {
    options: Readonly<SessionOptions>;
    isCurrent: (account: A) => boolean;
    counters: Pick<HttpCounters, "sessions" | "refused">;
    now(): number;
  }) {
    this.#options = parts.options;
    this.#isCurrent = parts.isCurrent;
    this.#counters = parts.counters;
    this.#now = parts.now;
  }

  /** Begins a session. */
  open(account: A): Session<A> {
    for (const session of this.#sessions.values()) this.#isOpen(session);
    while (this.#sessions.size >= this.#options.httpMaxSessions) {
      const oldest = this.#oldestOfMost();
      if (oldest === undefined) break;
      this.#counters.refused.sessions++;
      this.end(oldest.id);
    }
    const session = {
      id: random(),
      account,
      csrfToken: random(),
      expires: this.#now() + this.#options.httpSessionHours * HOUR,
    };
    this.#sessions.set(session.id, session);
    this.#count();
    return session;
  }

  /** Returns the session that a request's cookie names, if it has not ended. */
  of({ headers, url }: Pick<HttpRequest, "headers" | "url">): Session<A> | undefined {
    const id = readSessionCookie(headers.get("cookie"), url);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    return session !== undefined && this.#isOpen(session) ? session : undefined;
  }

  /** Ends a session, if it is open. */
  end(id: string): void {
    this.#sessions.delete(id);
    this.#count();
  }

  /** Ends a session when its time is over. */
  #isOpen(session: Session<A>): boolean {
    const current = this.#now() < session.expires && this.#isCurrent(session.account);
    if (!current) this.end(session.id);
    return current;
  }

  #oldestOfMost(): Session<A> | undefined {
    const byAccount = Map.groupBy(this.#sessions.values(), ({ account }) => account);
    let most: Session<A>[] = [];
    for (const sessions of byAccount.values()) if (sessions.length > most.length) most = sessions;
    return most[0];
  }

  #count(): void {
    this.#counters.sessions = this.#sessions.size;
  }
}

/** Whether a text is the token of a session. How long it takes does not tell how much of it is right. */
export function isCsrfToken(text: string | null, { csrfToken }: { csrfToken: string }): boolean {
  if (text === null || text.length !== csrfToken.length) return false;
  const [given, expected] = [text, csrfToken].map((it) => new TextEncoder().encode(it));
  return given !== undefined && expected !== undefined && given.length === expected.length &&
    timingSafeEqual(given, expected);
}

function random(): string {
  return randomBytes(RANDOM_LENGTH).toString("base64url");
}
