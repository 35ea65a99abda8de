import { connectWithin } from "./connect_within.ts";
import { isNetGranted } from "./net_permission.ts";
import { peerAddress } from "./peer_address.ts";
import type { Beat } from "./read_gate.ts";
import { errorMessage } from "../../error_message.ts";

/** Milliseconds in which this process must reach itself, and after which that is tried again. */
const CONNECT_LIMIT = 3000;
const AGAIN_AFTER = 10_000;
/** Milliseconds between two looks at a beat that is due, and the looks until it counts as lost. */
const LOOK_INTERVAL = 1000;
const LOOKS = 5;

interface Address {
  hostname: string;
  port: number;
}

/**
 * A TCP connection of this process with itself. A beat is one byte sent over it: its arrival shows that
 * the runtime has asked the system for news of all sockets.
 *
 * The connection goes to a port that this process listens on, so it takes no other permission. When it
 * can't be opened, or breaks, that is tried again later.
 */
export class LoopbackBeat implements Beat {
  readonly #warn: (reason: string) => void;
  /** Of the listener in use. */
  #address: Address | undefined;
  #connecting: Promise<void> | undefined;
  /** The end that connected, and the one that was accepted. */
  #out: Deno.TcpConn | undefined;
  #in: Deno.TcpConn | undefined;
  /** Settles after the beats that were asked for so far. */
  #last: Promise<void> = Promise.resolve();
  readonly #byte = new Uint8Array(1);
  readonly #received = new Uint8Array(1);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A beat is due, and how often the timer has seen that one. */
  #due = false;
  #seen = 0;

  /** @param warn called with the reason when there is no beat for the time being */
  constructor(warn: (reason: string) => void) {
    this.#warn = warn;
  }

  /** Opens the connection. The accepted end must be offered to {@link claims}. */
  open(hostname: string, port: number): void {
    const address = { hostname, port };
    this.#address = address;
    this.#connecting = this.#connect(address);
  }

  get ready(): boolean {
    return this.#in !== undefined;
  }

  /** Whether the accepted end is still to come. */
  get opening(): boolean {
    return this.#in === undefined && (this.#connecting !== undefined || this.#out !== undefined);
  }

  /** Takes an accepted connection if it is the other end of this one. */
  async claims(accepted: Deno.TcpConn): Promise<boolean> {
    if (accepted.remoteAddr.hostname !== accepted.localAddr.hostname) return false;
    await this.#connecting;
    if (this.#in !== undefined || this.#out === undefined) return false;
    if (addressOf(accepted.remoteAddr) !== addressOf(this.#out.localAddr)) return false;
    this.#in = accepted;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL);
    Deno.unrefTimer(this.#timer);
    return true;
  }

  /** One at a time: a beat that is under way may have been sent before the caller's work. */
  next(): Promise<void> {
    const beat = this.#last.then(() => this.#send());
    this.#last = beat.catch(() => {});
    return beat;
  }

  async #send(): Promise<void> {
    const [out, accepted] = [this.#out, this.#in];
    if (out === undefined || accepted === undefined) throw new Error("not open");
    this.#due = true;
    this.#seen = 0;
    try {
      // The read has to be waiting when the byte is sent, or it could find it there at once.
      const read = accepted.read(this.#received);
      const [count] = await Promise.all([read, out.write(this.#byte)]);
      if (count === null) throw new Error("closed");
    } catch (error) {
      this.#lose(error);
      throw error;
    }
    this.#due = false;
  }

  close(): void {
    this.#address = undefined;
    this.#connecting = undefined;
    this.#disconnect();
  }

  async #connect(address: Address): Promise<void> {
    const { hostname, port } = address;
    try {
      if (!isNetGranted(hostname, port)) throw new Error("not permitted");
      const out = await connectWithin(CONNECT_LIMIT, reachable(hostname), port);
      if (address !== this.#address) return out.close();
      this.#out = out;
    } catch (error) {
      if (address === this.#address) this.#lose(error);
    }
    if (address === this.#address) this.#connecting = undefined;
  }

  /**
   * Counts looks, not time, so that a process that hardly gets the CPU, or was stopped, has as many
   * turns.
   */
  #look(): void {
    if (this.#due && ++this.#seen === LOOKS) this.#disconnect();
  }

  #lose(error: unknown): void {
    this.#disconnect();
    if (this.#address === undefined) return;
    this.#warn(errorMessage(error));
    const { hostname, port } = this.#address;
    this.#timer = setTimeout(() => this.open(hostname, port), AGAIN_AFTER);
    Deno.unrefTimer(this.#timer);
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    for (const conn of [this.#out, this.#in]) {
      try {
        conn?.close();
      } catch {
        // The runtime has closed it.
      }
    }
    this.#out = undefined;
    this.#in = undefined;
    this.#due = false;
  }
}

/** Windows connects to no wildcard address; the other systems take it as their own. */
function reachable(hostname: string): string {
  if (Deno.build.os !== "windows") return hostname;
  return hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
}

function addressOf({ hostname, port }: Deno.NetAddr): string {
  return peerAddress(hostname, port);
}
