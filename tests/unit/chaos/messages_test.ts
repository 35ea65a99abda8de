import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  Disk,
  Messages,
  noteAsked,
  type Replica,
  Role,
  wantedMembers,
} from "../../chaos/messages.ts";
import { Violations } from "../../chaos/violations.ts";
import { nth } from "../../support/lists.ts";

/** A set with master 1, in which 1 and 2 are in sync, and 3 is not. */
class World {
  readonly violations = new Violations();
  readonly replicas = [1, 2, 3].map((id) => replica(id));
  readonly messages = new Messages("s", this.replicas, this.violations);

  constructor() {
    this.obey(1, 1, [1, 2]);
  }

  /** All brokers hear of a master. */
  obey(masterEpoch: number, master: number, members: readonly number[], ...ids: number[]): void {
    for (const it of this.replicas) {
      if (ids.length > 0 && !ids.includes(it.disk.brokerId ?? 0)) continue;
      const state = { setEpoch: masterEpoch, members };
      it.role = new Role(masterEpoch, master, state, it.disk.log.length);
    }
  }

  broker(id: number) {
    return nth(this.replicas, id - 1);
  }

  /** Sends a message and lets the slaves copy. Returns the number of acknowledged ones. */
  send(now = 0): number {
    this.messages.send();
    this.messages.copy(now);
    return this.messages.acknowledged;
  }
}

function replica(brokerId: number) {
  const disk = new Disk();
  disk.brokerId = brokerId;
  const it: { -readonly [K in keyof Replica]: Replica[K] } = {
    disk,
    role: undefined,
    frozen: false,
    alone: false,
  };
  return it;
}

describe("the model of messages", () => {
  it("acknowledges what all have that are in sync", () => {
    const world = new World();
    assert.equal(world.send(), 1);
    world.broker(3).alone = true;
    assert.equal(world.send(), 2, "3 is not in sync");
    world.broker(2).alone = true;
    assert.equal(world.send(), 2, "2 is in sync, and cut off");
    world.broker(2).alone = false;
    assert.equal(world.send(), 4);
  });

  it("counts acknowledged messages that a new master does not have", () => {
    const world = new World();
    world.broker(3).alone = true;
    world.send();
    world.messages.tookOver(world.broker(2));
    assert.equal(world.violations.found.length, 0);
    world.messages.tookOver(world.broker(3));
    assert.match(world.violations.found[0]?.what ?? "", /s: 1 of 1 acknowledged messages are lost/);
  });

  it("counts none of a later epoch, when a frozen broker hears of its election late", () => {
    const world = new World();
    world.send();
    world.broker(2).alone = true;
    world.obey(3, 1, [1, 3], 1, 3);
    assert.equal(world.send(), 2);
    world.obey(2, 2, [2], 2);
    world.messages.tookOver(world.broker(2));
    assert.equal(world.violations.found.length, 0);
    assert.equal(world.messages.missing(world.broker(2)), 1);
  });

  it("cuts what the new master does not have from the log of the old one", () => {
    const world = new World();
    world.broker(2).alone = world.broker(3).alone = true;
    assert.equal(world.send(), 0);
    world.broker(2).alone = world.broker(3).alone = false;
    world.obey(2, 2, [2]);
    assert.equal(world.send(), 1);
    assert.deepEqual(world.broker(1).disk.log, world.broker(2).disk.log);
  });

  it("acknowledges nothing by a master whose slaves follow another", () => {
    const world = new World();
    world.send();
    world.obey(2, 2, [2], 2, 3);
    world.broker(2).frozen = true;
    assert.equal(world.send(), 1);
  });

  it("asks for slaves in sync that have caught up, and for those to go that are gone or lag", () => {
    const world = new World();
    world.send();
    assert.deepEqual(wantedMembers(world.broker(1), 0), [1, 2, 3]);
    assert.equal(wantedMembers(world.broker(2), 0), undefined, "a slave asks for nothing");
    world.broker(2).alone = true;
    world.send();
    assert.deepEqual(wantedMembers(world.broker(1), 0), [1, 3]);
    world.broker(3).frozen = true;
    world.send(2000);
    assert.deepEqual(wantedMembers(world.broker(1), 2000), [1]);
  });

  it("waits for a slave that may have come in sync by a request without an answer", () => {
    const world = new World();
    world.send();
    noteAsked(world.broker(1), [1, 2, 3]);
    world.broker(3).alone = true;
    assert.equal(world.send(), 1);
    world.broker(1).role!.setEpoch++;
    assert.equal(world.send(), 3);
  });
});
