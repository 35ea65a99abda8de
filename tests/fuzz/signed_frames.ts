/** Signed frames for the fuzzer: right signatures of an account that may change nothing, and wrong ones. */

import { actionOfCode } from "../../src/access/actions.ts";
import type { Credentials } from "../../src/access/signature.ts";
import { text, utf8 } from "../support/bytes.ts";
import { encodeFrame, frame, type Request } from "../support/frames.ts";
import { signed } from "../support/signed.ts";
import { type Chance, Frames } from "./frames.ts";

/** May do everything; the fuzzer does not know its secret. */
export const ADMIN = { accessKey: "AK-admin", secretKey: "a-secret-that-nobody-knows" };
/** May ask for routes. */
export const CLIENT = { accessKey: "AK-client", secretKey: "a-secret-of-more-than-20-characters" };

const FIELD = /"Signature":"/g;
/** Base64 that a lenient decoder takes for the same bytes, or for none. */
const VARIANTS: readonly ((signature: string) => string)[] = [
  (signature) => signature.replace(/=$/, ""),
  (signature) => `${signature}=`,
  (signature) => ` ${signature}`,
  (signature) => `${signature.slice(0, 8)}\n${signature.slice(8)}`,
  (signature) => signature.replaceAll("+", "-").replaceAll("/", "_"),
  // The last character before the padding has bits that mean nothing.
  (signature) => signature.replace(/(.)=$/, (_, last) => `${following(last)}=`),
  (signature) => signature.toLowerCase(),
  () => "",
  () => "\ud800",
  () => "A".repeat(70_000),
];
/** Texts that UTF-8 can't hold, or only otherwise. */
const SURROGATES = ["\ud800", "a\udc00", "\udc00\ud800", "\ud83d\ude00"];
/** One in so many frames has a signature of 10 MB, which takes a while to make. */
const HUGE = 3000;

/** Makes frames of which none may change anything. */
export class SignedFrames extends Frames {
  readonly #below: Chance;

  constructor(below: Chance) {
    super(below);
    this.#below = below;
  }

  protected override encode(request: Request, opaque: number): Uint8Array<ArrayBuffer> {
    const below = this.#below;
    if (below(4) > 0) request = this.#fitting(request);
    if (below(8) === 0) {
      const topic = SURROGATES[below(SURROGATES.length)] ?? "";
      request = { ...request, extFields: { ...request.extFields, topic } };
    }
    switch (below(6)) {
      case 0:
        return super.encode(request, opaque);
      case 1:
        return super.encode(signed(request, CLIENT), opaque);
      case 2:
        return super.encode(signed(request, { ...ADMIN, secretKey: "guessed" }), opaque);
      case 3:
        return super.encode(this.#varied(signed(request, this.#guess())), opaque);
      case 4:
        return twice(signed(request, CLIENT), this.#guess(), opaque);
      default: {
        // A right signature under the name of an account that may do more.
        const { extFields } = signed(request, CLIENT);
        const AccessKey = ADMIN.accessKey;
        return super.encode({ ...request, extFields: { ...extFields, AccessKey } }, opaque);
      }
    }
  }

  /** A signed request is refused if it has a field that its code does not have. */
  #fitting(request: Request): Request {
    const fields = actionOfCode(request.code)?.fields;
    const kept = Object.entries(request.extFields ?? {}).filter(([name]) => fields?.has(name));
    return { ...request, extFields: Object.fromEntries(kept) };
  }

  #guess(): Credentials {
    return this.#below(2) === 0 ? CLIENT : { ...ADMIN, secretKey: "guessed" };
  }

  #varied(request: Request): Request {
    const { Signature = "", ...others } = request.extFields ?? {};
    const vary = VARIANTS[this.#below(VARIANTS.length)] ?? String;
    const varied = this.#below(HUGE) === 0 ? "A".repeat(10_000_000) : vary(Signature);
    return { ...request, extFields: { ...others, Signature: varied } };
  }
}

/** A JSON frame that has the fields of a signature twice: of one account, and of another. */
function twice(request: Request, other: Credentials, opaque: number): Uint8Array<ArrayBuffer> {
  const bytes = encodeFrame({ ...request, serialization: "JSON" }, opaque);
  const view = new DataView(bytes.buffer);
  const length = view.getUint32(4) & 0xffffff;
  const header = text(bytes.subarray(8, 8 + length));
  const { AccessKey, Signature } = signed({ code: request.code }, other).extFields ?? {};
  const more = header.replace(
    FIELD,
    `"AccessKey":"${AccessKey}","Signature":"${Signature}","Signature":"`,
  );
  return frame(utf8(more), bytes.subarray(8 + length));
}

/** The next character of the alphabet of base64. */
function following(character: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return alphabet.charAt((alphabet.indexOf(character) + 1) % alphabet.length);
}
