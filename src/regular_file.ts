/** The part of Deno that tells files from other things. */
export interface FileKinds {
  stat(path: string): Promise<{ readonly isFile: boolean }>;
}

/** Reads like an empty file, and is used to mean "no file". */
const NULL_DEVICE = "/dev/null";

/**
 * Rejects when a path leads to something other than a file: opening a named pipe would wait for its
 * other end without limit. The message does not repeat the path.
 */
export async function requireRegularFile(path: string, files: FileKinds): Promise<void> {
  if (path === NULL_DEVICE) return;
  const { isFile } = await files.stat(path);
  if (!isFile) throw new Error("it is not a regular file");
}
