import { osReason } from "../os_error.ts";
import { type FileKinds, requireRegularFile } from "../regular_file.ts";
import { ConfigFileError, ConfigSyntaxError } from "./errors.ts";
import { editProperties, parseProperties } from "./properties.ts";
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
  /** Returns the text with `changes` applied. @throws ConfigSyntaxError naming `source` */
  edit(text: string, changes: ReadonlyMap<string, string>, source: string): string;
}

const PROPERTIES: ConfigFormat = {
  decode: (bytes) => decodeUtf8(bytes) ?? decodeLatin1(bytes),
  parse: (text, source) => parseProperties(text, source),
  edit: editProperties,
};

const YAML: ConfigFormat = {
  decode(bytes, source) {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw new ConfigSyntaxError(`${source}: is not UTF-8`);
    return text;
  },
  parse: parseYaml,
  edit: editYaml,
};

/** YAML for the endings .yaml and .yml, properties for all others. */
export function formatOf(path: string): ConfigFormat {
  return /\.ya?ml$/i.test(path) ? YAML : PROPERTIES;
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
): Promise<Map<string, string>> {
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
  return format.parse(format.decode(bytes, path), path);
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
