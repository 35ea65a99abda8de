import { useSignal, useSignalEffect } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { get, Problem } from "./api.ts";
import { comebacks, type EventName, onEvents } from "./live.ts";
import { visible } from "./visible.ts";

/** The state of an API path as a page shows it: data, loading, or a problem. */
export interface Resource<T> {
  /** The latest answer; kept when a later one fails. */
  readonly data: T | undefined;
  /** Why the latest request failed. */
  readonly problem: Problem | undefined;
  /** Whether a request is under way. */
  readonly loading: boolean;
  /** Asks again now. */
  readonly reload: () => void;
}

/** When a resource is read again. */
export interface ResourceOptions {
  /** Events after which it may be another. */
  readonly events?: readonly EventName[];
  /** Reads it again after this time, while the page is seen. */
  readonly everySeconds?: number;
  /** Keeps what is shown until there is an answer for another path, as while one types. */
  readonly keep?: boolean;
}

/** Events may come by thousands: a resource is read again this long after the first of them. */
const GATHER_MILLIS = 1_000;

/**
 * Reads a path of the API, and again when it may have changed; an older request that is still under
 * way is cancelled. Without a path nothing is read.
 */
export function useResource<T>(
  path: string | undefined,
  options: ResourceOptions = {},
): Resource<T> {
  const { events, everySeconds, keep = false } = options;
  const data = useSignal<{ path: string; value: T } | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const loading = useSignal(path !== undefined);
  const running = useRef<AbortController | undefined>(undefined);

  const reload = useCallback(() => {
    running.current?.abort();
    if (path === undefined) return;
    const own = running.current = new AbortController();
    loading.value = true;
    get<T>(path, own.signal).then((value) => {
      if (own.signal.aborted) return;
      data.value = { path, value };
      problem.value = undefined;
    }).catch((error) => {
      if (own.signal.aborted) return;
      problem.value = error instanceof Problem ? error : new Problem(0, String(error));
      if (data.value?.path !== path) data.value = undefined;
    }).finally(() => {
      if (running.current === own) loading.value = false;
    });
  }, [path]);

  useEffect(() => {
    if (!keep) data.value = undefined;
    problem.value = undefined;
    reload();
    return () => running.current?.abort();
  }, [path]);

  useEffect(() => {
    if (events === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = onEvents(events, () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, GATHER_MILLIS);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [path, events?.join()]);

  useEffect(() => {
    if (everySeconds === undefined) return;
    const timer = setInterval(() => {
      if (visible.peek()) reload();
    }, everySeconds * 1000);
    return () => clearInterval(timer);
  }, [path, everySeconds]);

  const seen = useRef(comebacks.peek());
  useSignalEffect(() => {
    if (comebacks.value === seen.current) return;
    seen.current = comebacks.value;
    reload();
  });

  const shown = data.value;
  return {
    data: shown !== undefined && (keep || shown.path === path) ? shown.value : undefined,
    problem: problem.value,
    loading: loading.value,
    reload,
  };
}
