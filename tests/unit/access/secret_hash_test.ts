import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { scryptSync } from "node:crypto";
import { describe, it } from "@std/testing/bdd";
import { hashSecret, isSecretHash, verifySecret } from "../../../src/access/secret_hash.ts";

describe("the hash of a secret", () => {
  it("is that of this secret alone, and another one each time", async () => {
    const hash = await hashSecret("secret");
    assert.match(hash, /^\$scrypt\$ln=14,r=8,p=1\$[^$]{22}\$[^$]{43}$/);
    assert.ok(isSecretHash(hash));
    assert.ok(await verifySecret("secret", hash));
    assert.ok(!await verifySecret("secret2", hash));
    assert.notEqual(await hashSecret("secret"), hash);
  });

  it("is scrypt of the secret and the salt", async () => {
    const [, , , salt, hash] = (await hashSecret("secret")).split("$");
    const bytes = Buffer.from(salt!, "base64");
    const expected = scryptSync("secret", bytes, 32, { N: 16_384, r: 8, p: 1 });
    assert.equal(hash, expected.toString("base64").replace("=", ""));
  });

  it("in any other form, or at a price beyond the limit, is none", async () => {
    const hash = await hashSecret("secret");
    const bad = ["", "secret", hash.slice(1), hash.slice(0, -1), hash + "A"];
    bad.push(
      hash.replace("ln=14", "ln=30"),
      hash.replace("p=1", "p=0"),
      hash.replace("r=8", "r=99"),
    );
    for (const text of bad) {
      assert.ok(!isSecretHash(text), text);
      assert.ok(!await verifySecret("secret", text), text);
    }
  });
});
