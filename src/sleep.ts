/** Resolves after a number of milliseconds, or at once when the signal comes. */
export function sleep(millis: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, millis);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  return promise;
}
