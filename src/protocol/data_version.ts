import { FastjsonReader } from "./fastjson_reader.ts";
import type { Long } from "./long.ts";

/** The version of a broker's topics. Two versions are equal when all three fields are. */
export interface DataVersion {
  readonly stateVersion: Long;
  readonly timestamp: Long;
  readonly counter: Long;
}

/** The data version of a registration without a body. */
export const ZERO_DATA_VERSION: DataVersion = { stateVersion: 0, timestamp: 0, counter: 0 };

/** Compares field by field. */
export function sameDataVersion(a: DataVersion, b: DataVersion): boolean {
  return a.counter === b.counter && a.timestamp === b.timestamp &&
    a.stateVersion === b.stateVersion;
}

/**
 * Reads a DataVersion object. 4.x brokers omit stateVersion, which is then 0.
 *
 * @returns `undefined` for `null`
 * @throws {FastjsonError} for any other value
 */
export function readDataVersion(reader: FastjsonReader): DataVersion | undefined {
  if (!reader.beginObject()) return undefined;
  let stateVersion: Long = 0;
  let timestamp: Long = 0;
  let counter: Long = 0;
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === "stateVersion") stateVersion = reader.readLong();
    else if (key === "timestamp") timestamp = reader.readLong();
    else if (key === "counter") counter = reader.readLong();
    else reader.skip();
  }
  return { stateVersion, timestamp, counter };
}

/** The body of the response to QUERY_DATA_VERSION. */
export function encodeDataVersion(version: DataVersion): Uint8Array {
  const { counter, stateVersion, timestamp } = version;
  return new TextEncoder().encode(
    `{"counter":${counter},"stateVersion":${stateVersion},"timestamp":${timestamp}}`,
  );
}
