import { ChangeError } from "../administration/administration.ts";
import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { errorMessage } from "../error_message.ts";

/** A request that is refused with the given code and remark. */
export class RequestError extends Error {
  override name = "RequestError";
  readonly code: number;

  /** @param code a ResponseCode */
  constructor(code: number, remark: string) {
    super(remark);
    this.code = code;
  }
}

/** The response to a failed request. Unexpected errors are logged. */
export function errorReply(error: unknown, request: Command, log: Log): Reply {
  if (error instanceof RequestError) return { code: error.code, remark: error.message };
  if (error instanceof ChangeError) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: error.message };
  }
  if (error instanceof FastjsonError) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: `unreadable body: ${error.message}` };
  }
  log.error("request failed", { code: request.code, error });
  const remark = errorMessage(error);
  return { code: ResponseCode.SYSTEM_ERROR, remark };
}
