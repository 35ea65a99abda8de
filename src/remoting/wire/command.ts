/** Encoding of a header, as named in each frame's marker. */
export const SerializeType = { JSON: 0, ROCKETMQ: 1 } as const;
export type SerializeType = typeof SerializeType[keyof typeof SerializeType];

/** Bits of a command's `flag`. */
export const Flag = { RESPONSE: 1, ONEWAY: 2 } as const;

/** The header of a received command (protocol.md, "Command header"). */
export interface CommandHeader {
  code: number;
  /** The peer's programming language, e.g. "JAVA". */
  language: string;
  /** Ordinal of MQVersion. */
  version: number;
  opaque: number;
  flag: number;
  remark: string | null;
  extFields: ReadonlyMap<string, string>;
}

/** Conclusions from a header that is cached. They are forgotten together with it. */
export interface HeaderNotes {
  /** Of access control, which alone knows what it is. */
  access?: unknown;
}

/** A received command. */
export interface Command extends CommandHeader {
  serializeType: SerializeType;
  /** `null` when the frame has no body. */
  body: Uint8Array | null;
  /**
   * If an earlier request had the same header: the notes of this header, each time the same object.
   * `extFields` is the same object, too.
   */
  notes?: HeaderNotes;
}

/** The response to a request. Absent fields are null on the wire. */
export interface Reply {
  code: number;
  remark?: string;
  /** An empty list is sent as an empty object; an absent one is not sent. */
  extFields?: readonly (readonly [string, string])[];
  body?: Uint8Array;
  /** The values that the request changed, for the audit log. Not sent. */
  change?: object;
}

/** A request sent by this server. */
export interface OutgoingRequest {
  code: number;
  extFields: readonly (readonly [string, string])[];
  body?: Uint8Array;
  /** Ordinal of MQVersion to send; defaults to this server's own. */
  version?: number;
}

/** A malformed frame or header. Nothing after it on the connection can be trusted. */
export class FrameError extends Error {
  override name = "FrameError";
}
