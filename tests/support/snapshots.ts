import { readSnapshot, type SavedRoutes } from "../../src/snapshot/format.ts";
import { type Restored, restoreRoutes } from "../../src/snapshot/restore_routes.ts";
import { encodeRoutes } from "../../src/snapshot/save_routes.ts";
import type { RouteWorld } from "./route_world.ts";

/** The bytes of a snapshot of a world's routes. */
export function snapshotOf(
  world: RouteWorld,
  savedAt = 1000,
  between: () => void = () => {},
): Uint8Array {
  const steps = encodeRoutes(world.tables, savedAt, (name) => world.routes.isApplying(name));
  let step = steps.next();
  for (; !step.done; step = steps.next()) between();
  const bytes = new Uint8Array(step.value.bytes);
  let at = 0;
  for (const piece of step.value.pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Puts a snapshot into the tables of a world. */
export function restoreInto(
  world: RouteWorld,
  saved: Uint8Array | SavedRoutes,
  oldest = 0,
): Restored {
  const routes = saved instanceof Uint8Array ? readSnapshot(saved) : saved;
  return restoreRoutes(world.tables, routes, world.limits, world.clock.monotonic(), oldest);
}
