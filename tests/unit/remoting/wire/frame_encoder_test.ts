import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Command, FrameError, type Reply } from "../../../../src/remoting/wire/command.ts";
import { encodeRequest, FrameEncoder } from "../../../../src/remoting/wire/frame_encoder.ts";
import { encodeHeader } from "../../../../src/remoting/wire/header_codec.ts";
import { concat, text, utf8 } from "../../../support/bytes.ts";
import {
  inOurLanguage,
  NO_CONFIG_ITEM,
  REGISTERED,
  SUCCESS,
  TOPIC_NOT_EXIST,
} from "../../../support/recorded_frames.ts";
import { cutFrames, frame, readAnswers } from "../../../support/frames.ts";

const LARGE_BODY = 32 * 1024;
const FIRST_CAPACITY = 64 * 1024;

function requestOf(opaque = 0, serializeType: 0 | 1 = 0): Command {
  return {
    code: 105,
    language: "JAVA",
    version: 513,
    opaque,
    flag: 0,
    remark: null,
    extFields: new Map(),
    serializeType,
    body: null,
  };
}

/** The expected plain success, written without the code under test. */
function plainSuccess(opaque: number, body?: Uint8Array): Uint8Array {
  const header = '{"code":0,"flag":1,"language":"OTHER","opaque":' + opaque +
    ',"serializeTypeCurrentRPC":"JSON","version":513}';
  return frame(utf8(header), body);
}

/** The encoder's writes to a socket that takes nothing at once, without copies. */
function take(encoder: FrameEncoder): Uint8Array[] {
  const parts: Uint8Array[] = [];
  encoder.flush({
    write(bytes) {
      parts.push(bytes);
      return false;
    },
  });
  return parts;
}

function encode(...responses: [Command, Reply][]): Uint8Array {
  const encoder = new FrameEncoder();
  for (const [request, response] of responses) encoder.reply(request, response);
  return concat(...take(encoder));
}

/** A pattern in which any moved byte is visible. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

describe("FrameEncoder", () => {
  it("writes byte for byte what the reference wrote, but for the language", () => {
    const cases: [Uint8Array, number, Reply][] = [
      [SUCCESS, 7, { code: 0 }],
      [NO_CONFIG_ITEM, 5, {
        code: 22,
        extFields: [],
        remark: "No config item, Namespace: ORDER_TOPIC_CONFIG Key: TopicB",
      }],
      [REGISTERED, 101, {
        code: 0,
        extFields: [["haServerAddr", "192.0.2.2:10916"], ["masterAddr", "127.0.0.1:10911"]],
        body: utf8('{"table":{"TopicB":"broker-b:4"}}'),
      }],
      [TOPIC_NOT_EXIST, 0, {
        code: 17,
        remark: "No topic route info in name server for the topic: NoSuchTopic\nSee " +
          "https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.",
      }],
    ];
    for (const [recorded, opaque, response] of cases) {
      assert.deepEqual(encode([requestOf(opaque), response]), inOurLanguage(recorded));
    }
  });

  it("answers a binary request with a binary header", () => {
    const response: Reply = { code: 0, extFields: [["changed", "true"]], body: utf8("body") };
    const [seen] = cutFrames(encode([requestOf(-7, 1), response]));
    assert.equal(seen!.serializeType, 1);
    assert.deepEqual(
      seen!.header,
      encodeHeader({ code: 0, opaque: -7, flag: 1, extFields: response.extFields }, 1),
    );
    assert.equal(text(seen!.body), "body");
    // Also a plain success.
    assert.deepEqual(
      encode([requestOf(5, 1), { code: 0 }]),
      frame(encodeHeader({ code: 0, opaque: 5, flag: 1 }, 1), undefined, 1),
    );
  });

  it("writes a plain success as the general form would", () => {
    for (const opaque of [0, 7, -1, 123456789, 2147483647, -2147483648]) {
      for (const body of [undefined, new Uint8Array(0), utf8("b"), pattern(LARGE_BODY)]) {
        const bytes = encode([requestOf(opaque), { code: 0, body }]);
        assert.deepEqual(bytes, plainSuccess(opaque, body));
        assert.deepEqual(bytes, frame(encodeHeader({ code: 0, opaque, flag: 1 }, 0), body));
      }
    }
  });

  it("does not take every success for a plain one", () => {
    const answers = readAnswers(encode(
      [requestOf(1), { code: 0, remark: "" }],
      [requestOf(2), { code: 0, extFields: [] }],
      [requestOf(3), { code: 1 }],
    ));
    assert.equal(answers[0]!.remark, "");
    assert.deepEqual(answers[1]!.extFields, {});
    assert.equal(answers[2]!.code, 1);
  });

  it("keeps bodies of every size around its limits, one after the other", () => {
    const rest = FIRST_CAPACITY - 2 * plainSuccess(1).length - (LARGE_BODY - 1);
    const sizes = [
      0,
      1,
      LARGE_BODY - 1,
      LARGE_BODY,
      LARGE_BODY + 1,
      3,
      // Sizes around a full buffer, with a body just below LARGE_BODY.
      rest - 1,
      rest,
      rest + 1,
      200_000,
      5,
    ];
    for (const size of sizes) {
      for (const next of sizes) {
        const [a, b] = [pattern(size), pattern(next)];
        const bytes = encode([requestOf(1), { code: 0, body: a }], [requestOf(2), {
          code: 0,
          body: b,
        }]);
        const expected = concat(plainSuccess(1, a), plainSuccess(2, b));
        assert.ok(Buffer.from(bytes).equals(expected), `${size} ${next}`);
      }
    }
  });

  it("grows for many small answers, byte for byte at every step", () => {
    const encoder = new FrameEncoder();
    const expected: Uint8Array[] = [];
    for (let opaque = 0; opaque < 3000; opaque++) {
      const body = pattern(opaque % 97);
      encoder.reply(requestOf(opaque), { code: 0, body });
      expected.push(plainSuccess(opaque, body));
    }
    assert.ok(encoder.length > 4 * FIRST_CAPACITY);
    const parts = take(encoder);
    assert.equal(parts.length, 1);
    assert.ok(Buffer.from(parts[0]!).equals(concat(...expected)));
  });

  it("joins small answers, and does not copy large bodies", () => {
    const encoder = new FrameEncoder();
    const large = pattern(LARGE_BODY);
    encoder.reply(requestOf(1), { code: 0 });
    encoder.reply(requestOf(2), { code: 0, body: large });
    encoder.reply(requestOf(3), { code: 0 });
    encoder.reply(requestOf(4), { code: 0, body: pattern(10) });
    const parts = take(encoder);
    assert.equal(parts.length, 3);
    assert.equal(parts[1], large);
    assert.deepEqual(parts[2], concat(plainSuccess(3), plainSuccess(4, pattern(10))));
  });

  it("counts what it holds", () => {
    const encoder = new FrameEncoder();
    assert.equal(encoder.length, 0);
    encoder.reply(requestOf(1), { code: 0, body: pattern(LARGE_BODY) });
    encoder.reply(requestOf(2), { code: 0, body: pattern(5) });
    const expected = plainSuccess(1, pattern(LARGE_BODY)).length +
      plainSuccess(2, pattern(5)).length;
    assert.equal(encoder.length, expected);
    take(encoder);
    assert.equal(encoder.length, 0);
    assert.deepEqual(take(encoder), []);
  });

  it("gives chunks that later answers don't change", () => {
    const encoder = new FrameEncoder();
    encoder.reply(requestOf(1), { code: 0, body: utf8("first") });
    const [first] = take(encoder);
    const copy = first!.slice();
    encoder.reply(requestOf(2), { code: 1, remark: "x".repeat(100) });
    encoder.reply(requestOf(3), { code: 0, body: pattern(100_000) });
    take(encoder);
    assert.deepEqual(first, copy);
    assert.deepEqual(first, plainSuccess(1, utf8("first")));
  });

  it("goes on after a huge batch", () => {
    const encoder = new FrameEncoder();
    for (let i = 0; i < 100; i++) {
      encoder.reply(requestOf(i), { code: 0, body: pattern(20_000) });
    }
    assert.equal(readAnswerCount(take(encoder)), 100);
    encoder.reply(requestOf(1), { code: 0 });
    assert.deepEqual(take(encoder), [plainSuccess(1)]);
  });

  it("refuses an answer whose header does not fit, and keeps the others", () => {
    const encoder = new FrameEncoder();
    encoder.reply(requestOf(1), { code: 0 });
    const remark = "x".repeat(0x1000000);
    for (const type of [0, 1] as const) {
      assert.throws(() => encoder.reply(requestOf(2, type), { code: 1, remark }), FrameError);
    }
    encoder.reply(requestOf(3), { code: 0 });
    assert.deepEqual(take(encoder), [concat(plainSuccess(1), plainSuccess(3))]);
  });
});

describe("encodeRequest", () => {
  it("writes a whole frame", () => {
    const extFields = [["minBrokerId", "1"], ["minBrokerAddr", "127.0.0.1:10921"]] as const;
    assert.deepEqual(
      encodeRequest({ code: 905, extFields }, -3, 2),
      frame(utf8(
        '{"code":905,"extFields":{"minBrokerId":"1","minBrokerAddr":"127.0.0.1:10921"},"flag":2,' +
          '"language":"OTHER","opaque":-3,"serializeTypeCurrentRPC":"JSON","version":513}',
      )),
    );
    assert.deepEqual(
      encodeRequest({ code: 105, extFields: [], version: 401, body: utf8("b") }, 0, 0),
      frame(
        utf8(
          '{"code":105,"extFields":{},"flag":0,"language":"OTHER","opaque":0,' +
            '"serializeTypeCurrentRPC":"JSON","version":401}',
        ),
        utf8("b"),
      ),
    );
  });
});

function readAnswerCount(parts: Uint8Array[]): number {
  return cutFrames(concat(...parts)).length;
}
