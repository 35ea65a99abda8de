/** An output stream of the process. */
export interface OutputStream {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** The part of Deno that commands use. */
export interface Runtime {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: {
    isTerminal(): boolean;
    setRaw(raw: boolean): void;
    read(buffer: Uint8Array): Promise<number | null>;
  };
  /** Whether NO_COLOR is set. */
  readonly noColor: boolean;
  readonly env: { get(name: string): string | undefined };
  readonly build: { readonly os: string };
  consoleSize(): { columns: number; rows: number };
  readTextFile(path: string): Promise<string>;
  stat(path: string): Promise<{ isFile: boolean; mode: number | null }>;
  addSignalListener(signal: "SIGINT" | "SIGTERM", handler: () => void): void;
  removeSignalListener(signal: "SIGINT" | "SIGTERM", handler: () => void): void;
}
