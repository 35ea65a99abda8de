import { parseAddress } from "../address.ts";
import { controllerGroup, type GroupOptions } from "./controller_group.ts";
import type { Options } from "./options.ts";

type PortOptions =
  & GroupOptions
  & Pick<Options, "listenPort" | "httpPort" | "enableControllerInNamesrv">;

/** Whether a port is one of this server's: brokers may name it, but it must not be called. */
export function isOwnPort(port: number, options: Readonly<PortOptions>): boolean {
  if (port === options.listenPort || port === options.httpPort) return true;
  if (!options.enableControllerInNamesrv) return false;
  return port === parseAddress(controllerGroup(options).self.address).port;
}
