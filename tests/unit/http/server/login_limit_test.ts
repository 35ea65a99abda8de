import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { LoginLimit } from "../../../../src/http/server/login_limit.ts";

describe("LoginLimit", () => {
  it("limits the attempts of each address in a minute, and says how long to wait", () => {
    let now = 0;
    let most = 2;
    const limit = new LoginLimit(() => most, () => now);
    const attempts = (address: string) => [1, 2, 3].map(() => limit.attempt(address));
    assert.deepEqual(attempts("10.0.0.1"), [undefined, undefined, 60]);
    assert.deepEqual(attempts("10.0.0.2"), [undefined, undefined, 60]);
    now = 59_500;
    assert.equal(limit.attempt("10.0.0.1"), 1);
    most = 3;
    assert.equal(limit.attempt("10.0.0.1"), undefined);
    now = 60_000;
    assert.equal(limit.attempt("10.0.0.1"), undefined);
  });

  it("forgets the first of ten thousand addresses", () => {
    const limit = new LoginLimit(() => 1, () => 0);
    for (let i = 0; i <= 10_000; i++) assert.equal(limit.attempt(`${i}`), undefined);
    assert.equal(limit.attempt("10000"), 60);
    assert.equal(limit.attempt("0"), undefined);
  });
});
