/** A made-up broker of a set: it can be killed, frozen and cut off, and keeps its port and its disk. */

import { RequestCode } from "../../src/protocol/codes.ts";
import { decodeFrame, framesOf } from "../support/frames.ts";
import { freePort } from "../interop/processes.ts";
import { Life, type LifeParts } from "./life.ts";
import { Links } from "./links.ts";
import { Disk, type Replica, type Role } from "./messages.ts";

/** Dependencies of a {@link Broker}. */
export interface BrokerParts
  extends Pick<LifeParts, "set" | "ports" | "observations" | "violations"> {
  tookOver(broker: Broker): void;
}

/** A broker, running or not. */
export class Broker implements Replica {
  disk = new Disk();
  alone = false;
  links: Links;
  readonly #parts: BrokerParts;
  readonly #port = freePort();
  #life: Life | undefined;
  #listener: Deno.TcpListener | undefined;
  readonly #notifiers = new Set<Deno.TcpConn>();
  #thaw: PromiseWithResolvers<void> | undefined;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.links = new Links(parts.ports);
  }

  get role(): Role | undefined {
    return this.#life?.role;
  }

  get frozen(): boolean {
    return this.#thaw !== undefined;
  }

  /** Whether it takes itself for the master. */
  get isMaster(): boolean {
    return this.role !== undefined && this.role.master === this.disk.brokerId;
  }

  /** Starts it. */
  start(): void {
    const { set, ports, observations, violations } = this.#parts;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    void this.#accept(this.#listener);
    this.links = new Links(ports);
    this.#life = new Life({
      set,
      ports,
      observations,
      violations,
      address: `127.0.0.1:${this.#port}`,
      disk: this.disk,
      links: this.links,
      thawed: () => this.#thaw?.promise ?? Promise.resolve(),
      tookOver: () => this.#parts.tookOver(this),
    });
  }

  /** Kills it. */
  async kill(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.#listener?.close();
    this.#listener = undefined;
    for (const connection of this.#notifiers) close(connection);
    const killed = life?.kill();
    this.freeze(false);
    await killed;
  }

  /** Stops it from doing anything, as SIGSTOP does, or lets it go on. */
  freeze(frozen: boolean): void {
    if (frozen) this.#thaw ??= Promise.withResolvers();
    else {
      this.#thaw?.resolve();
      this.#thaw = undefined;
    }
  }

  /** Gives it an empty disk while it does not run: it is a new broker then. */
  empty(): void {
    this.disk = new Disk();
  }

  /** Takes the notifications of controllers. */
  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const connection of listener) void this.#read(connection);
  }

  async #read(connection: Deno.TcpConn): Promise<void> {
    this.#notifiers.add(connection);
    try {
      for await (const frame of framesOf(connection.readable)) {
        const request = decodeFrame(frame);
        const isHeard = !this.links.areCut;
        if (isHeard && request.code === RequestCode.NOTIFY_BROKER_ROLE_CHANGED) {
          void this.#life?.notified(request);
        }
      }
    } catch {
      // Reset, or closed by this side.
    }
    this.#notifiers.delete(connection);
    close(connection);
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
