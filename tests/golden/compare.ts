/** Compares responses with recorded ones, by value. */

import type { Command } from "../support/frames.ts";
import { type Json, parseJson } from "../support/json.ts";
import type { RequestStep } from "./recording.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A difference between two responses. */
export interface Difference {
  /** Line of the request in the recording. */
  line: number;
  /** Code of the request. */
  code: number;
  /** Where in the answer, e.g. `body.brokerAddrTable.broker-a`. */
  path: string;
  /** The value as text; `(absent)` where there is none. */
  recorded: string;
  ours: string;
}

/** A known difference. Its patterns must match whole texts. */
export interface KnownDifference {
  name: string;
  why: string;
  code?: number;
  path: RegExp;
  recorded: RegExp;
  ours: RegExp;
}

/** Requests whose answers are properties. */
const CONFIGURATIONS: readonly number[] = [
  RequestCode.GET_NAMESRV_CONFIG,
  RequestCode.GET_CONTROLLER_CONFIG,
];

const ABSENT = "(absent)";

/** Lists that represent sets: their order is irrelevant. */
const SETS = /^body(\.topicList|\.brokerDatas|\.queueDatas|\.clusterAddrTable\.[^.]+)$/;

/** The differences between our response to a recorded request and the recorded response. */
export function differences({ line, request, answer }: RequestStep, ours: Command): Difference[] {
  const found: Difference[] = [];
  const differ = (path: string, recorded: string, our: string) => {
    if (recorded !== our) found.push({ line, code: request.code, path, recorded, ours: our });
  };
  const recorded = answer!.frame;
  for (
    const field of [
      "code",
      "flag",
      "opaque",
      "remark",
      "language",
      "version",
      "serialization",
    ] as const
  ) differ(field, `${recorded[field]}`, `${ours[field]}`);
  compare("extFields", recorded.extFields, ours.extFields, differ);
  if (recorded.body.length === 0 || ours.body.length === 0) {
    differ("body.length", `${recorded.body.length}`, `${ours.body.length}`);
  } else if (CONFIGURATIONS.includes(request.code)) {
    compare("body", parseProperties(recorded.body), parseProperties(ours.body), differ);
  } else {
    const [there, here] = [recorded, ours].map((it) =>
      parseJson(new TextDecoder().decode(it.body))
    );
    compare("body", there!.value, here!.value, differ);
    differ("body written with unquoted keys", `${there!.unquotedKeys}`, `${here!.unquotedKeys}`);
    differ("body written with raw non-ASCII", `${there!.rawNonAscii}`, `${here!.rawNonAscii}`);
  }
  return found;
}

/** Returns the row that matches a difference. */
export function known(
  table: readonly KnownDifference[],
  { code, path, recorded, ours }: Difference,
): KnownDifference | undefined {
  return table.find((row) =>
    (row.code === undefined || row.code === code) && fits(row.path, path) &&
    fits(row.recorded, recorded) && fits(row.ours, ours)
  );
}

function fits(pattern: RegExp, text: string): boolean {
  return pattern.exec(text)?.[0] === text;
}

function compare(
  path: string,
  recorded: Json | undefined,
  ours: Json | undefined,
  differ: (path: string, recorded: string, ours: string) => void,
): void {
  if (recorded instanceof Map && ours instanceof Map) {
    for (const key of new Set([...recorded.keys(), ...ours.keys()])) {
      compare(`${path}.${key}`, recorded.get(key), ours.get(key), differ);
    }
  } else if (Array.isArray(recorded) && Array.isArray(ours)) {
    const inOrder = (list: Json[]) => SETS.test(path) ? list.toSorted(byText) : list;
    const [there, here] = [inOrder(recorded), inOrder(ours)];
    for (let i = 0; i < Math.max(there.length, here.length); i++) {
      compare(`${path}.${i}`, there[i], here[i], differ);
    }
  } else {
    differ(path, textOf(recorded), textOf(ours));
  }
}

function byText(a: Json, b: Json): number {
  const [textA, textB] = [textOf(a), textOf(b)];
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}

/** A value as text, with the keys of its objects in order. */
function textOf(value: Json | undefined): string {
  if (value === undefined) return ABSENT;
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`;
  if (value instanceof Map) {
    return `{${
      [...value.keys()].sort().map((key) => `${key}:${textOf(value.get(key))}`).join(",")
    }}`;
  }
  return typeof value === "string" ? value : String(value);
}

/** Lines of `key=value`. None of the recorded values needs an escape. */
function parseProperties(body: Uint8Array): Map<string, Json> {
  const text = new TextDecoder().decode(body);
  if (!text.endsWith("\n")) throw new Error("the properties do not end with a newline");
  const entries = text.slice(0, -1).split("\n").map((line): [string, Json] => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return new Map(entries);
}
