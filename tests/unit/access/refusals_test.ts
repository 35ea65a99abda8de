import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Decision } from "../../../src/access/decision.ts";
import { Refusals } from "../../../src/access/refusals.ts";

const read = (topic: string) => ({ permission: "route:read", names: [topic] } as const);
const by = (account?: string, reason: Decision["reason"] = "no_grant"): Decision => ({
  allowed: false,
  authenticated: "no",
  account,
  reason,
});

describe("Refusals", () => {
  it("counts by sender, permission and resource, the latest first", () => {
    const refusals = new Refusals(() => 100);
    refusals.add(read("T"), by("?AK"), "10.0.0.1", 1);
    refusals.add(read("U"), by(undefined, "unsigned"), "10.0.0.1", 2);
    refusals.add(read("U"), by("?made-up", "unknown_account"), "10.0.0.9", 3);
    refusals.add(read("T"), by("?AK", "bad_signature"), "10.0.0.1", 4);
    const common = { permission: "route:read" };
    assert.deepEqual(refusals.rows(), [
      {
        ...common,
        who: "?AK",
        resource: "T",
        reason: "bad_signature",
        count: 2,
        first: 1,
        last: 4,
      },
      {
        ...common,
        who: "10.0.0.0/24",
        resource: "U",
        reason: "unknown_account",
        count: 2,
        first: 2,
        last: 3,
      },
    ]);
  });

  it("holds so many rows, and none can push out the others'", () => {
    const refusals = new Refusals(() => 100);
    refusals.add(read("T"), by("AK-victim"), "10.0.0.1", 1);
    for (let i = 0; i < 1000; i++) {
      refusals.add(read(`T${i}`), by(`?AK-${i}`, "unknown_account"), "10.9.0.1", 2);
    }
    assert.equal(refusals.rows().length, 12);
    assert.equal(refusals.rows()[0]!.resource, "(others)");
    assert.equal(refusals.rows()[0]!.count, 990);
    assert.equal(refusals.rows().at(-1)!.who, "AK-victim");
    for (let i = 0; i < 200; i++) refusals.add(read("T"), by(`AK-${i}`), "10.9.0.1", 3);
    assert.equal(refusals.rows().length, 100);
    assert.equal(refusals.forgotten, 112);
  });
});
