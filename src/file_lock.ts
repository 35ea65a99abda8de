import type { OpenFile } from "./durable_file.ts";

/** Milliseconds to wait for another process. */
const LIMIT_MS = 10_000;

/** Another process did not release a lock in time. */
export class FileLockedError extends Error {
  override name = "FileLockedError";
}

/**
 * An exclusive lock between processes. The system releases the lock of a process that ends in any
 * way.
 */
export class FileLock {
  readonly #limit: number;
  /** The wait for a lock that came too late for its caller; there is never more than one. */
  #late: Promise<void> | undefined;

  /** @param limit milliseconds to wait for another process */
  constructor(limit = LIMIT_MS) {
    this.#limit = limit;
  }

  /**
   * Locks a file.
   *
   * @param open opens the file that carries the lock
   * @returns the function that releases the lock
   * @throws {FileLockedError} when another process holds it for too long
   * @throws the system's error when the file can't be opened, or its file system has no locks
   */
  async take(open: () => Promise<OpenFile>): Promise<() => void> {
    if (this.#late !== undefined) await this.#inTime(this.#late);
    const file = await open();
    const locked = file.lock(true);
    try {
      await this.#inTime(locked);
    } catch (error) {
      if (error instanceof FileLockedError) {
        this.#late = locked.catch(() => {}).finally(() => {
          file.close();
          this.#late = undefined;
        });
      } else file.close();
      throw error;
    }
    return () => file.close();
  }

  async #inTime(promise: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new FileLockedError(`another process has locked it for ${this.#limit / 1000} s`));
    }, this.#limit);
    try {
      await Promise.race([promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
