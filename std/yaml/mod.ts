/**
 * Stand-in for `@std/yaml`, used through `links` where JSR is unreachable: parsing, based on
 * js-yaml.
 *
 * @module
 */
// @ts-types="./js_yaml.d.ts"
import { DEFAULT_SCHEMA, FAILSAFE_SCHEMA, load, Type, YAMLException } from "js-yaml";

/** Text that is not valid YAML; lines and columns count from 1, `offset` from 0. */
export class YamlSyntaxError extends SyntaxError {
  override name = "YamlSyntaxError";
  readonly line: number;
  readonly column: number;
  readonly offset: number;

  constructor(reason: string, position: { line: number; column: number; offset: number }) {
    super(`${reason} at line ${position.line}, column ${position.column}`);
    this.line = position.line;
    this.column = position.column;
    this.offset = position.offset;
  }
}

/** Integers of base 2, 16 and, after a bare 0, base 8: js-yaml 4 reads 010 as ten. */
const int = new Type("tag:yaml.org,2002:int", {
  kind: "scalar",
  resolve: (text) =>
    text !== null && !text.endsWith("_") &&
    /^[-+]?0(?:b_*[01][01_]*|x_*[\da-fA-F][\da-fA-F_]*|_*[0-7][0-7_]*)?$/.test(text),
  construct: (text) => {
    const digits = text.replace(/^[-+]|_/g, "");
    const magnitude = /^0[bx]/.test(digits) ? Number(digits) : parseInt(digits, 8);
    return text.startsWith("-") ? -magnitude : magnitude;
  },
});

/** All other numbers: js-yaml 4 reads 09 as a number, but it is text here. */
const float = new Type("tag:yaml.org,2002:float", {
  kind: "scalar",
  resolve: (text) =>
    text !== null && !text.endsWith("_") &&
    (/^[-+]?(?:0|[1-9][\d_]*)(?:\.[\d_]*)?(?:[eE][-+]?\d+)?$/.test(text) ||
      /^\.[\d_]+(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text)),
  construct: (text) => {
    const digits = text.replaceAll("_", "").toLowerCase();
    if (digits.endsWith(".inf")) return digits.startsWith("-") ? -Infinity : Infinity;
    return Number.parseFloat(digits);
  },
});

const schemas = {
  default: DEFAULT_SCHEMA.extend({ implicit: [int, float] }),
  failsafe: FAILSAFE_SCHEMA,
};

/** Parsing options. */
export interface ParseOptions {
  /** With `failsafe`, every scalar is a string; defaults to `default`. */
  schema?: keyof typeof schemas;
}

/**
 * Parses one YAML document; an empty one is null.
 *
 * @throws {YamlSyntaxError} When the text is malformed or has more than one document.
 */
export function parse(content: string, options: ParseOptions = {}): unknown {
  try {
    return load(content, { schema: schemas[options.schema ?? "default"] }) ?? null;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0, position: offset = 0 } = error.mark ?? {};
    throw new YamlSyntaxError(error.reason, { line: line + 1, column: column + 1, offset });
  }
}
