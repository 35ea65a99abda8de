import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpCounters } from "../../../../src/http/server/http_counters.ts";
import { sessionCookie } from "../../../../src/http/server/session_cookie.ts";
import { isCsrfToken, type Session, Sessions } from "../../../../src/http/server/sessions.ts";
import { httpRequest } from "../../../support/fake_http_listener.ts";

const HOUR = 3_600_000;
const ADDRESS = "http://127.0.0.1:9890/api/v1/session";

let now: number;
let current: Set<string>;
let options: { httpMaxSessions: number; httpSessionHours: number };
let counters: HttpCounters;
let sessions: Sessions<string>;

function setUp(): void {
  now = 1_000_000;
  current = new Set(["a", "b", "c"]);
  options = { httpMaxSessions: 4, httpSessionHours: 8 };
  counters = new HttpCounters();
  const isCurrent = (account: string) => current.has(account);
  sessions = new Sessions({ options, isCurrent, counters, now: () => now });
}

/** The session of a request with a cookie. */
function ask(cookie: string, url = ADDRESS): Session<string> | undefined {
  return sessions.of(httpRequest("GET", url, { cookie }));
}

/** What a browser sends back. */
function cookieOf({ id }: Session<string>, url = ADDRESS): string {
  return sessionCookie(id, new URL(url), 9).split(";")[0]!;
}

const isOpen = (session: Session<string>) => ask(cookieOf(session)) === session;

describe("Sessions", () => {
  beforeEach(setUp);

  it("are found by a cookie that scripts and other sites do not have", () => {
    const session = sessions.open("a");
    const { id } = session;
    assert.match(id, /^[\w-]{43}$/);
    assert.notEqual(sessions.open("a").id, id);
    const attributes = "HttpOnly; SameSite=Strict; Path=/; Max-Age=9";
    assert.equal(
      sessionCookie(id, new URL(ADDRESS), 9),
      `rocketmq_namesrv_session_9890=${id}; ${attributes}`,
    );
    assert.equal(
      sessionCookie(id, new URL("https://a.example/"), 9),
      `rocketmq_namesrv_session=${id}; ${attributes}; Secure`,
    );
    assert.equal(ask(`x=1; ${cookieOf(session)};y=`), session);
    assert.equal(sessions.of(httpRequest("GET", ADDRESS)), undefined);
    assert.equal(ask(`rocketmq_namesrv_session_9890=${id}x`), undefined);
    assert.equal(ask(`rocketmq_namesrv_session_9890=`), undefined);
  });

  it("do not mistake the cookie of another server on the host for theirs", () => {
    const session = sessions.open("a");
    const other = "http://127.0.0.1:9891/";
    assert.equal(ask(cookieOf(session, other)), undefined);
    assert.equal(ask(`${cookieOf(session, other)}; ${cookieOf(session)}`), session);
  });

  it("end after their hours, by log out, and when the account is no longer current", () => {
    const first = sessions.open("a");
    now += 8 * HOUR - 1;
    const second = sessions.open("a");
    const third = sessions.open("b");
    assert.deepEqual([isOpen(first), isOpen(second), counters.sessions], [true, true, 3]);
    now++;
    assert.deepEqual([isOpen(first), isOpen(second), counters.sessions], [false, true, 2]);
    sessions.end(second.id);
    assert.deepEqual([isOpen(second), isOpen(third)], [false, true]);
    current.delete("b");
    assert.equal(isOpen(third), false);
    current.add("b");
    assert.equal(isOpen(third), false, "it is over for good");
    assert.equal(counters.sessions, 0);
  });

  it("are limited: the oldest of the account with most ends", () => {
    const old = sessions.open("b");
    const flood = ["a", "a", "a", "a", "a"].map((account) => sessions.open(account));
    assert.deepEqual(flood.map(isOpen), [false, false, true, true, true]);
    assert.equal(isOpen(old), true);
    assert.deepEqual([counters.sessions, counters.refused.sessions], [4, 2]);
    now += 9 * HOUR;
    sessions.open("c");
    assert.deepEqual([counters.sessions, counters.refused.sessions], [1, 2]);
    options.httpMaxSessions = 1;
    sessions.open("c");
    assert.deepEqual([counters.sessions, counters.refused.sessions], [1, 3]);
  });

  it("have a token of their own against CSRF", () => {
    const [session, other] = [sessions.open("a"), sessions.open("a")];
    assert.ok(isCsrfToken(session.csrfToken, session));
    for (const wrong of [null, "", other.csrfToken, session.id, "é".repeat(43)]) {
      assert.equal(isCsrfToken(wrong, session), false);
    }
  });
});
