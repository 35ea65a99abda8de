/** Choices that the browser remembers. A browser that stores nothing has the defaults each time. */

/** The stored choice, if it is one of those allowed. */
export function stored<T extends string>(name: string, allowed: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(`rocketmq-namesrv.${name}`);
    return allowed.find((it) => it === value);
  } catch {
    return undefined;
  }
}

/** Stores a choice. */
export function store(name: string, value: string): void {
  try {
    localStorage.setItem(`rocketmq-namesrv.${name}`, value);
  } catch {
    // Storage is full or forbidden: the choice holds until the page is closed.
  }
}
