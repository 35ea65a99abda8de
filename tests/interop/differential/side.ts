/** One of the two name servers of a differential test, and its answers as trees of values. */

import type { NameServer } from "../cluster.ts";
import { print } from "./difference.ts";
import type { Step } from "./steps.ts";
import { FrameClient, NoAnswerError } from "../frame_client.ts";
import type { Command } from "../../support/frames.ts";
import { type Json, parseJson } from "../../support/json.ts";
import { check, Failure, sleep } from "../suite.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

/** Time limit of `eventually` in milliseconds: a scan interval and some slack. */
const EVENTUALLY_MS = 12_000;
/** Milliseconds to wait for a closing connection, or for a response that must not arrive. */
const QUIET_MS = 1_500;

/** One of the two servers and the scenario's connections to it. */
export class Side {
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
      // A later step of that name opens another.
      this.#connections.delete(step.on ?? "main");
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
  if (step.send!.code === RequestCode.GET_NAMESRV_CONFIG && response.code === 0) {
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
  const options = new Map<string, Json>(lines.map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  }));
  check(options.get("listenPort") === String(port), "listenPort is not the port it listens on");
  for (const key of LOCAL_OPTIONS) if (options.has(key)) options.set(key, "of this run");
  options.set("(keys sorted)", keys.every((key, at) => at === 0 || keys[at - 1]! < key));
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
