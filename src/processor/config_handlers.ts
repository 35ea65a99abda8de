import { ConfigDeniedError, ConfigSyntaxError } from "../config/errors.ts";
import type { LiveConfig } from "../config/live_config.ts";
import type { Log } from "../log/log.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { Connection } from "../remoting/connection.ts";
import { RequestError } from "./errors.ts";
import type { Handler } from "./request_queue.ts";
import { errorMessage } from "../error_message.ts";

/** Requests about the configuration of the running server. */
export function configHandlers(config: LiveConfig, log: Log): [number, Handler][] {
  return [
    [RequestCode.UPDATE_NAMESRV_CONFIG, update],
    [RequestCode.GET_NAMESRV_CONFIG, get],
  ];

  async function update(request: Command, connection: Connection): Promise<Reply> {
    if (request.body === null) return { code: ResponseCode.SUCCESS };
    try {
      const keys = await config.update(new TextDecoder().decode(request.body));
      log.info("configuration updated", { peer: connection.peer, keys: keys.join(",") });
    } catch (error) {
      const reason = errorMessage(error);
      log.warn("configuration not updated", { peer: connection.peer, reason });
      if (error instanceof ConfigDeniedError) {
        throw new RequestError(
          ResponseCode.NO_PERMISSION,
          "Can not update config in black list.",
        );
      }
      if (error instanceof ConfigSyntaxError) {
        throw new RequestError(ResponseCode.SYSTEM_ERROR, "string2Properties error");
      }
      throw new RequestError(ResponseCode.SYSTEM_ERROR, reason);
    }
    return { code: ResponseCode.SUCCESS };
  }

  function get(): Reply {
    return { code: ResponseCode.SUCCESS, body: new TextEncoder().encode(config.format()) };
  }
}
