/**
 * Fills route tables, and prints how many bytes they say that they take and the heap took. It needs
 * `--v8-flags=--expose-gc`.
 *
 * Arguments: number of brokers, topics of each, and whether all have the same (`shared`) or each its
 * own (`own`).
 *
 * @module
 */
import { inflateSync } from "node:zlib";
import { readInflatedBody } from "../../src/protocol/register_broker_body.ts";
import { compressedBody } from "../support/bodies.ts";
import { RouteWorld } from "../support/route_world.ts";

const [brokers = 0, topics = 0] = Deno.args.map(Number);
const shared = Deno.args[2] === "shared";
const world = new RouteWorld();
const { gc } = globalThis as unknown as { gc(): void };

/** A registration's topics as they are after their way through the network. */
function body(broker: number, topics: number) {
  const names = Array.from({ length: topics }, (_, i) => ({
    name: shared ? `orders-created-by-shop-${i}` : `orders-of-${broker}-by-shop-${i}`,
  }));
  const version = { counter: 1, timestamp: 1, stateVersion: 0 };
  const bytes = inflateSync(compressedBody({ version, topics: names }));
  const steps = readInflatedBody(bytes, 500, 1e6);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** A text as the network brings it: not shared with any other. */
function text(value: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(value));
}

function register(i: number, connection: object, count: number): void {
  const result = world.routes.register({
    clusterName: text("DefaultCluster"),
    brokerName: text(`broker-${i}`),
    brokerAddr: text(`10.0.${i >> 8}.${i & 255}:10911`),
    haServerAddr: text(`10.0.${i >> 8}.${i & 255}:10912`),
    brokerId: 0,
    enableActingMaster: false,
    connection,
    fingerprint: text(`true 513 ${"0123456789abcdef".repeat(4)} ${i}`),
    body: body(i, count),
  });
  if (result.kind !== "accepted") throw new Error(JSON.stringify(result));
  world.log.events.length = 0;
}

function used(): number {
  gc();
  gc();
  return Deno.memoryUsage().heapUsed;
}

const most = { maxBrokers: 1e6, maxTopics: 1e7, maxTopicsPerBroker: 1e7, maxTableBytes: 2e9 };
Object.assign(world.options, most, { maxAnswerBytes: 1e9 });
const connections = Array.from({ length: brokers }, () => ({}));
register(0, {}, 0);
const before = used();
for (const [i, connection] of connections.entries()) register(i + 1, connection, topics);
// The engine may still hold the body of the last one.
register(0, {}, 0);
const after = used();
console.log(JSON.stringify({ said: world.tables.heapBytes, took: after - before }));
world.routes.stop();
