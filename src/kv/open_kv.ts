import type { Options } from "../config/options.ts";
import type { DurableFile } from "../durable_file.ts";
import type { EtcdClient } from "../etcd/client.ts";
import { KvConfig, type KvConfigParts } from "./kv_config.ts";
import type { KvStore } from "./kv_store.ts";

/** Dependencies of {@link openKv}. */
export interface OpenKvParts extends KvConfigParts {
  /** Beside the KV file: names the table of etcd of which the file is a copy. */
  readonly origin: DurableFile;
  readonly options: Readonly<Options>;
  /** Given with kvStore=etcd. */
  readonly etcd?: EtcdClient;
}

/**
 * Loads the KV table from its file. With kvStore=etcd, the file is a copy, which follows etcd from
 * {@link KvStore.watch} on.
 *
 * @throws {KvConfigError} as {@link KvConfig.load}
 */
export async function openKv(parts: OpenKvParts): Promise<KvStore> {
  const { origin, etcd, options, log } = parts;
  if (etcd !== undefined) {
    const copy = await KvConfig.load({ ...parts, isCopy: true });
    const { EtcdKv } = await import("./etcd_kv.ts");
    return new EtcdKv({ copy, origin, client: etcd, options, log });
  }
  const kv = await KvConfig.load(parts);
  // From now on the file changes without etcd: it is no copy any more.
  const isCopy = await origin.read().catch(() => undefined);
  // A disk that takes no writes is reported when the table changes.
  if (isCopy) await origin.write("", null).catch(() => {});
  return kv;
}
