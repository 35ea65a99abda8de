import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FrameError } from "../../../../src/remoting/wire/command.ts";
import {
  type Opening,
  Preamble,
  type ProxiedPeer,
} from "../../../../src/remoting/wire/preamble.ts";
import { concat, hex, int16, utf8 } from "../../../support/bytes.ts";
import { request } from "../../../support/frames.ts";

const SIGNATURE = hex("0d0a0d0a000d0a515549540a");
const FRAME = request({ opaque: 7 });
const NONE = new Map<number, Uint8Array>();

/** A version 2 header. */
function v2(versionAndCommand: number, family: number, ...parts: Uint8Array[]): Uint8Array {
  const rest = concat(...parts);
  return concat(
    SIGNATURE,
    new Uint8Array([versionAndCommand, family]),
    int16(rest.length),
    rest,
  );
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  return concat(new Uint8Array([type]), int16(value.length), value);
}

const IPV4 = concat(hex("0a01024d 0a000001"), int16(51234), int16(9876));
const IPV6 = concat(
  hex("20010db8000000000000000000000001 20010db8000000000000000000000002"),
  int16(443),
  int16(9876),
);

/** Valid headers, and the peers in them. */
const GOOD: [string, Uint8Array, ProxiedPeer][] = [
  ["v1 TCP4", utf8("PROXY TCP4 10.1.2.77 10.0.0.1 51234 9876\r\n"), {
    address: "10.1.2.77:51234",
    attributes: NONE,
  }],
  ["v1 TCP6", utf8("PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 443 9876\r\n"), {
    address: "[2001:db8::1]:443",
    attributes: NONE,
  }],
  ["v1 UNKNOWN", utf8("PROXY UNKNOWN\r\n"), { attributes: NONE }],
  [
    "v1 UNKNOWN with more, of the greatest length",
    utf8(`PROXY UNKNOWN ${"f".repeat(107 - 16)}\r\n`),
    { attributes: NONE },
  ],
  ["v2 TCP4", v2(0x21, 0x11, IPV4), { address: "10.1.2.77:51234", attributes: NONE }],
  [
    "v2 TCP4 with TLVs",
    v2(0x21, 0x11, IPV4, tlv(1, utf8("h2")), tlv(4, new Uint8Array(0)), tlv(0xe0, utf8("vpc"))),
    {
      address: "10.1.2.77:51234",
      attributes: new Map([[1, utf8("h2")], [4, new Uint8Array(0)], [0xe0, utf8("vpc")]]),
    },
  ],
  ["v2 TCP6 with a TLV", v2(0x21, 0x21, IPV6, tlv(2, utf8("host"))), {
    address: "[2001:db8:0:0:0:0:0:1]:443",
    attributes: new Map([[2, utf8("host")]]),
  }],
  ["v2 UDP4", v2(0x21, 0x12, IPV4), { address: "10.1.2.77:51234", attributes: NONE }],
  ["v2 UNIX with a TLV", v2(0x21, 0x31, new Uint8Array(216).fill(0x2f), tlv(1, utf8("x"))), {
    attributes: new Map([[1, utf8("x")]]),
  }],
  ["v2 UNSPEC", v2(0x21, 0x00, new Uint8Array(5).fill(0xff)), { attributes: NONE }],
  ["v2 LOCAL", v2(0x20, 0x00), { attributes: NONE }],
  ["v2 LOCAL with ignored addresses", v2(0x20, 0x11, new Uint8Array(4).fill(0xff)), {
    attributes: NONE,
  }],
];

/** Pushes chunks from the same buffer; the bytes after the opening belong to the frames. */
function open(...chunks: Uint8Array[]): (Opening & { pushed: number }) | undefined {
  const preamble = new Preamble();
  const buffer = new Uint8Array(Math.max(...chunks.map((chunk) => chunk.length)));
  for (const [index, chunk] of chunks.entries()) {
    buffer.set(chunk);
    const opening = preamble.push(buffer.subarray(0, chunk.length));
    if (opening !== undefined) {
      return { ...opening, rest: opening.rest.slice(), pushed: index + 1 };
    }
    buffer.fill(0xff);
  }
  return undefined;
}

function byByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => new Uint8Array([byte]));
}

function refuses(bytes: Uint8Array, message = /./): void {
  for (const chunks of [[bytes], byByte(bytes)]) {
    assert.throws(
      () => open(...chunks),
      (error: Error) => error instanceof FrameError && message.test(error.message),
      bytes.toHex(),
    );
  }
}

describe("Preamble", () => {
  it("lets frames through at once", () => {
    assert.deepEqual(open(FRAME), { kind: "frames", rest: FRAME, peer: undefined, pushed: 1 });
    const first = FRAME.subarray(0, 1);
    assert.deepEqual(open(first), { kind: "frames", rest: first, peer: undefined, pushed: 1 });
  });

  it("lets through whatever no header starts with", () => {
    for (const byte of [0x00, 0x01, 0x08, 0x47, 0x7f, 0x80, 0xff]) {
      assert.equal(open(new Uint8Array([byte]))?.kind, "frames");
    }
  });

  it("tells TLS by its first byte", () => {
    const hello = hex("160301");
    assert.deepEqual(open(hello), { kind: "tls", rest: hello, peer: undefined, pushed: 1 });
    assert.deepEqual(open(hello.subarray(0, 1))?.kind, "tls");
  });

  it("waits for the first byte", () => {
    assert.equal(open(new Uint8Array(0)), undefined);
    assert.equal(open(new Uint8Array(0), FRAME)?.pushed, 2);
  });

  for (const [name, header, peer] of GOOD) {
    describe(name, () => {
      it("is taken off before frames in the same chunk", () => {
        assert.deepEqual(open(concat(header, FRAME, FRAME)), {
          kind: "frames",
          rest: concat(FRAME, FRAME),
          peer,
          pushed: 1,
        });
      });

      it("is taken off at every cut", () => {
        const bytes = concat(header, FRAME.subarray(0, 3));
        for (let at = 1; at < bytes.length; at++) {
          const opening = open(bytes.subarray(0, at), bytes.subarray(at))!;
          assert.equal(opening.kind, "frames");
          assert.deepEqual(opening.peer, peer);
          assert.equal(opening.pushed, at > header.length ? 1 : 2, `${at}`);
          const end = at > header.length ? at : bytes.length;
          assert.deepEqual(opening.rest, bytes.subarray(header.length, end));
        }
      });

      it("is taken off byte by byte", () => {
        const opening = open(...byByte(concat(header, FRAME)))!;
        assert.deepEqual(opening.peer, peer);
        assert.equal(opening.pushed, header.length + 1);
        assert.deepEqual(opening.rest, FRAME.subarray(0, 1));
      });

      it("may stand before TLS", () => {
        for (const chunks of [[concat(header, hex("1603"))], [header, hex("1603")]]) {
          const opening = open(...chunks)!;
          assert.equal(opening.kind, "tls");
          assert.deepEqual(opening.peer, peer);
          assert.deepEqual(opening.rest, hex("1603"));
        }
      });
    });
  }

  it("takes one header only", () => {
    const [, header] = GOOD[0]!;
    for (const chunks of [[concat(header, header)], [header, header]]) {
      const opening = open(...chunks)!;
      assert.equal(opening.kind, "frames");
      assert.deepEqual(opening.rest, header);
    }
  });

  it("keeps attributes when the transport uses its buffer again", () => {
    const buffer = concat(v2(0x21, 0x11, IPV4, tlv(1, utf8("h2"))), FRAME);
    const { peer } = new Preamble().push(buffer)!;
    buffer.fill(0xff);
    assert.deepEqual(peer?.attributes.get(1), utf8("h2"));
  });

  it("refuses a malformed v1 header", () => {
    for (
      const line of [
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4 1.2.3.4\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 host 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP6 ::1 ::g 1 2\r\n",
        "PROXY TCP6 1::2::3 ::1 1 2\r\n",
        "PROXY TCP6 ::1]/[ ::1 1 2\r\n",
        "PROXY TCP6 ::1]:80/x?[ ::1 1 2\r\n",
        "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXx",
        "POST / HTTP/1.1\r\n",
      ]
    ) {
      refuses(utf8(line), /PROXY/);
    }
  });

  it("refuses a v1 line without an end, at its greatest length", () => {
    const endless = utf8("PROXY TCP4 " + "1".repeat(200));
    assert.equal(open(endless.subarray(0, 106)), undefined);
    refuses(endless.subarray(0, 107), /unterminated/);
    refuses(utf8(`PROXY UNKNOWN ${"f".repeat(107 - 15)}\r\n`), /unterminated/);
  });

  it("refuses a malformed v2 header", () => {
    const cases: Uint8Array[] = [
      hex("0d0a0d0a00ff"),
      hex("0d0d"),
      v2(0x11, 0x11, IPV4),
      v2(0x31, 0x11, IPV4),
      v2(0x22, 0x11, IPV4),
      v2(0x2f, 0x11, IPV4),
      v2(0x21, 0x11, IPV4.subarray(0, 11)),
      v2(0x21, 0x21, IPV6.subarray(0, 35)),
      v2(0x21, 0x31, new Uint8Array(215)),
      v2(0x21, 0x11),
      v2(0x21, 0x11, IPV4, hex("01 ffff 00")),
      v2(0x21, 0x11, IPV4, hex("01 0002 00")),
    ];
    for (const bytes of cases) refuses(bytes);
  });

  it("waits for a v2 header of the greatest length", () => {
    const header = v2(0x21, 0x11, IPV4, tlv(5, new Uint8Array(65_535 - 12 - 3)));
    assert.equal(open(header.subarray(0, 40_000), header.subarray(40_000)), undefined);
    const opening = open(header.subarray(0, 40_000), header.subarray(40_000), FRAME)!;
    assert.equal(opening.peer?.attributes.get(5)?.length, 65_520);
    assert.deepEqual(opening.rest, FRAME);
  });

  it("ignores up to two bytes behind the last TLV, which can't be one", () => {
    const opening = open(concat(v2(0x21, 0x11, IPV4, tlv(1, utf8("x")), hex("0100")), FRAME))!;
    assert.deepEqual(opening.peer?.attributes, new Map([[1, utf8("x")]]));
    assert.deepEqual(opening.rest, FRAME);
  });
});
