import { ConfigConflictError, ConfigFileError } from "../config/errors.ts";
import type { ConfigChange, LiveConfig, UpdateOptions } from "../config/live_config.ts";
import { DurableFileError } from "../durable_file.ts";
import { errorMessage } from "../error_message.ts";
import { KvConfigError, KvConflictError } from "../kv/kv_config.ts";
import type { KvCondition, KvStore } from "../kv/kv_store.ts";
import type { Log, PeerFields } from "../log/log.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import type { RouteView } from "../route/route_view.ts";

/** Why a change was not made. The message has no paths: the log has them. */
export class ChangeError extends Error {
  override name = "ChangeError";

  /**
   * @param kind `refused`: it is not allowed; `conflict`: its condition does not hold; `failed`: this server
   *   can't make it now
   * @param cause the owner's error, when there is one
   */
  constructor(
    readonly kind: "refused" | "conflict" | "failed",
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** Characters of a value in a record of the audit log. */
const MAX_SHOWN = 1024;

/** Dependencies of {@link Administration}. */
export interface AdministrationParts {
  readonly kv: Pick<KvStore, "get" | "put" | "delete" | "etcd">;
  readonly config: Pick<LiveConfig, "update">;
  readonly routes: Pick<RouteInfoManager, "deleteTopic" | "wipeWritePerm" | "addWritePerm">;
  readonly tables: RouteView;
  readonly log: Log;
}

/** The broker names that a topic was deleted from, and those that still have it. */
export interface DeletedTopic {
  readonly removedFrom: readonly string[];
  readonly keptBy: readonly string[];
}

/**
 * The changes that administrators ask for, by remoting or by HTTP. `from` is the peer that asks, for the
 * log; whether it may is decided before.
 */
export class Administration {
  readonly #parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
  }

  /**
   * Sets a KV value. Resolves when it is safe, to the value that readers saw before.
   *
   * @throws {ChangeError} when a limit or the condition forbids it, or the disk or etcd fails
   */
  async putKv(
    namespace: string,
    key: string,
    value: string,
    from: PeerFields,
    condition?: KvCondition,
  ): Promise<string | undefined> {
    // A null key once kept brokers from starting. The reference lets the name "null" through.
    if (namespace === "null" || key === "null") {
      throw new ChangeError("refused", "namespace or key is null");
    }
    const { kv } = this.#parts;
    const before = kv.get(namespace, key);
    await this.#kvChange(kv.put(namespace, key, value, from, condition));
    return before;
  }

  /**
   * Removes a KV value, if it exists. Resolves when that is safe, to the value that readers saw before.
   *
   * @throws {ChangeError} when the condition forbids it, or the disk or etcd fails
   */
  async deleteKv(
    namespace: string,
    key: string,
    from: PeerFields,
    condition?: KvCondition,
  ): Promise<string | undefined> {
    const { kv } = this.#parts;
    const before = kv.get(namespace, key);
    await this.#kvChange(kv.delete(namespace, key, from, condition));
    return before;
  }

  /** Removes write permission from all topics of a broker name. Resolves to their number. */
  async wipeWritePerm(broker: string, from: PeerFields): Promise<number> {
    const topics = await this.#parts.routes.wipeWritePerm(broker);
    this.#parts.log.info("write permission wiped", { ...from, broker, topics });
    return topics;
  }

  /** Grants read and write permission to all topics of a broker name. Resolves to their number. */
  async addWritePerm(broker: string, from: PeerFields): Promise<number> {
    const topics = await this.#parts.routes.addWritePerm(broker);
    this.#parts.log.info("write permission added", { ...from, broker, topics });
    return topics;
  }

  /**
   * Deletes a topic.
   *
   * @param cluster only for the brokers of this cluster
   */
  deleteTopic(topic: string, cluster: string | undefined, from: PeerFields): DeletedTopic {
    const before = this.#brokersOf(topic);
    this.#parts.routes.deleteTopic(topic, cluster, from);
    const keptBy = this.#brokersOf(topic);
    return { removedFrom: before.filter((broker) => !keptBy.includes(broker)), keptBy };
  }

  /**
   * Changes live options.
   *
   * @param text as {@link LiveConfig.update} takes it
   * @param options as {@link LiveConfig.update} takes them
   * @returns the changes, once they are on disk and in effect
   * @throws {ChangeError} when a key, a value or the condition forbids it, or the disk fails; then nothing changes
   */
  async updateConfig(
    text: string,
    from: PeerFields,
    options: Pick<UpdateOptions, "concerns" | "condition"> = {},
  ): Promise<readonly ConfigChange[]> {
    const { config, log } = this.#parts;
    try {
      return await config.update(text, {
        ...options,
        // Before a change of the log level could hide it.
        stored: (keys) => log.info("configuration updated", { ...from, keys: keys.join(",") }),
      });
    } catch (error) {
      log.warn("configuration not updated", { ...from, reason: errorMessage(error) });
      if (error instanceof DurableFileError) {
        const reason = `the configuration can't be written (configStorePath): ${error.summary}`;
        throw new ChangeError("failed", reason, error);
      }
      if (error instanceof ConfigFileError) {
        const reason =
          "the configuration file has become unreadable (configStorePath): the log says where";
        throw new ChangeError("failed", reason, error);
      }
      const kind = error instanceof ConfigConflictError ? "conflict" : "refused";
      throw new ChangeError(kind, errorMessage(error), error);
    }
  }

  async #kvChange(change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      if (error instanceof DurableFileError) {
        const reason = `the KV table can't be written (kvConfigPath): ${error.summary}`;
        throw new ChangeError("failed", reason, error);
      }
      if (error instanceof KvConflictError) throw new ChangeError("conflict", error.message, error);
      if (!(error instanceof KvConfigError)) throw error;
      const kind = this.#parts.kv.etcd?.problem === undefined ? "refused" : "failed";
      throw new ChangeError(kind, error.message, error);
    }
  }

  #brokersOf(topic: string): string[] {
    return this.#parts.tables.queueDatas(topic)?.map(({ brokerName }) => brokerName) ?? [];
  }
}

/** A change of the KV table for the audit log. */
export function kvChange(
  key: string,
  before: string | undefined,
  after: string | undefined,
): object {
  return { key, before: before?.slice(0, MAX_SHOWN), after: after?.slice(0, MAX_SHOWN) };
}

/** The removal of a topic for the audit log. */
export function topicChange(
  { removedFrom, keptBy }: DeletedTopic,
  cluster: string | undefined,
): object {
  return { cluster, removedFrom: removedFrom.length, keptBy: keptBy.length };
}
