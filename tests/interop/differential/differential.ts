/**
 * The differential test: sends the same frames to the reference name server and to ours. Every
 * difference between the responses must be in the table of known ones.
 */

import type { Launcher, NameServer } from "../cluster.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Scenario, Step } from "./steps.ts";
import { KNOWN } from "./known.ts";
import { FrameClient, NoAnswerError } from "../../support/frame_client.ts";
import { type Command } from "../../support/frames.ts";
import { type Json, parseJson } from "../../support/json.ts";
import { check, Failure, sleep, type Suite } from "../suite.ts";

/** A difference between two responses. */
export interface Difference {
  /** `scenario / step` */
  where: string;
  /** Index of the step in its scenario, from 1, because names may repeat. */
  at: number;
  /** Where in the answer, as `body.brokerDatas.broker-a.zoneName`. */
  path: string;
  /** The value as text; `(absent)` where there is none. */
  reference: string;
  ours: string;
}

/** Time limit of `eventually` in milliseconds: a scan interval and some slack. */
const EVENTUALLY_MS = 12_000;
/** Milliseconds to wait for a closing connection, or for a response that must not arrive. */
const QUIET_MS = 400;

const caseName = (scenario: Scenario): string => `differential: ${scenario.name}`;

/**
 * Runs the scenarios whose case's name contains `only`, each with two fresh servers. If all of them
 * ran, every known difference must have occurred.
 */
export async function differential(suite: Suite, launcher: Launcher, only = ""): Promise<void> {
  const used = new Set<string>();
  const ours = launcher.kind;
  let compared = 0;
  const chosen = SCENARIOS.filter((it) => caseName(it).includes(only));
  for (const scenario of chosen) {
    await suite.case(caseName(scenario), async () => {
      const [reference, candidate] = await Promise.all([
        launcher.nameServer("reference", scenario.config ?? {}),
        launcher.nameServer(ours, scenario.config ?? {}),
      ]);
      try {
        const count = await compareScenario(scenario, reference, candidate, used, ours === "ours");
        compared += count;
        return `${count} answers compared`;
      } finally {
        await launcher.processes.end();
      }
    });
  }
  if (chosen.length < SCENARIOS.length) return;
  await suite.case("differential: at least 150 answers were compared", () => {
    check(compared >= 150, `only ${compared}`);
    return Promise.resolve(`${compared} of them`);
  });
  if (ours === "reference") return;
  await suite.case("differential: every known difference still occurs", () => {
    const idle = KNOWN.filter((row) => !used.has(row.name)).map((row) => row.name);
    check(idle.length === 0, `no longer seen, take them out of the table:\n${idle.join("\n")}`);
    return Promise.resolve(`${KNOWN.length} rows`);
  });
}

/** Runs a scenario on both; throws a {@linkcode Failure} that lists the unknown differences. */
async function compareScenario(
  scenario: Scenario,
  reference: NameServer,
  ours: NameServer,
  used: Set<string>,
  useTable: boolean,
): Promise<number> {
  const sides = [new Side(reference), new Side(ours)];
  const unknown: string[] = [];
  let compared = 0;
  try {
    for (const [index, step] of scenario.steps.entries()) {
      const [there, here] = await Promise.all(sides.map((side) => side.take(step)));
      if (there === undefined || here === undefined) continue;
      compared++;
      const where = `${scenario.name} / ${step.name}`;
      for (const difference of differences(where, index + 1, there, here)) {
        const row = useTable ? KNOWN.find((row) => fits(row, difference)) : undefined;
        if (row === undefined) unknown.push(describe(difference));
        else used.add(row.name);
      }
    }
  } finally {
    for (const side of sides) side.close();
  }
  check(unknown.length === 0, `${unknown.length} unknown differences\n${unknown.join("\n")}`);
  return compared;
}

function fits(row: typeof KNOWN[number], it: Difference): boolean {
  return (row.where?.test(it.where) ?? true) && row.path.test(it.path) &&
    (row.reference?.test(it.reference) ?? true) && (row.ours?.test(it.ours) ?? true);
}

const describe = (it: Difference): string =>
  `${it.where} (step ${it.at}): ${it.path}\n    reference: ${it.reference.slice(0, 600)}\n` +
  `    ours:      ${it.ours.slice(0, 600)}`;

/** One of the two servers and the scenario's connections to it. */
class Side {
  #server: NameServer;
  #connections = new Map<string, FrameClient>();

  constructor(server: NameServer) {
    this.#server = server;
  }

  /**
   * Executes a step; returns its result as a tree of values, or undefined when nothing is compared.
   */
  async take(step: Step): Promise<Json | undefined> {
    const client = await this.#connection(step.on ?? "main");
    if (step.close) {
      client.close();
      await client.closed;
      return undefined;
    }
    if (step.raw !== undefined) {
      await client.sendRaw(step.raw);
      return await Promise.race([client.closed.then(() => "closed"), sleep(QUIET_MS, "open")]);
    }
    if (step.send === undefined) throw new Failure(`step ${step.name} does nothing`);
    const deadline = performance.now() + EVENTUALLY_MS;
    while (true) {
      const outcome = await this.#call(client, step);
      if (step.eventually === undefined || performance.now() > deadline) return outcome.tree;
      await sleep(100);
      // The change may have been visible before it was complete.
      if (outcome.fits) return (await this.#call(client, step)).tree;
    }
  }

  close(): void {
    for (const client of this.#connections.values()) client.close();
  }

  async #connection(name: string): Promise<FrameClient> {
    let client = this.#connections.get(name);
    if (client === undefined) {
      client = await FrameClient.connect(this.#server.address);
      this.#connections.set(name, client);
    }
    return client;
  }

  async #call(client: FrameClient, step: Step): Promise<{ tree: Json; fits: boolean }> {
    const request = step.send!;
    const oneway = ((request.flag ?? 0) & 2) !== 0;
    try {
      const response = await client.call(request, oneway ? QUIET_MS : 10_000);
      const text = new TextDecoder().decode(response.body);
      const { code, body, not } = step.eventually ?? {};
      const fits = (code === undefined || response.code === code) &&
        (body === undefined || body.test(text)) && !(not?.test(text));
      return { tree: treeOf(response, text, step, this.#server.port), fits };
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      return { tree: error.reason, fits: true };
    }
  }
}

/** Options that depend on the machine or the run; only their presence is compared. */
const LOCAL_OPTIONS = new Set(["configStorePath", "kvConfigPath", "listenPort", "rocketmqHome"]);

/** A response as a tree of values. Unordered lists are keyed, so that order does not matter. */
function treeOf(response: Command, text: string, step: Step, port: number): Json {
  const tree = new Map<string, Json>([
    ["serialization", response.serialization],
    ["code", BigInt(response.code)],
    ["language", response.language],
    ["version", BigInt(response.version)],
    ["flag", BigInt(response.flag)],
    ["remark", response.remark],
    ["extFields", extFieldsOf(response, step)],
  ]);
  if (response.body.length === 0) return tree;
  if (step.send!.code === 319 && response.code === 0) {
    tree.set("body", optionsOf(text, port));
    return tree;
  }
  const { value, unquotedKeys, rawNonAscii } = parseJson(text);
  tree.set("dialect", new Map([["unquotedKeys", unquotedKeys], ["rawNonAscii", rawNonAscii]]));
  const body = unordered(value);
  if (step.anyBrokerAddr && body instanceof Map) {
    const address = body.get("brokerAddr");
    if (step.anyBrokerAddr.includes(String(address))) body.set("brokerAddr", "any of them");
  }
  tree.set("body", body);
  return tree;
}

/** For a binary request, absent and empty extFields are equal: both are encoded alike. */
function extFieldsOf(response: Command, step: Step): Json {
  const isEmpty = response.extFields?.size === 0;
  return isEmpty && step.send!.serialization === "ROCKETMQ" ? null : response.extFields;
}

function optionsOf(text: string, port: number): Json {
  check(text.endsWith("\n"), "the configuration does not end with a line end");
  const lines = text.slice(0, -1).split("\n");
  const keys = lines.map((line) => line.slice(0, line.indexOf("=")));
  const options = new Map<string, Json>(
    lines.map((line, at) => [keys[at], line.slice(keys[at].length + 1)]),
  );
  check(options.get("listenPort") === String(port), "listenPort is not the port it listens on");
  for (const key of LOCAL_OPTIONS) if (options.has(key)) options.set(key, "of this run");
  options.set("(keys sorted)", keys.every((key, at) => at === 0 || keys[at - 1] < key));
  return options;
}

/** Lists that are sets in the protocol, with the key of an element. */
function keyOf(list: string, element: Json): string {
  if (list === "queueDatas" || list === "brokerDatas") {
    if (element instanceof Map) return String(element.get("brokerName"));
  }
  return print(element);
}

function unordered(value: Json, name = "", parent = ""): Json {
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, unordered(item, key, name)]));
  }
  if (!Array.isArray(value)) return value;
  const items = value.map((item) => unordered(item));
  const isSet = ["queueDatas", "brokerDatas", "topicList"].includes(name) ||
    parent === "clusterAddrTable";
  if (!isSet) return items;
  const set = new Map<string, Json>();
  for (const item of items) {
    let key = keyOf(name, item);
    while (set.has(key)) key += " again";
    set.set(key, item);
  }
  return set;
}

/** A value as text: longs are numbers and strings are quoted, so that 1 and "1" differ. */
function print(value: Json | undefined): string {
  if (value === undefined) return "(absent)";
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${key}:${print(item)}`).sort().join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => print(item)).join(",")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/**
 * The differences between two trees, each at the deepest level at which both have the same shape.
 */
function differences(where: string, at: number, there: Json, here: Json): Difference[] {
  const found: Difference[] = [];
  const walk = (path: string, a: Json | undefined, b: Json | undefined) => {
    if (a instanceof Map && b instanceof Map) {
      for (const key of new Set([...a.keys(), ...b.keys()])) {
        walk(path === "" ? key : `${path}.${key}`, a.get(key), b.get(key));
      }
    } else if (print(a) !== print(b)) {
      found.push({ where, at, path, reference: print(a), ours: print(b) });
    }
  };
  walk("", there, here);
  return found;
}
