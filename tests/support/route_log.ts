import type { Fields, Log } from "../../src/log/log.ts";

/** A log that records its events. */
export class RecordedLog implements Log {
  debugEnabled = false;
  readonly events: { level: string; event: string; fields: Fields }[] = [];

  debug(event: string, fields: Fields = {}): void {
    this.events.push({ level: "DEBUG", event, fields });
  }

  info(event: string, fields: Fields = {}): void {
    this.events.push({ level: "INFO", event, fields });
  }

  warn(event: string, fields: Fields = {}): void {
    this.events.push({ level: "WARN", event, fields });
  }

  error(event: string, fields: Fields = {}): void {
    this.events.push({ level: "ERROR", event, fields });
  }

  /** The events of a level, in order. */
  at(level: string): string[] {
    return this.events.filter((it) => it.level === level).map((it) => it.event);
  }
}
