import type { Action } from "../access/permissions.ts";

/** The names of events, with descriptions for the documentation. */
export const EVENTS = {
  brokerUp: "A broker has registered that was not there.",
  brokerRestored: "A broker was restored from the snapshot. It is served, but was not heard yet.",
  brokerConfirmed: "A restored broker was heard.",
  brokerDown: "A broker is gone; `reason` says why, if it is known.",
  roleChanged: "A broker has another id, or another role in its group.",
  topicAdded: "A broker has a topic that it did not have.",
  topicChanged: "A topic has other queues or another permission on a broker, or another mapping.",
  topicRemoved: "A broker does not have a topic any more.",
  topicsChanged: "More topics of a broker changed together than are told one by one.",
  permissionWiped:
    "WIPE_WRITE_PERM_OF_BROKER took the write permission from all topics of a broker.",
  permissionGranted: "ADD_WRITE_PERM_OF_BROKER gave it back.",
  kvChanged: "A key of the KV table has another value, or is deleted.",
  kvNamespaceChanged: "More keys of a namespace changed together than are told one by one.",
  configChanged: "An option has another value.",
} as const;
export type EventName = keyof typeof EVENTS;

/** The event that only some watchers get: they may have missed others. */
export const GAP = "gap";

/** Why a watcher may have missed events, with descriptions for the documentation. */
export const GAP_REASONS = {
  otherProcess: "its last event is of another process, such as the server before its restart",
  tooOld: "the event after its last one is forgotten, watchHistoryBytes",
  unnamedTopics:
    "more topics of a broker changed than are told one by one, and it may see only some of them",
} as const;
export type GapReason = keyof typeof GAP_REASONS;

/** The things that an event is about, for filters. */
export interface Subject {
  readonly cluster?: string;
  readonly brokerName?: string;
  readonly topic?: string;
}

/** A change. */
export interface ChangeEvent {
  readonly name: EventName;
  readonly subject: Subject;
  /** It is shown to those who may do one of these. */
  readonly readers: readonly Action[];
  /** Fields of the event besides its time and subject. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The permissions that let somebody see any event at all. */
export const PERMISSIONS_TO_WATCH = [
  "cluster:read",
  "topic:list",
  "route:read",
  "kv:read",
  "config:read",
] as const;

/** Encodes a server-sent event. */
export function encodeEvent(name: string, id: string, data: object): Uint8Array {
  return new TextEncoder().encode(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Returns the data of an encoded event, as JSON. */
export function dataOf(event: Uint8Array): string {
  const text = new TextDecoder().decode(event);
  return text.slice(text.indexOf("\ndata: ") + "\ndata: ".length).trimEnd();
}

/**
 * Encodes a position without an event: clients keep it for the next connection. It also serves as a
 * sign of life.
 */
export function encodePosition(id: string): Uint8Array {
  return new TextEncoder().encode(`id: ${id}\n\n`);
}
