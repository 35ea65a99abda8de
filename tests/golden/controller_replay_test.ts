/** The requests of three brokers and mqadmin to a controller, with its answers by the reference. */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import type { Command } from "../support/frames.ts";
import { encodeFrame } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/wait.ts";
import { type Difference, differences, known, type KnownDifference } from "./compare.ts";
import { isRequest, readRecording, type RequestStep, type Step } from "./recording.ts";
import { type GoldenServer, startServer } from "./server.ts";

/** Where the recorded server is killed, and where brokers are cleaned although they are alive. */
const KILLED = "kill -9 the name server with the controller";
const CLEANED = "cleanBrokerMetadata -l of the whole set, brokers alive";

/** Known differences from the recorded answers. Every row must occur. */
const KNOWN: KnownDifference[] = [
  {
    name: "language",
    why: "this server is not written in Java: the protocol's name for others is OTHER",
    path: /language/,
    recorded: /JAVA/,
    ours: /OTHER/,
  },
  {
    name: "quoted keys",
    why: "mqadmin 5.5.0 fails on the unquoted ones, after the election",
    code: RequestCode.CONTROLLER_ELECT_MASTER,
    path: /body written with unquoted keys/,
    recorded: /true/,
    ours: /false/,
  },
  {
    name: "a lost master raises the epoch once",
    why: "the reference raises it by three, from 3 to 6; everything after is later by two",
    path: /(extFields|body\.replicasInfoTable\.broker-a)\.masterEpoch/,
    recorded: /6|7/,
    ours: /4|5/,
  },
  {
    name: "port",
    why: "the test listens on a free one",
    path: /extFields\.(peers|controllerLeaderAddress)/,
    recorded: /(n0:)?127\.0\.0\.1:27100;?/,
    ours: /(n0:)?127\.0\.0\.1:\d+;?/,
  },
  {
    name: "ports, addresses and paths of the configuration",
    why: "each server has its own",
    code: RequestCode.GET_CONTROLLER_CONFIG,
    path: /body\.(\w+Path|\w+Home|bindAddress|listenPort|controllerDLegerPeers)/,
    recorded: /.*/,
    ours: /.*/,
  },
  {
    name: "defaults of the configuration",
    why: "docs/differences.md, docs/configuration.md: a longer queue of connections, one more key",
    code: RequestCode.GET_CONTROLLER_CONFIG,
    path: /body\.(serverSocketBacklog|configBlackList|mappedFileSize)/,
    recorded: /.*/,
    ours: /.*/,
  },
  {
    name: "options that only this server has",
    why: "it reports what it is configured by",
    code: RequestCode.GET_CONTROLLER_CONFIG,
    path: /body\.\w+/,
    recorded: /\(absent\)/,
    ours: /.+/,
  },
  {
    name: "an object and options without a value",
    why: "the reference shows a Java object's number, and empty values; here those are left out",
    code: RequestCode.GET_CONTROLLER_CONFIG,
    path: /body\.\w+/,
    recorded: /org\.apache\..*@.*|/,
    ours: /\(absent\)/,
  },
];

/** Replays the recorded steps against a controller. */
class ControllerReplay {
  readonly #server: GoldenServer;
  readonly #peers = new Map<number, Peer>();
  /** Ids of the replicas whose heartbeats came over a recorded connection. */
  readonly #carried = new Map<number, string>();
  /** By how much the recorded master epoch is ahead. */
  #ahead = 0;

  constructor(server: GoldenServer) {
    this.#server = server;
  }

  async take(step: Step): Promise<Command | undefined> {
    switch (step.kind) {
      case "open":
        this.#peers.set(step.conn, await Peer.connect(this.#server.controllerPort));
        return undefined;
      case "close":
        await this.#close(step.conn);
        return undefined;
      case "mark":
        if (step.text === KILLED) await this.#restart();
        return undefined;
      case "request":
        return await this.#request(step);
    }
  }

  async close(): Promise<void> {
    for (const conn of [...this.#peers.keys()]) await this.#close(conn);
  }

  async #restart(): Promise<void> {
    await this.#server.restart();
    this.#peers.clear();
    this.#carried.clear();
  }

  async #request({ conn, bytes, request, answer }: RequestStep): Promise<Command | undefined> {
    const peer = this.#peers.get(conn);
    assert.ok(peer, `connection ${conn} is open`);
    if (answer === undefined) {
      await peer.send(bytes);
      this.#carried.set(conn, request.extFields?.get("brokerId") ?? "");
      // A oneway request is handled when the next one is answered.
      await peer.call({ code: RequestCode.CONTROLLER_GET_METADATA_INFO });
      return undefined;
    }
    const answered = peer.answer(request.opaque);
    await peer.send(this.#withEpoch(request, bytes));
    const ours = await answered;
    const recorded = answer.frame.extFields?.get("masterEpoch");
    const epoch = ours.extFields?.get("masterEpoch");
    if (recorded !== undefined && epoch !== undefined) this.#ahead = +recorded - +epoch;
    return ours;
  }

  /** The frame of a master that knows our epoch. */
  #withEpoch(request: Command, bytes: Uint8Array): Uint8Array {
    const fields = request.extFields;
    const epoch = fields?.get("masterEpoch");
    if (this.#ahead === 0 || fields === null || epoch === undefined) return bytes;
    const extFields = { ...Object.fromEntries(fields), masterEpoch: `${+epoch - this.#ahead}` };
    return encodeFrame({ code: request.code, extFields, body: request.body }, request.opaque);
  }

  async #close(conn: number): Promise<void> {
    await this.#peers.get(conn)?.end();
    this.#peers.delete(conn);
    const id = this.#carried.get(conn);
    this.#carried.delete(conn);
    if (id === undefined) return;
    await using control = await Peer.connect(this.#server.controllerPort);
    await until(async () => {
      const { body } = await control.call({
        code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
        body: '["broker-a"]',
      });
      const text = new TextDecoder().decode(body);
      return !text.includes(`"masterBrokerId":${id},`) &&
        !new RegExp(`"alive":true,"brokerAddress":"[^"]*","brokerId":${id},`).test(text);
    }, `broker ${id} is not alive, and no master`);
  }
}

describe("the recording of a controller, replayed", () => {
  it("gives the recorded answers, but for known differences", async () => {
    const unknown: Difference[] = [];
    const used = new Set<string>();
    let compared = 0;
    let withoutLeader = 0;
    let cleaned: Command | undefined;
    await using server = await startServer({ enableControllerInNamesrv: "true" });
    const replay = new ControllerReplay(server);
    const steps = await readRecording("controller/controller-5.5.0", "controller");
    const end = steps.findIndex((step) => step.kind === "mark" && step.text === CLEANED);
    for (const step of steps.slice(0, end)) {
      const ours = await replay.take(step);
      if (!isRequest(step) || ours === undefined) continue;
      // For seconds after its restart, the recorded controller elected itself the leader.
      const { code, extFields } = step.answer!.frame;
      if (
        code === ResponseCode.CONTROLLER_NOT_LEADER || extFields?.get("isLeader") === "false"
      ) {
        withoutLeader++;
        continue;
      }
      compared++;
      for (const difference of differences(step, ours)) {
        const row = known(KNOWN, difference);
        if (row === undefined) unknown.push(difference);
        else used.add(row.name);
      }
    }
    for (const step of steps.slice(end)) {
      const ours = await replay.take(step);
      if (!isRequest(step, RequestCode.CLEAN_BROKER_DATA)) continue;
      cleaned = ours;
      break;
    }
    await replay.close();
    assert.deepEqual(unknown, []);
    assert.deepEqual(KNOWN.map(({ name }) => name).filter((name) => !used.has(name)), []);
    assert.equal(withoutLeader, 3);
    assert.ok(compared > 300, `${compared} compared`);
    // The reference forgets the brokers, and then refuses them for ever.
    assert.equal(cleaned?.code, ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA);
    assert.equal(cleaned?.remark, "Broker broker-a is still alive, clean up failure");
  });
});
