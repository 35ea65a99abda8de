/** The recorded frames of a real cluster, as repeatable steps. */

import { type Command as Frame, decodeFrame } from "../support/frames.ts";

/** The files in `recorded`. */
export type RecordingName =
  | "cluster-5.5.0"
  | "acting-master-binary-5.5.0"
  | "controller/controller-5.5.0";

/** A client's action, or a remark of who recorded. `line` is the line in the file, from 1. */
export type Step =
  | { kind: "mark"; line: number; text: string }
  | { kind: "open"; line: number; conn: number }
  | { kind: "close"; line: number; conn: number }
  | {
    kind: "request";
    line: number;
    conn: number;
    /** The frame as it was sent. */
    bytes: Uint8Array;
    request: Frame;
    /** The reference's response; absent for a one-way request. */
    answer?: { bytes: Uint8Array; frame: Frame };
  };

/** A step of kind "request". */
export type RequestStep = Extract<Step, { kind: "request" }>;

interface Line {
  conn: number;
  from: "client" | "server";
  /** The server that the connection leads to, where several were recorded. */
  link?: string;
  hex?: string;
  event?: "open" | "close" | "mark" | "refused";
  text?: string;
}

/**
 * Reads a recording. Throws when a response has no request, or a request no response while its connection
 * is open.
 *
 * @param wanted the server whose connections are read, where several were recorded
 */
export async function readRecording(name: RecordingName, wanted?: string): Promise<Step[]> {
  const path = new URL(`recorded/${name}.jsonl.gz`, import.meta.url);
  const file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
    .text();
  const steps: Step[] = [];
  const waiting = new Map<string, RequestStep>();
  const forget = (conn: number) => {
    for (const key of waiting.keys()) if (key.startsWith(`${conn} `)) waiting.delete(key);
  };
  for (const [index, json] of text.trim().split("\n").entries()) {
    const { conn, from, link, hex, event, text: mark = "" }: Line = JSON.parse(json);
    const line = index + 1;
    if (event === "mark") steps.push({ kind: "mark", line, text: mark });
    // Nothing sent over a refused connection was received.
    if (event === "mark" || event === "refused" || link !== wanted) continue;
    if (event !== undefined) {
      if (from === "client") steps.push({ kind: event, line, conn });
      if (event === "close") forget(conn);
      continue;
    }
    const bytes = Uint8Array.fromHex(hex!);
    const frame = decodeFrame(bytes);
    const pair = `${conn} ${frame.opaque}`;
    if (from === "server") {
      const request = waiting.get(pair);
      if (request === undefined) throw new Error(`${name}, line ${line}: answers nothing`);
      request.answer = { bytes, frame };
      waiting.delete(pair);
      continue;
    }
    const step: RequestStep = { kind: "request", line, conn, bytes, request: frame };
    steps.push(step);
    if ((frame.flag & 2) === 0) waiting.set(pair, step);
  }
  for (const { line } of waiting.values()) throw new Error(`${name}, line ${line}: not answered`);
  return steps;
}

/** Whether a step is a request, of this code if one is given. */
export function isRequest(step: Step, code?: number): step is RequestStep {
  return step.kind === "request" && (code === undefined || step.request.code === code);
}
