import type { Fields, Log } from "../../src/log/log.ts";

/** A log that keeps the errors only: none is expected. */
export class ErrorLog implements Log {
  readonly debugEnabled = false;
  readonly errors: { event: string; fields: Fields }[] = [];
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(event: string, fields: Fields = {}): void {
    this.errors.push({ event, fields });
  }
}
