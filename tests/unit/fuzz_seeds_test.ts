import { describe, it } from "@std/testing/bdd";
import { runBatch, runSignedBatch } from "../fuzz/batch.ts";
import { runSocketBatch } from "../fuzz/socket_batch.ts";

/** Seeds of `deno task fuzz`; one that failed is added here. */
const SEEDS = [1, 2, 3];

describe("a batch of the fuzzer", () => {
  for (const seed of SEEDS) {
    it(`leaves tables that agree, and nothing of connections that have gone (seed ${seed})`, async () => {
      await runBatch(seed, 1000);
    });
  }

  it("of signed frames changes nothing that the rules do not allow", async () => {
    await runSignedBatch(1, 1000);
  });

  it("over sockets survives a TLS handshake that fails in the first of several pieces", async () => {
    await runSocketBatch(84_998_797, 3000);
  });
});
