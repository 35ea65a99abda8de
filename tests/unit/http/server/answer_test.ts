import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpProblem, json } from "../../../../src/http/server/answer.ts";

describe("answer", () => {
  it("tells its type, its length in bytes, and that it is of the moment", async () => {
    const response = json({ a: "題" });
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("content-length"), "11");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.deepEqual(await response.json(), { a: "題" });
  });
});

describe("HttpProblem", () => {
  it("is sent as problem details, without absent members", async () => {
    const response = new HttpProblem(503, "busy", { headers: { "retry-after": "1" } }).toResponse();
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "1"]);
    assert.deepEqual(await response.json(), {
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
      detail: "busy",
    });
  });
});
