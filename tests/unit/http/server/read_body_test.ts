import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "@std/testing/bdd";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { readBody } from "../../../../src/http/server/read_body.ts";
import { withLimit } from "../../../support/wait.ts";

const HALF = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf";

describe("the body of a request", () => {
  it("is not waited for when its client has gone before it is read", async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    const server = createServer((request) => arrived.resolve(request));
    try {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const client = await Deno.connect({ hostname: "127.0.0.1", port });
      await client.write(new TextEncoder().encode(HALF));
      const request = await withLimit(arrived.promise, "no request");
      const closed = new Promise((resolve) => request.once("close", resolve));
      client.close();
      await withLimit(closed, "the request stays open");
      await assert.rejects(
        withLimit(readBody(request, 1000), "the body is waited for"),
        (error) => error instanceof HttpProblem && error.status === 400,
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
