import { FileWatch, type WatchFileSystem } from "../../file_watch.ts";
import type { Log } from "../../log/log.ts";
import { selfSigned } from "./certificate.ts";
import {
  checkTlsOptions,
  readTlsFiles,
  TlsConfigError,
  TlsContext,
  type TlsFileReader,
  type TlsFiles,
  type TlsOptions,
  verifiesClients,
} from "./context.ts";

/** How often files that keep changing are read before the result is used as it is. */
const MAX_READS = 10;

/** The part of Deno that a {@link TlsStore} uses. */
export interface TlsFileSystem extends Omit<TlsFileReader, "stat">, Omit<WatchFileSystem, "stat"> {
  stat(path: string): Promise<{ isFile: boolean; dev: number; ino: number | null }>;
}

/** Owns the context for new TLS connections, and updates it when the files change. */
export class TlsStore {
  readonly #options: Readonly<TlsOptions>;
  readonly #files: TlsFileSystem;
  readonly #log: Log;
  readonly #makeTestFiles: typeof selfSigned;
  readonly #paths: readonly string[];
  #context: TlsContext | undefined;
  #testContext: Promise<TlsContext> | undefined;
  /** Contents of the files as last read, whether they were usable or not. */
  #seen = "";
  #reloading: Promise<void> = Promise.resolve();
  #reloads = 0;
  #failedReloads = 0;
  readonly #watch: FileWatch;

  /**
   * Reads the files that the options name. Test mode has no files: the certificate is made when the
   * first connection needs it.
   *
   * @param makeTestFiles makes key and certificate for test mode
   * @throws {TlsConfigError} when an option can't be satisfied, or when the certificate has expired
   *   although plain connections are refused
   */
  static async load(
    options: Readonly<TlsOptions>,
    files: TlsFileSystem,
    log: Log,
    makeTestFiles = selfSigned,
  ): Promise<TlsStore> {
    const store = new TlsStore(options, files, log, makeTestFiles);
    if (options["tls.test.mode.enable"]) {
      checkTlsOptions(options);
    } else {
      const contents = await readTlsFiles(options, files);
      store.#context = new TlsContext(options, contents);
      store.#checkExpiry(store.#context);
      store.#seen = JSON.stringify(contents);
      log.info("TLS certificate loaded", store.#about(store.#context));
    }
    return store;
  }

  private constructor(
    options: Readonly<TlsOptions>,
    files: TlsFileSystem,
    log: Log,
    makeTestFiles: typeof selfSigned,
  ) {
    this.#makeTestFiles = makeTestFiles;
    this.#options = options;
    this.#files = files;
    this.#log = log;
    this.#paths = options["tls.test.mode.enable"] ? [] : [
      options["tls.server.keyPath"],
      options["tls.server.certPath"],
      ...(verifiesClients(options) ? [options["tls.server.trustCertPath"]] : []),
    ];
    this.#watch = new FileWatch(files, () => this.#paths, () => this.reload());
  }

  /** Description of the certificate in use. */
  get description(): string {
    if (this.#options["tls.test.mode.enable"]) return "self-signed (tls.test.mode.enable)";
    if (this.#context === undefined) return "none yet";
    const { certPath, expires } = this.#about(this.#context);
    return `${certPath}, until ${expires}`;
  }

  /** The context for a new connection. Rejects when the certificate for test mode can't be made. */
  current(): TlsContext | Promise<TlsContext> {
    if (this.#context !== undefined) return this.#context;
    this.#testContext ??= this.#makeTestContext().finally(() => this.#testContext = undefined);
    return this.#testContext;
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
      const contents = await readTlsFiles(this.#options, this.#files);
      return { contents, seen: JSON.stringify(contents) };
    } catch (problem) {
      return { problem, seen: String(problem) };
    }
  }

  /** @returns the error, if any */
  #take(contents: TlsFiles): unknown {
    try {
      const context = new TlsContext(this.#options, contents);
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
    if (this.#options["tls.server.mode"] === "enforcing") return this.#refuseExpired(context);
    if (context.expires <= Date.now()) {
      this.#log.warn("TLS certificate has expired", this.#about(context));
    }
  }

  #refuseExpired({ expires }: TlsContext): void {
    if (expires > Date.now()) return;
    const certPath = this.#options["tls.server.certPath"];
    const end = new Date(expires).toISOString();
    throw new TlsConfigError(`${certPath} (tls.server.certPath) has expired: ${end}`);
  }

  #report(problem: unknown): void {
    this.#failedReloads++;
    const reason = problem instanceof TlsConfigError ? problem.message : String(problem);
    this.#log.error("TLS certificate not reloaded, keeping the previous one", { reason });
  }

  #about({ expires }: TlsContext) {
    return {
      certPath: this.#options["tls.server.certPath"],
      expires: new Date(expires).toISOString(),
    };
  }

  async #makeTestContext(): Promise<TlsContext> {
    const options: TlsOptions = {
      ...this.#options,
      "tls.server.keyPath": "the key generated for tls.test.mode.enable",
      "tls.server.certPath": "the certificate generated for tls.test.mode.enable",
      "tls.server.keyPassword": "",
      // As in the reference: clients may send a certificate, but it is not verified.
      "tls.server.need.client.auth": "optional",
      "tls.server.authClient": false,
    };
    return this.#context = new TlsContext(options, await this.#makeTestFiles(Date.now()));
  }
}
