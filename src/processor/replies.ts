import { ResponseCode } from "../protocol/codes.ts";
import type { Reply } from "../remoting/wire/command.ts";

/** The response with a body that may still have to be encoded. */
export function withBody(body: Uint8Array | Promise<Uint8Array>): Reply | Promise<Reply> {
  const reply = (bytes: Uint8Array) => ({ code: ResponseCode.SUCCESS, body: bytes });
  return body instanceof Promise ? body.then(reply) : reply(body);
}
