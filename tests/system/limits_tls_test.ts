import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { openssl } from "../support/certificates.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";

/** The first bytes of a TLS record with a hello, most of which is missing. */
const HALF_HELLO = Uint8Array.fromHex("160301013d0100");

describe("TLS handshakes", () => {
  it("20 of 20 from one address succeed beside a flood of half hellos from another", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    const flood: Peer[] = [];
    const begin = async () => {
      const peer = await Peer.connect(server.port);
      flood.push(peer);
      await peer.send(HALF_HELLO);
    };
    for (let i = 0; i < 1200; i++) await begin();
    const more = setInterval(() => {
      for (let i = 0; i < 10; i++) begin().catch(() => {});
    }, 50);
    try {
      let served = 0;
      for (let i = 0; i < 20; i++) {
        const connect = ["-connect", `127.0.0.1:${server.port}`, "-bind", "127.0.0.2:0"];
        await openssl(home.path, "s_client", ...connect, "-brief").then(() => served++, () => {});
      }
      console.log(`measured: ${served} of 20 handshakes beside ${flood.length} half ones`);
      assert.equal(served, 20);
      await server.err.find(/gave way to 500 newer ones of its address/);
    } finally {
      clearInterval(more);
      for (const peer of flood) peer.close();
    }
  });
});
