import { type DurableFile, DurableFileError } from "../durable_file.ts";
import { errorMessage } from "../error_message.ts";
import type { Log } from "../log/log.ts";
import { StartupError } from "../startup_error.ts";
import { type BrokerSet, decodeBrokerSet, encodeBrokerSet } from "./broker_set.ts";
import {
  type ControllerStore,
  type Leader,
  type LeadershipEvents,
  NotLeaderError,
  StoreError,
} from "./store.ts";

const FORMAT = 1;

/** A change that waits for its write. */
interface Waiting {
  readonly brokerName: string;
  /** The encoded set; `undefined` for one that goes. */
  readonly text: string | undefined;
  resolve(): void;
  reject(error: Error): void;
}

/** Dependencies of a {@link FileStore}. */
export interface FileStoreParts {
  file: Pick<DurableFile, "path" | "read" | "write" | "claim" | "probe">;
  /** This controller: there is no other. */
  self: Leader;
  log: Log;
}

/**
 * Keeps the broker sets in one file, for a controller that is alone. The file is replaced as a whole.
 * Changes that are committed at once share one write, so all of them are stored or none; those that arrive during
 * a write share the next one.
 */
export class FileStore implements ControllerStore {
  readonly problem = undefined;
  readonly #parts: FileStoreParts;
  /** The encoded sets that are on disk, by brokerName. */
  #stored = new Map<string, string>();
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #release: (() => void) | undefined;
  #events: LeadershipEvents | undefined;

  constructor(parts: FileStoreParts) {
    this.#parts = parts;
  }

  get leads(): boolean {
    return this.#events !== undefined;
  }

  get leader(): Leader | undefined {
    return this.#events && this.#parts.self;
  }

  async start(events: LeadershipEvents): Promise<void> {
    const { file, log } = this.#parts;
    const release = await file.claim((reason) =>
      log.warn("controller file is not locked", { file: file.path, reason })
    );
    if (release === undefined) {
      throw new StartupError(
        `${file.path}: another process uses it (controllerStorePath): two controllers must not share ` +
          "one file",
      );
    }
    try {
      const text = await file.read();
      if (text === undefined && await file.read(".bak") !== undefined) {
        throw new Error("it is missing, but it was there");
      }
      const sets = readSets(text);
      // A controller that can store nothing should not seem to work.
      await file.probe();
      for (const [name, set] of sets) this.#stored.set(name, encodeBrokerSet(set));
      log.info("controller file loaded", { file: file.path, sets: sets.size });
      this.#release = release;
      this.#events = events;
      events.leading(sets);
    } catch (error) {
      release();
      if (error instanceof StartupError) throw error;
      throw new StartupError(
        `${file.path}: ${errorMessage(error)} (controllerStorePath). Epochs must never go back: ` +
          `look at the file and at ${file.path}.bak, the content before the last change`,
      );
    }
  }

  commit(brokerName: string, set: BrokerSet | undefined): Promise<void> {
    if (this.#events === undefined) return Promise.reject(new NotLeaderError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ brokerName, text: set && encodeBrokerSet(set), resolve, reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  async stop(): Promise<void> {
    const events = this.#events;
    this.#events = undefined;
    events?.following("the name server is stopping");
    await this.#writing;
    this.#release?.();
    this.#release = undefined;
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const changes = this.#waiting;
      this.#waiting = [];
      const sets = new Map(this.#stored);
      for (const { brokerName, text } of changes) {
        if (text === undefined) sets.delete(brokerName);
        else sets.set(brokerName, text);
      }
      try {
        await this.#parts.file.write(
          `{"format":${FORMAT},"sets":[\n${[...sets.values()].join(",\n")}\n]}\n`,
        );
        this.#stored = sets;
        for (const { resolve } of changes) resolve();
      } catch (error) {
        const { file, log } = this.#parts;
        log.error("controller file not written", { file: file.path, error });
        const summary = error instanceof DurableFileError ? error.summary : errorMessage(error);
        const failure = new StoreError(
          `the broker set can't be stored (controllerStorePath): ${summary}`,
        );
        for (const { reject } of changes) reject(failure);
      }
    }
    this.#writing = undefined;
  }
}

function readSets(text: string | undefined): Map<string, BrokerSet> {
  const sets = new Map<string, BrokerSet>();
  if (text === undefined) return sets;
  const content = new Map(Object.entries(Object(JSON.parse(text))));
  const list = content.get("sets");
  if (content.get("format") !== FORMAT || !Array.isArray(list)) {
    throw new Error(`it has no "sets", or not "format":${FORMAT}`);
  }
  for (const entry of list) {
    const set = decodeBrokerSet(entry);
    if (sets.has(set.brokerName)) throw new Error(`${set.brokerName} stands in it twice`);
    sets.set(set.brokerName, set);
  }
  return sets;
}
