import type { FileReader } from "../../src/config/config_file.ts";
import type { Environment } from "../../src/config/environment.ts";

/** The result of reading a path: bytes, text as UTF-8, or an error. */
export type FileContent = string | Uint8Array | Error;

/** Files in memory. Other paths are not found, as on a disk. */
export function filesWith(contents: Record<string, FileContent> = {}): FileReader {
  const files = new Map(Object.entries(contents));
  const readFile = (path: string) => {
    const content = files.get(path) ?? new Deno.errors.NotFound("No such file");
    if (content instanceof Error) return Promise.reject(content);
    return Promise.resolve(
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  };
  return { readFile, stat: (path) => readFile(path).then(() => ({ isFile: true })) };
}

/** An environment with these variables, all readable. */
export function environmentWith(variables: Record<string, string> = {}): Environment {
  return { get: (name) => new Map(Object.entries(variables)).get(name) };
}

/** Deno's error for a missing permission. */
export function notCapable(kind: string, target: string): Error {
  return new Deno.errors.NotCapable(
    `Requires ${kind} access to "${target}", run again with the --allow-${kind} flag`,
  );
}
