import type { Log } from "../log/log.ts";
import { MqVersion, ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { RequestHandler } from "../remoting/connection.ts";
import type { Peer } from "../remoting/peer.ts";
import { errorReply } from "./errors.ts";
import type { RequestRow } from "./request_table.ts";

/** Maps request codes to handlers and turns errors into responses. */
export class Dispatcher implements RequestHandler {
  readonly #table: ReadonlyMap<number, Pick<RequestRow, "queue" | "handler">>;
  readonly #log: Log;
  readonly #disconnected: (peer: Peer) => void;
  #goingAway = false;

  constructor(
    table: ReadonlyMap<number, Pick<RequestRow, "queue" | "handler">>,
    log: Log,
    disconnected: (peer: Peer) => void,
  ) {
    this.#table = table;
    this.#log = log;
    this.#disconnected = disconnected;
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
    try {
      const response = entry.queue.run(entry.handler, request, peer);
      if (!(response instanceof Promise)) return response;
      return response.catch((error) => errorReply(error, request, this.#log));
    } catch (error) {
      return errorReply(error, request, this.#log);
    }
  }

  disconnected(peer: Peer): void {
    this.#disconnected(peer);
  }
}
