import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RenegotiationWatch } from "../../../../src/remoting/tls/renegotiation_watch.ts";
import { concat } from "../../../support/bytes.ts";

function record(type: number, length: number): Uint8Array {
  // The contents of a record look like records.
  return concat(
    new Uint8Array([type, 3, 3, length >> 8, length & 0xff]),
    new Uint8Array(length).fill(22),
  );
}

const [CHANGE_CIPHER, ALERT, HANDSHAKE, DATA] = [20, 21, 22, 23];
/** The records of a TLS 1.2 client up to its first request. */
const HANDSHAKES = concat(
  record(HANDSHAKE, 200),
  record(HANDSHAKE, 40),
  record(CHANGE_CIPHER, 1),
  record(HANDSHAKE, 40),
  record(DATA, 300),
);

describe("RenegotiationWatch", () => {
  it("sees none in a handshake and what follows it, however it is cut", () => {
    const bytes = concat(HANDSHAKES, record(DATA, 70_000 & 0x3fff), record(ALERT, 2));
    for (const size of [1, 3, 5, 7, 100, bytes.length]) {
      const watch = new RenegotiationWatch();
      for (let at = 0; at < bytes.length; at += size) {
        assert.ok(!watch.sees(bytes.subarray(at, at + size)), `${size} bytes, at ${at}`);
      }
    }
  });

  it("sees one behind the handshake, however it is cut", () => {
    const before = concat(HANDSHAKES, record(DATA, 0));
    const bytes = concat(before, record(HANDSHAKE, 150), record(DATA, 9));
    for (const size of [1, 3, 5, 7, 100, bytes.length]) {
      const watch = new RenegotiationWatch();
      const seen: number[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        if (watch.sees(bytes.subarray(at, at + size))) seen.push(at);
      }
      const whole = before.length + 4;
      assert.deepEqual(seen, [whole - whole % size], `${size} bytes`);
    }
  });

  it("sees none in the second hello of TLS 1.3", () => {
    const watch = new RenegotiationWatch();
    for (const type of [HANDSHAKE, CHANGE_CIPHER, HANDSHAKE, DATA, DATA]) {
      assert.ok(!watch.sees(record(type, 80)));
    }
  });
});
