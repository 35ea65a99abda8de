import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { faultOf, formatOrderConfig, parseOrderConfig } from "../../../src/console/order_config.ts";

describe("the order configuration of a topic", () => {
  it("is read and written as brokers with their queues", () => {
    const parts = [{ broker: "broker-a", queues: 8 }, { broker: "__proto__", queues: 16 }];
    assert.deepEqual(parseOrderConfig("broker-a:8;__proto__:16"), parts);
    assert.equal(formatOrderConfig(parts), "broker-a:8;__proto__:16");
    assert.deepEqual(parseOrderConfig("broker-a:8;"), [{ broker: "broker-a", queues: 8 }]);
    assert.deepEqual(parseOrderConfig(""), []);
  });

  for (const text of ["broker-a", "broker-a:", ":8", "broker-a:eight", "a:8:9", "a:-1", "a:1e3"]) {
    it(`is unreadable as "${text}"`, () => assert.equal(parseOrderConfig(text), undefined));
  }

  it("needs brokers without separators in their names, each once, and whole numbers", () => {
    const part = { broker: "broker-a", queues: 8 };
    assert.equal(faultOf([part]), undefined);
    assert.equal(faultOf([]), "none");
    assert.equal(faultOf([{ broker: "", queues: 8 }]), "broker");
    assert.equal(faultOf([{ broker: "a;b", queues: 8 }]), "broker");
    assert.equal(faultOf([{ ...part, queues: NaN }]), "queues");
    assert.equal(faultOf([{ ...part, queues: 0 }]), "queues");
    assert.equal(faultOf([{ ...part, queues: 1.5 }]), "queues");
    assert.equal(faultOf([part, part]), "twice");
  });
});
