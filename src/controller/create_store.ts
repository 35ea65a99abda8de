import { join } from "node:path";
import { DurableFile, type FileSystem } from "../durable_file.ts";
import type { Log } from "../log/log.ts";
import { FileStore } from "./file_store.ts";
import type { ControllerStore, Leader } from "./store.ts";

/** The options that say where a controller keeps its sets. */
export interface StoreOptions {
  readonly controllerStorePath: string;
}

/**
 * Creates the store that the options describe, without opening it.
 *
 * @param self this controller
 * @param disk the real one by default
 */
export function createStore(
  options: StoreOptions,
  self: Leader,
  log: Log,
  disk?: FileSystem,
): ControllerStore {
  const path = join(options.controllerStorePath, "controller-sets.json");
  return new FileStore({ file: new DurableFile(path, disk), self, log });
}
