import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { isWholeClientHello } from "../../../../src/remoting/tls/client_hello.ts";
import { concat } from "../../../support/bytes.ts";

/** The records of a hello with so many bytes of body, cut into fragments of a size. */
function hello(body: number, fragment: number): Uint8Array {
  const message = new Uint8Array(4 + body);
  message.set([1, body >> 16, body >> 8, body]);
  const records: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += fragment) {
    const part = message.subarray(at, at + fragment);
    records.push(Uint8Array.of(22, 3, 1, part.length >> 8, part.length), part);
  }
  return concat(...records);
}

describe("isWholeClientHello", () => {
  it("is true with the last byte, in however many records", () => {
    for (const [body, fragment] of [[200, 16_384], [1500, 600], [300, 1], [12_000, 5000]]) {
      const bytes = hello(body!, fragment!);
      for (let length = 0; length < bytes.length; length += 1 + (length >> 6)) {
        assert.equal(isWholeClientHello(bytes.subarray(0, length)), false, `${length}`);
      }
      assert.equal(isWholeClientHello(bytes.subarray(0, -1)), false);
      assert.equal(isWholeClientHello(bytes), true);
      assert.equal(isWholeClientHello(concat(bytes, Uint8Array.of(22))), true);
    }
  });

  it("is true for bytes that can't become one", () => {
    assert.equal(isWholeClientHello(Uint8Array.of(21, 3, 1, 0, 2)), true, "an alert");
    assert.equal(isWholeClientHello(Uint8Array.of(22, 3, 1, 0, 0)), true, "an empty record");
    assert.equal(isWholeClientHello(Uint8Array.of(22, 3, 1, 64, 1)), true, "a record too long");
    assert.equal(isWholeClientHello(hello(100_000, 16_384).subarray(0, 20)), true, "too long");
    assert.equal(
      isWholeClientHello(hello(10_000, 1).subarray(0, 20_000)),
      true,
      "too many records",
    );
  });
});
