/** How a header is written. The marker of each frame names it. */
export const SerializeType = { JSON: 0, ROCKETMQ: 1 } as const;
export type SerializeType = typeof SerializeType[keyof typeof SerializeType];

/** Bits of a command's `flag`. */
export const Flag = { RESPONSE: 1, ONEWAY: 2 } as const;

/** The header of a command as it came over the wire (protocol.md, "Command header"). */
export interface CommandHeader {
  code: number;
  /** Name of the peer's language, e.g. "JAVA". */
  language: string;
  /** Ordinal of MQVersion. */
  version: number;
  opaque: number;
  flag: number;
  remark: string | null;
  extFields: ReadonlyMap<string, string>;
}

/** A command as it came over the wire. */
export interface Command extends CommandHeader {
  serializeType: SerializeType;
  /** `null` when the frame holds no body bytes. */
  body: Uint8Array | null;
}

/** The answer to a request. What is left out is null on the wire. */
export interface Response {
  code: number;
  remark?: string;
  /** An empty list is an empty object on the wire; left out, there is none. */
  extFields?: readonly (readonly [string, string])[];
  body?: Uint8Array;
}

/** A request that this server sends itself. */
export interface OutgoingRequest {
  code: number;
  extFields: readonly (readonly [string, string])[];
  body?: Uint8Array;
  /** Ordinal of MQVersion to send; this server's own by default. */
  version?: number;
}

/** A frame or a header that can't be read: nothing after it on the connection can be trusted. */
export class FrameError extends Error {
  override name = "FrameError";
}
