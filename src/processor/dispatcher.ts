import type { Guard } from "../access/guard.ts";
import type { Log } from "../log/log.ts";
import { MqVersion, ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { RequestHandler } from "../remoting/connection.ts";
import type { Peer } from "../remoting/peer.ts";
import { errorReply } from "./errors.ts";
import type { RequestRow } from "./request_table.ts";

/** Maps request codes to handlers and turns errors into responses. */
export class Dispatcher implements RequestHandler {
  readonly #table: ReadonlyMap<number, RequestRow>;
  readonly #log: Log;
  readonly #disconnected: (peer: Peer) => void;
  readonly #guard: Pick<Guard, "check" | "record"> | undefined;
  #goingAway = false;

  /** @param guard decides about each request before it is queued; without it, all are let in */
  constructor(
    table: ReadonlyMap<number, RequestRow>,
    log: Log,
    disconnected: (peer: Peer) => void,
    guard?: Pick<Guard, "check" | "record">,
  ) {
    this.#table = table;
    this.#log = log;
    this.#disconnected = disconnected;
    this.#guard = guard;
  }

  /** From now on, tells clients that understand it to use another name server. */
  goAway(): void {
    this.#goingAway = true;
  }

  handle(request: Command, peer: Peer): Reply | Promise<Reply> {
    if (this.#goingAway && request.version > MqVersion.V5_3_1) {
      return { code: ResponseCode.GO_AWAY, remark: "please go away" };
    }
    const entry = this.#table.get(request.code);
    if (entry === undefined) {
      const remark = ` request type ${request.code} not supported`;
      return { code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark };
    }
    return this.#guard === undefined
      ? this.#run(entry, request, peer)
      : this.#runGuarded(this.#guard, entry, request, peer);
  }

  #runGuarded(
    guard: Pick<Guard, "check" | "record">,
    entry: RequestRow,
    request: Command,
    peer: Peer,
  ): Reply | Promise<Reply> {
    const action = typeof entry.action === "function" ? entry.action(request) : entry.action;
    const checked = guard.check(request.code, action, request, peer);
    if (checked === undefined) return this.#run(entry, request, peer);
    if ("refused" in checked) return checked.refused;
    const record = (reply: Reply): Reply | Promise<Reply> => {
      const recorded = guard.record(checked, reply);
      return recorded === undefined ? reply : recorded.then(() => reply);
    };
    const reply = this.#run(entry, request, peer);
    return reply instanceof Promise ? reply.then(record) : record(reply);
  }

  #run(entry: RequestRow, request: Command, peer: Peer): Reply | Promise<Reply> {
    try {
      const { queue, handler } = entry;
      const response = queue === undefined
        ? handler(request, peer)
        : queue.run(handler, request, peer);
      return response instanceof Promise ? this.#orError(response, request) : response;
    } catch (error) {
      return errorReply(error, request, this.#log);
    }
  }

  #orError(reply: Promise<Reply>, request: Command): Promise<Reply> {
    return reply.catch((error) => errorReply(error, request, this.#log));
  }

  disconnected(peer: Peer): void {
    this.#disconnected(peer);
  }
}
