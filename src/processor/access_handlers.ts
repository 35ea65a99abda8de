import type { AccessInfo } from "../access/access_info.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { checkBodyLength } from "./fields.ts";
import type { Peer } from "../remoting/peer.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";

/** Our command sends no body. */
const MAX_BODY = 1024;

/** Requests of this program's own commands about access control. */
export function accessHandlers(info: AccessInfo) {
  return { whoAmI, accounts, refusals };

  function whoAmI(request: Command, peer: Peer): Reply {
    // Anyone may send this request, so no long body is hashed for it.
    checkBodyLength(request, MAX_BODY);
    return reply(info.whoAmI(request, peer));
  }

  function accounts(): Reply {
    return reply(info.accounts());
  }

  function refusals(): Reply {
    return reply(info.refusals());
  }
}

function reply(value: object): Reply {
  return { code: ResponseCode.SUCCESS, body: new TextEncoder().encode(JSON.stringify(value)) };
}
