import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Options } from "../config/options.ts";
import { DurableFile, type FileSystem } from "../durable_file.ts";
import type { EtcdClient } from "../etcd/client.ts";
import type { Log } from "../log/log.ts";
import { FileStore } from "./file_store.ts";
import type { ControllerStore, Leader } from "./store.ts";

/** The options that say where a controller keeps its sets. */
export type StoreOptions = Readonly<Pick<Options, "controllerStorePath" | "etcdPrefix">>;

/** Dependencies of {@link createStore}. */
export interface CreateStoreParts {
  options: StoreOptions;
  /** This controller. */
  self: Leader;
  log: Log;
  clock: Pick<Clock, "now" | "monotonic">;
  /** Given with controllerStore=etcd. */
  etcd: EtcdClient | undefined;
  /** The real one by default. */
  disk?: FileSystem | undefined;
}

/** Creates the store that the options describe, without opening it. */
export async function createStore(
  { options, self, log, clock, etcd, disk }: CreateStoreParts,
): Promise<ControllerStore> {
  if (etcd !== undefined) {
    // Loaded on demand because most controllers are alone.
    const { EtcdStore } = await import("./etcd_store.ts");
    return new EtcdStore({
      client: etcd,
      prefix: options.etcdPrefix,
      self,
      log,
      monotonic: clock.monotonic,
      now: clock.now,
    });
  }
  const path = join(options.controllerStorePath, "controller-sets.json");
  return new FileStore({ file: new DurableFile(path, disk), self, log });
}
