import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { OLDEST_DENO, refuseOldDeno } from "../../../src/cli/deno_version.ts";

describe("the oldest Deno", () => {
  it("is the one that .deno-version pins, which runs the tests", async () => {
    const pinned = await Deno.readTextFile(new URL("../../../.deno-version", import.meta.url));
    assert.equal(OLDEST_DENO, pinned.trim());
    assert.equal(refuseOldDeno(OLDEST_DENO), undefined);
    assert.equal(refuseOldDeno(Deno.version.deno), undefined);
  });

  it("is compared by its three numbers", () => {
    const [major, minor, patch] = OLDEST_DENO.split(".").map(Number) as [number, number, number];
    for (
      const version of [
        `${major}.${minor}.${patch + 1}`,
        `${major}.${minor + 1}.0`,
        `${major + 1}.0.0`,
        `${major}.${minor}.${patch}+abc1234`,
      ]
    ) assert.equal(refuseOldDeno(version), undefined, version);
    for (const version of ["1.46.3", "2.2.0", `${major}.${minor - 1}.99`]) {
      assert.equal(
        refuseOldDeno(version),
        `rocketmq-namesrv needs Deno ${OLDEST_DENO} or newer, and this is Deno ${version}`,
      );
    }
  });
});
