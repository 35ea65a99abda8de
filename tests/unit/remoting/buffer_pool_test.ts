import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BufferPool } from "../../../src/remoting/buffer_pool.ts";
import { FrameDecoder } from "../../../src/remoting/wire/frame_decoder.ts";
import { ByteBudget } from "../../../src/remoting/memory_budget.ts";
import { utf8 } from "../../support/bytes.ts";
import { frame } from "../../support/frames.ts";

const MIB = 1 << 20;

describe("BufferPool", () => {
  it("gives back what is large enough, once", () => {
    const pool = new BufferPool();
    const [small, large] = [new Uint8Array(100_000), new Uint8Array(300_000)];
    pool.give(small);
    pool.give(large);
    assert.equal(pool.take(400_000), undefined);
    assert.equal(pool.take(200_000), large);
    assert.equal(pool.take(200_000), undefined);
    assert.equal(pool.take(100_000), small);
    assert.equal(pool.take(70_000), undefined);
  });

  it("keeps neither small buffers nor more than eight mebibytes", () => {
    const pool = new BufferPool();
    pool.give(new Uint8Array(1000));
    assert.equal(pool.take(10), undefined);
    for (let i = 0; i < 10; i++) pool.give(new Uint8Array(2 * MIB));
    pool.give(new Uint8Array(64 * MIB));
    let count = 0;
    while (count < 10 && pool.take(MIB) !== undefined) count++;
    assert.equal(count, 4);
  });
});

describe("BufferPool of a server", () => {
  it("has room for the largest frame", () => {
    const largest = 16 * MIB + 4;
    const buffer = new Uint8Array(largest);
    const small = new BufferPool();
    small.give(buffer);
    assert.equal(small.take(largest), undefined);
    const pool = new BufferPool(undefined, largest);
    pool.give(buffer);
    assert.equal(pool.take(largest), buffer);
  });
});

describe("BufferPool that is full", () => {
  it("lets a large buffer push out smaller ones, and not the other way round", () => {
    const pool = new BufferPool();
    for (let i = 0; i < 200; i++) pool.give(new Uint8Array(65_536));
    const large = new Uint8Array(4 * MIB);
    pool.give(large);
    for (let i = 0; i < 200; i++) pool.give(new Uint8Array(65_536));
    assert.equal(pool.take(2 * MIB), large);
    let count = 0;
    while (count < 200 && pool.take(65_536) !== undefined) count++;
    assert.equal(count, 64);
  });

  it("gives the smallest that is large enough", () => {
    const pool = new BufferPool();
    for (const size of [300_000, 100_000, 200_000]) pool.give(new Uint8Array(size));
    assert.equal(pool.take(90_000)?.length, 100_000);
    assert.equal(pool.take(90_000)?.length, 200_000);
  });
});

describe("FrameDecoder with a pool", () => {
  const body = (fill: number) => new Uint8Array(300_000).fill(fill);

  /** Cuts a frame out of a stream that arrives in pieces, as from a socket. */
  function receive(decoder: FrameDecoder, bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 65_536) {
      const chunk = bytes.slice(at, at + 65_536);
      decoder.push(chunk);
      const got = decoder.next();
      decoder.keep();
      chunk.fill(0xee);
      if (got !== undefined) return got;
    }
    throw new Error("no frame came");
  }

  it("uses the buffer of a frame that is done with, and none that is in use", () => {
    const pool = new BufferPool();
    const budget = new ByteBudget(() => 10 * MIB);
    const decoders = [1, 2].map(() => new FrameDecoder(MIB, budget, pool));
    const first = receive(decoders[0]!, frame(utf8("{}"), body(1)));
    const second = receive(decoders[1]!, frame(utf8("{}"), body(2)));
    assert.notEqual(first.bytes.buffer, second.bytes.buffer);
    pool.give(first.bytes);
    const third = receive(decoders[1]!, frame(utf8("{}"), body(3)));
    assert.equal(third.bytes.buffer, first.bytes.buffer);
    assert.deepEqual(third.body, body(3));
    assert.deepEqual(second.body, body(2));
    assert.ok(third.owned);
    assert.equal(budget.used, 0);
  });

  it("takes the whole of a spare buffer from the budget while a frame comes", () => {
    const pool = new BufferPool();
    const budget = new ByteBudget(() => MIB);
    pool.give(new Uint8Array(2 * MIB));
    const decoder = new FrameDecoder(MIB, budget, pool);
    const bytes = frame(utf8("{}"), body(1));
    assert.throws(() => receive(decoder, bytes), /no memory left/);
    decoder.release();
    assert.equal(budget.used, 0);
  });
});
