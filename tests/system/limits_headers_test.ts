import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { encodeFrame } from "../support/frames.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A query for all topics whose header states this language. */
function queryIn(language: string, opaque: number): Uint8Array {
  const header = new TextEncoder().encode(
    JSON.stringify({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, language, opaque }),
  );
  const bytes = new Uint8Array(8 + header.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 4 + header.length);
  view.setInt32(4, header.length);
  bytes.set(header, 8);
  return bytes;
}

describe("headers", () => {
  it("over maxHeaderBytes cost the connection", async () => {
    await using http = await HttpServerProcess.start();
    await using bystander = await Peer.connect(http.server.port);
    await using peer = await Peer.connect(http.server.port);
    await peer.send(
      encodeFrame({
        code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        extFields: { a: "x".repeat(8_000_000) },
      }, 1),
    );
    await withLimit(peer.closed, "it is still open");
    await http.server.err.find(/a header of 8000\d+ bytes is longer than 65536 \(maxHeaderBytes\)/);
    assert.equal(
      (await bystander.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
      0,
    );
  });

  it("leave nothing of a peer's choice: 1000 languages of 60 KB take no memory", async () => {
    await using http = await HttpServerProcess.start();
    const { server } = http;
    const peers: Peer[] = [];
    const ask = async (language: string) => {
      const peer = await Peer.connect(server.port);
      peers.push(peer);
      const answer = peer.answer(1);
      await peer.send(queryIn(language, 1));
      assert.equal((await answer).code, 0);
    };
    try {
      for (let i = 0; i < 100; i++) await ask("JAVA");
      const before = await server.residentBytes();
      for (let i = 0; i < 1000; i++) await ask(`${i}`.padEnd(60_000, "x"));
      const grown = (await server.residentBytes() - before) / (1 << 20);
      console.log(
        `measured: 1000 connections with 60 MB of languages, ${grown.toFixed(1)} MiB more`,
      );
      // With the texts kept, it would be 60 MB more.
      assert.ok(grown < 45, `${grown} MiB`);
      const { items } = await http.json("/api/v1/connections?limit=1000");
      const languages = new Set(
        items.map((it: { software: { language: string } }) => it.software.language),
      );
      assert.deepEqual([...languages], ["JAVA", "OTHER"]);
    } finally {
      for (const peer of peers) peer.close();
    }
  });
});
