/** KV tables for tests. */

import { systemClock } from "../../src/clock.ts";
import { defaultOptions } from "../../src/config/options.ts";
import { DurableFile, type FileSystem } from "../../src/durable_file.ts";
import type { WatchFileSystem } from "../../src/file_watch.ts";
import { KvConfig } from "../../src/kv/kv_config.ts";
import type { KvLimits } from "../../src/kv/kv_limits.ts";
import { KvTable } from "../../src/kv/kv_table.ts";
import type { Log } from "../../src/log/log.ts";
import { WorkSlice } from "../../src/work_slice.ts";

/** Reports no changes: tests call `look` themselves. */
export const NO_WATCH: WatchFileSystem = {
  realPath: (path) => Promise.resolve(path),
  stat: (path) => Promise.reject(new Deno.errors.NotFound(path)),
  watchFs: () => {
    throw new Deno.errors.NotFound();
  },
};

/** Loads a table, with the default limits unless others are given. */
export function loadKv(
  path: string,
  disk: FileSystem,
  log: Log,
  limits: Partial<KvLimits> = {},
): Promise<KvConfig> {
  return KvConfig.load({
    file: new DurableFile(path, disk),
    files: NO_WATCH,
    log,
    limits: { ...defaultOptions(), ...limits },
    slice: new WorkSlice(systemClock.soon),
  });
}

/** Applies changes to a table; `undefined` deletes. Returns the file's text with them. */
export function changeKv(
  table: KvTable,
  changes: Iterable<readonly [namespace: string, key: string, value: string | undefined]>,
): string {
  const draft = table.draft();
  for (const [namespace, key, value] of changes) {
    if (value === undefined) draft.delete(namespace, key);
    else draft.put(namespace, key, value);
  }
  for (const _ of draft.seal());
  const text = new TextDecoder("utf-8", { fatal: true });
  const file = [...draft.file()].map((piece) => text.decode(piece, { stream: true })).join("");
  draft.commit();
  return file;
}

/** The answer that lists a namespace with these entries. */
export function kvList(entries: Iterable<readonly [string, string]>): Uint8Array {
  const table = new KvTable();
  const draft = table.draft();
  draft.add("ns");
  draft.commit();
  changeKv(table, Array.from(entries, ([key, value]) => ["ns", key, value] as const));
  return table.namespace("ns")!.list();
}
