import { json } from "../server/answer.ts";
import type { RouteView } from "../../route/route_view.ts";
import type { Route } from "../server/router.ts";
import { errorMessage } from "../../error_message.ts";

/** Milliseconds allowed for the check of the KV file. */
const DISK_LIMIT = 1000;
/** Milliseconds for which the result of that check is cached. */
const DISK_CHECK_AGE = 1000;

/** The health of a server. */
export interface Condition {
  /** Whether the remoting port is open. */
  listening(): boolean;
  stopping(): boolean;
  /** Milliseconds for which route queries are still refused (needWaitForService). */
  serviceWait(): number;
  /** Why the audit file can't be written; `undefined` when it can, or there is none. */
  auditFailure(): string | undefined;
  /** How a KV table in etcd stands; `undefined` when it is not kept there. */
  etcd(): { readonly problem: string | undefined } | undefined;
  /** How the controller stands; `undefined` when this server hosts none. */
  controller(): { readonly problem: string | undefined } | undefined;
  /** Rejects when the KV file can't be written. */
  checkKvFile(): Promise<void>;
}

/** Version information of a server. */
export interface Software {
  readonly name: string;
  readonly version: string;
  /** The version of RocketMQ's protocol, e.g. "V5_5_0". */
  readonly protocol: string;
  readonly deno: string;
  readonly v8: string;
}

/** A part of a server's readiness, with the reason when it fails. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
  /** False: the server serves its clients although the check fails. */
  readonly required?: false;
}

/** Whether a server with these results serves its clients. */
export function isReady(checks: readonly Check[]): boolean {
  return checks.every(({ ok, required }) => ok || required === false);
}

/** The routes `/livez`, `/readyz` and `/version`. */
export function healthRoutes(
  checks: () => Promise<Check[]>,
  tables: Pick<RouteView, "liveBrokerCount" | "restoredBrokerCount">,
  software: Software,
): Route[] {
  return [
    {
      path: "/livez",
      priority: true,
      permission: "cluster:read",
      answer: () => json({ alive: true }),
    },
    { path: "/readyz", priority: true, permission: "cluster:read", answer: ready },
    { path: "/version", permission: "cluster:read", answer: () => json(software) },
  ];

  async function ready(): Promise<Response> {
    const results = await checks();
    const all = isReady(results);
    const restored = tables.restoredBrokerCount;
    const brokers = { confirmed: tables.liveBrokerCount - restored, restored };
    return json({ ready: all, checks: results, brokers }, all ? 200 : 503);
  }
}

/**
 * Returns a function that checks whether a server is ready.
 *
 * @param now milliseconds of a monotonic clock
 */
export function readiness(condition: Condition, now: () => number): () => Promise<Check[]> {
  let kvFile: Promise<string | undefined> | undefined;
  let kvFileUntil = Infinity;
  return async () => {
    const wait = condition.serviceWait();
    // Each with the reason for its failure.
    const outcomes: [name: string, failure: string | undefined | false][] = [
      ["listening", !condition.listening() && "the remoting port is not open"],
      ["kvFile", await kvFileFailure()],
      ["auditFile", condition.auditFailure()],
      ["notStopping", condition.stopping() && "the server is stopping"],
      [
        "waitForService",
        wait > 0 &&
        `route queries are refused for ${Math.ceil(wait / 1000)} s (needWaitForService)`,
      ],
    ];
    const checks: Check[] = outcomes.map(([name, failure]) =>
      failure ? { name, ok: false, reason: failure } : { name, ok: true }
    );
    const etcd = condition.etcd();
    if (etcd !== undefined) {
      const { problem } = etcd;
      checks.push(notRequired("etcd", problem && `the KV table does not follow etcd: ${problem}`));
    }
    const controller = condition.controller();
    if (controller !== undefined) checks.push(notRequired("controller", controller.problem));
    return checks;
  };

  /** Returns why the KV file can't be written. Concurrent callers share one check. */
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
    // A hanging disk is not checked again until the first check has ended.
    kvFileUntil = Infinity;
    try {
      await condition.checkKvFile();
      return undefined;
    } catch (error) {
      return errorMessage(error);
    } finally {
      kvFileUntil = now() + DISK_CHECK_AGE;
    }
  }
}

/** A check without which a server serves its clients. */
function notRequired(name: string, problem: string | undefined): Check {
  return problem === undefined
    ? { name, ok: true, required: false }
    : { name, ok: false, reason: problem, required: false };
}
