import type { Fields, Log } from "../../src/log/log.ts";

/** A log that records its events. */
export class RecordedLog implements Log {
  readonly debugEnabled = true;
  readonly events: { level: string; event: string; fields: Fields }[] = [];
  debug = (event: string, fields: Fields = {}) => this.#add("DEBUG", event, fields);
  info = (event: string, fields: Fields = {}) => this.#add("INFO", event, fields);
  warn = (event: string, fields: Fields = {}) => this.#add("WARN", event, fields);
  error = (event: string, fields: Fields = {}) => this.#add("ERROR", event, fields);

  /** The events of a level. */
  at(level: string): { event: string; fields: Fields }[] {
    return this.events.filter((event) => event.level === level);
  }

  #add(level: string, event: string, fields: Fields): void {
    this.events.push({ level, event, fields });
  }
}
