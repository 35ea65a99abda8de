import type { Histogram } from "../histogram.ts";
import type { PeerFields } from "../log/log.ts";
import type { KvNamespace } from "./kv_table.ts";

/** Called for each changed or deleted value, once it is on disk. */
export type KvListener = (namespace: string, key: string) => void;

/** Decides from a value, or its absence, whether it may still be changed. */
export type KvCondition = (now: string | undefined) => boolean;

/** The KV table and the place where it is kept. Reads are answered from memory. */
export interface KvStore {
  /** Number of values. */
  readonly valueCount: number;
  /** Bytes of the table as JSON in UTF-8, which maxKvBytes limits. */
  readonly bytes: number;
  /** Number of writes of the file. */
  readonly writes: number;
  /** Number of failed writes of the file. */
  readonly failedWrites: number;
  /** Duration of each sync of the file. */
  readonly syncSeconds: Histogram;
  /** Absent when the table is not kept in etcd. */
  readonly etcd?: KvEtcdState;

  /** Returns the value, or `undefined` when there is none. */
  get(namespace: string, key: string): string | undefined;
  /** Returns a namespace, or `undefined` when there is none. It follows later changes. */
  list(namespace: string): KvNamespace | undefined;
  /** Returns the namespaces. They follow later changes. */
  namespaces(): Iterable<readonly [name: string, namespace: KvNamespace]>;
  /** Every namespace, key and value. */
  entries(): Iterable<readonly [namespace: string, key: string, value: string]>;

  /**
   * Sets a value. Resolves when it is safe, and this server's readers see it.
   *
   * @param from the peer that asks for it, as the log shows it
   * @param condition asked about the value that the change would replace, unless that is the same
   * @throws {KvConflictError} when the condition does not hold
   * @throws {KvConfigError} saying why the value can't be set
   * @throws {DurableFileError} when the disk fails
   */
  put(
    namespace: string,
    key: string,
    value: string,
    from?: PeerFields,
    condition?: KvCondition,
  ): Promise<void>;
  /** Removes a value, if it exists. The same in all else as {@link put}. */
  delete(
    namespace: string,
    key: string,
    from?: PeerFields,
    condition?: KvCondition,
  ): Promise<void>;

  /** Calls `listener` after each change that has taken effect. */
  subscribe(listener: KvListener): void;
  /** Rejects with the reason when the file can't be written. */
  checkWritable(): Promise<void>;
  /** Starts to follow changes that others make. */
  watch(): void;
  /** Ends {@link watch}. */
  close(): void;
  /** Resolves when no changes wait for the disk. */
  flush(): Promise<void>;
}

/** How a table that is kept in etcd stands. */
export interface KvEtcdState {
  /** Why the table can't be changed now, or may be old; `undefined` when all is well. */
  readonly problem: string | undefined;
  /** Changes found in etcd that were not taken, because of a limit or their form. */
  readonly refused: number;
  /** Changes that were refused because too many others waited for etcd. */
  readonly refusedWrites: number;
}
