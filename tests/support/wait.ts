/**
 * Bounded waits. The limit is far above what anything here takes, so that it only ends a wait for
 * what never comes: a busy machine may take its time.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Milliseconds after which a wait fails. */
export const WAIT_LIMIT_MS = 60_000;

/** The real clock and timers, also while a test fakes them. */
const clock = Date.now;
const { setTimeout, clearTimeout } = globalThis;

/** Resolves after this many real milliseconds. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/**
 * Resolves when a condition holds that others bring about in their own time.
 *
 * @param what the condition in words, for the error
 * @throws AssertionError when it does not hold within the limit
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = `${holds}`,
): Promise<void> {
  const end = clock() + WAIT_LIMIT_MS;
  for (let ms = 0; !await holds(); ms = Math.min(ms + 1, 20)) {
    if (clock() > end) assert.fail(`not within ${WAIT_LIMIT_MS} ms: ${what}`);
    await delay(ms);
  }
}

/**
 * The result of a promise.
 *
 * @param otherwise the error's message when it takes longer than the limit
 */
export async function withLimit<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${otherwise} after ${WAIT_LIMIT_MS} ms`)),
    WAIT_LIMIT_MS,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Gives the program real milliseconds in which something must not happen, or in which it comes to
 * rest. A test must not need this to be enough: a busy machine may then miss a fault, but it never
 * fails a correct program.
 */
export function pause(ms: number): Promise<void> {
  return delay(ms);
}
