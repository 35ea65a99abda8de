import { json } from "../server/answer.ts";
import type { Route } from "../server/router.ts";

/** Milliseconds that the disk has for the check of the KV file. */
const DISK_LIMIT = 1000;
/** Milliseconds for which the outcome of that check is told again. */
const DISK_CHECK_AGE = 1000;

/** What a server says of its condition. */
export interface Condition {
  /** Whether the remoting port is open. */
  listening(): boolean;
  stopping(): boolean;
  /** Milliseconds for which route queries are still refused (needWaitForService). */
  serviceWait(): number;
  /** Rejects when the KV file could not be written. */
  checkKvFile(): Promise<void>;
}

/** What a server says of its software. */
export interface Software {
  readonly name: string;
  readonly version: string;
  /** The version of RocketMQ's protocol, e.g. "V5_5_0". */
  readonly protocol: string;
  readonly deno: string;
  readonly v8: string;
}

/**
 * `/livez`, `/readyz` and `/version`.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function healthRoutes(condition: Condition, software: Software, now: () => number): Route[] {
  let kvFile: Promise<string | undefined> | undefined;
  let kvFileUntil = Infinity;
  return [
    { path: "/livez", priority: true, answer: () => json({ alive: true }) },
    { path: "/readyz", priority: true, answer: ready },
    { path: "/version", answer: () => json(software) },
  ];

  async function ready(): Promise<Response> {
    const wait = condition.serviceWait();
    // Each with the reason why it fails.
    const outcomes: [name: string, failure: string | undefined | false][] = [
      ["listening", !condition.listening() && "the remoting port is not open"],
      ["kvFile", await kvFileFailure()],
      ["notStopping", condition.stopping() && "the server is stopping"],
      [
        "waitForService",
        wait > 0 &&
        `route queries are refused for ${Math.ceil(wait / 1000)} s (needWaitForService)`,
      ],
    ];
    const checks = outcomes.map(([name, failure]) =>
      failure ? { name, ok: false, reason: failure } : { name, ok: true }
    );
    const all = checks.every(({ ok }) => ok);
    return json({ ready: all, checks }, all ? 200 : 503);
  }

  /** Why the KV file can't be written. The disk is asked once, however many want to know. */
  async function kvFileFailure(): Promise<string | undefined> {
    if (kvFile === undefined || now() >= kvFileUntil) kvFile = checkKvFile();
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => late.resolve(`the disk has not answered in ${DISK_LIMIT} ms`),
      DISK_LIMIT,
    );
    const failure = await Promise.race([kvFile, late.promise]);
    clearTimeout(timer);
    return failure;
  }

  async function checkKvFile(): Promise<string | undefined> {
    // A disk that hangs is not asked again before it has answered.
    kvFileUntil = Infinity;
    try {
      await condition.checkKvFile();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      kvFileUntil = now() + DISK_CHECK_AGE;
    }
  }
}
