/**
 * Route queries over TLS connections, as many at once on each as asked for:
 * `tls_load.ts PORT CONNECTIONS DEPTH SECONDS` prints the number of answers that came in that time,
 * handshakes included.
 * A process of its own, so that it can be pinned.
 */
import * as tls from "node:tls";
import { Code, encodeRequest } from "./frames.ts";

const [port, connections, depth, seconds] = Deno.args.map(Number);
const request = encodeRequest(Code.GET_BROKER_CLUSTER_INFO, 1);

let answers = 0;
for (let i = 0; i < connections; i++) {
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  let rest = new Uint8Array(0);
  socket.on("secureConnect", () => {
    socket.setNoDelay();
    for (let j = 0; j < depth; j++) socket.write(request);
  });
  socket.on("data", (chunk: Uint8Array) => {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    let count = 0;
    while (at + 4 <= bytes.length && at + 4 + view.getUint32(at) <= bytes.length) {
      at += 4 + view.getUint32(at);
      count++;
    }
    rest = bytes.slice(at);
    answers += count;
    const next = new Uint8Array(request.length * count);
    for (let j = 0; j < count; j++) next.set(request, j * request.length);
    if (count > 0) socket.write(next);
  });
  socket.on("error", (error) => {
    console.error(error.message);
    Deno.exit(1);
  });
}
setTimeout(() => {
  console.log(answers);
  Deno.exit(0);
}, seconds * 1000);
