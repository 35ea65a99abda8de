import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { WorkSlice } from "../../src/work_slice.ts";

/** A slice whose clock and turns are moved by the test. */
class World {
  now = 0;
  readonly turns: (() => void)[] = [];
  readonly slice = new WorkSlice((task) => void this.turns.push(task), () => this.now);

  /** Works for some milliseconds. */
  work(ms: number): void {
    this.slice.run(() => void (this.now += ms));
  }

  /** Lets the network have its turn, and those that wait go on. */
  async turn(): Promise<void> {
    this.turns.shift()?.();
    for (let hops = 0; hops < 20; hops++) await Promise.resolve();
  }
}

describe("WorkSlice", () => {
  it("adds up the work of all, until the network has had a turn", async () => {
    const world = new World();
    world.work(3);
    assert.equal(world.slice.over, false);
    world.work(1);
    assert.equal(world.slice.over, true);
    let ran = false;
    world.slice.afterTurn(() => (ran = true));
    assert.equal(ran, false);
    await world.turn();
    assert.deepEqual([ran, world.slice.over], [true, false]);
  });

  it("forgets work that was done before a pause", () => {
    const world = new World();
    world.work(3);
    world.now += 5;
    world.work(3);
    assert.equal(world.slice.over, false);
  });

  it("requests one turn for all, and keeps their order when the slice is over before their end", async () => {
    const world = new World();
    const ran: string[] = [];
    const task = (name: string) => () => {
      ran.push(name);
      world.work(4);
    };
    world.work(4);
    for (const name of ["a", "b", "c"] as const) world.slice.afterTurn(task(name));
    assert.equal(world.turns.length, 1);
    await world.turn();
    assert.deepEqual(ran, ["a"]);
    world.slice.afterTurn(task("d"));
    for (let i = 0; i < 3; i++) await world.turn();
    assert.deepEqual(ran, ["a", "b", "c", "d"]);
    assert.equal(world.turns.length, 0);
  });

  it("lets those that wait for a promise on one by one, until their work fills the slice", async () => {
    const world = new World();
    world.work(4);
    const ran: string[] = [];
    for (const name of ["a", "b", "c"]) {
      world.slice.turn().then(() => {
        ran.push(name);
        world.work(3);
      });
    }
    await world.turn();
    assert.deepEqual(ran, ["a", "b"]);
    await world.turn();
    assert.deepEqual(ran, ["a", "b", "c"]);
  });

  it("drives a generator to its value, with turns between", async () => {
    const world = new World();
    const steps = function* () {
      for (let i = 0; i < 3; i++) {
        world.now += 4;
        yield;
      }
      return "done";
    };
    const driven = world.slice.drive(steps());
    let turns = 0;
    for (; turns < 3; turns++) {
      await Promise.resolve();
      assert.equal(world.turns.length, 1, `turn ${turns}`);
      await world.turn();
    }
    assert.equal(await driven, "done");
    assert.equal(world.turns.length, 0);
  });

  it("lets the network have a turn earlier where that is asked for", async () => {
    const world = new World();
    const steps = function* () {
      for (let i = 0; i < 6; i++) {
        world.now += 0.25;
        yield;
      }
    };
    const driven = world.slice.drive(steps(), 0.5);
    for (let turns = 0; turns < 3; turns++) {
      assert.deepEqual([world.now, world.turns.length], [0.5 * (turns + 1), 1]);
      await world.turn();
    }
    await driven;
    assert.equal(world.turns.length, 0);
  });

  it("counts work that throws", () => {
    const world = new World();
    assert.throws(() =>
      world.slice.run(() => {
        world.now += 4;
        throw new Error("no");
      })
    );
    assert.equal(world.slice.over, true);
  });
});
