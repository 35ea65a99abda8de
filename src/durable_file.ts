import { basename, dirname, isAbsolute, join } from "node:path";
import { Histogram, SECONDS } from "./histogram.ts";
import { osReason } from "./os_error.ts";
import { StartupError } from "./startup_error.ts";

/** What {@linkcode DurableFile} asks about a file. */
export type FileStatus = Pick<Deno.FileInfo, "isFile" | "isSymlink" | "mode" | "uid" | "gid">;

/** An open file or folder, as far as {@linkcode DurableFile} uses it. */
export interface OpenFile {
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): void;
}

/**
 * The calls that {@linkcode DurableFile} makes; `Deno` itself is one. All of them work with
 * permissions narrowed to the file's folder, which is why there is no `symlink` among them.
 */
export interface FileSystem {
  lstat(path: string): Promise<FileStatus>;
  readLink(path: string): Promise<string>;
  readFile(path: string): Promise<Uint8Array>;
  mkdir(path: string, options: { recursive: true }): Promise<void>;
  open(path: string, options: Deno.OpenOptions): Promise<OpenFile>;
  chown(path: string, uid: number | null, gid: number | null): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A file that can't be read or written. The message is one line: file, step and reason. */
export class DurableFileError extends StartupError {
  override name = "DurableFileError";
}

/** As many links as Linux follows in a path. */
const MAX_LINKS = 40;
const NEW_FILE_MODE = 0o600;
const PROBE = new TextEncoder().encode("probe");

/**
 * A small text file that is replaced as a whole and survives crashes: whoever reads it, whenever,
 * finds a complete old or a complete new content, and what a write that has resolved wrote is there
 * after a power failure. The content before stays as `<path>.bak`.
 *
 * Where the path is a symbolic link, the file that it points to is replaced, and the link stays.
 */
export class DurableFile {
  readonly path: string;
  /** How long the disk took for each sync of a file or its folder. */
  readonly syncSeconds = new Histogram(SECONDS);
  readonly #fs: FileSystem;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, fs: FileSystem = Deno) {
    this.path = path;
    this.#fs = fs;
  }

  /**
   * Reads the file as UTF-8.
   *
   * @param suffix `.bak` reads the content before the last write
   * @returns the text, or `undefined` when there is no such file
   * @throws {DurableFileError} naming the file, when it can't be read or is not UTF-8
   */
  async read(suffix = ""): Promise<string | undefined> {
    const bytes = await this.readBytes(suffix);
    if (bytes === undefined) return undefined;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw new DurableFileError(`cannot read ${this.path}${suffix}: it is not UTF-8`);
    }
  }

  /** Like {@linkcode DurableFile.read}, for those who find out the encoding themselves. */
  async readBytes(suffix = ""): Promise<Uint8Array | undefined> {
    try {
      const path = suffix === "" ? this.path : await this.#followLinks() + suffix;
      return await this.#fs.readFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      const name = this.path + suffix;
      const reason = osReason(error, `--allow-read=${name}`);
      throw new DurableFileError(`cannot read ${name}: ${reason}`, { cause: error });
    }
  }

  /**
   * Replaces the content. Writes that are asked for at once happen one after the other, in order.
   * Resolves when the new content would survive a power failure.
   *
   * A file that exists keeps its mode and its owner, a new one is its owner's alone.
   *
   * @param suffix under which name the content before is kept
   * @throws {DurableFileError} naming the file and the step; the content is as before then
   */
  write(text: string, suffix = ".bak"): Promise<void> {
    const done = this.#last.then(() => this.#replace(new TextEncoder().encode(text), suffix));
    this.#last = done.catch(() => {});
    return done;
  }

  /**
   * Finds out whether a write would be possible now: writes a few bytes aside, syncs and removes
   * them. The file itself stays as it is; its folder is made where it is missing.
   *
   * @throws {DurableFileError} naming the file and the step that is not possible
   */
  probe(): Promise<void> {
    // In line with the writes, whose file aside has the same name.
    const done = this.#last.then(() => this.#probe());
    this.#last = done.catch(() => {});
    return done;
  }

  async #probe(): Promise<void> {
    const { path, step } = await this.#prepare();
    const fresh = asideOf(path);
    try {
      await step("looking at the old content", () => this.#statusOfOld(path));
      await step("writing aside", () => this.#writeNew(fresh, PROBE, undefined));
    } finally {
      await this.#fs.remove(fresh).catch(() => {});
    }
  }

  /** Where a write goes, in a folder that is there, and how its steps are run. */
  async #prepare() {
    const linkFlags =
      "--allow-read and --allow-write for its folder and for that of its link's target";
    const path = await this.#step("following links", linkFlags, () => this.#followLinks());
    const folder = dirname(path);
    const flags = `--allow-read=${folder} --allow-write=${folder}`;
    const step = <T>(name: string, run: () => Promise<T>) => this.#step(name, flags, run);
    await step("making its folder", () => this.#fs.mkdir(folder, { recursive: true }));
    return { path, folder, step };
  }

  async #replace(bytes: Uint8Array, suffix: string): Promise<void> {
    const fs = this.#fs;
    const { path, folder, step } = await this.#prepare();
    // Opened first: a folder that can't be synced must be known before anything has changed.
    const openFolder = await step("opening its folder", () => this.#openFolder(folder));
    const fresh = asideOf(path);
    const spare = asideOf(path + suffix);
    try {
      const old = await step("looking at the old content", () => this.#readOld(path));
      await step("writing aside", () => this.#writeNew(fresh, bytes, old?.status));
      if (old !== undefined) {
        await step(`keeping ${suffix}`, async () => {
          await this.#writeNew(spare, old.bytes, old.status);
          await fs.rename(spare, path + suffix);
        });
      }
      await step("renaming", () => fs.rename(fresh, path));
      try {
        await step("syncing its folder", () => this.#timed(() => syncFolder(openFolder)));
      } catch (error) {
        await step("syncing its folder, then putting the old content back", async () => {
          if (old === undefined) return await fs.remove(path);
          await this.#writeNew(fresh, old.bytes, old.status);
          await fs.rename(fresh, path);
        });
        throw error;
      }
    } catch (error) {
      await fs.remove(fresh).catch(() => {});
      await fs.remove(spare).catch(() => {});
      throw error;
    } finally {
      openFolder?.close();
    }
  }

  /** Where the content lies: the path, or what it links to in the end. That may not exist yet. */
  async #followLinks(): Promise<string> {
    let path = this.path;
    for (let links = 0; (await this.#status(path))?.isSymlink; links++) {
      if (links === MAX_LINKS) throw new Error("too many symbolic links");
      const target = await this.#fs.readLink(path);
      path = isAbsolute(target) ? target : join(dirname(path), target);
    }
    return path;
  }

  async #status(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.#fs.lstat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async #readOld(path: string): Promise<{ status: FileStatus; bytes: Uint8Array } | undefined> {
    const status = await this.#statusOfOld(path);
    return status && { status, bytes: await this.#fs.readFile(path) };
  }

  async #statusOfOld(path: string): Promise<FileStatus | undefined> {
    const status = await this.#status(path);
    // A rename would put a file in the place of a folder or, for root, of a device.
    if (status?.isFile === false) throw new Error(`${path} is not a regular file`);
    return status;
  }

  /** Writes and syncs a file that is not there yet, with the mode and owner of `like`. */
  async #writeNew(path: string, bytes: Uint8Array, like: FileStatus | undefined): Promise<void> {
    const fs = this.#fs;
    await fs.remove(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    const file = await fs.open(path, { write: true, createNew: true, mode: NEW_FILE_MODE });
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      if (like !== undefined) {
        const own = await fs.lstat(path);
        if (own.uid !== like.uid || own.gid !== like.gid) {
          // Only root may give a file away; another user's server goes on as the owner.
          await fs.chown(path, like.uid, like.gid).catch(() => {});
        }
        if (like.mode !== null) await fs.chmod(path, like.mode & 0o777);
      }
      await this.#timed(() => file.sync());
    } finally {
      file.close();
    }
  }

  async #timed(sync: () => Promise<void>): Promise<void> {
    const start = performance.now();
    try {
      await sync();
    } finally {
      this.syncSeconds.add((performance.now() - start) / 1000);
    }
  }

  /** `undefined` on Windows, which opens no folders and orders renames by itself. */
  async #openFolder(folder: string): Promise<OpenFile | undefined> {
    return Deno.build.os === "windows" ? undefined : await this.#fs.open(folder, { read: true });
  }

  async #step<T>(name: string, flags: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      let reason = osReason(error, flags);
      if (error instanceof Deno.errors.Busy) {
        reason += " (a mounted file? mount its folder instead)";
      }
      throw new DurableFileError(`cannot write ${this.path}: ${name}: ${reason}`, { cause: error });
    }
  }
}

/** The process id keeps two servers that share a file from writing into one another's. */
function asideOf(path: string): string {
  return `${path}.${Deno.pid}.tmp`;
}

/** No write takes as long as this. */
const LEFTOVER_AGE_MS = 60_000;

/**
 * Removes what writes of {@linkcode DurableFile} left beside a file when a crash cut them short.
 * What can't be looked at or removed stays.
 *
 * @param now milliseconds since the epoch
 */
export async function removeLeftovers(path: string, now: number): Promise<void> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (!isFile || !name.startsWith(start)) continue;
      if (!/^((bak|broken)\.)?\d+\.tmp$/.test(name.slice(start.length))) continue;
      const { mtime } = await Deno.stat(join(folder, name));
      // A younger one may be the work of another server that shares the folder.
      if (mtime === null || now - mtime.getTime() < LEFTOVER_AGE_MS) continue;
      await Deno.remove(join(folder, name));
    }
  } catch {
    // They are only untidy.
  }
}

async function syncFolder(folder: OpenFile | undefined): Promise<void> {
  try {
    await folder?.sync();
  } catch (error) {
    // Some network and FUSE file systems can't sync folders at all and say it with EINVAL.
    const unsupported = error instanceof Deno.errors.NotSupported ||
      (error instanceof Error && "code" in error && error.code === "EINVAL");
    if (!unsupported) throw error;
  }
}
