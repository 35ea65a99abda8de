import assert from "node:assert/strict";
import { LOG_EVENT_GROUPS } from "../../src/log/events.ts";
import type { Fields, Log } from "../../src/log/log.ts";

const EVENTS = new Map(LOG_EVENT_GROUPS.flatMap(({ events }) => Object.entries(events)));

/** A log that records its events. All fields must be in the table, also those that were spread. */
export class RecordedLog implements Log {
  readonly events: { level: string; event: string; fields: Fields }[] = [];

  constructor(public debugEnabled = true) {}

  debug = (event: string, fields: Fields = {}) => this.#add("DEBUG", event, fields);
  info = (event: string, fields: Fields = {}) => this.#add("INFO", event, fields);
  warn = (event: string, fields: Fields = {}) => this.#add("WARN", event, fields);
  error = (event: string, fields: Fields = {}) => this.#add("ERROR", event, fields);

  /** The events of a level. */
  at(level: string): { event: string; fields: Fields }[] {
    return this.events.filter((event) => event.level === level);
  }

  /** The names of the events of a level. */
  namesAt(level: string): string[] {
    return this.at(level).map(({ event }) => event);
  }

  #add(level: string, event: string, fields: Fields): void {
    const unknown = Object.keys(fields).filter((name) => !EVENTS.get(event)?.fields.includes(name));
    assert.deepEqual(unknown, [], `fields of "${event}" that src/log/events.ts does not have`);
    this.events.push({ level, event, fields });
  }
}
