import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { byteAt } from "../byte_access.ts";
import type { HeaderNotes } from "../remoting/wire/command.ts";
import { type HmacKey, HmacSha1, SHORT_CONTENT } from "./sha1.ts";

/** Names of the fields that carry a signature (RocketMQ's AclClientRPCHook, SessionCredentials). */
export const SignatureField = {
  ACCESS_KEY: "AccessKey",
  SIGNATURE: "Signature",
  SECURITY_TOKEN: "SecurityToken",
  /** Of the C++ library only. */
  ONS_CHANNEL: "OnsChannel",
} as const;

/** Fields of a client's zone: Java clients add them to a request that is signed already. */
export const ZONE_FIELDS = ["__ZONE_NAME", "__ZONE_MODE"] as const;

/** The fields of a request, and its body's bytes as they are sent. */
export interface Signed {
  readonly extFields: ReadonlyMap<string, string>;
  readonly body: Uint8Array | null;
  /** Of a header that repeats. */
  readonly notes?: HeaderNotes;
}

/** A name and its secret. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly securityToken?: string;
}

const SIGNATURE_LENGTH = 20;
/** Characters of a signature: the base64 of 20 bytes, with its padding. */
const TEXT_LENGTH = 28;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** The bits of each character by its code; 64 for those that are none of base64. */
const BITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const bits = ALPHABET.indexOf(String.fromCharCode(code));
  return bits < 0 ? 64 : bits;
});
const utf8 = new TextEncoder();

/** A secret that makes signatures. It can't be read back. */
export class SigningKey {
  readonly #secret: string;
  #key: HmacKey | undefined;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** The states of the HMAC, made when they are needed first. */
  states(hmac: HmacSha1): HmacKey {
    return this.#key ??= hmac.key(utf8.encode(this.#secret));
  }

  /** Whether a text is the secret. How long it takes does not tell how much of the text is right. */
  isSecret(text: string): boolean {
    const [given, own] = [text, this.#secret].map((it) => createHash("sha256").update(it).digest());
    return given !== undefined && own !== undefined && timingSafeEqual(given, own);
  }

  /** Signs content that is too long for {@link HmacSha1}. */
  signLong(parts: readonly Uint8Array[]): Uint8Array {
    const hmac = createHmac("sha1", this.#secret);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }
}

/**
 * Makes and checks the signatures of RocketMQ's requests: HMAC-SHA1 of the values of all fields in
 * the order of their names, and the body. Neither the request code nor the names are covered.
 */
export class Signatures {
  readonly #hmac = new HmacSha1();
  readonly #content = new Uint8Array(SHORT_CONTENT);
  readonly #given = new Uint8Array(SIGNATURE_LENGTH);
  readonly #computed = new Uint8Array(SIGNATURE_LENGTH);

  /**
   * Whether a request was signed with one of some keys. Two kinds of clients add fields after they
   * signed: where the whole does not match, the zone's fields and the security token may be left
   * out. Such fields are not protected by the signature.
   */
  verify(request: Signed, keys: readonly SigningKey[]): boolean {
    const { extFields } = request;
    const signature = extFields.get(SignatureField.SIGNATURE);
    const given = this.#given;
    if (signature === undefined || !decodeSignature(signature, given)) return false;
    if (this.#matches(request, keys, given, false, false)) return true;
    const zone = ZONE_FIELDS.some((name) => extFields.has(name));
    const token = extFields.has(SignatureField.SECURITY_TOKEN);
    return (zone && this.#matches(request, keys, given, true, false)) ||
      (token && this.#matches(request, keys, given, false, true)) ||
      (zone && token && this.#matches(request, keys, given, true, true));
  }

  /** The fields that sign a request, to be sent with its own. */
  sign(
    fields: readonly (readonly [string, string])[],
    body: Uint8Array | undefined,
    credentials: Credentials,
  ): (readonly [string, string])[] {
    const { accessKey, secretKey, securityToken } = credentials;
    const added: (readonly [string, string])[] = [[SignatureField.ACCESS_KEY, accessKey]];
    if (securityToken !== undefined) added.push([SignatureField.SECURITY_TOKEN, securityToken]);
    const request = { extFields: new Map([...fields, ...added]), body: body ?? null };
    const signature = this.#compute(request, new SigningKey(secretKey), false, false);
    return [...added, [SignatureField.SIGNATURE, signature.toBase64()]];
  }

  #matches(
    request: Signed,
    keys: readonly SigningKey[],
    given: Uint8Array,
    withoutZone: boolean,
    withoutToken: boolean,
  ): boolean {
    let matches = false;
    for (const key of keys) {
      const computed = this.#compute(request, key, withoutZone, withoutToken);
      // All bytes are compared, so that the time does not reveal where two signatures differ.
      let difference = 0;
      for (let i = 0; i < SIGNATURE_LENGTH; i++) {
        difference |= byteAt(computed, i) ^ byteAt(given, i);
      }
      if (difference === 0) matches = true;
    }
    return matches;
  }

  #compute(
    { extFields, body }: Signed,
    key: SigningKey,
    withoutZone: boolean,
    withoutToken: boolean,
  ): Uint8Array {
    const names = [...extFields.keys()].sort();
    const content = this.#content;
    let text = "";
    for (const name of names) {
      if (name === SignatureField.SIGNATURE) continue;
      if (withoutZone && (name === ZONE_FIELDS[0] || name === ZONE_FIELDS[1])) continue;
      if (withoutToken && name === SignatureField.SECURITY_TOKEN) continue;
      text += extFields.get(name) ?? "";
    }
    const bodyLength = body?.length ?? 0;
    // A UTF-16 code unit takes three bytes of UTF-8 at the most.
    if (text.length * 3 + bodyLength > content.length) {
      return key.signLong(body === null ? [utf8.encode(text)] : [utf8.encode(text), body]);
    }
    let { written: length } = utf8.encodeInto(text, content);
    if (body !== null) {
      content.set(body, length);
      length += bodyLength;
    }
    this.#hmac.sign(key.states(this.#hmac), content, length, this.#computed);
    return this.#computed;
  }
}

/**
 * Decodes a signature into 20 bytes; false for any other text than canonical base64 of as many. The
 * runtime's own decoder takes several times as long for so little.
 */
function decodeSignature(text: string, into: Uint8Array): boolean {
  if (text.length !== TEXT_LENGTH || text.charCodeAt(TEXT_LENGTH - 1) !== 0x3d) return false;
  let at = 0;
  let buffer = 0;
  let held = 0;
  let invalid = 0;
  for (let i = 0; i < TEXT_LENGTH - 1; i++) {
    const code = text.charCodeAt(i);
    const bits = code < 128 ? BITS[code] ?? 64 : 64;
    invalid |= bits;
    buffer = ((buffer << 6) | (bits & 63)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    into[at++] = buffer >>> held;
  }
  // Two bits are left over. In canonical base64, they are zero.
  return (invalid & 64) === 0 && (buffer & 3) === 0;
}
