import { osReason } from "../os_error.ts";
import { type FileKinds, requireRegularFile } from "../regular_file.ts";
import { ConfigFileError, ConfigSyntaxError } from "./errors.ts";
import { editProperties, parseProperties, readRawValues } from "./properties.ts";
import { editYaml, parseYaml } from "./yaml.ts";

/** The part of Deno that reads files. */
export interface FileReader extends FileKinds {
  readFile(path: string): Promise<Uint8Array>;
}

/** The syntax of a configuration file. */
export interface ConfigFormat {
  /** @throws ConfigSyntaxError naming `source` */
  decode(bytes: Uint8Array, source: string): string;
  /** @throws ConfigSyntaxError naming `source` */
  parse(text: string, source: string): Map<string, string>;
  /** Values as the text spells them, where the syntax has escapes that are easily overlooked. */
  rawValues(text: string, source: string): ReadonlyMap<string, string>;
  /** Returns the text with `changes` applied. @throws ConfigSyntaxError naming `source` */
  edit(text: string, changes: ReadonlyMap<string, string>, source: string): string;
}

const PROPERTIES: ConfigFormat = {
  decode: (bytes) => decodeUtf8(bytes) ?? decodeLatin1(bytes),
  parse: (text, source) => parseProperties(text, source),
  rawValues: readRawValues,
  edit: editProperties,
};

const YAML: ConfigFormat = {
  decode(bytes, source) {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw new ConfigSyntaxError(`${source}: is not UTF-8`);
    return text;
  },
  parse: parseYaml,
  rawValues: () => new Map(),
  edit: editYaml,
};

/** YAML for the endings .yaml and .yml, properties for all others. */
export function formatOf(path: string): ConfigFormat {
  return /\.ya?ml$/i.test(path) ? YAML : PROPERTIES;
}

/** The content of a configuration file, by key. */
export interface ConfigEntries {
  readonly values: ReadonlyMap<string, string>;
  /** See {@link ConfigFormat.rawValues}. */
  readonly raw: ReadonlyMap<string, string>;
}

/**
 * Reads the keys and values of a file.
 *
 * @throws ConfigFileError when it can't be read, with the system's error as cause
 * @throws ConfigSyntaxError when its content does not match its ending
 */
export async function readConfigFile(
  path: string,
  files: FileReader,
): Promise<ConfigEntries> {
  const format = formatOf(path);
  let bytes: Uint8Array;
  try {
    await requireRegularFile(path, files);
    bytes = await files.readFile(path);
  } catch (error) {
    const reason = osReason(error, `--allow-read=${path}`);
    throw new ConfigFileError(`cannot read the configuration file ${path}: ${reason}`, {
      cause: error,
    });
  }
  const text = format.decode(bytes, path);
  return { values: format.parse(text, path), raw: format.rawValues(text, path) };
}

/** Whether a ConfigFileError was caused by a missing file. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ConfigFileError && error.cause instanceof Deno.errors.NotFound;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** TextDecoder's "iso-8859-1" is Windows-1252, which differs from 0x80 to 0x9f. */
function decodeLatin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
