import { ResponseCode } from "../protocol/codes.ts";
import { type Long, parseInt32, parseLong } from "../protocol/long.ts";
import type { Command } from "../remoting/wire/command.ts";
import { RequestError } from "./errors.ts";

/** A field that a request must have. Throws {@link RequestError} naming it when it is missing. */
export function requiredField(request: Command, name: string): string {
  const value = request.extFields.get(name);
  if (value === undefined) {
    throw new RequestError(ResponseCode.SYSTEM_ERROR, `the field <${name}> is missing`);
  }
  return value;
}

/** A 64-bit integer that a request must have. Throws {@link RequestError} naming it. */
export function requiredLong(request: Command, name: string): Long {
  requiredField(request, name);
  return optionalLong(request, name)!;
}

/** A 64-bit integer that a request may have. Throws {@link RequestError} when it is not one. */
export function optionalLong(request: Command, name: string): Long | undefined {
  return optionalNumber(request, name, parseLong);
}

/** A 32-bit integer that a request may have. Throws {@link RequestError} when it is not one. */
export function optionalInt(request: Command, name: string): number | undefined {
  return optionalNumber(request, name, parseInt32);
}

/** A boolean that a request may have: "true" in any case is true, all else false, as in Java. */
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
 * Refuses a body that is read in one go and longer than any real one: who reads long, holds
 * everybody up. Throws {@link RequestError} that names the limit.
 *
 * @param limit in bytes
 */
export function checkBodyLength(request: Command, limit: number): void {
  const length = request.body?.length ?? 0;
  if (length > limit) {
    const remark = `the body has ${length} bytes, more than ${limit}`;
    throw new RequestError(ResponseCode.SYSTEM_ERROR, remark);
  }
}
