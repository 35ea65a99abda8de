/**
 * Route queries over TLS connections, as a closed loop. A separate process, so that it can be
 * pinned: `deno run --allow-net --allow-ffi bench/tls_load.ts '<TlsLoadOptions as JSON>'` prints
 * one {@linkcode TlsLoadResult} as JSON.
 */
import * as tls from "node:tls";
import { Code, encodeRequest } from "./frames.ts";
import { Libc } from "./libc.ts";

export interface TlsLoadOptions {
  port: number;
  connections: number;
  /** Requests in flight on each connection. */
  depth: number;
  /** Queried in turn. */
  topics: readonly string[];
  /** Load before the measured time. */
  warmupSeconds: number;
  seconds: number;
  serverPid: number;
}

export interface TlsLoadResult {
  seconds: number;
  answers: number;
  /** CPU milliseconds in the measured time. */
  serverCpuMs: number;
  generatorCpuMs: number;
}

/** Counts the frames that end in the received bytes. */
class Frames {
  #rest = new Uint8Array(0);

  push(chunk: Uint8Array): number {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    let count = 0;
    while (at + 12 <= bytes.length && at + 4 + view.getUint32(at) <= bytes.length) {
      // A response's JSON header starts with its code; failures must not be counted.
      if (count === 0) checkSuccess(bytes.subarray(at + 8, at + 8 + 12));
      at += 4 + view.getUint32(at);
      count++;
    }
    this.#rest = bytes.slice(at);
    return count;
  }
}

const SUCCESS = `{"code":0,`;

function checkSuccess(header: Uint8Array): void {
  for (let i = 0; i < SUCCESS.length; i++) {
    if (header[i] !== SUCCESS.charCodeAt(i)) {
      fail(`unexpected answer ${new TextDecoder().decode(header)}`);
    }
  }
}

const options: TlsLoadOptions = JSON.parse(Deno.args[0]!);
const { port, connections, depth, topics, serverPid } = options;
const libc = new Libc();
const requests = topics.map((topic) => encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, 1, { topic }));
let next = 0;
let answers = 0;

await Promise.all(Array.from({ length: connections }, connect));
await sleep(options.warmupSeconds);
const before = look();
await sleep(options.seconds);
const after = look();
const result: TlsLoadResult = {
  seconds: (after.time - before.time) / 1000,
  answers: after.answers - before.answers,
  serverCpuMs: after.serverCpu - before.serverCpu,
  generatorCpuMs: after.ownCpu - before.ownCpu,
};
console.log(JSON.stringify(result));
Deno.exit(0);

function look() {
  return {
    time: performance.now(),
    answers,
    serverCpu: libc.cpuOf(serverPid),
    ownCpu: libc.cpuOf(Deno.pid),
  };
}

/** Opens a connection and keeps its requests in flight. */
async function connect(): Promise<void> {
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", (error) => fail(error.message));
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  socket.setNoDelay();
  socket.on("close", () => fail("the server closed a connection"));
  const frames = new Frames();
  socket.on("data", (chunk: Uint8Array) => {
    const count = frames.push(chunk);
    answers += count;
    ask(socket, count);
  });
  ask(socket, depth);
}

/** Sends this many requests in one write. */
function ask(socket: tls.TLSSocket, count: number): void {
  if (count === 0) return;
  const chosen = Array.from({ length: count }, () => requests[next++ % requests.length]!);
  const bytes = new Uint8Array(chosen.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const request of chosen) {
    bytes.set(request, at);
    at += request.length;
  }
  socket.write(bytes);
}

function fail(reason: string): never {
  console.error(reason);
  Deno.exit(1);
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
