import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { HttpServerProcess } from "../support/http_server.ts";

describe("the console's files on the HTTP port", () => {
  it("are where / leads to, and name each other", async () => {
    await using http = await HttpServerProcess.start();
    const page = await http.get("/");
    assert.equal(page.url, `http://127.0.0.1:${http.httpPort}/console/`);
    assert.match(page.headers.get("content-security-policy")!, /^default-src 'none'/);
    const names = Array.from(
      (await page.text()).matchAll(/(?:src|href)="([\w.]+)"/g),
      ([, name]) => name,
    );
    assert.ok(names.length >= 3, `${names}`);
    for (const name of names) {
      const file = await http.get(`/console/${name}`);
      assert.equal(file.status, 200, name);
      assert.match(file.headers.get("cache-control")!, /immutable/);
      assert.ok((await file.text()).length > 100, name);
    }
  });

  it("are absent with consoleEnable=false", async () => {
    await using http = await HttpServerProcess.start({ args: ["--consoleEnable=false"] });
    for (const path of ["/", "/console", "/console/"]) {
      const response = await http.get(path, { redirect: "manual" });
      await response.body?.cancel();
      assert.equal(response.status, 404, path);
    }
  });
});
