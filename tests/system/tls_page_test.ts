import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Home, ServerProcess } from "../support/server_process.ts";

const PAGE = new URL("../../docs/tls.md", import.meta.url);

/** The fenced blocks of the page's first part, in order. */
async function blocks(): Promise<{ language: string; text: string }[]> {
  const page = await Deno.readTextFile(PAGE);
  const part = page.slice(0, page.indexOf("## Options"));
  return [...part.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .map(([, language = "", text = ""]) => ({ language, text }));
}

async function shell(home: Home, script: string): Promise<string> {
  const command = new Deno.Command("sh", {
    args: ["-e", "-c", script],
    cwd: home.path,
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, `${script}\n${said}`);
  return said;
}

describe("the page about TLS", () => {
  it("leads to a server that a client with a certificate can ask, and no other", async () => {
    await using home = await Home.make();
    const all = await blocks();
    const [authority, client, start, mqadmin] = all.filter(({ language }) => language === "sh");
    const [options, clientOptions] = all.filter(({ language }) => language === "properties");
    await shell(home, authority!.text);
    await shell(home, client!.text);
    const file = await home.write("namesrv.properties", options!.text);
    await using server = await ServerProcess.start({ home, args: ["-c", file] });

    const ask = start!.text.split("\n").find((line) => line.startsWith("openssl s_client"))!;
    const here = ask.replace("127.0.0.1:9876", `127.0.0.1:${server.port}`);
    const said = await shell(home, here);
    assert.match(said, /Verification: OK/);
    assert.match(await server.err.find(/TLS client/), /subject="?CN=client"? .*verified=true/);
    await shell(home, here.replace(/-cert .* -brief/, "-brief") + " || true");
    await server.err.find(/connection refused .*sent no certificate/);

    // The files named in Java's options exist in the required format.
    for (const [, name] of clientOptions!.text.matchAll(/Path=(.*)$/gm)) {
      await Deno.stat(home.file(name!));
    }
    assert.match(await Deno.readTextFile(home.file("client.key")), /^-----BEGIN PRIVATE KEY-----/);
    assert.ok(mqadmin!.text.includes("tls-client.properties"));
  });
});
