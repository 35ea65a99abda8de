/** The connections of a broker to the controllers. */

import { type Command, encodeFrame, type Request } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";

/** Milliseconds that a controller has for an answer, as in a real broker. */
const ANSWER_MS = 3000;
/** Of a request. */
const ONEWAY = 2;

/** How a broker can be cut off from a controller: the connection is closed, or carries nothing. */
export type Cut = "closed" | "silent";

interface Link {
  peer: Peer | undefined;
  connecting: boolean;
  cut: Cut | undefined;
}

/** A connection to each controller, which is opened again when it is lost. */
export class Links {
  readonly #ports: readonly number[];
  readonly #links: readonly Link[];
  #closed = false;

  /** @param ports those of the controllers, in the order of their numbers */
  constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#links = ports.map(() => ({ peer: undefined, connecting: false, cut: undefined }));
  }

  /** The numbers of the controllers that can be reached. */
  get reachable(): number[] {
    return [...this.#links.keys()].filter((i) => this.#usable(i) !== undefined);
  }

  /** Whether the broker is cut off from all controllers. */
  get areCut(): boolean {
    return this.#links.every(({ cut }) => cut !== undefined);
  }

  /** Opens the connections that are missing. */
  async connect(): Promise<void> {
    await Promise.all(this.#links.map(async ({ peer, cut }, i) => {
      if (peer === undefined && cut === undefined) await this.#open(i);
    }));
  }

  /** Sends a request; resolves with `undefined` when there is no answer in time. */
  async call(controller: number, request: Request): Promise<Command | undefined> {
    const peer = this.#usable(controller);
    if (peer === undefined) return undefined;
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), ANSWER_MS);
    try {
      const answer = await Promise.race([peer.call(request).catch(() => undefined), late.promise]);
      return this.#links[controller]?.cut === undefined ? answer : undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request without an answer to every controller. */
  send(request: Request): void {
    const frame = encodeFrame({ ...request, flag: ONEWAY }, 0);
    for (const i of this.reachable) void this.#usable(i)?.send(frame);
  }

  /** Cuts the broker off from a controller. */
  cut(controller: number, how: Cut): void {
    const link = this.#links[controller];
    if (link === undefined) return;
    link.cut = how;
    if (how === "closed") this.#drop(link);
  }

  /** Ends what {@link cut} did. */
  mend(controller: number): void {
    const link = this.#links[controller];
    if (link !== undefined) link.cut = undefined;
  }

  /** Closes the connection to a controller; it is opened again. */
  break(controller: number): void {
    const link = this.#links[controller];
    if (link !== undefined) this.#drop(link);
  }

  /** Goes over to a new connection and closes the old one later. */
  async renew(controller: number): Promise<void> {
    const link = this.#links[controller];
    const old = link?.peer;
    if (link === undefined || old === undefined || link.connecting) return;
    await this.#open(controller);
    if (link.peer === old) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
    old.close();
  }

  /** Closes all connections for good. */
  close(): void {
    this.#closed = true;
    for (const link of this.#links) this.#drop(link);
  }

  #usable(controller: number): Peer | undefined {
    const link = this.#links[controller];
    return link?.cut === undefined ? link?.peer : undefined;
  }

  async #open(controller: number): Promise<void> {
    const link = this.#links[controller];
    if (link === undefined || link.connecting) return;
    link.connecting = true;
    try {
      const peer = await Peer.connect(this.#ports[controller]!);
      if (this.#closed || link.cut === "closed") return peer.close();
      link.peer = peer;
      void peer.closed.then(() => {
        if (link.peer === peer) link.peer = undefined;
      });
    } catch {
      // It does not run: tried again.
    } finally {
      link.connecting = false;
    }
  }

  #drop(link: Link): void {
    link.peer?.close();
    link.peer = undefined;
  }
}
