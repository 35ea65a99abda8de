import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { isSameOrigin } from "../../../../src/http/server/origin.ts";
import { httpRequest } from "../../../support/fake_http_listener.ts";

const of = (headers: Record<string, string>, url = "http://ns.example:9890/x") =>
  isSameOrigin(httpRequest("POST", url, headers));

describe("isSameOrigin", () => {
  it("compares the Origin with the host of the request, also behind a proxy with TLS", () => {
    assert.equal(of({ origin: "http://ns.example:9890" }), true);
    assert.equal(of({ origin: "https://NS.example:9890" }), true);
    assert.equal(of({ origin: "https://ns.example" }, "http://ns.example/x"), true);
    const foreign = ["http://ns.example", "http://ns.example:9891", "http://evil.example:9890"];
    for (
      const origin of [...foreign, "null", "", "file://", "http://ns.example:9890.evil.example"]
    ) {
      assert.equal(of({ origin }), false, origin);
    }
  });

  it("believes Sec-Fetch-Site first, which a page can't set", () => {
    assert.equal(of({ "sec-fetch-site": "same-origin", origin: "https://outside.example" }), true);
    for (const site of ["same-site", "cross-site", "none", ""]) {
      assert.equal(of({ "sec-fetch-site": site, origin: "http://ns.example:9890" }), false, site);
    }
  });

  it("does not know it of clients that are no browsers", () => {
    assert.equal(of({}), undefined);
  });
});
