import { ResponseCode } from "../protocol/codes.ts";
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

/** Returns a required 64-bit integer field. Throws a {@link RequestError} that names the field. */
export function requiredLong(request: Command, name: string): Long {
  requiredField(request, name);
  return optionalLong(request, name)!;
}

/**
 * Returns an optional 64-bit integer field. Throws a {@link RequestError} if it is not an integer.
 */
export function optionalLong(request: Command, name: string): Long | undefined {
  return optionalNumber(request, name, parseLong);
}

/**
 * Returns an optional 32-bit integer field. Throws a {@link RequestError} if it is not an integer.
 */
export function optionalInt(request: Command, name: string): number | undefined {
  return optionalNumber(request, name, parseInt32);
}

/**
 * Returns an optional boolean field: "true" in any case is true, anything else false, as in Java.
 */
export function optionalBoolean(request: Command, name: string): boolean | undefined {
  const text = request.extFields.get(name);
  return text === undefined ? undefined : text.toLowerCase() === "true";
}

function optionalNumber<T>(
  request: Command,
  name: string,
  parse: (text: string) => T | undefined,
): T | undefined {
  const text = request.extFields.get(name);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) {
    const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
    throw new RequestError(
      ResponseCode.SYSTEM_ERROR,
      `the field <${name}> is not an integer: ${shown}`,
    );
  }
  return value;
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
