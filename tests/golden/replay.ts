/** Replays a recording's steps one after another against a running server. */

import type { Command, Request } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { isRequest, type RequestStep, type Step } from "./recording.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/**
 * A replay. Each request is sent after the previous response. The recorded server had seconds to
 * remove a broker before the next query; here the next step waits for that.
 */
export class Replay implements AsyncDisposable {
  readonly #port: number;
  readonly #control: Peer;
  readonly #connections = new Map<number, Peer>();
  /** Addresses of the brokers that spoke on a recorded connection. */
  readonly #brokers = new Map<number, Set<string>>();

  private constructor(port: number, control: Peer) {
    this.#port = port;
    this.#control = control;
  }

  /** A replay against a server on a port of 127.0.0.1. */
  static async start(port: number): Promise<Replay> {
    return new Replay(port, await Peer.connect(port));
  }

  /** Executes a step; resolves with the response if one was recorded. */
  async take(step: Step): Promise<Command | undefined> {
    switch (step.kind) {
      case "open":
        this.#connections.set(step.conn, await Peer.connect(this.#port));
        return undefined;
      case "close":
        await this.close(step.conn);
        return undefined;
      case "request":
        return await this.#request(step);
      case "mark":
        return undefined;
    }
  }

  /** Executes several steps and reports each response. */
  async takeAll(
    steps: Iterable<Step>,
    onAnswer: (step: RequestStep, answer: Command) => void = () => {},
  ): Promise<void> {
    for (const step of steps) {
      const answer = await this.take(step);
      if (isRequest(step) && answer !== undefined) onAnswer(step, answer);
    }
  }

  /** Closes a recorded connection, like a client that exits or is killed. */
  async close(conn: number): Promise<void> {
    const peer = this.#connections.get(conn)!;
    await peer.end();
    if (peer.unexpected.length > 0) {
      throw new Error(`unexpected responses: opaque ${peer.unexpected.join(", ")}`);
    }
    this.#connections.delete(conn);
    for (const addr of this.#brokers.get(conn) ?? []) await this.#forgotten(addr);
    this.#brokers.delete(conn);
  }

  /** Sends a request that was not recorded, over a connection of its own. */
  ask(request: Request): Promise<Command> {
    return this.#control.call(request);
  }

  /** Closes all connections. Throws when an unexpected response has arrived. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of [...this.#connections.keys()]) await this.close(conn);
    await this.#control.end();
  }

  async #request({ conn, bytes, request, answer }: RequestStep): Promise<Command | undefined> {
    const peer = this.#connections.get(conn)!;
    const answered = answer === undefined ? undefined : peer.answer(request.opaque);
    await peer.send(bytes);
    const ours = await answered;
    const addr = request.extFields?.get("brokerAddr");
    if (request.code === RequestCode.REGISTER_BROKER) {
      const brokers = this.#brokers.get(conn) ?? new Set();
      this.#brokers.set(conn, brokers.add(addr!));
    } else if (request.code === RequestCode.UNREGISTER_BROKER) {
      await this.#forgotten(addr!);
    }
    return ours;
  }

  async #forgotten(addr: string): Promise<void> {
    await until(async () => {
      const { body } = await this.ask({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
      return !new TextDecoder().decode(body).includes(`"${addr}"`);
    }, `${addr} has left, and is no longer in the cluster info`);
  }
}
