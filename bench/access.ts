/**
 * Measures the cost of access control for a route query that is answered from the cache: CPU time of
 * all but the sockets, in one process. End to end, the sockets' share makes the ratios smaller.
 *
 *     deno run --no-prompt --allow-read --allow-write bench/access.ts
 */
import { AccessControl } from "../src/access/access_control.ts";
import { AccessCounters } from "../src/access/counters.ts";
import { Guard } from "../src/access/guard.ts";
import { loadPolicy } from "../src/access/policy_file.ts";
import { Refusals } from "../src/access/refusals.ts";
import { Signatures } from "../src/access/signature.ts";
import { AuditLog } from "../src/audit/audit_log.ts";
import { ACTIONS } from "../src/access/actions.ts";
import { defaultOptions } from "../src/config/options.ts";
import type { Log } from "../src/log/log.ts";
import { Dispatcher } from "../src/processor/dispatcher.ts";
import { RequestQueue } from "../src/processor/request_queue.ts";
import { Frame } from "../src/remoting/wire/frame_decoder.ts";
import { FrameEncoder } from "../src/remoting/wire/frame_encoder.ts";
import { HeaderMemo } from "../src/remoting/wire/header_memo.ts";
import { Code, encodeRequest } from "./frames.ts";

const ROUNDS = 40;
const QUERIES = 10_000;
const TOPICS = 100;
const SECRET = "a-secret-of-more-than-20-characters";
const BODY = new Uint8Array(496);
const silent = () => {};
const log: Log = { debugEnabled: false, debug: silent, info: silent, warn: silent, error: silent };
const peer = { address: "10.0.0.1:1", socketAddress: "10.0.0.1:1", closed: false };

/** A guard by the rules of a file. */
async function makeGuard(rules: string): Promise<Guard> {
  const files = {
    readTextFile: () => Promise.resolve(rules),
    stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
  };
  const { policy } = await loadPolicy("rules", files, () => Promise.resolve());
  const now = Date.now;
  const control = new AccessControl({ policy: () => policy, now });
  const refusals = new Refusals(() => 1000);
  const audit = await AuditLog.open(defaultOptions(), Deno, log, now);
  const counters = new AccessCounters();
  return new Guard({ rules: { store: { policy }, control }, refusals, counters, audit, log, now });
}

function makeDispatcher(guard?: Guard): Dispatcher {
  const queue = new RequestQueue({
    capacity: () => 1,
    concurrency: () => 1,
    budget: { take: () => true, give: silent },
  });
  const handler = () => ({ code: 0, body: BODY });
  const action = ACTIONS.GET_ROUTEINFO_BY_TOPIC;
  const row = { action, queue, handler };
  return new Dispatcher(new Map([[Code.GET_ROUTEINFO_BY_TOPIC, row]]), log, silent, guard);
}

/** Frames of route queries, each of its own header. */
function makeFrames(signed: boolean): Uint8Array[] {
  const signatures = new Signatures();
  const credentials = { accessKey: "AK-app", secretKey: SECRET };
  return Array.from({ length: TOPICS }, (_, i) => {
    const fields: [string, string][] = [
      ["topic", `orders-created-by-shop-${i}`],
      ["acceptStandardJsonOnly", "true"],
    ];
    const added = signed ? signatures.sign(fields, undefined, credentials) : [];
    const extFields = Object.fromEntries([...fields, ...added]);
    return encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, 1000 + i, extFields);
  });
}

/** Microseconds of CPU for each query. @param cached whether headers are decoded only once */
function measure(
  frames: readonly Uint8Array[],
  dispatcher: Dispatcher,
  cached: boolean,
): number {
  const encoder = new FrameEncoder();
  // Without room, it caches nothing.
  const memo = new HeaderMemo(() => cached ? Infinity : 0);
  const start = performance.now();
  for (let i = 0; i < QUERIES; i++) {
    const bytes = frames[i % TOPICS]!;
    const frame = new Frame(bytes, 0, bytes.length - 4, false);
    const request = memo.decode(frame);
    const reply = dispatcher.handle(request, peer);
    if (reply instanceof Promise) throw new Error("a route query had to wait");
    encoder.reply(request, reply);
    if (i % 64 === 0) encoder.flush({ write: () => true });
  }
  return (performance.now() - start) * 1000 / QUERIES;
}

const guard = await makeGuard(
  `mode: enforce\naccounts: [{accessKey: AK-app, secret: ${SECRET}, may: [client]}]`,
);
const openGuard = await makeGuard("mode: enforce\nanonymous: [client]");
const off = makeDispatcher();
const unsigned = makeFrames(false);
const signed = makeFrames(true);
const cases = [
  ["unsigned, rules off, cached header", unsigned, off, true],
  ["unsigned, open to everyone, cached header", unsigned, makeDispatcher(openGuard), true],
  ["signed, rules off, cached header", signed, off, true],
  ["signed, verified, cached header", signed, makeDispatcher(guard), true],
  ["signed, rules off, header not cached", signed, off, false],
  ["signed, verified, header not cached", signed, makeDispatcher(guard), false],
] as const;
const times = cases.map(() => [] as number[]);
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, [, frames, dispatcher, cached]] of cases.entries()) {
    times[i]!.push(measure(frames, dispatcher, cached));
  }
}
for (const [i, [name]] of cases.entries()) {
  const sorted = times[i]!.sort((a, b) => a - b);
  console.log(
    `${name.padEnd(48)} ${sorted[0]!.toFixed(2)} us at best, median ${
      sorted[ROUNDS >> 1]!.toFixed(2)
    }`,
  );
}
