/** Reads the history of etcd: every change of the keys below a prefix, from the first on. */

import { Buffer } from "node:buffer";
import type { EtcdMembers } from "../interop/etcd_members.ts";
import { Failure } from "../interop/suite.ts";
import type { Change, History } from "./history.ts";

/** Milliseconds in which a member that works has told everything. */
const LIMIT = 5000;

/** Follows the history. Only one call at a time. */
export class EtcdHistory {
  readonly #etcd: EtcdMembers;
  readonly #prefix: string;
  readonly #history: History;
  #next = 1;

  /** @param prefix the option etcdPrefix of the controllers */
  constructor(etcd: EtcdMembers, prefix: string, history: History) {
    this.#etcd = etcd;
    this.#prefix = prefix;
    this.#history = history;
  }

  /**
   * Gives the history all changes so far.
   *
   * @throws {Failure} when no member of etcd tells them in time
   */
  async read(): Promise<void> {
    let failure = new Failure("no member of etcd runs");
    for (const member of this.#etcd.members) {
      if (member.process.ended) continue;
      try {
        // The change that ends the reading.
        const key = encode(`${this.#prefix}/chaos`);
        const { header } = await this.#etcd.call("kv/put", { key, value: "" }, member);
        return await this.#readTo(Number(header.revision), member.url);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #readTo(last: number, url: string): Promise<void> {
    const changes: Change[] = [];
    for await (const change of this.#watch(url)) {
      if (change.revision < last) changes.push(change);
      else {
        for (const it of changes) this.#history.add(it);
        this.#next = last;
        return;
      }
    }
    throw new Failure("etcd ended the watch");
  }

  async *#watch(url: string): AsyncGenerator<Change> {
    const request = {
      key: encode(`${this.#prefix}/`),
      range_end: encode(`${this.#prefix}0`),
      start_revision: String(this.#next),
    };
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), LIMIT);
    try {
      const response = await fetch(`${url}/v3/watch`, {
        method: "POST",
        body: JSON.stringify({ create_request: request }),
        signal: end.signal,
      });
      let rest = "";
      for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) yield* changesOf(line);
      }
    } catch (error) {
      throw new Failure(`etcd's history can't be read: ${error}`);
    } finally {
      clearTimeout(timer);
      end.abort();
    }
  }
}

function* changesOf(line: string): Generator<Change> {
  for (const { type, kv } of JSON.parse(line).result.events ?? []) {
    yield {
      key: decode(kv.key),
      revision: Number(kv.mod_revision),
      createRevision: Number(kv.create_revision ?? 0),
      value: type === "DELETE" ? undefined : decode(kv.value ?? ""),
    };
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}
