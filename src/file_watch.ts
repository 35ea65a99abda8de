import { dirname } from "node:path";

/** Milliseconds without further changes before changed files are read. */
const QUIET = 200;
/** Milliseconds between two checks of the files, for changes that the system did not report. */
const LOOK_INTERVAL = 5000;

/** The part of Deno that a {@link FileWatch} uses. */
export interface WatchFileSystem {
  realPath(path: string): Promise<string>;
  stat(path: string): Promise<{ dev: number; ino: number | null }>;
  watchFs(path: string, options: { recursive: boolean }): FolderWatch;
}

/** The part of Deno.FsWatcher that is used. */
export interface FolderWatch extends AsyncIterable<{ kind: string }> {
  close(): void;
}

/** Notices when files may have changed, whether they are written, replaced or linked anew. */
export class FileWatch {
  readonly #files: WatchFileSystem;
  readonly #paths: () => readonly string[];
  readonly #look: () => Promise<void>;
  /** By folder. */
  readonly #watches = new Map<string, { watch: FolderWatch; identity: string }>();
  #lookTimer: ReturnType<typeof setInterval> | undefined;
  #quietTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param paths the files that matter now
   * @param look reads the files; called when they may have changed, and every 5 s
   */
  constructor(
    files: WatchFileSystem,
    paths: () => readonly string[],
    look: () => Promise<void>,
  ) {
    this.#files = files;
    this.#paths = paths;
    this.#look = look;
  }

  /** Starts watching. */
  start(): void {
    this.#lookTimer = setInterval(() => void this.#lookNow(), LOOK_INTERVAL);
    void this.#watchFolders();
  }

  /** Stops watching. */
  close(): void {
    clearInterval(this.#lookTimer);
    clearTimeout(this.#quietTimer);
    this.#lookTimer = undefined;
    for (const { watch } of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  async #lookNow(): Promise<void> {
    await this.#look();
    if (this.#lookTimer !== undefined) await this.#watchFolders();
  }

  /**
   * Watches the folders of the files and of their link targets: replacing a file is a change of its
   * folder. A folder that was replaced under the same name is watched anew.
   */
  async #watchFolders(): Promise<void> {
    const folders = new Set<string>();
    for (const path of this.#paths()) {
      folders.add(dirname(path));
      const real = await this.#files.realPath(path).catch(() => undefined);
      if (real !== undefined) folders.add(dirname(real));
    }
    const identities = new Map<string, string>();
    for (const folder of folders) {
      const info = await this.#files.stat(folder).catch(() => undefined);
      if (info !== undefined) identities.set(folder, `${info.dev}:${info.ino}`);
    }
    // Closed in the meantime.
    if (this.#lookTimer === undefined) return;
    for (const [folder, { watch, identity }] of this.#watches) {
      if (identities.get(folder) === identity) continue;
      watch.close();
      this.#watches.delete(folder);
    }
    for (const [folder, identity] of identities) {
      if (!this.#watches.has(folder)) this.#watchFolder(folder, identity);
    }
  }

  #watchFolder(folder: string, identity: string): void {
    try {
      const watch = this.#files.watchFs(folder, { recursive: false });
      this.#watches.set(folder, { watch, identity });
      void this.#listen(watch);
    } catch {
      // The folder is gone again, or the system has no watches left. The periodic check remains.
    }
  }

  async #listen(watch: FolderWatch): Promise<void> {
    try {
      for await (const { kind } of watch) {
        // Reading the files also causes events.
        if (kind !== "access") this.#changed();
      }
    } catch {
      // The periodic check detects if the folder was lost.
    }
  }

  #changed(): void {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => void this.#lookNow(), QUIET);
  }
}
