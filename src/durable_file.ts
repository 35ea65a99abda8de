import { basename, dirname, isAbsolute, join } from "node:path";
import { FileLock, FileLockedError } from "./file_lock.ts";
import { Histogram, SECONDS } from "./histogram.ts";
import { osReason, osReasonWithoutPaths } from "./os_error.ts";
import { type FileKinds, requireRegularFile } from "./regular_file.ts";
import { StartupError } from "./startup_error.ts";

/** File attributes that {@linkcode DurableFile} needs. */
export type FileStatus = Pick<
  Deno.FileInfo,
  "isFile" | "isSymlink" | "mode" | "uid" | "gid" | "dev" | "ino" | "size" | "mtime"
>;

/** The operations of an open file or folder that {@linkcode DurableFile} needs. */
export interface OpenFile {
  write(bytes: Uint8Array): Promise<number>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  /** Resolves once this process holds the file's lock, until the file is closed. */
  lock(exclusive: boolean): Promise<void>;
  /** Like {@linkcode lock}, but resolves with false when another process holds it. */
  tryLock(exclusive: boolean): Promise<boolean>;
  close(): void;
}

/**
 * The file operations that {@linkcode DurableFile} needs; `Deno` itself implements them. All of
 * them work with permissions for the file's folder only, so there is no `symlink`.
 */
export interface FileSystem extends FileKinds {
  lstat(path: string): Promise<FileStatus>;
  readLink(path: string): Promise<string>;
  readFile(path: string): Promise<Uint8Array>;
  mkdir(path: string, options: { recursive: true }): Promise<void>;
  open(path: string, options: Deno.OpenOptions): Promise<OpenFile>;
  chown(path: string, uid: number | null, gid: number | null): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  link(path: string, newPath: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A file that can't be read or written. The message is one line: file, step and reason. */
export class DurableFileError extends StartupError {
  override name = "DurableFileError";
  /** The step and the reason without the paths of this machine: for clients. */
  readonly summary: string;

  constructor(message: string, summary: string, options?: ErrorOptions) {
    super(message, options);
    this.summary = summary;
  }
}

/** The content of a file in pieces. Each iteration yields all of them, each valid until the next. */
export type Pieces = Iterable<Uint8Array>;

/** The content that a write replaces. */
interface Replaced {
  readonly status: FileStatus;
  /** Absent when it is kept as a link, or not kept yet. */
  bytes?: Uint8Array;
}

/** Linux's limit for links in a path. */
const MAX_LINKS = 40;
const NEW_FILE_MODE = 0o600;
const OPENING_MOUNTED = "opening the mounted file";
const WRITING_MOUNTED = "writing the mounted file";
const PROBE = new TextEncoder().encode("probe");

/**
 * A file that is replaced as a whole and survives crashes. A reader always finds either
 * the complete old or the complete new content. Once a write has resolved, its content survives a
 * power failure. The previous content is kept as `<path>.bak`.
 *
 * If the path is a symbolic link, its target is replaced, and the link stays. A file that is itself a
 * mount point, as containers have it, can't be replaced: its content is overwritten once the
 * previous one is safe as `.bak`.
 */
export class DurableFile {
  readonly path: string;
  /** Duration of each sync of the file or its folder. */
  readonly syncSeconds = new Histogram(SECONDS);
  readonly #fs: FileSystem;
  readonly #lock = new FileLock();
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the file is a mount point; `undefined` while there is no file to tell. */
  #mounted: boolean | undefined;

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
      const reason = "it is not UTF-8";
      throw new DurableFileError(`cannot read ${this.path}${suffix}: ${reason}`, reason);
    }
  }

  /**
   * Like {@linkcode DurableFile.read}, but without decoding.
   *
   * @param most bytes of the largest file that is read
   */
  async readBytes(suffix = "", most = Infinity): Promise<Uint8Array | undefined> {
    try {
      const path = suffix === "" ? this.path : await this.#followLinks() + suffix;
      await requireRegularFile(path, this.#fs);
      if (most < Infinity) {
        const { size } = await this.#fs.lstat(await this.#followLinks() + suffix);
        if (size > most) throw new Error(`it has ${size} bytes, more than ${most}`);
      }
      return await this.#fs.readFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      const name = this.path + suffix;
      const reason = osReason(error, `--allow-read=${name}`);
      const summary = `reading: ${osReasonWithoutPaths(error) ?? "failed"}`;
      throw new DurableFileError(`cannot read ${name}: ${reason}`, summary, { cause: error });
    }
  }

  /**
   * Replaces the content. Concurrent writes are carried out in order. Resolves when the new content
   * would survive a power failure.
   *
   * An existing file keeps its mode and owner; a new one is accessible to its owner only.
   *
   * @param content the text, or its bytes in pieces, each of which is written at once
   * @param suffix of the name under which the previous content is kept; `null` keeps none
   * @throws {DurableFileError} naming the file and the step; the content is then unchanged. With
   *   `null`, it may also be the new one.
   */
  write(content: string | Pieces, suffix: string | null = ".bak"): Promise<void> {
    const pieces = typeof content === "string" ? [new TextEncoder().encode(content)] : content;
    return this.#inLine(() => this.#replace(pieces, suffix));
  }

  /**
   * Returns a text that changes when the file is written or replaced by anyone; empty when there is
   * no file. It can stay the same if a file is overwritten in place twice within some milliseconds.
   *
   * @throws {DurableFileError} when the system can't say it
   */
  async identity(): Promise<string> {
    const flags = `--allow-read=${dirname(this.path)}`;
    return await this.#step("looking at the file", flags, async () => {
      const status = await this.#status(await this.#followLinks());
      if (status === undefined) return "";
      const { dev, ino, size, mtime } = status;
      return `${dev} ${ino} ${size} ${mtime?.getTime()}`;
    });
  }

  /** Whether writes overwrite the file in place, as far as is known yet. */
  get isOverwritten(): boolean {
    return this.#mounted === true;
  }

  /**
   * Runs a task while no other process runs one for the same file. The lock is on `<path>.lock`, which
   * stays, or on the file itself if that is overwritten in place.
   *
   * @param onUnlocked called with the reason when there can be no lock; the task then runs without
   * @throws {DurableFileError} when another process holds the lock for too long, or there can be no
   * folder for it
   */
  async exclusively<T>(task: () => Promise<T>, onUnlocked: (reason: string) => void): Promise<T> {
    const { path, folder, step } = await this.#prepare();
    const open = () =>
      this.isOverwritten
        ? this.#fs.open(path, { read: true })
        : this.#fs.open(`${path}.lock`, { write: true, create: true, mode: NEW_FILE_MODE });
    let release = () => {};
    try {
      release = await this.#lock.take(open);
    } catch (error) {
      if (error instanceof FileLockedError) await step("locking", () => Promise.reject(error));
      onUnlocked(osReason(error, `--allow-read=${folder} --allow-write=${folder}`));
    }
    try {
      return await task();
    } finally {
      release();
    }
  }

  /**
   * Makes the file this process's own, as far as others ask for it in the same way. The lock is on
   * `<path>.lock`, which stays.
   *
   * @param onUnlocked called with the reason when there can be no lock
   * @returns a function that gives the file up; `undefined` when another process has it
   */
  async claim(onUnlocked: (reason: string) => void): Promise<(() => void) | undefined> {
    let flags = "";
    let file: OpenFile | undefined;
    try {
      const { path, folder } = await this.#prepare();
      flags = `--allow-read=${folder} --allow-write=${folder}`;
      file = await this.#fs.open(`${path}.lock`, {
        write: true,
        create: true,
        mode: NEW_FILE_MODE,
      });
      if (!await file.tryLock(true)) {
        file.close();
        return undefined;
      }
    } catch (error) {
      file?.close();
      file = undefined;
      onUnlocked(osReason(error, flags));
    }
    return () => file?.close();
  }

  /**
   * Checks that a write would be possible now: writes, syncs and removes a small temporary file. The
   * file's content is not touched; its folder is created if missing.
   *
   * @throws {DurableFileError} naming the file and the step that failed
   */
  probe(): Promise<void> {
    return this.#inLine(() => this.#probe());
  }

  /**
   * Whether the file itself is a mount point, so that a crash during a write can leave it half
   * written. False when there is no file, or when it can't be found out.
   */
  isMountPoint(): Promise<boolean> {
    return this.#inLine(async () => {
      try {
        return await this.#isMountPoint(await this.#followLinks());
      } catch {
        return false;
      }
    });
  }

  /** Runs a task behind those before it: they use the same temporary files. */
  #inLine<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#last.then(task);
    this.#last = done.catch(() => {});
    return done;
  }

  async #probe(): Promise<void> {
    const { path, step } = await this.#prepare();
    const fresh = asideOf(path);
    try {
      await step("looking at the old content", () => this.#statusOfOld(path));
      await step("writing aside", () => this.#writeNew(fresh, [PROBE], undefined));
      if (await this.#isMountPoint(path)) {
        await step(OPENING_MOUNTED, () => this.#tryMounted(path));
      }
    } finally {
      await this.#fs.remove(fresh).catch(() => {});
    }
  }

  /**
   * Returns the target of a write, whose folder then exists, and a function that runs its steps.
   */
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

  async #replace(pieces: Pieces, suffix: string | null): Promise<void> {
    const fs = this.#fs;
    const { path, folder, step } = await this.#prepare();
    // Opened first: a folder that can't be synced must be detected before anything has changed.
    const openFolder = await step("opening its folder", () => this.#openFolder(folder));
    const fresh = asideOf(path);
    const spare = asideOf(path + (suffix ?? ""));
    try {
      const status = await step("looking at the old content", () => this.#statusOfOld(path));
      const old: Replaced | undefined = status && { status };
      await step("writing aside", () => this.#writeNew(fresh, pieces, status));
      if (old !== undefined && suffix !== null) {
        await step(`keeping ${suffix}`, async () => {
          await this.#keep(path, spare, old);
          await fs.rename(spare, path + suffix);
        });
      }
      const syncItsFolder = () =>
        step("syncing its folder", () => this.#timed(() => syncFolder(openFolder)));
      if (await step("renaming", () => this.#moveOver(fresh, path))) {
        try {
          await syncItsFolder();
        } catch (error) {
          if (suffix === null) throw error;
          await step("syncing its folder, then putting the old content back", async () => {
            if (old === undefined) return await fs.remove(path);
            if (old.bytes === undefined) await fs.link(path + suffix, fresh);
            else await this.#writeNew(fresh, [old.bytes], old.status);
            await fs.rename(fresh, path);
          });
          throw error;
        }
      } else {
        // From here on the old content must survive a crash elsewhere.
        await syncItsFolder();
        await step(OPENING_MOUNTED, () => this.#tryMounted(path));
        try {
          await step(WRITING_MOUNTED, () => this.#overwrite(path, pieces));
        } catch (error) {
          await step(`${WRITING_MOUNTED}, then putting the old content back`, () => {
            return this.#overwrite(path, old?.bytes === undefined ? [] : [old.bytes]);
          });
          throw error;
        }
        await fs.remove(fresh);
      }
    } catch (error) {
      await fs.remove(fresh).catch(() => {});
      if (suffix !== null) await fs.remove(spare).catch(() => {});
      throw error;
    } finally {
      openFolder?.close();
    }
  }

  /** The path with all links resolved. The target may not exist yet. */
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

  /** Gives the old content a second name, or copies it where there can be no hard link. */
  async #keep(path: string, spare: string, old: Replaced): Promise<void> {
    await this.#removeIfThere(spare);
    try {
      return await this.#fs.link(path, spare);
    } catch {
      // Systems have many reasons for which there can be no hard link. A copy needs none of them.
    }
    old.bytes = await this.#fs.readFile(path);
    await this.#writeNew(spare, [old.bytes], old.status);
  }

  async #statusOfOld(path: string): Promise<FileStatus | undefined> {
    const status = await this.#status(path);
    // A rename would replace a folder or, for root, a device.
    if (status?.isFile === false) throw new Error("it is not a regular file");
    return status;
  }

  /** Writes and syncs a new file with the mode and owner of `like`. */
  async #writeNew(path: string, pieces: Pieces, like: FileStatus | undefined): Promise<void> {
    const fs = this.#fs;
    await this.#removeIfThere(path);
    const file = await fs.open(path, { write: true, createNew: true, mode: NEW_FILE_MODE });
    try {
      await writeAll(file, pieces);
      if (like !== undefined) {
        const own = await fs.lstat(path);
        if (own.uid !== like.uid || own.gid !== like.gid) {
          // Only root may change the owner; otherwise the server's user becomes the owner.
          await fs.chown(path, like.uid, like.gid).catch(() => {});
        }
        if (like.mode !== null) await fs.chmod(path, like.mode & 0o777);
      }
      await this.#timed(() => file.sync());
    } finally {
      file.close();
    }
  }

  async #removeIfThere(path: string): Promise<void> {
    try {
      await this.#fs.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Returns false, and changes nothing, when `path` is a mount point. */
  async #moveOver(fresh: string, path: string): Promise<boolean> {
    try {
      await this.#fs.rename(fresh, path);
      return true;
    } catch (error) {
      if (codeOf(error) !== "EBUSY") throw error;
      this.#mounted = true;
      return false;
    }
  }

  /** Rejects when a mounted file can't be written, e.g. because it is mounted read-only. */
  async #tryMounted(path: string): Promise<void> {
    (await this.#fs.open(path, { write: true })).close();
  }

  /** Overwrites a mounted file, which a crash can leave half written. */
  async #overwrite(path: string, pieces: Pieces): Promise<void> {
    const file = await this.#fs.open(path, { write: true });
    try {
      // Emptied first: a mixture of two contents could pass for a whole one.
      await file.truncate(0);
      await writeAll(file, pieces);
      await this.#timed(() => file.sync());
    } finally {
      file.close();
    }
  }

  /** Asks by a hard link, which never leads out of a mount. */
  async #isMountPoint(path: string): Promise<boolean> {
    if (this.#mounted !== undefined) return this.#mounted;
    const aside = asideOf(path);
    await this.#removeIfThere(aside);
    try {
      await this.#fs.link(path, aside);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      return this.#mounted = codeOf(error) === "EXDEV";
    }
    await this.#fs.remove(aside);
    return this.#mounted = false;
  }

  async #timed(sync: () => Promise<void>): Promise<void> {
    const start = performance.now();
    try {
      await sync();
    } finally {
      this.syncSeconds.add((performance.now() - start) / 1000);
    }
  }

  /** Returns `undefined` on Windows, which can't open folders and orders renames by itself. */
  async #openFolder(folder: string): Promise<OpenFile | undefined> {
    return Deno.build.os === "windows" ? undefined : await this.#fs.open(folder, { read: true });
  }

  async #step<T>(name: string, flags: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const summary = `${name}: ${osReasonWithoutPaths(error) ?? "failed"}`;
      const reason = osReason(error, flags);
      throw new DurableFileError(`cannot write ${this.path}: ${name}: ${reason}`, summary, {
        cause: error,
      });
    }
  }
}

async function writeAll(file: OpenFile, pieces: Pieces): Promise<void> {
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }
}

/** The system's name of an error, e.g. "EBUSY": Deno has no class for each. */
function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The process id separates two servers that share a file. */
function asideOf(path: string): string {
  return `${path}.${Deno.pid}.tmp`;
}

/** No write takes this long. */
const LEFTOVER_AGE_MS = 60_000;

/**
 * Removes temporary files that crashed writes of {@linkcode DurableFile} left behind. Files that
 * can't be read or removed are skipped.
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
      // A newer one may belong to a running server that shares the folder.
      if (mtime === null || now - mtime.getTime() < LEFTOVER_AGE_MS) continue;
      await Deno.remove(join(folder, name));
    }
  } catch {
    // Leftovers do no harm.
  }
}

async function syncFolder(folder: OpenFile | undefined): Promise<void> {
  try {
    await folder?.sync();
  } catch (error) {
    // Some network and FUSE file systems can't sync folders at all and return EINVAL.
    if (!(error instanceof Deno.errors.NotSupported) && codeOf(error) !== "EINVAL") throw error;
  }
}
