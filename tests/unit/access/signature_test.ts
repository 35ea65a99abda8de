import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { describe, it } from "@std/testing/bdd";
import { HmacSha1, SHORT_CONTENT } from "../../../src/access/sha1.ts";
import { Signatures, type Signed, SigningKey } from "../../../src/access/signature.ts";
import { SerializeType } from "../../../src/remoting/wire/command.ts";
import { decodeHeader, encodeHeader } from "../../../src/remoting/wire/header_codec.ts";

describe("HmacSha1", () => {
  it("is that of OpenSSL, for contents and keys of all lengths around the blocks", () => {
    const hmac = new HmacSha1();
    const computed = new Uint8Array(20);
    for (const keyLength of [1, 14, 63, 64, 65, 200]) {
      const secret = randomBytes(keyLength);
      const key = hmac.key(secret);
      for (let length = 0; length < 300; length++) {
        const content = randomBytes(length);
        hmac.sign(key, content, length, computed);
        const expected = createHmac("sha1", secret).update(content).digest("hex");
        assert.equal(computed.toHex(), expected, `key ${keyLength}, content ${length}`);
      }
    }
  });
});

describe("Signatures", () => {
  const signatures = new Signatures();
  const credentials = { accessKey: "AK", secretKey: "secret-of-AK" };
  const keys = [new SigningKey("secret-of-AK")];

  function signed(
    fields: [string, string][],
    body: Uint8Array | null = null,
    securityToken?: string,
  ): Signed {
    const added = signatures.sign(fields, body ?? undefined, { ...credentials, securityToken });
    return { extFields: new Map([...fields, ...added]), body };
  }

  it("signs values in the order of their names, and the body, as Java clients do", () => {
    const { extFields } = signed(
      [["topic", "T"], ["a", "1"], ["B", "ä😀"]],
      new Uint8Array([0, 9]),
    );
    const expected = createHmac("sha1", "secret-of-AK").update("AKä😀1T").update("\0\t");
    assert.equal(extFields.get("Signature"), expected.digest("base64"));
  });

  it("are the same for short contents and for those that go to OpenSSL", () => {
    for (const length of [SHORT_CONTENT - 10, SHORT_CONTENT - 2, SHORT_CONTENT, 100_000]) {
      const body = new Uint8Array(randomBytes(length));
      const request = signed([["topic", "T"]], body);
      const expected = createHmac("sha1", "secret-of-AK").update("AKT").update(body);
      assert.equal(request.extFields.get("Signature"), expected.digest("base64"));
      assert.ok(signatures.verify(request, keys));
      body[length - 1]! ^= 1;
      assert.ok(!signatures.verify(request, keys));
    }
  });

  it("of an empty value, which a binary header does not have, are the same in both headers", () => {
    const { extFields } = signed([["topic", "T"], ["a", ""], ["z", ""]]);
    for (const type of [SerializeType.JSON, SerializeType.ROCKETMQ]) {
      const header = { code: 105, opaque: 1, flag: 0, extFields: [...extFields] };
      const read = decodeHeader(encodeHeader(header, type), type);
      assert.ok(signatures.verify({ extFields: read.extFields, body: null }, keys));
    }
    const expected = createHmac("sha1", "secret-of-AK").update("AKT").digest("base64");
    assert.equal(extFields.get("Signature"), expected);
  });

  it("verify with any of an account's secrets", () => {
    const request = signed([["topic", "T"]]);
    assert.ok(signatures.verify(request, [new SigningKey("the old one"), ...keys]));
    assert.ok(!signatures.verify(request, [new SigningKey("the old one")]));
    assert.ok(!signatures.verify(request, []));
  });

  it("verify without a zone or a token that was added later, together or alone", () => {
    const request = signed([["topic", "T"]]);
    const zone = [["__ZONE_NAME", "z"], ["__ZONE_MODE", "true"]] as const;
    for (const added of [zone, [["SecurityToken", "t"]], [...zone, ["SecurityToken", "t"]]]) {
      const extFields = new Map([...request.extFields, ...added as [string, string][]]);
      assert.ok(signatures.verify({ extFields, body: null }, keys));
      extFields.set("topic", "U");
      assert.ok(!signatures.verify({ extFields, body: null }, keys));
    }
    const other = new Map([...request.extFields, ["other", "t"]] as [string, string][]);
    assert.ok(!signatures.verify({ extFields: other, body: null }, keys));
    // A token that is signed, with a zone that is not.
    const withToken = signed([["topic", "T"]], null, "t");
    const extFields = new Map([...withToken.extFields, ...zone]);
    assert.ok(signatures.verify({ extFields, body: null }, keys));
  });

  it("are refused in any form but 28 characters of canonical base64", () => {
    const request = signed([["topic", "T"]]);
    const good = request.extFields.get("Signature")!;
    const uncanonical = good.slice(0, 26) + next(good[26]!) + "=";
    const bad = ["", "A".repeat(28), good.slice(0, 27), `${good}=`, ` ${good.slice(1)}`];
    bad.push("A".repeat(10_000_000), "\ud800".repeat(28), uncanonical, good.replace("=", "\n"));
    for (const signature of bad) {
      const extFields = new Map(request.extFields).set("Signature", signature);
      assert.ok(!signatures.verify({ extFields, body: null }, keys), signature.slice(0, 40));
    }
    assert.ok(signatures.verify(request, keys));
  });

  it("of lone surrogates are those of the bytes that stand for them", () => {
    const request = signed([["topic", "\ud800x"]]);
    assert.ok(signatures.verify(request, keys));
    const extFields = new Map(request.extFields).set("topic", "\ud801y");
    assert.ok(!signatures.verify({ extFields, body: null }, keys));
  });

  it("random requests: all that is changed anywhere is refused", () => {
    const text = () => randomBytes(Math.random() * 12).toString("latin1");
    for (let i = 0; i < 500; i++) {
      const fields = Array.from(
        { length: 1 + i % 6 },
        (_, j) => [`f${j}`, text()] as [string, string],
      );
      const body = i % 3 === 0 ? null : new Uint8Array(randomBytes(1 + i));
      const request = signed(fields, body);
      assert.ok(signatures.verify(request, keys));
      const extFields = new Map(request.extFields).set(`f${i % fields.length}`, text() + "\u0100");
      assert.ok(!signatures.verify({ extFields, body }, keys));
    }
  });
});

/** Another character whose bits that count are the same: the last two of a hash's last one do not. */
function next(char: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return alphabet[alphabet.indexOf(char) + 1]!;
}
