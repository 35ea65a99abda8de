/**
 * Connections that always have one request under way, beside one that pipelines requests without end.
 * It runs as a process of its own: `busy_clients.ts PORT CONNECTIONS ANSWERS` sends route queries until
 * there were that many answers a connection on average, and prints the number of each connection, least
 * first, as JSON. Those until each connection had its first answer are not counted.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { encodeFrame } from "../support/frames.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Milliseconds after which it ends, whatever came. */
const LIMIT = 60_000;
const HOG_BYTES = 64 * 1024;

const [port, connections, answers] = Deno.args.map(Number) as [number, number, number];
const query = encodeFrame({
  code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
  extFields: { topic: "not-there" },
}, 1);

class BusyClient {
  count = 0;
  readonly #socket: Socket;
  /** Bytes of the answer that are still to come. */
  #left = 0;
  #length: number[] = [];

  constructor(answered: (client: BusyClient) => void) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (bytes) => {
      if (this.#ends(bytes as Uint8Array)) {
        answered(this);
        this.#socket.write(query);
      }
    });
    this.#socket.on("error", fail);
    this.#socket.write(query);
  }

  /** Whether the one answer that is due ends with these bytes. */
  #ends(bytes: Uint8Array): boolean {
    let at = 0;
    while (this.#length.length < 4 && at < bytes.length) this.#length.push(bytes[at++]!);
    if (this.#length.length < 4) return false;
    if (this.#left === 0) this.#left = this.#length.reduce((sum, byte) => sum * 256 + byte);
    this.#left -= bytes.length - at;
    if (this.#left > 0) return false;
    if (this.#left < 0) fail(new Error("more than one answer"));
    this.#length = [];
    return true;
  }
}

function startHog(): void {
  const socket = connect({ port, host: "127.0.0.1" });
  const queries = new Uint8Array(Math.floor(HOG_BYTES / query.length) * query.length);
  for (let at = 0; at < queries.length; at += query.length) queries.set(query, at);
  const push = () => {
    while (socket.write(queries));
  };
  socket.on("connect", push);
  socket.on("drain", push);
  socket.on("data", () => {});
  socket.on("error", fail);
}

function fail(error: unknown): never {
  console.error(error);
  Deno.exit(1);
}

let waiting = connections;
let total = 0;
const clients: BusyClient[] = [];
for (let i = 0; i < connections; i++) {
  let served = false;
  clients.push(
    new BusyClient((client) => {
      if (!served) {
        served = true;
        waiting--;
      }
      if (waiting > 0) return;
      client.count++;
      if (++total === connections * answers) print();
    }),
  );
}
startHog();
setTimeout(print, LIMIT);

function print(): never {
  console.log(JSON.stringify(clients.map(({ count }) => count).sort((a, b) => a - b)));
  Deno.exit();
}
