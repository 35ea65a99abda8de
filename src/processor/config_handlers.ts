import { ConfigDeniedError, ConfigFileError, ConfigSyntaxError } from "../config/errors.ts";
import type { LiveConfig } from "../config/live_config.ts";
import { DurableFileError } from "../durable_file.ts";
import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import { RequestError } from "./errors.ts";
import { errorMessage } from "../error_message.ts";

/** Requests about the configuration of the running server. */
export function configHandlers(config: LiveConfig, log: Log) {
  return { update, get };

  async function update(request: Command, peer: Peer): Promise<Reply> {
    if (request.body === null) return { code: ResponseCode.SUCCESS };
    try {
      const change = await config.update(new TextDecoder().decode(request.body), (keys) => {
        // Before a change of the log level could hide it.
        log.info("configuration updated", { ...addressesOf(peer), keys: keys.join(",") });
      });
      return { code: ResponseCode.SUCCESS, change };
    } catch (error) {
      const reason = errorMessage(error);
      log.warn("configuration not updated", { ...addressesOf(peer), reason });
      if (error instanceof ConfigDeniedError) {
        throw new RequestError(
          ResponseCode.NO_PERMISSION,
          "Can not update config in black list.",
        );
      }
      if (error instanceof ConfigSyntaxError) {
        throw new RequestError(ResponseCode.SYSTEM_ERROR, "string2Properties error");
      }
      throw new RequestError(ResponseCode.SYSTEM_ERROR, remarkOf(error));
    }
  }

  function get(): Reply {
    return { code: ResponseCode.SUCCESS, body: new TextEncoder().encode(config.format()) };
  }
}

/** Why an update failed, without paths: the log has them. */
function remarkOf(error: unknown): string {
  if (error instanceof DurableFileError) {
    return `the configuration can't be written (configStorePath): ${error.summary}`;
  }
  if (error instanceof ConfigFileError) {
    return "the configuration file has become unreadable (configStorePath): the log says where";
  }
  return errorMessage(error);
}
