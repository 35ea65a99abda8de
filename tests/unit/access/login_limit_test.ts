import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { LoginLimit } from "../../../src/access/login_limit.ts";

/** Seconds to wait; otherwise the attempt is counted. */
function attempt(limit: LoginLimit, client: string): number | undefined {
  const wait = limit.wait(client);
  if (wait === undefined) limit.count(client);
  return wait;
}

describe("LoginLimit", () => {
  it("limits the attempts of each address in a minute, and says how long to wait", () => {
    let now = 0;
    let most = 2;
    const limit = new LoginLimit(() => most, () => now);
    const attempts = (ip: string) => [1, 2, 3].map((port) => attempt(limit, `${ip}:${port}`));
    assert.deepEqual(attempts("10.0.0.1"), [undefined, undefined, 60]);
    assert.deepEqual(attempts("10.0.0.2"), [undefined, undefined, 60]);
    now = 59_500;
    assert.equal(attempt(limit, "10.0.0.1:1"), 1);
    most = 3;
    assert.equal(attempt(limit, "10.0.0.1:1"), undefined);
    assert.equal(attempt(limit, "10.0.0.1:1"), 1);
    now = 60_000;
    assert.equal(attempt(limit, "10.0.0.1:1"), undefined);
  });

  it("counts the addresses of an IPv6 /64 as one", () => {
    const limit = new LoginLimit(() => 1, () => 0);
    assert.equal(attempt(limit, "[2001:db8:0:1::1]:5"), undefined);
    assert.equal(attempt(limit, "[2001:db8:0:1::2]:6"), 60);
    assert.equal(attempt(limit, "[2001:db8:0:2::1]:5"), undefined);
  });

  it("forgets the first of ten thousand addresses", () => {
    const limit = new LoginLimit(() => 1, () => 0);
    const clientOf = (i: number) => `10.0.${i >> 8}.${i & 255}:1`;
    for (let i = 0; i <= 10_000; i++) assert.equal(attempt(limit, clientOf(i)), undefined);
    assert.equal(attempt(limit, clientOf(10_000)), 60);
    assert.equal(attempt(limit, clientOf(0)), undefined);
  });
});
