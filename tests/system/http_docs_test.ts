import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { hashSecret } from "../../src/access/secret_hash.ts";
import { kvPut, registration } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Home } from "../support/server_process.ts";
import { Peer } from "../support/peer.ts";

const PAGE = new URL("../../docs/http.md", import.meta.url);

/** The commands on the page, each with the response below it. */
function examples(page: string): { command: string; answer?: string }[] {
  return Array.from(
    page.matchAll(/^```sh\n(.*?)\n```$(?:\n\n```json\n(.*?)\n```$)?/gms),
    ([, command = "", answer]) => ({ command, answer }),
  );
}

/** Replaces values that vary between runs. */
function normal(text: string): unknown {
  return JSON.parse(
    text.replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"(time)"')
      .replace(/"127\.0\.0\.1:\d{5}"/g, '"(peer)"')
      .replace(/"(bytesIn|bytesOut)":\s*\d+/g, '"$1":0')
      .replace(/"(version|deno|v8)":\s*"[\d.]+[\w.-]*"/g, '"$1":"(version)"'),
  );
}

describe("docs/http.md", () => {
  it("shows commands that do what it says", async () => {
    await using home = await Home.make();
    const token = "AK-ops.SECRET";
    const accessFile = await home.write(
      "access.yml",
      `mode: enforce\nanonymous: [admin]\naccounts:\n  - {accessKey: AK-ops, tokens: ["${await hashSecret(
        token,
      )}"], may: [admin]}\n`,
    );
    await using http = await HttpServerProcess.start({ args: [`--accessFile=${accessFile}`] });
    await using peer = await Peer.connect(http.server.port);
    const topics = [{ name: "TopicTest" }, { name: "OFFSET_MOVED_EVENT", read: 1, write: 1 }];
    const group = { name: "%RETRY%group", read: 1, write: 1 };
    const calls = [
      registration({ name: "broker-a", addr: "10.0.0.1:10911", topics: [...topics, group] }),
      registration({ name: "broker-b", addr: "10.0.0.2:10911", topics }),
      kvPut("ORDER_TOPIC_CONFIG", "TopicTest", "broker-a:8;broker-b:8"),
    ];
    for (const answer of peer.callAll(calls)) assert.equal((await answer).code, 0);

    const page = await Deno.readTextFile(PAGE);
    const found = examples(page);
    assert.equal(found.length, page.match(/^curl /gm)!.length);
    assert.ok(found.length >= 13);
    for (const { command, answer } of found) {
      const here = command.replaceAll("127.0.0.1:9890", `127.0.0.1:${http.httpPort}`);
      assert.notEqual(here, command);
      const output = await new Deno.Command("sh", { args: ["-c", here] }).output();
      const decoder = new TextDecoder();
      const said = decoder.decode(output.stdout);
      assert.ok(output.success, `${command}: ${decoder.decode(output.stderr)}`);
      if (answer !== undefined) assert.deepEqual(normal(said), normal(answer), command);
      else assert.doesNotMatch(said, /^$|"status":[45]/, command);
    }
  });
});
