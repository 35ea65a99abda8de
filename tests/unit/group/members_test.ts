import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Members } from "../../../src/group/members.ts";

describe("Members", () => {
  function members(namesrvAddrs: string, advertisedAddress = "", bindAddress = "0.0.0.0") {
    const options = { namesrvAddrs, advertisedAddress, bindAddress };
    return new Members(options, () => 9876).list("10.0.0.1");
  }

  it("are this server alone without namesrvAddrs", () => {
    assert.deepEqual(members(""), [{ address: "10.0.0.1:9876", self: true }]);
    assert.deepEqual(members("", "ns-a"), [{ address: "ns-a:9876", self: true }]);
  });

  it("are those of namesrvAddrs, of which one may be this server", () => {
    assert.deepEqual(members("NS-A;ns-b:1", "ns-a"), [
      { address: "NS-A:9876", self: true },
      { address: "ns-b:1", self: false },
    ]);
    assert.deepEqual(members("10.0.0.2;10.0.0.1").map(({ self }) => self), [false, true]);
    assert.deepEqual(members("10.0.0.1;10.0.0.2", "", "10.0.0.2").map(({ self }) => self), [
      true,
      true,
    ]);
  });

  it("begin with this server when namesrvAddrs does not name it", () => {
    assert.deepEqual(members("ns-b"), [
      { address: "10.0.0.1:9876", self: true },
      { address: "ns-b:9876", self: false },
    ]);
  });
});
