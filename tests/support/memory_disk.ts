import { dirname } from "node:path";
import type { FileStatus, FileSystem, OpenFile } from "../../src/durable_file.ts";

class Inode {
  written = new Uint8Array();
  synced = new Uint8Array();
  /** Counts writes. */
  version = 0;
  /** Resolves when those who have asked for the lock so far have released it. */
  unlocked: Promise<void> = Promise.resolve();
  locked = false;
  constructor(readonly own: OwnStatus, readonly number: number) {}

  get status(): FileStatus {
    const { own, number, version, written } = this;
    return { ...own, dev: 1, ino: number, size: written.length, mtime: new Date(version) };
  }
}

type OwnStatus = Pick<FileStatus, "isFile" | "isSymlink" | "mode" | "uid" | "gid">;

/** The data that survives a crash: everything, or only what was synced. */
export type Crash = "process" | "power, names written" | "power, names lost";

/**
 * A disk in memory that tracks which data was synced and calls the test before each operation. A
 * write takes only half of its bytes, as real ones may.
 */
export class MemoryDisk implements FileSystem {
  /** Every call so far, as `name path`. */
  readonly calls: string[] = [];
  /** Called before each operation takes effect; an error from it fails the operation. */
  before: (call: string) => void | Promise<void> = () => {};
  /** Files that are mount points: they can't be replaced, nor linked to. */
  readonly mounts = new Set<string>();
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  readonly #folders = new Set<string>();
  #inodes = 0;

  /** Creates a disk with one synced file. */
  static with(path: string, text: string): MemoryDisk {
    const disk = new MemoryDisk();
    disk.put(path, text);
    return disk;
  }

  /** Adds a synced file. */
  put(path: string, text: string, status: Partial<OwnStatus> = {}): void {
    const inode = new Inode({ ...OWN_FILE, ...status }, ++this.#inodes);
    inode.written = inode.synced = new TextEncoder().encode(text);
    this.#folders.add(dirname(path));
    this.#names.set(path, inode);
    this.#syncedNames.set(path, inode);
  }

  /** The text at `path` now or after a crash; `undefined` if there is no file. */
  text(path: string, after: Crash = "process"): string | undefined {
    const names = after === "power, names lost" ? this.#syncedNames : this.#names;
    const inode = names.get(path);
    if (inode === undefined) return undefined;
    return new TextDecoder().decode(after === "process" ? inode.written : inode.synced);
  }

  /** The disk that another process finds when the one that uses this is killed. */
  afterKill(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const folder of this.#folders) disk.#folders.add(folder);
    for (const [path, { own, written }] of this.#names) {
      const inode = new Inode({ ...own }, ++disk.#inodes);
      inode.written = inode.synced = written;
      disk.#names.set(path, inode);
    }
    return disk;
  }

  /** The names of all files, sorted. */
  names(): string[] {
    return [...this.#names.keys()].sort();
  }

  status(path: string): FileStatus {
    return this.#find(path).status;
  }

  async lstat(path: string): Promise<FileStatus> {
    await this.#call("lstat", path);
    return this.status(path);
  }

  async stat(path: string): Promise<FileStatus> {
    await this.#call("stat", path);
    const { status, written } = this.#find(path);
    return status.isSymlink ? await this.stat(new TextDecoder().decode(written)) : status;
  }

  async readLink(path: string): Promise<string> {
    await this.#call("readLink", path);
    return new TextDecoder().decode(this.#find(path).written);
  }

  async readFile(path: string): Promise<Uint8Array> {
    await this.#call("readFile", path);
    return this.#find(path).written;
  }

  async mkdir(path: string): Promise<void> {
    await this.#call("mkdir", path);
    this.#folders.add(path);
  }

  async open(path: string, options: Deno.OpenOptions): Promise<OpenFile> {
    await this.#call("open", path);
    if (this.#folders.has(path)) return this.#openFolder(path);
    if (!this.#folders.has(dirname(path))) throw new Deno.errors.NotFound(path);
    if (options.createNew === true) {
      if (this.#names.has(path)) throw new Deno.errors.AlreadyExists(path);
    }
    if (options.createNew === true || (options.create === true && !this.#names.has(path))) {
      const status = { ...OWN_FILE, mode: options.mode ?? null };
      this.#names.set(path, new Inode(status, ++this.#inodes));
    }
    const inode = this.#find(path);
    let release = () => {};
    return {
      truncate: async (length) => {
        await this.#call("truncate", path);
        inode.written = inode.written.slice(0, length);
        inode.version++;
      },
      write: async (bytes) => {
        await this.#call("write", path);
        const taken = bytes.slice(0, Math.ceil(bytes.length / 2));
        inode.written = new Uint8Array([...inode.written, ...taken]);
        inode.version++;
        return taken.length;
      },
      sync: async () => {
        await this.#call("sync", path);
        inode.synced = inode.written;
      },
      lock: async () => {
        await this.#call("lock", path);
        const before = inode.unlocked;
        const held = Promise.withResolvers<void>();
        release = held.resolve;
        inode.unlocked = before.then(() => held.promise);
        await before;
      },
      tryLock: async () => {
        await this.#call("tryLock", path);
        if (inode.locked) return false;
        inode.locked = true;
        release = () => void (inode.locked = false);
        return true;
      },
      close: () => release(),
    };
  }

  async chown(path: string, uid: number | null, gid: number | null): Promise<void> {
    await this.#call("chown", path);
    Object.assign(this.#find(path).own, { uid, gid });
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#call("chmod", path);
    Object.assign(this.#find(path).own, { mode });
  }

  async link(path: string, newPath: string): Promise<void> {
    await this.#call("link", `${path} ${newPath}`);
    const inode = this.#find(path);
    if (this.mounts.has(path)) {
      throw systemError("EXDEV", "Invalid cross-device link (os error 18)");
    }
    if (this.#names.has(newPath)) throw new Deno.errors.AlreadyExists(newPath);
    this.#names.set(newPath, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call("rename", `${from} ${to}`);
    if (this.mounts.has(to)) throw systemError("EBUSY", "Device or resource busy (os error 16)");
    this.#names.set(to, this.#find(from));
    this.#names.delete(from);
  }

  async remove(path: string): Promise<void> {
    await this.#call("remove", path);
    this.#find(path);
    this.#names.delete(path);
  }

  async #call(name: string, path: string): Promise<void> {
    const call = `${name} ${path}`;
    this.calls.push(call);
    await this.before(call);
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Deno.errors.NotFound(path);
    return inode;
  }

  #openFolder(path: string): OpenFile {
    return {
      write: () => Promise.reject(new Deno.errors.IsADirectory(path)),
      sync: async () => {
        await this.#call("sync", path);
        this.#syncedNames = new Map(this.#names);
      },
      truncate: () => Promise.reject(new Deno.errors.IsADirectory(path)),
      lock: () => Promise.reject(new Deno.errors.IsADirectory(path)),
      tryLock: () => Promise.reject(new Deno.errors.IsADirectory(path)),
      close() {},
    };
  }
}

/** Deno throws a plain Error where it has no class for the system's error. */
function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

const OWN_FILE: OwnStatus = { isFile: true, isSymlink: false, mode: 0o644, uid: 1000, gid: 1000 };
