/** The answer of `/api/v1/compare`. */
export interface Comparison {
  /** Addresses of this server and the other one. */
  readonly left: string;
  readonly right: string;
  /** The time at which it was made, ISO 8601. */
  readonly at: string;
  readonly differences: readonly Difference[];
  /** The number of differences found; those that are listed may be the first of them. */
  readonly total: number;
  /** Facts that a server did not report, so that they are unknown. */
  readonly partial: readonly {
    readonly server: string;
    readonly what: "connection" | "brokers" | "topics" | "routes" | "kv" | "config";
    /** Null when there was no response. */
    readonly code: number | null;
    readonly remark: string;
  }[];
  /** Whether a limit ended it: there may be more differences. */
  readonly truncated: boolean;
}

/** Kinds of differences, in the order of the page. */
export const KINDS = ["broker", "address", "topic", "queues", "static queues", "kv"] as const;

/** Something that two name servers do not both have, or have with different values. */
export interface Difference {
  readonly kind: typeof KINDS[number];
  /** The subject, e.g. topic and broker. */
  readonly path: readonly string[];
  /** The value here; null: there is none. */
  readonly left: string | null;
  /** The value there. */
  readonly right: string | null;
}

/** A cause for which clients of two name servers see different things. */
export interface Finding {
  readonly about:
    | "brokerLacking"
    | "memberLacking"
    | "topicLacking"
    | "queuesLacking"
    | "brokerDiffers"
    | "memberDiffers"
    | "queuesDiffer"
    | "kvLacking"
    | "kvDiffers";
  /** The server that lacks it: this one or the other; undefined when both have it, differently. */
  readonly lacking?: Side;
  /** Brokers, topics, or namespaces with keys. */
  readonly names: readonly string[];
}

type Side = "left" | "right";

/** Says what explains the differences between two name servers, what matters most first. */
export function findingsOf(differences: readonly Difference[]): Finding[] {
  const findings: Finding[] = [];
  const add = (about: Finding["about"], lacking: Side | undefined, names: readonly string[]) => {
    if (names.length > 0) findings.push({ about, lacking, names: [...new Set(names)] });
  };
  /** The subjects of the differences of a kind that this side lacks, or that both have. */
  const of = (kind: Difference["kind"], lacking: Side | undefined) =>
    differences.filter((it) => it.kind === kind && lackingOf(it) === lacking)
      .map(({ path: [name = ""] }) => name);

  for (const side of ["right", "left"] as const) {
    const brokers = of("broker", side);
    const topics = of("topic", side);
    add("brokerLacking", side, brokers);
    add("topicLacking", side, topics);
    add("memberLacking", side, without(of("address", side), brokers));
    add("queuesLacking", side, without(of("queues", side), topics));
  }
  add("brokerDiffers", undefined, of("broker", undefined));
  add("memberDiffers", undefined, of("address", undefined));
  add("queuesDiffer", undefined, [
    ...of("queues", undefined),
    ...differences.filter(({ kind }) => kind === "static queues").map(({ path: [name = ""] }) =>
      name
    ),
  ]);
  for (const side of ["right", "left", undefined] as const) {
    const keys = differences.filter((it) => it.kind === "kv" && lackingOf(it) === side)
      .map(({ path }) => path.join(" "));
    add(side === undefined ? "kvDiffers" : "kvLacking", side, keys);
  }
  return findings;
}

function lackingOf({ left, right }: Difference): Side | undefined {
  return left === null ? "left" : right === null ? "right" : undefined;
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const left = new Set(names);
  for (const name of others) left.delete(name);
  return [...left];
}
