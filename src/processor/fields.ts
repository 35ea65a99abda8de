import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { nameFault } from "../protocol/names.ts";
import { type Long, parseInt32, parseLong } from "../protocol/long.ts";
import type { Command } from "../remoting/wire/command.ts";
import { RequestError } from "./errors.ts";

/**
 * Returns a required field. Throws a {@link RequestError} that names the field if it is missing.
 */
export function requiredField(request: Command, name: string): string {
  const value = request.extFields.get(name);
  if (value === undefined) {
    throw new RequestError(ResponseCode.SYSTEM_ERROR, `the field <${name}> is missing`);
  }
  return value;
}

/**
 * Returns an optional field with a name that is to be kept. Throws a {@link RequestError} that names
 * the field if it has more than 255 bytes or a control character.
 */
export function optionalName(request: Command, name: string): string | undefined {
  const value = request.extFields.get(name);
  const fault = value === undefined ? undefined : nameFault(name, value);
  if (fault !== undefined) throw new RequestError(ResponseCode.SYSTEM_ERROR, fault);
  return value;
}

/** Like {@link optionalName}, for a required field: it throws as {@link requiredField} does, too. */
export function requiredName(request: Command, name: string): string {
  return optionalName(request, name) ?? requiredField(request, name);
}

/** Returns a required 64-bit integer field. Throws a {@link RequestError} that names the field. */
export function requiredLong(request: Command, name: string): Long {
  const text = requiredField(request, name);
  const value = parseLong(text);
  if (value === undefined) {
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      `the field <${name}> is not an integer: ${JSON.stringify(shortened(text))}`,
    );
  }
  return value;
}

/**
 * Returns an optional 64-bit integer field. A value that is not one is ignored, as in the
 * reference, with a line at DEBUG.
 */
export function optionalLong(request: Command, name: string, log: Log): Long | undefined {
  return optionalNumber(request, name, parseLong, log);
}

/** Returns an optional 32-bit integer field; like {@link optionalLong}. */
export function optionalInt(request: Command, name: string, log: Log): number | undefined {
  return optionalNumber(request, name, parseInt32, log);
}

/**
 * Returns an optional boolean field: "true" in any case is true, anything else false, as in Java.
 */
export function optionalBoolean(request: Command, name: string): boolean | undefined {
  const text = request.extFields.get(name);
  if (text === undefined) return undefined;
  // As peers write it, without the cost of a new string.
  return text === "true" || text.toLowerCase() === "true";
}

function optionalNumber<T>(
  request: Command,
  name: string,
  parse: (text: string) => T | undefined,
  log: Log,
): T | undefined {
  const text = request.extFields.get(name);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined && log.debugEnabled) {
    log.debug("field ignored: not an integer", {
      code: request.code,
      field: name,
      value: shortened(text),
    });
  }
  return value;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/**
 * Refuses a body that is parsed in one go and longer than any real one, because parsing it would
 * block all other requests. Throws a {@link RequestError} that names the limit.
 *
 * @param limit in bytes
 */
export function checkBodyLength(request: Command, limit: number): void {
  const length = request.body?.length ?? 0;
  if (length > limit) {
    const remark = `the body has ${length} bytes; the limit is ${limit}`;
    throw new RequestError(ResponseCode.SYSTEM_ERROR, remark);
  }
}
