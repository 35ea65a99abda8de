import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { entityTag, preconditionOf } from "../../../../src/http/server/precondition.ts";

const A = entityTag("a");
const B = entityTag("b");

/** Whether a request with these headers may change a state with tag A, one with tag B, and none. */
function allowed(headers: Record<string, string>): (boolean | undefined)[] {
  const precondition = preconditionOf(new Headers(headers));
  return [A, B, undefined].map((tag) => precondition?.(tag));
}

describe("preconditionOf", () => {
  it("is none without the headers", () => {
    assert.equal(preconditionOf(new Headers()), undefined);
  });

  it("allows the states that If-Match names, strong or weak, or any with *", () => {
    assert.deepEqual(allowed({ "if-match": A }), [true, false, false]);
    assert.deepEqual(allowed({ "if-match": `W/${A} , "x"` }), [true, false, false]);
    assert.deepEqual(allowed({ "if-match": `"x",${B}` }), [false, true, false]);
    assert.deepEqual(allowed({ "if-match": "*" }), [true, true, false]);
  });

  it("refuses the states that If-None-Match names", () => {
    assert.deepEqual(allowed({ "if-none-match": "*" }), [false, false, true]);
    assert.deepEqual(allowed({ "if-none-match": A }), [false, true, true]);
    assert.deepEqual(allowed({ "if-match": "*", "if-none-match": B }), [true, false, false]);
  });

  it("throws for what is no tag", () => {
    for (const text of ["", "abc", '"a', "*, *", `${A} ${B}`, `${A},`]) {
      assert.throws(
        () => preconditionOf(new Headers({ "if-match": text })),
        (error) => error instanceof HttpProblem && error.status === 400,
        text,
      );
    }
  });
});
