import { describe } from "@std/testing/bdd";
import { DenoTransport } from "../../src/remoting/transport/deno_transport.ts";
import { NodeTransport } from "../../src/remoting/transport/node_transport.ts";
import type { Transport } from "../../src/remoting/transport/transport.ts";

/** Both implementations. */
const TRANSPORTS: readonly { name: string; transport: Transport }[] = [
  { name: "DenoTransport", transport: new DenoTransport(rejectWarning) },
  { name: "NodeTransport", transport: new NodeTransport() },
];

/** In a test, a process can always reach itself. */
function rejectWarning(reason: string): never {
  throw new Error(`no beat: ${reason}`);
}

/** As `describe` does, once for each implementation, whose name ends the title. */
export function describeTransports(title: string, describeOne: (transport: Transport) => void) {
  for (const { name, transport } of TRANSPORTS) {
    describe(title + name, () => describeOne(transport));
  }
}
