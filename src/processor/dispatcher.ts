import type { Log } from "../log/log.ts";
import { MqVersion, ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { Connection, RequestHandler } from "../remoting/connection.ts";
import { errorReply } from "./errors.ts";
import type { Handler, RequestQueue } from "./request_queue.ts";

/** The handlers of one request class, by request code. */
export interface DispatcherEntry {
  queue: RequestQueue;
  handlers: readonly (readonly [number, Handler])[];
}

/** Maps request codes to handlers and turns errors into responses. */
export class Dispatcher implements RequestHandler {
  readonly #table = new Map<number, { queue: RequestQueue; handler: Handler }>();
  readonly #log: Log;
  readonly #disconnected: (connection: Connection) => void;
  #goingAway = false;

  constructor(
    entries: readonly DispatcherEntry[],
    log: Log,
    disconnected: (connection: Connection) => void,
  ) {
    for (const { queue, handlers } of entries) {
      for (const [code, handler] of handlers) this.#table.set(code, { queue, handler });
    }
    this.#log = log;
    this.#disconnected = disconnected;
  }

  /** From now on, tells clients that understand it to use another name server. */
  goAway(): void {
    this.#goingAway = true;
  }

  handle(request: Command, connection: Connection): Reply | Promise<Reply> {
    if (this.#goingAway && request.version > MqVersion.V5_3_1) {
      return { code: ResponseCode.GO_AWAY, remark: "please go away" };
    }
    const entry = this.#table.get(request.code);
    if (entry === undefined) {
      const remark = ` request type ${request.code} not supported`;
      return { code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark };
    }
    try {
      const response = entry.queue.run(entry.handler, request, connection);
      if (!(response instanceof Promise)) return response;
      return response.catch((error) => errorReply(error, request, this.#log));
    } catch (error) {
      return errorReply(error, request, this.#log);
    }
  }

  disconnected(connection: Connection): void {
    this.#disconnected(connection);
  }
}
