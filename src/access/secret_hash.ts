import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** The cost of a hash: some 50 ms and 16 MiB. */
const COST = { ln: 14, r: 8, p: 1 };
/** The highest cost of a hash that is accepted: 2^17 * 8 * 128 bytes are 128 MiB. */
const MAX_COST = { ln: 17, r: 8, p: 4 };
const SALT_LENGTH = 16;
const HASH_LENGTH = 32;
const FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/;

/** Hashes a secret, irreversibly: `$scrypt$ln=14,r=8,p=1$salt$hash`. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(SALT_LENGTH);
  const hash = await derive(secret, salt, COST);
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether a text is a hash that {@link verifySecret} can work with. */
export function isSecretHash(text: string): boolean {
  return parse(text) !== undefined;
}

/** Whether a hash is that of a secret. */
export async function verifySecret(secret: string, hash: string): Promise<boolean> {
  const parsed = parse(hash);
  if (parsed === undefined) return false;
  return timingSafeEqual(await derive(secret, parsed.salt, parsed.cost), parsed.hash);
}

function parse(text: string) {
  const [, ln, r, p, salt, hash] = FORM.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const allowed = cost.ln >= 1 && cost.ln <= MAX_COST.ln && cost.r >= 1 && cost.r <= MAX_COST.r &&
    cost.p >= 1 && cost.p <= MAX_COST.p;
  if (!allowed) return undefined;
  return { cost, salt: fromBase64(salt), hash: fromBase64(hash) };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { lastChunkHandling: "loose" });
}

function unpadded(bytes: Uint8Array): string {
  return bytes.toBase64({ omitPadding: true });
}

function derive(secret: string, salt: Uint8Array, { ln, r, p }: typeof COST): Promise<Uint8Array> {
  const options = { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r };
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, HASH_LENGTH, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}
