import { computed, effect, signal } from "@preact/signals";
import { reachable } from "./api.ts";
import { loadSession, may } from "./session.ts";
import { visible } from "./visible.ts";

/** The events of /api/v1/watch. */
export const EVENT_NAMES = [
  "brokerUp",
  "brokerDown",
  "brokerRestored",
  "brokerConfirmed",
  "roleChanged",
  "topicAdded",
  "topicChanged",
  "topicRemoved",
  "topicsChanged",
  "permissionWiped",
  "permissionGranted",
  "kvChanged",
  "kvNamespaceChanged",
  "configChanged",
  "gap",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

/** An event: its name, and its fields, of which all have a time. */
export interface LiveEvent {
  readonly id: string;
  readonly name: EventName;
  readonly time: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A hidden page gives its stream up after this time: a browser has only six connections for a server. */
const HIDDEN_MILLIS = 5_000;
const RETRY_MILLIS = [1_000, 2_000, 4_000, 8_000];
/** After a refusal (too many watchers, no permission), which a new attempt would meet as well. */
const REFUSED_MILLIS = 30_000;

/** Permissions of which each lets a client see some events. */
const WATCHING = ["cluster:read", "topic:list", "route:read", "kv:read", "config:read"];

/** The state of the stream. */
export const liveState = signal<"live" | "connecting" | "refused" | "paused">("connecting");

/** Counts how often the server was reached again after it had gone: everything may be another. */
export const comebacks = signal(0);

type Listener = (event: LiveEvent) => void;
const listeners = new Set<{ names: ReadonlySet<string>; listener: Listener }>();

/**
 * Calls a listener for each event with one of these names, and for each `gap`, after which anything
 * may have changed. Returns a function that ends it.
 */
export function onEvents(names: readonly EventName[], listener: Listener): () => void {
  const entry = { names: new Set<string>([...names, "gap"]), listener };
  listeners.add(entry);
  return () => listeners.delete(entry);
}

/** Whether the stream should be open. */
const wanted = computed(() => visible.value && WATCHING.some(may));

let source: EventSource | undefined;
let lastId = "";
let attempts = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Opens the one stream of the console, and keeps it open while the page is seen. */
export function startLive(): void {
  effect(() => {
    clearTimeout(timer);
    if (wanted.value) {
      attempts = 0;
      open();
    } else {
      timer = setTimeout(() => {
        close();
        liveState.value = "paused";
      }, HIDDEN_MILLIS);
    }
  });
  // Asks again until the server answers, and has everything read anew then.
  effect(() => {
    if (reachable.value === "gone") again(0);
  });
}

function again(attempt: number): void {
  setTimeout(async () => {
    try {
      await loadSession();
    } catch {
      if (reachable.peek() === "gone") return again(attempt + 1);
    }
    comebacks.value++;
    if (wanted.peek()) open();
  }, waitOf(attempt));
}

function waitOf(attempt: number): number {
  return RETRY_MILLIS[Math.min(attempt, RETRY_MILLIS.length - 1)] ?? 0;
}

function open(): void {
  clearTimeout(timer);
  if (!wanted.peek() || source !== undefined) return;
  liveState.value = "connecting";
  const opened = new EventSource(
    `/api/v1/watch${lastId && `?since=${encodeURIComponent(lastId)}`}`,
  );
  source = opened;
  let answered = false;
  opened.onopen = () => {
    answered = true;
    attempts = 0;
    liveState.value = "live";
  };
  opened.onerror = () => {
    // The browser tries again by itself when a stream ends, without an end and in its own time.
    const refused = !answered && opened.readyState === EventSource.CLOSED;
    close();
    liveState.value = refused ? "refused" : "connecting";
    // Whether it was the stream or the server: a request that fails sets `reachable`.
    loadSession().catch(() => {});
    timer = setTimeout(open, refused ? REFUSED_MILLIS : waitOf(attempts++));
  };
  for (const name of EVENT_NAMES) opened.addEventListener(name, (event) => take(name, event));
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

function take(name: EventName, { data, lastEventId }: MessageEvent<string>): void {
  lastId = lastEventId || lastId;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(data);
  } catch {
    return; // Not from this server.
  }
  const time = typeof fields.time === "string" ? fields.time : new Date().toISOString();
  const event: LiveEvent = { id: lastEventId, name, time, fields };
  for (const { names, listener } of listeners) if (names.has(name)) listener(event);
}
