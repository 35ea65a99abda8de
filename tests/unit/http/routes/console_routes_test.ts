import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { Router } from "../../../../src/http/server/router.ts";
import { consoleRoutes } from "../../../../src/http/routes/console_routes.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";

const PAGE = "<!doctype html>";
const SCRIPT = "script();";
const gzip = (text: string) => new Uint8Array(gzipSync(text)).toBase64();

let loads: number;
let router: Router;

function setUp(): void {
  loads = 0;
  router = new Router(consoleRoutes(() => {
    loads++;
    return Promise.resolve([
      { name: "index.html", type: "text/html; charset=utf-8", gzip: gzip(PAGE) },
      { name: "console.abc.js", type: "text/javascript; charset=utf-8", gzip: gzip(SCRIPT) },
    ]);
  }));
}

function ask(path: string, encoding = ""): Promise<Response> {
  const headers = new Headers({ "accept-encoding": encoding });
  return router.find({ method: "GET", url: `http://127.0.0.1${path}`, localHost: "" })
    .answer({ ...SENDER, headers });
}

describe("the console's files", () => {
  beforeEach(setUp);

  it("are where / leads to", async () => {
    for (const path of ["/", "/console"]) {
      const { status, headers } = await ask(path);
      assert.deepEqual([status, headers.get("location")], [302, "/console/"]);
    }
    assert.equal(loads, 0);
    const page = await ask("/console/");
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(page.headers.get("cache-control"), "no-cache");
    assert.equal(await page.text(), PAGE);
    const script = await ask("/console/console.abc.js");
    assert.match(script.headers.get("cache-control")!, /immutable/);
    assert.equal(await script.text(), SCRIPT);
    assert.equal(loads, 1);
  });

  it("let nothing come from elsewhere, and no page show them", async () => {
    const { headers } = await ask("/console/");
    const policy = headers.get("content-security-policy")!;
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
  });

  it("are compressed for clients that take it", async () => {
    for (const encoding of ["gzip", "br, GZIP;q=0.5", "deflate,gzip"]) {
      const { headers } = await ask("/console/", encoding);
      assert.equal(headers.get("content-encoding"), "gzip", encoding);
    }
    const answer = await ask("/console/", "gzip");
    assert.equal(gunzipSync(await answer.bytes()).toString(), PAGE);
    for (const encoding of ["", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"]) {
      assert.equal((await ask("/console/", encoding)).headers.get("content-encoding"), null);
    }
  });

  it("are no others: 404", async () => {
    for (const file of ["none.js", "..%2f..%2fmain.ts", "__proto__", "constructor", "a/b"]) {
      await assert.rejects(ask(`/console/${file}`), (error) => {
        assert.ok(error instanceof HttpProblem);
        assert.equal(error.status, 404);
        return true;
      });
    }
  });
});
