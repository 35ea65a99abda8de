import { ConfigSyntaxError } from "../config/errors.ts";
import { parseProperties } from "../config/properties.ts";
import { NotTold } from "./other_server.ts";

/** Limits of a configuration that a server reports. */
const LIMITS = { maxLength: 1_000_000, maxKeys: 10_000 };

/**
 * Parses the body of GET_NAMESRV_CONFIG.
 *
 * @throws {NotTold} when it is malformed or too long
 */
export function parseConfiguration(text: string): ReadonlyMap<string, string> {
  try {
    return parseProperties(text, "its configuration", LIMITS);
  } catch (error) {
    if (!(error instanceof ConfigSyntaxError)) throw error;
    throw new NotTold(`an unreadable answer: ${error.message}`, null);
  }
}
