/** An open file, as far as {@link AppendFile} uses it. */
export interface OpenAppendFile {
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  stat(): Promise<{ size: number }>;
  seek(offset: number, whence: Deno.SeekMode): Promise<number>;
  read(buffer: Uint8Array): Promise<number | null>;
  close(): void;
}

/** The calls that {@link AppendFile} makes; `Deno` itself is one. */
export interface AppendFileSystem {
  open(path: string, options: Deno.OpenOptions): Promise<OpenAppendFile>;
  rename(from: string, to: string): Promise<void>;
}

const NEW_FILE_MODE = 0o600;
const NEWLINE = 0x0a;

/**
 * A file that lines are appended to. When it is full, it becomes `<path>.1`, older files move up by
 * one number, and a new file is begun.
 */
export class AppendFile {
  readonly #path: string;
  readonly #fs: AppendFileSystem;
  readonly #maxBytes: number;
  readonly #count: number;
  #file: OpenAppendFile | undefined;
  #size = 0;

  /**
   * @param maxBytes size that the file does not grow over, unless one piece does
   * @param count how many older files are kept
   */
  constructor(path: string, limits: { maxBytes: number; count: number }, fs: AppendFileSystem) {
    this.#path = path;
    this.#maxBytes = limits.maxBytes;
    this.#count = limits.count;
    this.#fs = fs;
  }

  /** Makes room for this many bytes, and opens the file if it is not open. */
  async prepare(bytes: number): Promise<OpenAppendFile> {
    const file = await this.#open();
    if (this.#size === 0 || this.#size + bytes <= this.#maxBytes) return file;
    this.close();
    for (let i = this.#count; i > 0; i--) {
      try {
        await this.#fs.rename(this.#backup(i - 1), this.#backup(i));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return await this.#open();
  }

  /**
   * Adds a piece, as a whole or not at all.
   *
   * @param sync whether it has to survive a power failure when this resolves
   */
  async append(bytes: Uint8Array, sync: boolean): Promise<void> {
    const file = await this.prepare(bytes.length);
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      if (sync) await file.sync();
      this.#size += bytes.length;
    } catch (error) {
      // A full disk may have taken a part.
      await file.truncate(this.#size).catch(() => {});
      this.close();
      throw error;
    }
  }

  /** Closes the file; the next piece opens what is at the path then. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<OpenAppendFile> {
    if (this.#file !== undefined) return this.#file;
    const options = { read: true, append: true, create: true, mode: NEW_FILE_MODE };
    const file = await this.#fs.open(this.#path, options);
    try {
      const { size } = await file.stat();
      this.#size = size;
      if (size > 0) {
        const last = new Uint8Array(1);
        await file.seek(size - 1, Deno.SeekMode.Start);
        await file.read(last);
        // A crash has cut the last line: the next one must not become a part of it.
        if (last[0] !== NEWLINE) this.#size += await file.write(Uint8Array.of(NEWLINE));
      }
    } catch (error) {
      file.close();
      throw error;
    }
    return this.#file = file;
  }

  #backup(number: number): string {
    return number === 0 ? this.#path : `${this.#path}.${number}`;
  }
}
