import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { EventRing } from "../../../src/watch/event_ring.ts";
import type { ChangeEvent } from "../../../src/watch/events.ts";

const event = (topic: string): ChangeEvent => ({
  name: "topicRemoved",
  subject: { cluster: "C", brokerName: "b", topic },
  readers: [],
  fields: { extra: "line\nbreak" },
});

describe("EventRing", () => {
  it("encodes events with their ids, a line of JSON each", () => {
    const ring = new EventRing("gen", () => 1e6);
    ring.append(event("T"), 0);
    assert.equal(
      new TextDecoder().decode(ring.get(1)!.bytes),
      "event: topicRemoved\nid: gen-1\n" +
        'data: {"time":"1970-01-01T00:00:00.000Z","cluster":"C","brokerName":"b","topic":"T",' +
        '"extra":"line\\nbreak"}\n\n',
    );
  });

  it("knows its own ids only", () => {
    const ring = new EventRing("gen", () => 1e6);
    ring.append(event("T"), 0);
    assert.deepEqual([ring.numberOf("gen-0"), ring.numberOf("gen-1")], [0, 1]);
    for (const id of ["", "gen", "gen-", "gen-2", "gen-x", "gen--1", "other-1", "gen-1 "]) {
      assert.equal(ring.numberOf(id), undefined, id);
    }
  });

  it("forgets the oldest events over its bytes, and never the latest", () => {
    let max = 10_000;
    const ring = new EventRing("gen", () => max);
    for (let i = 1; i <= 5000; i++) {
      ring.append(event(`T${i}`), 0);
      assert.ok(ring.heldBytes <= max);
    }
    assert.equal(ring.last, 5000);
    assert.ok(ring.size > 10 && ring.size < 25, `${ring.size}`);
    const oldest = ring.last - ring.size + 1;
    assert.deepEqual([ring.holdsAfter(oldest - 2), ring.holdsAfter(oldest - 1)], [false, true]);
    assert.equal(ring.get(oldest - 1), undefined);
    for (let i = oldest; i <= 5000; i++) assert.equal(ring.get(i)?.event.subject.topic, `T${i}`);
    const bytes = ring.get(5000)!.bytes.length;
    assert.equal(ring.end - ring.get(4999)!.end, bytes);
    max = 1;
    ring.append(event("last"), 0);
    assert.deepEqual([ring.size, ring.get(5001)?.event.subject.topic], [1, "last"]);
    assert.ok(ring.heldBytes > bytes && ring.heldBytes < 2000, `${ring.heldBytes}`);
  });
});
