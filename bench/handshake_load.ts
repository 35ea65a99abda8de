/**
 * TLS connections that are made, a few at a time, and kept. `deno run --allow-net --allow-ffi --allow-run=cat
 * bench/handshake_load.ts '<HandshakeOptions as JSON>'` prints one {@linkcode HandshakeResult} as JSON.
 */
import * as tls from "node:tls";
import { Libc } from "./libc.ts";
import { residentBytes } from "./proc.ts";

export interface HandshakeOptions {
  port: number;
  serverPid: number;
  connections: number;
}

export interface HandshakeResult {
  /** CPU milliseconds of the server, and by how many MB it grew. */
  serverCpu: number;
  grownMb: number;
}

const AT_ONCE = 4;
/** Connections before those that are measured. */
const WARM_UP = 100;

const { port, serverPid, connections }: HandshakeOptions = JSON.parse(Deno.args[0]!);
const libc = new Libc();
await connectAll(WARM_UP);
const before = { cpu: libc.cpuOf(serverPid), bytes: await residentBytes(serverPid) };
await connectAll(connections);
const serverCpu = libc.cpuOf(serverPid) - before.cpu;
await new Promise((resolve) => setTimeout(resolve, 2000));
const grownMb = (await residentBytes(serverPid) - before.bytes) / 1_048_576;
console.log(JSON.stringify({ serverCpu, grownMb }));
Deno.exit(0);

async function connectAll(count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
      await new Promise((resolve, reject) => {
        socket.once("secureConnect", resolve);
        socket.once("error", reject);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
