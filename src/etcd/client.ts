/**
 * A client of etcd 3.4 and newer, for the JSON gateway that every member has at its client port.
 *
 * @module
 */

import { errorMessage } from "../error_message.ts";
import { FileWatch } from "../file_watch.ts";
import { parseEtcdEndpoints } from "../config/etcd_endpoints.ts";
import type { EtcdCounters } from "./counters.ts";
import {
  type CreateHttpClient,
  type EtcdFileOptions,
  type EtcdFiles,
  makeCredentials,
  readCredentialFiles,
} from "./credentials.ts";
import { EtcdError } from "./errors.ts";
import { type EtcdCall, type EtcdRequestOptions, Gateway } from "./gateway.ts";
import {
  bytesOf,
  encode,
  endOfPrefix,
  entryOf,
  type EtcdEntry,
  type EtcdTransaction,
  type EtcdTransactionResult,
  type Json,
  listOf,
  numberOf,
  revisionOf,
  textOf,
  transactionBody,
  transactionResultOf,
} from "./messages.ts";
import {
  type EtcdWatchBatch,
  type EtcdWatchOptions,
  type EtcdWatchRequest,
  watchKeys,
} from "./watch.ts";

export { EtcdError, type EtcdFault, publicReason } from "./errors.ts";
export type { EtcdFiles } from "./credentials.ts";
export type { EtcdCall } from "./gateway.ts";
export type {
  EtcdCompare,
  EtcdEntry,
  EtcdEvent,
  EtcdOperation,
  EtcdTransaction,
  EtcdTransactionResult,
} from "./messages.ts";
export type { EtcdWatchBatch, EtcdWatchRequest } from "./watch.ts";

/** Options of a client. */
export type EtcdOptions =
  & EtcdFileOptions
  & EtcdRequestOptions
  & EtcdWatchOptions
  & { readonly etcdEndpoints: string };

/** Dependencies of {@link EtcdClient}. */
export interface EtcdParts {
  /** Read for each request, so that live changes apply. */
  readonly options: EtcdOptions;
  /** Reads password, certificates and key. */
  readonly files: EtcdFiles;
  /** Those of the runtime by default. */
  readonly fetch?: typeof fetch;
  readonly createHttpClient?: CreateHttpClient;
}

/** Keys of a page, and the revision at which the store had them. */
export interface EtcdPage {
  readonly revision: number;
  readonly entries: readonly EtcdEntry[];
}

/** A lease: keys that have it go when it ends. */
export interface EtcdLease {
  readonly id: string;
  readonly ttlSeconds: number;
}

const FIRST_PAGE = 64;
const LARGEST_PAGE = 1000;
/** Bytes of an answer that is decoded without holding up the network for long. */
const PAGE_BYTES = 256 * 1024;

/**
 * A client of an etcd cluster. Nothing is sent until a method is called. Every method rejects with an
 * {@link EtcdError} when etcd does not answer with success. A request that only reads tries all
 * endpoints, each for etcdRequestTimeoutMillis at most.
 */
export class EtcdClient {
  readonly #options: EtcdOptions;
  readonly #files: EtcdFiles;
  readonly #createHttpClient: CreateHttpClient | undefined;
  readonly #gateway: Gateway;
  /** Contents of the files in use. */
  #inUse: string;
  #watch: FileWatch | undefined;

  /**
   * Reads the files that the options name.
   *
   * @throws {EtcdFileError} when one can't be read or used
   */
  static async open(parts: EtcdParts): Promise<EtcdClient> {
    const { options, files, createHttpClient } = parts;
    const contents = await readCredentialFiles(options, files);
    const credentials = makeCredentials(contents, options, createHttpClient);
    const endpoints = parseEtcdEndpoints(options.etcdEndpoints);
    const gateway = new Gateway(endpoints, options, credentials, parts.fetch ?? fetch);
    return new EtcdClient(parts, gateway, JSON.stringify(contents));
  }

  private constructor(
    { options, files, createHttpClient }: EtcdParts,
    gateway: Gateway,
    inUse: string,
  ) {
    this.#inUse = inUse;
    this.#options = options;
    this.#files = files;
    this.#createHttpClient = createHttpClient;
    this.#gateway = gateway;
  }

  /** Numbers of requests and their durations. */
  get counters(): Readonly<EtcdCounters> {
    return this.#gateway.counters;
  }

  /**
   * Reads the files again and uses what they hold, if it is new, for new connections.
   *
   * @returns whether it is new
   * @throws {EtcdFileError} when one can't be read or used; the old ones stay in use
   */
  async reload(): Promise<boolean> {
    const contents = await readCredentialFiles(this.#options, this.#files);
    const text = JSON.stringify(contents);
    if (text === this.#inUse) return false;
    this.#gateway.use(makeCredentials(contents, this.#options, this.#createHttpClient));
    this.#inUse = text;
    return true;
  }

  /**
   * Starts to reload the files when they change.
   *
   * @param outcome called with an error when they can't be used, once until that changes, and without one when
   *   new ones are in use
   */
  watchFiles(outcome: (error?: unknown) => void): void {
    const { etcdPasswordFile, etcdCaFile, etcdCertFile, etcdKeyFile } = this.#options;
    const paths = [etcdPasswordFile, etcdCaFile, etcdCertFile, etcdKeyFile]
      .filter((path) => path !== "");
    if (paths.length === 0) return;
    let told = "";
    this.#watch = new FileWatch(this.#files, () => paths, async () => {
      try {
        if (await this.reload()) outcome();
        told = "";
      } catch (error) {
        if (errorMessage(error) !== told) outcome(error);
        told = errorMessage(error);
      }
    });
    this.#watch.start();
  }

  /** Ends all requests and watches. */
  close(): void {
    this.#watch?.close();
    this.#gateway.close();
  }

  /** Reads a key, as of now: etcd confirms that it still has a leader. */
  async get(key: string, call?: EtcdCall): Promise<EtcdEntry | undefined> {
    const answer = await this.#gateway.ask("kv/range", { key: encode(key) }, call);
    const [entry] = listOf(answer.kvs);
    return entry && entryOf(entry);
  }

  /**
   * Reads all keys that begin with a prefix, page by page, in the order of their bytes. All pages
   * show the store at one revision; a last page without keys tells it even when there are none.
   *
   * @throws {EtcdError} `compacted` when etcd has dropped that revision meanwhile: begin again
   */
  async *scan(prefix: string, call?: EtcdCall): AsyncGenerator<EtcdPage, void> {
    let key: string | Uint8Array = prefix;
    let revision = 0;
    let limit = FIRST_PAGE;
    for (;;) {
      const body = {
        key: encode(key),
        range_end: encode(endOfPrefix(prefix)),
        revision: String(revision),
        limit: String(limit),
      };
      let kvs;
      let more;
      try {
        const answer = await this.#gateway.ask("kv/range", body, call);
        kvs = listOf(answer.kvs);
        more = answer.more === true;
        revision ||= revisionOf(answer);
      } catch (error) {
        const tooLarge = error instanceof EtcdError && error.fault === "tooLarge";
        if (!tooLarge || limit === 1) throw error;
        limit = Math.max(1, Math.floor(limit / 8));
        continue;
      }
      yield { revision, entries: kvs.map(entryOf) };
      const last = kvs.at(-1);
      if (!more || last === undefined) return;
      key = new Uint8Array([...bytesOf(last.key), 0]);
      const size = kvs.reduce((sum, { key, value }) => sum + lengthOf(key) + lengthOf(value), 0);
      limit = Math.min(LARGEST_PAGE, Math.max(1, Math.floor(PAGE_BYTES * kvs.length / size)));
    }
  }

  /**
   * Sets a key.
   *
   * @param lease the id of a lease with which the key ends
   * @returns the revision of the store with the change
   * @throws {EtcdError} whose `maybeDone` tells whether the change may have been made
   */
  async put(key: string, value: string, lease = "0", call?: EtcdCall): Promise<number> {
    const body = { key: encode(key), value: encode(value), lease };
    return await this.#change("kv/put", body, call, revisionOf);
  }

  /**
   * Removes all keys that begin with a prefix.
   *
   * @throws {EtcdError} whose `maybeDone` tells whether the change may have been made
   */
  async deletePrefix(prefix: string, call?: EtcdCall): Promise<void> {
    const body = { key: encode(prefix), range_end: encode(endOfPrefix(prefix)) };
    await this.#change("kv/deleterange", body, call, () => {});
  }

  /**
   * Carries out a transaction. etcd allows 128 conditions and steps by default.
   *
   * @throws {EtcdError} whose `maybeDone` tells whether the change may have been made
   */
  async transact(transaction: EtcdTransaction, call?: EtcdCall): Promise<EtcdTransactionResult> {
    const { success, failure = [] } = transaction;
    const onlyReads = [...success, ...failure].every(({ type }) => type === "get");
    const body = transactionBody(transaction);
    return onlyReads
      ? transactionResultOf(await this.#gateway.ask("kv/txn", body, call))
      : await this.#change("kv/txn", body, call, transactionResultOf);
  }

  /** Creates a lease. etcd may choose a longer time than asked for. */
  async grantLease(ttlSeconds: number, call?: EtcdCall): Promise<EtcdLease> {
    // Repeated by another endpoint, it leaves a lease that ends by itself.
    const answer = await this.#gateway.ask("lease/grant", { TTL: String(ttlSeconds) }, call);
    return { id: textOf(answer.ID), ttlSeconds: numberOf(answer.TTL) };
  }

  /**
   * Makes a lease last for its whole time again.
   *
   * @returns that time in seconds
   * @throws {EtcdError} `noLease` when it has ended
   */
  async keepLeaseAlive(id: string, call?: EtcdCall): Promise<number> {
    const answer = await this.#gateway.ask("lease/keepalive", { ID: id }, call);
    const ttl = numberOf(answer.TTL);
    if (ttl === 0) throw new EtcdError("noLease", "the lease has ended");
    return ttl;
  }

  /** Ends a lease and removes its keys. Does nothing when it has ended already. */
  async revokeLease(id: string, call?: EtcdCall): Promise<void> {
    try {
      await this.#gateway.ask("lease/revoke", { ID: id }, call);
    } catch (error) {
      if (!(error instanceof EtcdError) || error.fault !== "noLease") throw error;
    }
  }

  /**
   * Watches the keys that begin with a prefix; see {@link EtcdWatchRequest}. A stream that breaks
   * is opened again where it was, at another endpoint if need be.
   *
   * @throws {EtcdError} `compacted` when etcd no longer keeps the changes since `fromRevision`,
   *   `tooLarge` when they are more than etcdMaxAnswerBytes: read the keys again
   */
  watch(request: EtcdWatchRequest): AsyncGenerator<EtcdWatchBatch, void> {
    return watchKeys(this.#gateway, this.#options, request);
  }

  /** Sends a change. When its answer can't be read although it was a success, it may have been made. */
  async #change<T>(
    path: string,
    body: Json,
    call: EtcdCall | undefined,
    read: (answer: Json) => T,
  ): Promise<T> {
    try {
      return read(await this.#gateway.change(path, body, call));
    } catch (error) {
      const isUnread = error instanceof EtcdError && error.fault === "unreadable";
      throw isUnread ? new EtcdError(error.fault, error.message, true) : error;
    }
  }
}

function lengthOf(value: unknown): number {
  return typeof value === "string" ? value.length : 0;
}
