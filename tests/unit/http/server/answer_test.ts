import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { answer, HttpProblem, json } from "../../../../src/http/server/answer.ts";

describe("answer", () => {
  it("tells its type, its length in bytes, and that it is of the moment", async () => {
    const response = json({ a: "題" });
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("content-length"), "11");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.deepEqual(await response.json(), { a: "題" });
  });

  it("is the same when it leaves in pieces", async () => {
    for (const length of [128 * 1024, 128 * 1024 + 1, 192 * 1024, 1_000_000]) {
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const long = new Uint8Array(length).map((_, i) => bytes[i % bytes.length]);
      const response = answer(long, "text/plain");
      assert.equal(response.headers.get("content-length"), `${length}`);
      assert.deepEqual(await response.bytes(), long);
    }
  });

  it("is made no faster than it is taken", async () => {
    using time = new FakeTime();
    const reader = answer(new Uint8Array(1_000_000), "text/plain").body!.getReader();
    assert.equal((await reader.read()).value!.length, 64 * 1024);
    await reader.cancel();
    assert.equal(time.next(), false);
  });

  it("ends short when it is not taken within a minute", async () => {
    using time = new FakeTime();
    const reader = answer(new Uint8Array(1_000_000), "text/plain").body!.getReader();
    await time.tickAsync(59_999);
    assert.equal((await reader.read()).done, false);
    await time.tickAsync(1);
    assert.equal((await reader.read()).done, true);
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
