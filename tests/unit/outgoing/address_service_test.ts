import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { getText } from "../../../src/outgoing/address_service.ts";
import { withLimit } from "../../support/wait.ts";

/** The text that a server's response is read as. */
async function read(respond: () => Response): Promise<string> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, respond);
  try {
    return await getText(`http://127.0.0.1:${server.addr.port}/rocketmq/nsaddr`);
  } finally {
    await withLimit(server.shutdown(), "a response is still being read");
  }
}

describe("getText", () => {
  it("reads a response of up to 64 KiB", async () => {
    const text = "a:9876;".repeat(9000);
    assert.equal(await read(() => new Response(text)), text);
  });

  it("stops reading a response that is longer", async () => {
    const chunk = new Uint8Array(16 * 1024);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
    await assert.rejects(read(() => new Response(endless)), /longer than 65536 bytes/);
  });

  it("refuses an error, with its status", async () => {
    await assert.rejects(read(() => new Response("none", { status: 404 })), /HTTP status 404/);
  });
});
