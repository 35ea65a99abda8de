/**
 * Bare loops: the least that a server on Deno has to do for a response. They cut frames, JSON.parse
 * the header and write a canned response of the usual size; nothing else. They are the upper limit
 * for comparison. `deno run --allow-net bench/bare.ts listen|node <port> <body bytes>`
 */
import net from "node:net";

const READ_BYTES = 64 * 1024;
const IDLE_BYTES = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Finds complete frames in the received bytes and returns the responses to them, concatenated. */
export class CannedAnswers {
  readonly #body: Uint8Array;
  #carry: Uint8Array | undefined;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  answer(received: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    let bytes = received;
    if (this.#carry) {
      bytes = new Uint8Array(this.#carry.length + received.length);
      bytes.set(this.#carry);
      bytes.set(received, this.#carry.length);
      this.#carry = undefined;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const headers: string[] = [];
    let at = 0;
    let size = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + view.getUint32(at);
      if (end > bytes.length) break;
      const headerLength = view.getUint32(at + 4) & 0xffffff;
      const request = JSON.parse(decoder.decode(bytes.subarray(at + 8, at + 8 + headerLength)));
      const header = `{"code":0,"flag":1,"language":"OTHER","opaque":${request.opaque},` +
        `"serializeTypeCurrentRPC":"JSON","version":513}`;
      headers.push(header);
      size += 8 + header.length + this.#body.length;
      at = end;
    }
    if (at < bytes.length) this.#carry = bytes.slice(at);
    return headers.length > 0 ? this.#encode(headers, size) : undefined;
  }

  #encode(headers: string[], size: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(size);
    const view = new DataView(out.buffer);
    let at = 0;
    for (const header of headers) {
      view.setUint32(at, 4 + header.length + this.#body.length);
      view.setUint32(at + 4, header.length);
      encoder.encodeInto(header, out.subarray(at + 8, at + 8 + header.length));
      out.set(this.#body, at + 8 + header.length);
      at += 8 + header.length + this.#body.length;
    }
    return out;
  }
}

async function serveListen(port: number, body: Uint8Array): Promise<void> {
  for await (const connection of Deno.listen({ hostname: "127.0.0.1", port })) {
    connection.setNoDelay();
    answerAll(connection, new CannedAnswers(body)).catch(() => {});
  }
}

async function answerAll(connection: Deno.TcpConn, canned: CannedAnswers): Promise<void> {
  let buffer = new Uint8Array(IDLE_BYTES);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return connection.close();
    const out = canned.answer(buffer.subarray(0, count));
    if (out) {
      let written = await connection.write(out);
      while (written < out.length) written += await connection.write(out.subarray(written));
    }
    if (count === buffer.length && count < READ_BYTES) buffer = new Uint8Array(READ_BYTES);
  }
}

function serveNode(port: number, body: Uint8Array): void {
  net.createServer({ noDelay: true }, (socket) => {
    const canned = new CannedAnswers(body);
    socket.on("data", (received) => {
      const out = canned.answer(received as Uint8Array);
      if (out && !socket.write(out)) {
        socket.pause();
        socket.once("drain", () => socket.resume());
      }
    });
    socket.on("error", () => socket.destroy());
  }).listen(port, "127.0.0.1");
}

if (import.meta.main) {
  const [transport, port, bytes] = Deno.args;
  const body = encoder.encode("x".repeat(Number(bytes)));
  if (transport === "node") serveNode(Number(port), body);
  else await serveListen(Number(port), body);
}
