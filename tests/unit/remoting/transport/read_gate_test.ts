import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { nextTick } from "node:process";
import { type Beat, ReadGate } from "../../../../src/remoting/transport/read_gate.ts";

/** A beat that the test makes. */
class ManualBeat implements Beat {
  ready = true;
  waiting: PromiseWithResolvers<void> | undefined;

  next(): Promise<void> {
    this.waiting = Promise.withResolvers();
    return this.waiting.promise;
  }
}

describe("ReadGate", () => {
  let beat: ManualBeat;
  let gate: ReadGate;
  /** The readers that were let in, in order. */
  let reads: number[];

  beforeEach(() => {
    beat = new ManualBeat();
    gate = new ReadGate(beat);
    reads = [];
  });

  /** So many reads complete in one tick, and their readers, from a number on, want to read again. */
  async function serve(count: number, from = 0, bulky = false): Promise<void> {
    const issuedIn = gate.tick - 1;
    for (let id = from; id < from + count; id++) {
      gate.completed(issuedIn);
      gate.admit({ bulky, read: () => void reads.push(id) });
    }
    await tickEnd();
  }

  function tickEnd(): Promise<void> {
    return new Promise((resolve) => nextTick(resolve));
  }

  async function makeBeat(): Promise<void> {
    beat.waiting!.resolve();
    await tickEnd();
  }

  function range(from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, i) => from + i);
  }

  it("lets everyone read at once while few are served in a tick", async () => {
    for (let tick = 0; tick < 3; tick++) {
      reads = [];
      await serve(99);
      assert.deepEqual(reads, range(0, 99));
    }
    assert.equal(beat.waiting, undefined);
  });

  it("holds back those that were served while many others were put off", async () => {
    await serve(128);
    // Those were let in before it was known.
    assert.deepEqual(reads, range(0, 64));
    await serve(128, 128);
    await makeBeat();
    assert.deepEqual(
      reads,
      range(0, 72),
      "more than the limit since the last beat: only a few read",
    );
    await makeBeat();
    assert.deepEqual(reads, range(0, 132), "nothing was put off: the first of the queue read");
    for (let beats = 0; beats < 3; beats++) await makeBeat();
    assert.deepEqual(reads, range(0, 256));
  });

  it("lets fewer in where others were served meanwhile, but always some", async () => {
    await serve(300);
    await makeBeat();
    reads = [];
    await serve(99, 300);
    await makeBeat();
    assert.equal(reads.length, 10);
  });

  it("lets those that move many bytes in after the others, but always some", async () => {
    await serve(300);
    await makeBeat();
    await serve(200, 1000, true);
    await serve(300, 2000);
    reads = [];
    await makeBeat();
    assert.deepEqual(reads, [...range(124, 132), ...range(1000, 1008)]);
  });

  it("does not count reads that found their data at once", async () => {
    for (let id = 0; id < 1000; id++) {
      gate.completed(gate.tick);
      gate.admit({ bulky: false, read: () => void reads.push(id) });
    }
    await tickEnd();
    assert.equal(reads.length, 1000);
    assert.equal(beat.waiting, undefined);
  });

  it("lets everyone read when the beat breaks", async () => {
    await serve(200);
    beat.ready = false;
    beat.waiting!.reject(new Error("closed"));
    await tickEnd();
    assert.deepEqual(reads, range(0, 200));
    beat.waiting = undefined;
    await serve(200, 200);
    assert.deepEqual(reads, range(0, 400));
    assert.equal(beat.waiting, undefined);
  });

  it("lets a reader that is deferred read after all that wait", async () => {
    gate.defer({ bulky: false, read: () => void reads.push(1000) });
    await serve(70);
    assert.deepEqual(reads.slice(-7), [1000, 64, 65, 66, 67, 68, 69]);
  });
});
