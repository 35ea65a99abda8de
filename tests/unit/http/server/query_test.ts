import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { Query } from "../../../../src/http/server/query.ts";

const KNOWN = ["limit", "after", "all"];
const query = (text: string) => new Query(new URLSearchParams(text), KNOWN);

function assertProblem(run: () => unknown, parameter: string, detail: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof HttpProblem);
    assert.deepEqual([error.status, error.parameter], [400, parameter]);
    assert.match(error.message, detail);
    return true;
  });
}

describe("Query", () => {
  it("reads what is there", () => {
    const read = query("limit=12&after=a%2Fb+c&all=true");
    assert.equal(read.int("limit", 1, 100), 12);
    assert.equal(read.text("after"), "a/b c");
    assert.equal(read.flag("all"), true);
    assert.equal(read.parsed("limit", (text) => text + "!", "anything"), "12!");
    assert.equal(query("all=false").flag("all"), false);
    assert.equal(query("after=").text("after"), "");
  });

  it("reads nothing where nothing is", () => {
    const read = query("");
    assert.equal(read.int("limit", 1, 100), undefined);
    assert.equal(read.text("after"), undefined);
    assert.equal(read.flag("all"), undefined);
    assert.equal(read.parsed("limit", () => 1, "anything"), undefined);
  });

  it("names a parameter that is not known, and the nearest", () => {
    assertProblem(() => query("limt=1"), "limt", /^limt: no such parameter; did you mean limit\?$/);
    assertProblem(() => query("__proto__=1"), "__proto__", /no such parameter; there are .*limit/);
    assertProblem(() => new Query(new URLSearchParams("a=1"), []), "a", /no parameter is known/);
    assertProblem(
      () => query(`${"x".repeat(50_000)}=1`),
      "x".repeat(2048),
      /^x{100}: no such parameter/,
    );
  });

  it("names a parameter that is given twice", () => {
    assertProblem(() => query("limit=1&limit=1"), "limit", /must be given once/);
  });

  for (const text of ["0", "101", "-1", "1.5", "1e1", "", " 1", "0x1", "9".repeat(30), "NaN"]) {
    it(`refuses limit=${text}`, () => {
      const read = query(`limit=${text}`);
      assertProblem(() => read.int("limit", 1, 100), "limit", /a whole number from 1 to 100$/);
    });
  }

  it("refuses other values that are not allowed", () => {
    assertProblem(() => query("all=yes").flag("all"), "all", /true or false/);
    assertProblem(() => query("after=x").parsed("after", () => undefined, "y"), "after", /be y$/);
    const long = query(`after=${"x".repeat(2049)}`);
    assertProblem(() => long.text("after"), "after", /at most 2048 characters/);
    assertProblem(() => long.parsed("after", () => 1, "y"), "after", /at most 2048/);
  });
});
