import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { RequestHandler } from "../remoting/connection.ts";
import type { Peer } from "../remoting/peer.ts";
import { requestName, responseName } from "./definitions.ts";

/** Makes a span of each request, from its arrival to its response. */
export class TracedHandler implements RequestHandler {
  readonly #handler: RequestHandler;
  readonly #tracer: Tracer;

  /** @param handler handles the requests */
  constructor(handler: RequestHandler, tracer: Tracer) {
    this.#handler = handler;
    this.#tracer = tracer;
  }

  handle(request: Command, peer: Peer): Reply | Promise<Reply> {
    const name = requestName(request.code);
    const options = {
      kind: SpanKind.SERVER,
      attributes: {
        "rpc.system": "rocketmq",
        "rpc.method": name,
        "rocketmq.request_code": request.code,
        "client.address": peer.proxiedAddress ?? peer.socketAddress,
        "network.peer.address": peer.socketAddress,
      },
    };
    // Active, so that outgoing calls become child spans.
    return this.#tracer.startActiveSpan(name, options, (span) => {
      const response = this.#handler.handle(request, peer);
      if (response instanceof Promise) return response.then((late) => ended(span, late));
      return ended(span, response);
    });
  }

  disconnected(peer: Peer): void {
    this.#handler.disconnected(peer);
  }
}

function ended(span: Span, response: Reply): Reply {
  const { code, remark } = response;
  span.setAttribute("rocketmq.response_code", code);
  // An unknown topic is not an error of this server.
  if (code === ResponseCode.SYSTEM_ERROR || code === ResponseCode.SYSTEM_BUSY) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: remark ?? responseName(code) });
  }
  span.end();
  return response;
}
