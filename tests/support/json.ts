/** Parses JSON as RocketMQ's programs write it, and reports the dialect. */

/** A JSON value with exact 64-bit numbers and without prototypes. */
export type Json = null | boolean | string | bigint | number | Json[] | Map<string, Json>;

/** A parsed body and properties of its encoding. */
export interface ParsedJson {
  value: Json;
  /** Whether any key was unquoted, as fastjson writes numeric keys. */
  unquotedKeys: boolean;
  /** Whether any non-ASCII character was written literally rather than as a \uXXXX escape. */
  rawNonAscii: boolean;
}

/** Parses JSON and fastjson's dialect. Throws SyntaxError with the offset. */
export function parseJson(text: string): ParsedJson {
  let at = 0;
  let unquotedKeys = false;
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at offset ${at} of ${text.slice(0, 200)}`);
  };
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    at += match?.length ?? 0;
    return match;
  };
  const skip = () => token(/\s*/y);
  const expect = (char: string) => {
    skip();
    if (text[at] !== char) fail(`expected ${char}`);
    at++;
  };
  const next = (char: string): boolean => {
    skip();
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const string = (): string => JSON.parse(token(/"(?:[^"\\]|\\.)*"/y) ?? fail("expected a string"));
  const value = (): Json => {
    skip();
    if (next("{")) {
      const object = new Map<string, Json>();
      if (next("}")) return object;
      do {
        skip();
        let key: string;
        if (text[at] === '"') key = string();
        else {
          key = token(/[\w$.-]+/y) ?? fail("expected a key");
          unquotedKeys = true;
        }
        expect(":");
        object.set(key, value());
      } while (next(","));
      expect("}");
      return object;
    }
    if (next("[")) {
      const list: Json[] = [];
      if (next("]")) return list;
      do list.push(value()); while (next(","));
      expect("]");
      return list;
    }
    if (text[at] === '"') return string();
    const word = token(/[\w.+-]+/y) ?? fail("expected a value");
    if (word === "null") return null;
    if (word === "true" || word === "false") return word === "true";
    if (/^-?\d+$/.test(word)) return BigInt(word);
    const number = Number(word);
    return Number.isNaN(number) ? fail(`bad value ${word}`) : number;
  };
  const parsed = value();
  skip();
  if (at !== text.length) fail("text after the value");
  // deno-lint-ignore no-control-regex
  return { value: parsed, unquotedKeys, rawNonAscii: /[^\x00-\x7f]/.test(text) };
}
