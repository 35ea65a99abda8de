import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Command, FrameError, SerializeType } from "../../../../src/remoting/wire/command.ts";
import { Frame } from "../../../../src/remoting/wire/frame_decoder.ts";
import { decodeHeader, encodeHeader } from "../../../../src/remoting/wire/header_codec.ts";
import { HeaderMemo, MemoShare } from "../../../../src/remoting/wire/header_memo.ts";
import { utf8 } from "../../../support/bytes.ts";

/** A frame that consists of a header, inside a larger buffer. */
function frameOf(header: Uint8Array, type: SerializeType): Frame {
  const bytes = new Uint8Array(3 + 8 + header.length + 5).fill(0x22);
  const view = new DataView(bytes.buffer);
  view.setInt32(3, 4 + header.length);
  view.setInt32(7, (type << 24) | header.length);
  bytes.set(header, 11);
  return new Frame(bytes, 3, 4 + header.length, false);
}

function json(text: string): Frame {
  return frameOf(utf8(text), SerializeType.JSON);
}

/** Decodes headers with a memo, and compares the results with direct decoding. */
function check(memo: HeaderMemo, type: SerializeType, ...headers: Uint8Array[]): void {
  for (const header of headers) {
    const frame = frameOf(header, type);
    const shown = `${type} ${new TextDecoder().decode(header)}`;
    let expected: Command;
    try {
      expected = read(frame);
    } catch {
      assert.throws(() => memo.decode(frame), FrameError, shown);
      continue;
    }
    assert.deepEqual(decode(memo, frame), expected, shown);
  }
}

function binary(topic: string, opaque: number): Uint8Array {
  const header = { code: 105, opaque, flag: 0, extFields: [["topic", topic]] as const };
  return encodeHeader(header, SerializeType.ROCKETMQ);
}

function java(topic: string, opaque: number | string): string {
  return `{"code":105,"extFields":{"topic":"${topic}"},"flag":0,"language":"JAVA",` +
    `"opaque":${opaque},"serializeTypeCurrentRPC":"JSON","version":513}`;
}

function go(topic: string, opaque: number): string {
  return `{"code":105,"language":"GO","version":317,"opaque":${opaque},"flag":0,"remark":"",` +
    `"extFields":{"topic":"${topic}"}}`;
}

/** Decodes a header with a memo; leaves out whether it was cached. */
function decode(memo: HeaderMemo, frame: Frame): Command {
  const { notes: _, ...command } = memo.decode(frame);
  return command;
}

/** Decodes the header directly. */
function read(frame: Frame): Command {
  const { serializeType } = frame;
  return { ...decodeHeader(frame.header, serializeType), serializeType, body: null };
}

describe("HeaderMemo", () => {
  it("gives what the header holds, new or known, whatever the opaque", () => {
    const memo = new HeaderMemo();
    const opaques = [0, 1, 2, 9, 10, 12345, 2147483647, -1, -2147483648, 3, 3];
    for (const opaque of opaques) {
      for (const text of [java("A", opaque), java("B", opaque), go("A", opaque), go("B", opaque)]) {
        assert.deepEqual(decode(memo, json(text)), read(json(text)), text);
      }
      for (const topic of ["A", "B"]) {
        const header = encodeHeader(
          { code: 105, opaque, flag: 0, extFields: [["topic", topic]] },
          SerializeType.ROCKETMQ,
        );
        const frame = frameOf(header, SerializeType.ROCKETMQ);
        assert.deepEqual(decode(memo, frame), read(frame), `binary ${topic} ${opaque}`);
      }
    }
  });

  it("does not read a known header again", () => {
    const memo = new HeaderMemo();
    const first = memo.decode(json(java("A", 1)));
    assert.equal(first.notes, undefined);
    const again = memo.decode(json(java("A", 22)));
    assert.equal(again.extFields, first.extFields);
    again.notes!.access = "noted";
    assert.equal(memo.decode(json(java("A", 3))).notes?.access, "noted");
    const other = memo.decode(json(java("B", 3)));
    assert.notEqual(other.extFields, first.extFields);
    assert.equal(other.notes, undefined);
    assert.equal(memo.decode(json(java("B", 4))).notes?.access, undefined);
  });

  it("hardly reads any of a thousand headers again that are asked for in turn", () => {
    const memo = new HeaderMemo();
    let opaque = 0;
    const round = () =>
      Array.from({ length: 1000 }, (_, i) => memo.decode(json(java(`Topic${i}`, ++opaque))));
    round();
    round();
    const read = round().filter((command) => command.notes === undefined);
    // Were there one slot for each, it would be more than a hundred.
    assert.ok(read.length <= 20, `${read.length} were read again`);
  });

  it("gives each request a command of its own, and keeps none of them", () => {
    const cases: [SerializeType, (opaque: number) => Uint8Array][] = [
      [SerializeType.JSON, (opaque) => utf8(java("A", opaque))],
      [SerializeType.ROCKETMQ, (opaque) => binary("A", opaque)],
    ];
    for (const [type, header] of cases) {
      const memo = new HeaderMemo();
      for (const opaque of [1, 2, 3]) {
        const command = memo.decode(frameOf(header(opaque), type));
        assert.equal(command.body, null);
        assert.equal(command.code, 105);
        // A connection sets the body like this, and it may have 16 MB.
        command.body = utf8("body");
        command.code = 999;
      }
    }
  });

  it("keeps its own bytes: the frame's may change", () => {
    const memo = new HeaderMemo();
    const frame = json(java("A", 1));
    memo.decode(frame);
    frame.bytes.fill(0x20);
    assert.equal(memo.decode(json(java("A", 2))).extFields.get("topic"), "A");
  });

  it("never takes one header for another, over a thousand clients' worth of them", () => {
    const memo = new HeaderMemo();
    for (let round = 1; round < 4; round++) {
      for (let i = 0; i < 20_000; i += 7) {
        const command = memo.decode(json(java(`Topic${i}`, round * 1000 + i)));
        assert.equal(command.extFields.get("topic"), `Topic${i}`);
        assert.equal(command.opaque, round * 1000 + i);
      }
    }
  });

  it("tells headers apart that differ in one byte, and in nothing else", () => {
    const memo = new HeaderMemo();
    const cases: [SerializeType, Uint8Array][] = [
      [SerializeType.JSON, utf8(java("A", 7))],
      [SerializeType.ROCKETMQ, binary("A", 7)],
    ];
    for (const [type, header] of cases) {
      for (let at = 0; at < header.length; at++) {
        const other = header.slice();
        other[at]! ^= 1;
        check(memo, type, header, other, header);
      }
      // Nor is one serialization mistaken for the other.
      check(memo, 1 - type as SerializeType, header);
    }
  });

  it("does not trust an opaque that is not the header's own", () => {
    // Each # is replaced by a number.
    const tricks = [
      '{"code":105,"extFields":{"opaque":#},"opaque":#}',
      '{"code":105,"opaque":#,"extFields":{"opaque":#}}',
      '{"x":{"opaque":#},"opaque":#}',
      '{"x":[{"opaque":#}],"opaque":#}',
      '{"x":{"opaque":#}}',
      '{"opaque":#,"opaque":#}',
      '{"opaque":#,opaque:#}',
      '{"x":{"opaque":#},opaque:#}',
      `{"x":{"opaque":#},'opaque':#}`,
      '{"x":{"opaque":#},"\\u006fpaque":#}',
      '{"x":{"opaque":#},"op\\x61que":#}',
      `{'x"opaque":#':1,"opaque":#}`,
      `{"opaque":#,'x"opaque":#':1}`,
      `{"extFields":{'topic':'"opaque":#,'},"opaque":#}`,
      '{"extFields":{"topic":"\\"opaque\\":#,"},"opaque":#}',
      '{"remark":"opaque:#","opaque":#}',
      '{"xopaque":#,"opaque":#}',
      '{"x"opaque":#}',
      '{"code":"opaque":#}',
      `{'opaque':#}`,
      "{opaque:#}",
      '{"opaque":"#"}',
      '{"opaque":"#","x":{"opaque":#}}',
      '{"opaque": #}',
      '{"opaque" :#}',
      '{"opaque":# }',
      '{"opaque":#,}',
      '{ "opaque":#, "code":1 }',
      '{"opaque":-#}',
      '{"opaque":+#}',
      '{"opaque":#.0}',
      '{"opaque":#e0}',
      '{"opaque":#x}',
      '{"opaque":#',
      '{"opaque":#}{"opaque":#}',
      '["opaque":#]',
    ];
    const numbers = ["5", "6", "0", "55", "005", "2147483647", "2147483648", "4294967301"];
    const memo = new HeaderMemo();
    for (let round = 0; round < 2; round++) {
      for (const trick of tricks) {
        for (const first of numbers) {
          for (const second of numbers) {
            let count = 0;
            const header = trick.replaceAll("#", () => count++ === 0 ? first : second);
            check(memo, SerializeType.JSON, utf8(header));
          }
        }
      }
    }
  });

  it("compares whole headers, also where two share a slot", () => {
    const memo = new HeaderMemo();
    const known = json('{"code":105,"opaque":7}');
    memo.decode(known);
    // A few of these share the slot of the known one, with which they begin.
    for (let i = 0; i < 40_000; i++) {
      assert.throws(() => memo.decode(json(`{"code":105,"opaque":7}${i}`)), FrameError);
    }
    assert.equal(memo.decode(known).code, 105);
  });

  it("refuses what can't be read, also when it looks like a known header", () => {
    const memo = new HeaderMemo();
    memo.decode(json(java("A", 1)));
    memo.decode(json(java("A", 2)));
    for (const opaque of ["", "1.5", "x", "2147483648", "99999999999999999999", "1 2"]) {
      assert.throws(() => memo.decode(json(java("A", opaque))), FrameError, opaque);
    }
    assert.throws(() => memo.decode(json(java("A", 3).slice(0, -1))), FrameError);
    assert.throws(() => memo.decode(json(`${java("A", 3)}x`)), FrameError);
    for (let length = 0; length < 21; length++) {
      const frame = frameOf(new Uint8Array(length), SerializeType.ROCKETMQ);
      assert.throws(() => memo.decode(frame), FrameError);
    }
  });

  it("reads long headers, and does not remember them", () => {
    const memo = new HeaderMemo();
    const first = memo.decode(json(java("x".repeat(1000), 1)));
    const second = memo.decode(json(java("x".repeat(1000), 2)));
    assert.equal(second.opaque, 2);
    assert.deepEqual(second.extFields, first.extFields);
    assert.notEqual(second.extFields, first.extFields);
  });

  it("keeps no more than its bytes, and of a connection that never repeats little", () => {
    const memo = new HeaderMemo(() => 20_000);
    const header = (name: string, opaque: number) =>
      json(`{"code":105,"extFields":{"topic":"${name}"},"opaque":${opaque}}`);
    const honest = new MemoShare();
    memo.decode(header("honest", 1), honest);
    const kept = memo.bytes;
    const stranger = new MemoShare();
    for (let i = 1; i < 1000; i++) memo.decode(header(`t${i}`.padEnd(300, "x"), i), stranger);
    assert.equal(stranger.left, 0);
    assert.ok(memo.bytes > kept && memo.bytes <= 20_000, `${memo.bytes} bytes`);
    for (let i = 1; i < 1000; i++) memo.decode(header("honest", i), honest);
    assert.ok(honest.left >= 63, `${honest.left} left`);
  });
});
