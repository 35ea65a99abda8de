import type { Server } from "node:net";
import { listenAgain } from "./runtime_internals.ts";

/** Milliseconds until accepting is retried after a failure. */
const ACCEPT_AGAIN_AFTER = 1000;
/** A file that can always be opened, unless there is no file descriptor. */
const ALWAYS_THERE = "/dev/null";

/**
 * Lets a listening server of node:net accept connections again after the process had no file
 * descriptor for one: the runtime (2.9) does not report it, and only accepts again after another
 * call of listen(), which changes nothing for the system.
 *
 * @param failed called once a second while there is no file descriptor, with the error
 * @returns a function that stops the retries
 */
export function keepAccepting(
  server: Server,
  backlog: number,
  failed: (error: unknown) => void,
): () => void {
  const observable = isReadable(ALWAYS_THERE);
  const timer = setInterval(() => {
    const shortage = observable ? descriptorShortage() : undefined;
    if (shortage !== undefined) failed(shortage);
    listenAgain(server, backlog);
  }, ACCEPT_AGAIN_AFTER);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

/** The error of a process that has no file descriptor left, so that it can't accept connections. */
function descriptorShortage(): unknown {
  try {
    Deno.openSync(ALWAYS_THERE).close();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EMFILE" || code === "ENFILE") return error;
  }
  return undefined;
}

/** Whether Deno lets this program read a file, without asking the user. */
function isReadable(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
