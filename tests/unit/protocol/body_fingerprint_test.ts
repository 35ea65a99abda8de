import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { bodyFingerprint as look } from "../../../src/protocol/body_fingerprint.ts";
import { utf8 } from "../../support/bytes.ts";

function bodyFingerprint(body: Uint8Array): string {
  return look(body).text;
}

/** A body of a 5.5.0 broker, its parts in the same order. */
function plain(parts: { sent?: number; counter?: number; queues?: number } = {}): Uint8Array {
  const { sent = 1795344040136, counter = 1, queues = 8 } = parts;
  return utf8(
    '{"filterServerList":[],"topicConfigSerializeWrapper":{' +
      `"dataVersion":{"counter":${counter},"stateVersion":0,"timestamp":1795344028266},` +
      `"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":${sent}},` +
      `"topicConfigTable":{"T":{"perm":6,"readQueueNums":${queues},"topicName":"T"}},` +
      '"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}}',
  );
}

describe("bodyFingerprint", () => {
  it("is the same for a body that only was sent later", () => {
    assert.equal(
      bodyFingerprint(plain({ sent: 1 })),
      bodyFingerprint(plain({ sent: 1795344099999 })),
    );
  });

  it("differs for another data version, and for other topics", () => {
    const prints = [plain(), plain({ counter: 2 }), plain({ queues: 9 })].map(bodyFingerprint);
    assert.equal(new Set(prints).size, 3);
  });

  it("differs for any other byte, wherever it is", () => {
    const body = plain();
    const text = new TextDecoder().decode(body);
    const start = text.indexOf('"mappingDataVersion"');
    const end = text.indexOf("}", start);
    const print = bodyFingerprint(body);
    for (let at = 0; at < body.length; at++) {
      if (at >= start && at < end) continue;
      const changed = body.slice();
      changed[at]! ^= 1;
      assert.notEqual(bodyFingerprint(changed), print, `byte ${at}`);
    }
  });

  it("takes bodies without a mapping data version as they are", () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
    const print = bodyFingerprint(bytes);
    assert.equal(bodyFingerprint(bytes.slice()), print);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]!++;
      assert.notEqual(bodyFingerprint(changed), print, `byte ${at}`);
    }
    assert.notEqual(bodyFingerprint(bytes.subarray(1)), print);
  });

  it("takes a body that is cut inside of its mapping data version", () => {
    const body = utf8('{"mappingDataVersion":{"counter":0');
    assert.equal(bodyFingerprint(body), bodyFingerprint(body.slice()));
    assert.notEqual(bodyFingerprint(body), bodyFingerprint(body.subarray(0, body.length - 1)));
  });

  it("has the CRC of the whole body, however it is divided", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3);
    const bodies = [0, 1, 2, 3, 4096, 99_999, 100_000].map((length) => bytes.subarray(0, length));
    for (const body of [...bodies, plain(), utf8('{"mappingDataVersion":{"counter":0')]) {
      assert.equal(look(body).crc32, crc32(body), `${body.length} bytes`);
    }
  });
});
