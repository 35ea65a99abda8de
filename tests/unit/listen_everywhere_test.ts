import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { listenEverywhere } from "../../src/listen_everywhere.ts";

const inUse = () => Object.assign(new Error("in use"), { code: "EADDRINUSE" });

/** Listens; `refused` has the errors of the addresses that can't be opened. */
async function listen(hostname: string, refused: Record<string, Error>, port = 9876) {
  const opened: string[] = [];
  const skipped: [string, unknown][] = [];
  const open = (host: string, port: number) => {
    const error = refused[host];
    if (error !== undefined) throw error;
    opened.push(`${host} ${port}`);
    return { port: port || 40000 };
  };
  await listenEverywhere(hostname, port, open, (...args) => void skipped.push(args));
  return { opened, skipped };
}

describe("listenEverywhere", () => {
  it("opens one address as it is", async () => {
    for (const host of ["127.0.0.1", "::1", "localhost"]) {
      assert.deepEqual((await listen(host, {})).opened, [`${host} 9876`]);
    }
  });

  for (const wildcard of ["0.0.0.0", "::"]) {
    it(`opens IPv6 and IPv4 for ${wildcard}, on one port`, async () => {
      assert.deepEqual((await listen(wildcard, {}, 0)).opened, [":: 0", "0.0.0.0 40000"]);
      const covered = await listen(wildcard, { "0.0.0.0": inUse() });
      assert.deepEqual(covered, { opened: [":: 9876"], skipped: [] });
    });

    it(`reports that ${wildcard} is in use`, async () => {
      await assert.rejects(listen(wildcard, { "::": inUse() }), { code: "EADDRINUSE" });
    });
  }

  it("opens IPv4 alone on a machine without IPv6", async () => {
    const error = new Error("no such address family");
    assert.deepEqual(await listen("0.0.0.0", { "::": error }), {
      opened: ["0.0.0.0 9876"],
      skipped: [["::", error]],
    });
    await assert.rejects(listen("::", { "::": error }), error);
    await assert.rejects(listen("0.0.0.0", { "::": error, "0.0.0.0": inUse() }), inUse());
  });

  it("opens IPv6 alone where IPv4 is refused", async () => {
    const error = new Error("not permitted");
    assert.deepEqual(await listen("::", { "0.0.0.0": error }), {
      opened: [":: 9876"],
      skipped: [["0.0.0.0", error]],
    });
  });
});
