import { ChangeError } from "../administration/administration.ts";
import { ConfigDeniedError, ConfigSyntaxError } from "../config/errors.ts";
import type { ConfigChange } from "../config/live_config.ts";
import type { PeerFields } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import { RequestError } from "./errors.ts";

/** The configuration that requests read and change. */
export interface ConfigPort {
  /** Changes options; see `Administration.updateConfig`. */
  update(text: string, from: PeerFields): Promise<readonly ConfigChange[]>;
  /** The options as a properties text. */
  format(): string;
}

/** Requests about the configuration of the running server. */
export function configHandlers(config: ConfigPort) {
  return { update, get };

  async function update(request: Command, peer: Peer): Promise<Reply> {
    if (request.body === null) return { code: ResponseCode.SUCCESS };
    try {
      const text = new TextDecoder().decode(request.body);
      const change = await config.update(text, addressesOf(peer));
      return { code: ResponseCode.SUCCESS, change };
    } catch (error) {
      const cause = error instanceof ChangeError ? error.cause : undefined;
      // The words of the reference.
      if (cause instanceof ConfigDeniedError) {
        throw new RequestError(ResponseCode.NO_PERMISSION, "Can not update config in black list.");
      }
      if (cause instanceof ConfigSyntaxError) {
        throw new RequestError(ResponseCode.SYSTEM_ERROR, "string2Properties error");
      }
      throw error;
    }
  }

  function get(): Reply {
    return { code: ResponseCode.SUCCESS, body: new TextEncoder().encode(config.format()) };
  }
}
