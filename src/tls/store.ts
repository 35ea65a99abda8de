import { FileWatch, type WatchFileSystem } from "../file_watch.ts";
import type { Log } from "../log/log.ts";
import { selfSigned } from "./certificate.ts";
import {
  checkTlsSettings,
  readTlsFiles,
  TlsContext,
  type TlsFileReader,
  type TlsFiles,
} from "./context.ts";
import { TlsConfigError, type TlsSettings } from "./settings.ts";

/** How often files that keep changing are read before the result is used as it is. */
const MAX_READS = 10;

/** The part of Deno that a {@link TlsStore} uses. */
export interface TlsFileSystem extends Omit<TlsFileReader, "stat">, Omit<WatchFileSystem, "stat"> {
  stat(path: string): Promise<{ isFile: boolean; dev: number; ino: number | null }>;
}

/** Owns the context for new TLS connections, and updates it when the files change. */
export class TlsStore {
  readonly #settings: TlsSettings;
  readonly #files: TlsFileSystem;
  readonly #log: Log;
  readonly #makeFiles: typeof selfSigned;
  readonly #paths: readonly string[];
  #context: TlsContext | undefined;
  #selfSigned: Promise<TlsContext> | undefined;
  /** Contents of the files as last read, whether they were usable or not. */
  #seen = "";
  #reloading: Promise<void> = Promise.resolve();
  #reloads = 0;
  #failedReloads = 0;
  readonly #watch: FileWatch;

  /**
   * Reads the files that the settings name. A self-signed certificate has none: it is made when the
   * first connection needs it.
   *
   * @param makeFiles makes a key and a self-signed certificate
   * @throws {TlsConfigError} when an option can't be satisfied, or when the certificate has expired
   *   although the port serves nothing else
   */
  static async load(
    settings: TlsSettings,
    files: TlsFileSystem,
    log: Log,
    makeFiles = selfSigned,
  ): Promise<TlsStore> {
    const store = new TlsStore(settings, files, log, makeFiles);
    if (settings.selfSignedBy !== undefined) {
      checkTlsSettings(settings);
    } else {
      const contents = await readTlsFiles(settings, files);
      store.#context = new TlsContext(settings, contents);
      store.#checkExpiry(store.#context);
      store.#seen = JSON.stringify(contents);
      log.info("TLS certificate loaded", store.#about(store.#context));
    }
    return store;
  }

  private constructor(
    settings: TlsSettings,
    files: TlsFileSystem,
    log: Log,
    makeFiles: typeof selfSigned,
  ) {
    this.#makeFiles = makeFiles;
    this.#settings = settings;
    this.#files = files;
    this.#log = log;
    const { key, cert, trust, selfSignedBy } = settings;
    this.#paths = selfSignedBy !== undefined
      ? []
      : [key, cert, ...(trust ? [trust] : [])].map(({ value }) => value);
    this.#watch = new FileWatch(files, () => this.#paths, () => this.reload());
  }

  /** Description of the certificate in use. */
  get description(): string {
    const { selfSignedBy } = this.#settings;
    if (selfSignedBy !== undefined) return `self-signed (${selfSignedBy})`;
    if (this.#context === undefined) return "none yet";
    const { certPath, expires } = this.#about(this.#context);
    return `${certPath}, until ${expires}`;
  }

  /** The context for a new connection. Rejects when a self-signed certificate can't be made. */
  current(): TlsContext | Promise<TlsContext> {
    if (this.#context !== undefined) return this.#context;
    this.#selfSigned ??= this.#makeSelfSigned().finally(() => this.#selfSigned = undefined);
    return this.#selfSigned;
  }

  /** When the certificate expires, in milliseconds since 1970; `undefined` while there is none. */
  get expires(): number | undefined {
    return this.#context?.expires;
  }

  /** Number of successful reloads. */
  get reloads(): number {
    return this.#reloads;
  }

  /** Number of failed reloads. */
  get failedReloads(): number {
    return this.#failedReloads;
  }

  /** Starts watching the files, and reloads them when they change. */
  watch(): void {
    if (this.#paths.length === 0) return;
    this.#watch.start();
  }

  /** Stops watching. */
  close(): void {
    this.#watch.close();
  }

  /**
   * Reads the files, and uses them for new connections if they have changed and are valid.
   * Otherwise the context stays, and the error is logged once. Never rejects.
   */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reloadOnce());
    return this.#reloading;
  }

  async #reloadOnce(): Promise<void> {
    if (this.#paths.length === 0) return;
    let read = await this.#read();
    // Files that change between two reads may belong to different pairs.
    for (let i = 0, before = ""; i < MAX_READS && read.seen !== before; i++) {
      before = read.seen;
      read = await this.#read();
    }
    const { contents, seen } = read;
    let { problem } = read;
    if (seen !== this.#seen) {
      this.#seen = seen;
      if (contents !== undefined) problem = this.#take(contents);
      if (problem !== undefined) this.#report(problem);
    }
  }

  async #read(): Promise<{ contents?: TlsFiles; problem?: unknown; seen: string }> {
    try {
      const contents = await readTlsFiles(this.#settings, this.#files);
      return { contents, seen: JSON.stringify(contents) };
    } catch (problem) {
      return { problem, seen: String(problem) };
    }
  }

  /** @returns the error, if any */
  #take(contents: TlsFiles): unknown {
    try {
      const context = new TlsContext(this.#settings, contents);
      if (this.#context !== undefined) {
        // An expired certificate is not worse than one that has expired, too.
        if (this.#context.expires > Date.now()) this.#refuseExpired(context);
        context.inherit(this.#context);
      }
      this.#context = context;
      this.#reloads++;
      this.#log.info("TLS certificate reloaded", this.#about(context));
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Clients that check the certificate can't connect, but those without TLS can in some modes. */
  #checkExpiry(context: TlsContext): void {
    if (this.#settings.enforcing) return this.#refuseExpired(context);
    if (context.expires <= Date.now()) {
      this.#log.warn("TLS certificate has expired", this.#about(context));
    }
  }

  #refuseExpired({ expires }: TlsContext): void {
    if (expires > Date.now()) return;
    const { option, value } = this.#settings.cert;
    const end = new Date(expires).toISOString();
    throw new TlsConfigError(`${value} (${option}) has expired: ${end}`);
  }

  #report(problem: unknown): void {
    this.#failedReloads++;
    const reason = problem instanceof TlsConfigError ? problem.message : String(problem);
    this.#log.error("TLS certificate not reloaded, keeping the previous one", { reason });
  }

  #about({ expires }: TlsContext) {
    return {
      certPath: this.#settings.cert.value,
      expires: new Date(expires).toISOString(),
    };
  }

  async #makeSelfSigned(): Promise<TlsContext> {
    return this.#context = new TlsContext(this.#settings, await this.#makeFiles(Date.now()));
  }
}
