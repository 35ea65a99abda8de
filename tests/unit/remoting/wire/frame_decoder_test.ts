import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FrameError } from "../../../../src/remoting/wire/command.ts";
import { FrameDecoder, MemoryShortage } from "../../../../src/remoting/wire/frame_decoder.ts";
import { ByteBudget } from "../../../../src/remoting/memory_budget.ts";
import { concat, hex, int32, utf8 } from "../../../support/bytes.ts";
import { BINARY_REGISTER, PUT_KV } from "../../../support/recorded_frames.ts";
import { cutFrames, frame, type SeenFrame } from "../../../support/frames.ts";

const MAX_LENGTH = 16_777_216;
const FRAMES = [
  frame(new Uint8Array(0)),
  frame(utf8('{"code":1}')),
  frame(utf8('{"code":2}'), utf8("body")),
  frame(new Uint8Array(0), utf8("no header"), 1),
  BINARY_REGISTER,
  PUT_KV,
  frame(utf8("{}"), new Uint8Array(300).fill(7)),
];
const STREAM = concat(...FRAMES);
const SEEN = cutFrames(STREAM);

function budgetOf(limit: number): ByteBudget {
  return new ByteBudget(() => limit);
}

/** Takes all available frames like a connection: frames that are not owned are copied at once. */
function take(decoder: FrameDecoder): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
    const { serializeType, header, body, owned } = next;
    frames.push(
      owned ? { serializeType, header, body } : {
        serializeType,
        header: header.slice(),
        body: body.slice(),
      },
    );
  }
  return frames;
}

/** Pushes chunks from one buffer, which is reused for each, as a transport does. */
function decode(chunks: Uint8Array[], decoder = new FrameDecoder(MAX_LENGTH, budgetOf(1 << 20))) {
  const frames: SeenFrame[] = [];
  const buffer = new Uint8Array(Math.max(...chunks.map((chunk) => chunk.length)));
  for (const chunk of chunks) {
    buffer.set(chunk);
    decoder.push(buffer.subarray(0, chunk.length));
    frames.push(...take(decoder));
    decoder.keep();
    buffer.fill(0xff);
  }
  return frames;
}

function refuses(bytes: Uint8Array, message: RegExp, maxLength = MAX_LENGTH): void {
  // As a whole, and byte by byte.
  for (const size of [bytes.length, 1]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assert.throws(
      () => decode(chunks, new FrameDecoder(maxLength, budgetOf(1 << 20))),
      (error: Error) => error instanceof FrameError && message.test(error.message),
    );
  }
}

describe("FrameDecoder", () => {
  it("cuts glued frames", () => {
    assert.deepEqual(decode([STREAM]), SEEN);
  });

  it("cuts a stream that was cut at any byte", () => {
    for (let at = 0; at <= STREAM.length; at++) {
      assert.deepEqual(decode([STREAM.subarray(0, at), STREAM.subarray(at)]), SEEN, `${at}`);
    }
  });

  it("cuts a stream that comes byte by byte, or in other small pieces", () => {
    for (const size of [1, 2, 3, 7, 8, 9, 64, 1023, 1024, 1025]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < STREAM.length; at += size) chunks.push(STREAM.subarray(at, at + size));
      assert.deepEqual(decode(chunks), SEEN, `${size}`);
    }
  });

  it("cuts a frame of the largest length, and refuses a longer one", () => {
    const body = new Uint8Array(MAX_LENGTH - 4).fill(1);
    body[body.length - 1] = 2;
    const large = frame(new Uint8Array(0), body);
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(64 << 20));
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < large.length; at += 65_536) chunks.push(large.subarray(at, at + 65_536));
    const [seen] = decode(chunks, decoder);
    assert.ok(seen!.body.every((byte, i) => byte === body[i]));
    refuses(int32(MAX_LENGTH + 1), /16777217.*frameMaxLength/);
  });

  it("refuses lengths that no frame has, as soon as they are there", () => {
    for (const length of [0, 1, 2, 3, -1, -2147483648, 2147483647]) {
      refuses(int32(length), /length/);
      refuses(concat(int32(length), hex("00000000")), /length/);
    }
    refuses(int32(101), /not between 4 and 100/, 100);
    assert.deepEqual(decode([int32(100)], new FrameDecoder(100, budgetOf(1 << 20))), []);
  });

  it("refuses such a length behind good frames, which it gives first", () => {
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(1 << 20));
    decoder.push(concat(FRAMES[1]!, FRAMES[2]!, int32(3)));
    assert.ok(decoder.next());
    assert.ok(decoder.next());
    assert.throws(() => decoder.next(), FrameError);
  });

  it("refuses a header that is longer than its frame", () => {
    refuses(hex("00000004 00000001"), /header of 1 bytes/);
    refuses(concat(int32(20), int32(17), new Uint8Array(16)), /header of 17 bytes/);
    refuses(hex("00000010 00ffffff"), /header of 16777215 bytes/);
  });

  it("refuses an unknown serializeType", () => {
    for (const type of [2, 3, 127, 128, 255]) {
      refuses(
        concat(int32(4), new Uint8Array([type, 0, 0, 0])),
        new RegExp(`serializeType ${type}`),
      );
    }
  });

  it("gives frames that wait, after a pause, in order", () => {
    // A paused connection takes a few frames and keeps the rest.
    const budget = budgetOf(1 << 20);
    const decoder = new FrameDecoder(MAX_LENGTH, budget);
    const buffer = STREAM.slice();
    decoder.push(buffer.subarray(0, STREAM.length - 5));
    const first = decoder.next()!;
    assert.deepEqual(first.header, SEEN[0]!.header);
    decoder.keep();
    buffer.fill(0xff);
    const waiting = take(decoder);
    assert.deepEqual(waiting, SEEN.slice(1, -1));
    // The last one is incomplete.
    decoder.push(STREAM.subarray(STREAM.length - 5));
    assert.deepEqual(take(decoder), SEEN.slice(-1));
    assert.equal(budget.used, 0);
  });

  it("gives frames that wait and frames that come later in order", () => {
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(1 << 20));
    for (let at = 0; at < STREAM.length; at += 100) {
      decoder.push(STREAM.slice(at, at + 100));
      decoder.keep();
    }
    assert.deepEqual(take(decoder), SEEN);
    assert.equal(decoder.next(), undefined);
  });

  it("gives a thousand waiting frames without copying the rest for each", () => {
    const one = frame(utf8("{}"), new Uint8Array(1000));
    const stream = concat(...Array.from({ length: 1000 }, () => one));
    const taken: number[] = [];
    const budget = budgetOf(4 << 20);
    const decoder = new FrameDecoder(MAX_LENGTH, {
      take: (bytes) => taken.push(bytes) > 0 && budget.take(bytes),
      give: (bytes) => budget.give(bytes),
    });
    decoder.push(stream);
    decoder.keep();
    assert.equal(take(decoder).length, 1000);
    assert.equal(taken.length, 1);
    assert.equal(budget.used, 0);
  });

  it("lets a frame have its buffer only when that holds nothing else", () => {
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(1 << 20));
    decoder.push(FRAMES[2]!);
    assert.equal(decoder.next()!.owned, false);

    decoder.push(FRAMES[2]!.subarray(0, 12));
    decoder.keep();
    decoder.push(FRAMES[2]!.subarray(12));
    assert.equal(decoder.next()!.owned, true);

    decoder.push(concat(FRAMES[2]!, FRAMES[2]!));
    decoder.keep();
    assert.equal(decoder.next()!.owned, false);
    assert.equal(decoder.next()!.owned, false);
  });

  it("leaves an owned frame alone", () => {
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(1 << 20));
    const buffer = FRAMES[2]!.slice();
    decoder.push(buffer.subarray(0, 12));
    decoder.keep();
    buffer.fill(0xff, 0, 12);
    decoder.push(buffer.subarray(12));
    const { header, body, owned } = decoder.next()!;
    assert.equal(owned, true);
    decoder.keep();
    buffer.fill(0xff);
    assert.deepEqual({ serializeType: 0, header, body }, SEEN[2]);
    decode([STREAM.subarray(0, 30), STREAM.subarray(30)], decoder);
    decoder.release();
    assert.deepEqual({ serializeType: 0, header, body }, SEEN[2]);
  });

  it("needs no memory of its own for whole frames", () => {
    const decoder = new FrameDecoder(MAX_LENGTH, budgetOf(0));
    assert.deepEqual(decode([STREAM], decoder), SEEN);
  });

  it("takes memory as bytes come, and gives all of it back with the frame", () => {
    const budget = budgetOf(1 << 30);
    const decoder = new FrameDecoder(MAX_LENGTH, budget);
    const announced = frame(new Uint8Array(0), new Uint8Array(10_000_000));
    let sent = 0;
    for (const size of [3, 100, 5000, 100_000]) {
      decoder.push(announced.subarray(sent, sent + size));
      assert.equal(decoder.next(), undefined);
      decoder.keep();
      sent += size;
      assert.ok(budget.used >= sent && budget.used <= Math.max(1024, 2 * sent), `${budget.used}`);
    }
    decoder.push(announced.subarray(sent));
    assert.equal(decoder.next()!.body.length, 10_000_000);
    assert.equal(budget.used, 0);
  });

  it("takes no more than a frame needs, once that is known", () => {
    const budget = budgetOf(1_100_008);
    const large = frame(new Uint8Array(0), new Uint8Array(1_100_000));
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < large.length; at += 1000) chunks.push(large.subarray(at, at + 1000));
    assert.equal(decode(chunks, new FrameDecoder(MAX_LENGTH, budget)).length, 1);
  });

  it("refuses a frame for which there is no memory, and keeps none", () => {
    const budget = budgetOf(5000);
    const other = new FrameDecoder(MAX_LENGTH, budget);
    decode([FRAMES[6]!.subarray(0, 100)], other);
    assert.equal(budget.used, 1024);

    const decoder = new FrameDecoder(MAX_LENGTH, budget);
    const large = frame(new Uint8Array(0), new Uint8Array(10_000));
    assert.throws(
      () => decode([large.subarray(0, 2000), large.subarray(2000)], decoder),
      (error: Error) =>
        error instanceof MemoryShortage && /maxBufferedRequestBytes/.test(error.message),
    );
    decoder.release();
    assert.equal(budget.used, 1024);
    assert.deepEqual(decode([FRAMES[6]!.subarray(100)], other), [SEEN[6]]);
    assert.equal(budget.used, 0);
  });

  it("gives its memory back when it is released, once", () => {
    const budget = budgetOf(1 << 20);
    const decoder = new FrameDecoder(MAX_LENGTH, budget);
    decode([STREAM.subarray(0, STREAM.length - 1)], decoder);
    assert.notEqual(budget.used, 0);
    decoder.release();
    decoder.release();
    assert.equal(budget.used, 0);
    assert.equal(decoder.next(), undefined);
  });
});

describe("ByteBudget", () => {
  it("takes up to its limit of the time", () => {
    let limit = 10;
    const budget = new ByteBudget(() => limit);
    assert.ok(budget.take(10));
    assert.ok(!budget.take(1));
    assert.equal(budget.used, 10);
    limit = 11;
    assert.ok(budget.take(1));
    limit = 5;
    assert.ok(!budget.take(1));
    budget.give(7);
    assert.ok(budget.take(1));
    assert.equal(budget.used, 5);
  });
});
