import { FastjsonError } from "./fastjson_reader.ts";

/** Most bytes of UTF-8 that a name may have. RocketMQ's own limit for topics is 127 characters. */
const MAX_BYTES = 255;
/** A name of so few UTF-16 code units cannot have more bytes. */
const SURELY_SHORT = Math.floor(MAX_BYTES / 3);

const utf8 = new TextEncoder();
const CONTROL = /\p{Cc}/u;

/**
 * Checks a name that is to be kept: of a cluster, broker, topic, zone or namespace, a key or an
 * address.
 *
 * @param field the field that has it, for the message
 * @returns why the name can't be kept; `undefined` when it can
 */
export function nameFault(field: string, name: string): string | undefined {
  if (name.length > SURELY_SHORT) {
    const { length } = name.length > MAX_BYTES ? name : utf8.encode(name);
    if (length > MAX_BYTES) {
      return `the field <${field}> has more than ${MAX_BYTES} bytes of UTF-8`;
    }
  }
  return CONTROL.test(name) ? `the field <${field}> has a control character` : undefined;
}

/** @throws {FastjsonError} when a name in a body can't be kept */
export function checkName(field: string, name: string | null): void {
  const fault = name === null ? undefined : nameFault(field, name);
  if (fault !== undefined) throw new FastjsonError(fault);
}
