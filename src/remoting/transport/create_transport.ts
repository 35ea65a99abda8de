import type { Log } from "../../log/log.ts";
import { DenoTransport } from "./deno_transport.ts";
import { NodeTransport } from "./node_transport.ts";
import { checkRuntimeInternals } from "./runtime_internals.ts";
import type { Transport } from "./transport.ts";

/**
 * Creates the server's transport.
 *
 * @param name the option `transport`
 * @throws {StartupError} when the runtime lacks something that it needs
 */
export function createTransport(name: "deno" | "node", log: Log): Transport {
  checkRuntimeInternals();
  if (name === "node") return new NodeTransport();
  return new DenoTransport((reason) => log.warn("connections not balanced", { reason }));
}
