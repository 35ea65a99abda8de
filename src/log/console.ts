import { BaseHandler } from "@std/log";

/** Standard output is reserved for the boot line, which scripts wait for. */
export class ConsoleLog extends BaseHandler {
  override log(line: string): void {
    writeToConsole(line);
  }
}

/** Writes a line to stderr; drops it if that fails. */
export function writeToConsole(line: string): void {
  try {
    console.error(line);
  } catch {
    // stderr can be a file on a full disk, and there is no other place to report it.
  }
}
