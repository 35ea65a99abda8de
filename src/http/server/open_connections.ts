/** A connection, as far as its end matters. */
export interface Closable {
  destroy(): unknown;
}

/**
 * The open connections of a server and their requests in progress. At the limit, a new one takes the
 * place of the oldest idle one of the address that has most, so that a flood from one address displaces
 * itself. A connection is idle while it has no request in progress: half a request does not count.
 */
export class OpenConnections<C extends Closable> {
  readonly #requests = new Map<C, { readonly address: string; count: number }>();
  /** By address, in the order in which they became idle. */
  readonly #idle = new Map<string, Set<C>>();
  readonly #max: () => number;
  #open = 0;

  /** @param max how many connections may be open */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** Number of requests in progress. */
  get requests(): number {
    return this.#open;
  }

  /**
   * Adds a connection.
   *
   * @returns the connections that it displaces, already forgotten; itself when none is idle
   */
  add(connection: C, address: string): C[] {
    const displaced: C[] = [];
    while (this.#requests.size >= Math.max(1, this.#max())) {
      const victim = this.#victim();
      if (victim === undefined) return [...displaced, connection];
      this.remove(victim);
      displaced.push(victim);
    }
    this.#requests.set(connection, { address, count: 0 });
    this.#idleOf(address).add(connection);
    return displaced;
  }

  /** Forgets a connection that has closed. */
  remove(connection: C): void {
    const held = this.#requests.get(connection);
    if (held === undefined) return;
    this.#requests.delete(connection);
    this.#open -= held.count;
    this.#busy(connection, held.address);
  }

  /** Number of requests in progress on a connection. */
  requestsOn(connection: C): number {
    return this.#requests.get(connection)?.count ?? 0;
  }

  /** A request has begun; returns how many are in progress on its connection. */
  begin(connection: C): number {
    const held = this.#requests.get(connection);
    if (held === undefined) return 0;
    this.#open++;
    if (held.count++ === 0) this.#busy(connection, held.address);
    return held.count;
  }

  /** A request is over; returns how many are still in progress on its connection. */
  end(connection: C): number {
    const held = this.#requests.get(connection);
    if (held === undefined) return 0;
    this.#open--;
    if (--held.count === 0) this.#idleOf(held.address).add(connection);
    return held.count;
  }

  /** Closes the idle connections, or all of them. */
  close(which: "idle" | "all"): void {
    for (const [connection, { count }] of this.#requests) {
      if (which === "all" || count === 0) connection.destroy();
    }
  }

  #victim(): C | undefined {
    let most: Set<C> | undefined;
    for (const idle of this.#idle.values()) if (idle.size > (most?.size ?? 0)) most = idle;
    return most?.values().next().value;
  }

  #idleOf(address: string): Set<C> {
    let idle = this.#idle.get(address);
    if (idle === undefined) this.#idle.set(address, idle = new Set());
    return idle;
  }

  #busy(connection: C, address: string): void {
    const idle = this.#idle.get(address);
    idle?.delete(connection);
    if (idle?.size === 0) this.#idle.delete(address);
  }
}
