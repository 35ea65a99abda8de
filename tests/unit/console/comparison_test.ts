import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Difference, findingsOf } from "../../../src/console/comparison.ts";

function missing(kind: Difference["kind"], ...path: string[]): Difference {
  return { kind, path, left: "here", right: null };
}

describe("the findings of a comparison", () => {
  it("name a broker that one server lacks, and not its members and queues again", () => {
    const findings = findingsOf([
      missing("broker", "broker-a"),
      missing("address", "broker-a", "0"),
      missing("topic", "Orders"),
      missing("queues", "Orders", "broker-a"),
      missing("queues", "Payments", "broker-a"),
    ]);
    assert.deepEqual(findings, [
      { about: "brokerLacking", lacking: "right", names: ["broker-a"] },
      { about: "topicLacking", lacking: "right", names: ["Orders"] },
      { about: "queuesLacking", lacking: "right", names: ["Payments"] },
    ]);
  });

  it("tell which side lacks something, and what both have differently", () => {
    const findings = findingsOf([
      { kind: "topic", path: ["Orders"], left: null, right: "present" },
      { kind: "address", path: ["broker-a", "0"], left: "10.0.0.1:1", right: "10.0.0.2:1" },
      { kind: "queues", path: ["Payments", "broker-a"], left: "rw", right: "r-" },
      { kind: "static queues", path: ["Payments", "broker-a"], left: "0:0", right: null },
      { kind: "kv", path: ["n", "k"], left: "1", right: "2" },
      { kind: "kv", path: ["n", "l"], left: null, right: "2" },
    ]);
    assert.deepEqual(findings, [
      { about: "topicLacking", lacking: "left", names: ["Orders"] },
      { about: "memberDiffers", lacking: undefined, names: ["broker-a"] },
      { about: "queuesDiffer", lacking: undefined, names: ["Payments"] },
      { about: "kvLacking", lacking: "left", names: ["n l"] },
      { about: "kvDiffers", lacking: undefined, names: ["n k"] },
    ]);
  });
});
