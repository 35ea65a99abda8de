import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Home, ServerProcess } from "../support/server_process.ts";

const CONNECTIONS = 1000;
const ANSWERS = 40;

describe("a thousand connections that are always busy, beside one that pipelines without end", () => {
  it("get the same number of answers", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    const counts = await loadWithBusyClients(server.port);
    const median = counts[CONNECTIONS / 2]!;
    const [least, most] = [counts[0]!, counts.at(-1)!];
    console.log(`measured: answers of a connection ${least} to ${most}, median ${median}`);
    assert.ok(median > ANSWERS / 2, `only ${median} answers a connection`);
    assert.ok(least >= 0.8 * median, `least ${least}, median ${median}`);
    assert.ok(most <= 1.25 * median, `most ${most}, median ${median}`);
  });
});

/** Returns the number of answers of each connection, least first. */
async function loadWithBusyClients(port: number): Promise<number[]> {
  const program = new URL("busy_clients.ts", import.meta.url).pathname;
  const args = ["run", "--no-prompt", "--allow-net=127.0.0.1", program];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, `${port}`, `${CONNECTIONS}`, `${ANSWERS}`],
  }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  return JSON.parse(text.decode(stdout));
}
