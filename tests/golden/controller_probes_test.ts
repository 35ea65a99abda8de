/** Single requests with made-up brokers, whose answers by the reference are recorded. */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestCode } from "../../src/protocol/codes.ts";
import { addressOf, ControllerPeer, heartbeatRequest } from "../support/controller_peer.ts";
import type { Command } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/wait.ts";
import { type GoldenServer, startServer } from "./server.ts";

/** The parts of an answer that are recorded; absent ones were absent. */
interface Answer {
  readonly code: number;
  readonly remark?: string;
  readonly extFields?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A known difference: `ours` gets the recorded answer and returns the one that is expected here. */
interface Known {
  readonly name: string;
  readonly why: string;
  readonly section: RegExp;
  readonly label: RegExp;
  ours(recorded: Answer): Answer;
}

const PATH = new URL("recorded/controller/controller-probes-5.5.0.txt", import.meta.url);
const LABEL_WIDTH = 58;

const epoch = (masterEpoch: string) => ({ extFields, ...rest }: Answer): Answer => ({
  ...rest,
  extFields: { ...extFields, masterEpoch },
});
const own = (remark: string) => ({ code }: Answer): Answer => ({ code, remark });

/** Every row must occur, and must be a difference. */
const KNOWN: readonly Known[] = [
  {
    name: "quoted keys",
    why: "mqadmin 5.5.0 fails on the unquoted ones, after the election",
    section: /.*/,
    label: /elect |first election, nobody alive|designate one in the set/,
    ours: (recorded) => ({ ...recorded, body: recorded.body!.replace(/([{,])(\d+):/g, '$1"$2":') }),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /.*/,
    label: /1013 no check code/,
    ours: own("the field <registerCheckCode> is missing"),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /.*/,
    label: /1013 id not a number/,
    ours: own('the field <appliedBrokerId> is not an integer: "x"'),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /.*/,
    label: /10(13|03) no fields/,
    ours: own("the field <clusterName> is missing"),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /.*/,
    label: /1006 unreadable/,
    ours: own("unreadable body: bad JSON at byte 0: an array expected"),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /.*/,
    label: /1001 no body/,
    ours: own("the body is missing: a SyncStateSet"),
  },
  {
    name: "words of our own for what is missing or unreadable",
    why: "a Java exception tells nothing",
    section: /clean/,
    label: /clean: bad list/,
    ours: (recorded) => ({
      ...recorded,
      remark: recorded.remark!.replace("java.lang.NumberFormatException: ", ""),
    }),
  },
  {
    name: "a heartbeat without a name is refused",
    why: "the JRaft controller is stopped for good by one",
    section: /heartbeat/,
    label: /904 without brokerName/,
    ours: () => ({ code: 1, remark: "the field <brokerName> is missing" }),
  },
  {
    name: "a first master must be a member of the set",
    why: "one that nobody knows has no address, and the set is stuck",
    section: /first election/,
    label: /id that nobody has/,
    ours: () => ({
      code: 2010,
      remark: "BrokerId: 99 hasn't been registered in broker-set: s",
      extFields: {},
    }),
  },
  {
    name: "a first master must be a member of the set",
    why: "the set waits for its first master",
    section: /first election/,
    label: /replica info s/,
    ours: () => ({
      code: 0,
      extFields: { masterEpoch: "0" },
      body: '{"syncStateSet":[],"syncStateSetEpoch":0}',
    }),
  },
  {
    name: "a first master must be a member of the set",
    why: "the set waits for its first master",
    section: /first election/,
    label: /sync state data s/,
    ours: (recorded) => ({
      ...recorded,
      body: recorded.body!.replace('"masterBrokerId":99,"masterEpoch":1', '"masterEpoch":0')
        .replace('"syncStateSetEpoch":1', '"syncStateSetEpoch":0'),
    }),
  },
  {
    name: "a lost master raises the epoch once",
    why: "an election that is repeated without a candidate changes nothing",
    section: /master's connection closes/,
    label: /replica info t/,
    ours: epoch("3"),
  },
  {
    name: "a lost master raises the epoch once",
    why: "an election that is repeated without a candidate changes nothing",
    section: /master's connection closes/,
    label: /sync state data t/,
    ours: (recorded) => ({
      ...recorded,
      body: recorded.body!.replace('"masterEpoch":5', '"masterEpoch":3'),
    }),
  },
  {
    name: "a lost master raises the epoch once",
    why: "an election that is repeated without a candidate changes nothing",
    section: /unclean off/,
    label: /replica info d1/,
    ours: epoch("2"),
  },
  {
    name: "offsets are compared as 64-bit integers",
    why: "the log with 3e9 bytes wins over the empty one",
    section: /does not fit an int/,
    label: /replica info c4/,
    ours: () => elected("3", 2, 3),
  },
  {
    name: "priorities are compared as they are",
    why: "the smaller wins, also where the difference does not fit an int",
    section: /priorities -2e9/,
    label: /replica info c5/,
    ours: () => elected("2", 2, 3),
  },
  {
    name: "a lost master raises the epoch once",
    why: "an election that is repeated without a candidate changes nothing",
    section: /cleaning that empties/,
    label: /replica info f before/,
    ours: epoch("2"),
  },
  {
    name: "a set stays usable when the last id in sync is cleaned",
    why: "its other brokers can register, and one of them can be designated",
    section: /cleaning that empties/,
    label: /replica info f after/,
    ours: () => ({
      code: 0,
      extFields: { masterEpoch: "2" },
      body: '{"syncStateSet":[],"syncStateSetEpoch":2}',
    }),
  },
  {
    name: "a set stays usable when the last id in sync is cleaned",
    why: "its other brokers can register, and one of them can be designated",
    section: /cleaning that empties/,
    label: /register f id [23]/,
    ours: () => ({
      code: 0,
      extFields: { clusterName: "C", brokerName: "f" },
      body: '{"syncStateSet":[],"syncStateSetEpoch":2}',
    }),
  },
  {
    name: "a set stays usable when the last id in sync is cleaned",
    why: "its other brokers can register, and one of them can be designated",
    section: /cleaning that empties/,
    label: /elect f id 2 after/,
    ours: () => ({ code: 2012, remark: "Failed to elect a new master", extFields: {} }),
  },
  {
    name: "no request sets a path",
    why: "CVE-2023-37582",
    section: /config/,
    label: /1009 controllerStorePath/,
    ours: () => ({ code: 16, remark: "Can not update config in black list." }),
  },
];

function elected(masterBrokerId: string, masterEpoch: number, epoch: number): Answer {
  return {
    code: 0,
    extFields: {
      masterBrokerId,
      masterAddress: addressOf(Number(masterBrokerId)),
      masterEpoch: `${masterEpoch}`,
    },
    body: `{"syncStateSet":[${masterBrokerId}],"syncStateSetEpoch":${epoch}}`,
  };
}

/** The recorded answers, each taken once and in order. */
class Recorded {
  readonly #lines: string[];
  #section = "";

  constructor(text: string) {
    this.#lines = text.split("\n").filter((line) => /\{"code"|^== |^ *master changed/.test(line));
  }

  /** Returns the next answer; `label` must begin as the recorded one. */
  next(label: string): { section: string; answer: Answer } {
    let line = this.#lines.shift() ?? "";
    for (; line.startsWith("== "); line = this.#lines.shift() ?? "") this.#section = line;
    if (/^ *master changed/.test(line)) {
      const fields = JSON.parse(line.slice(line.indexOf("{")).replaceAll("'", '"'));
      return { section: this.#section, answer: { code: 0, extFields: fields } };
    }
    const recorded = line.slice(0, LABEL_WIDTH).trim();
    assert.ok(label.startsWith(recorded), `${label} instead of ${recorded}`);
    return { section: this.#section, answer: JSON.parse(line.slice(line.indexOf('{"code"'))) };
  }

  get left(): readonly string[] {
    return this.#lines.filter((line) => !line.startsWith("== "));
  }
}

/** Replays the probes. */
class Probes {
  readonly unknown: unknown[] = [];
  readonly used = new Set<Known>();
  compared = 0;

  constructor(
    readonly recorded: Recorded,
    readonly server: GoldenServer,
    readonly peer: ControllerPeer,
  ) {}

  async take(label: string, asked: Promise<Command>): Promise<void> {
    const ours = answerOf(await asked, this.server.controllerPort);
    const { section, answer } = this.recorded.next(label);
    this.compared++;
    let expected = answer;
    for (const row of KNOWN) {
      if (!row.section.test(section) || !row.label.test(label)) continue;
      if (row.name === "quoted keys" && answer.body?.includes("brokerMemberGroup") !== true) {
        continue;
      }
      this.used.add(row);
      expected = row.ours(answer);
      assert.notDeepEqual(expected, answer, `${label}: no difference`);
    }
    if (!equal(ours, expected)) this.unknown.push({ section, label, ours, expected });
  }

  async contest(
    name: string,
    ids: readonly Parameters<ControllerPeer["beat"]>[2][],
    inSync = true,
  ) {
    const { peer } = this;
    for (const id of [1, 2, 3]) await this.take(`apply ${name} id ${id}`, peer.apply(name, id));
    await peer.beat(name, 1);
    await peer.beat(name, 2, ids[0]);
    await peer.beat(name, 3, ids[1]);
    await this.take(`elect ${name} id 1`, peer.elect(name, 1));
    if (inSync) await this.take("alter: all in the set", peer.alter(name, [1, 2, 3]));
    await peer.kill(name, 1);
    await until(async () => (await peer.info(name)).extFields?.get("masterEpoch") === "2");
    await this.take(`replica info ${name}`, peer.info(name));
  }
}

function answerOf({ code, remark, extFields, body }: Command, port: number): Answer {
  return {
    code,
    ...(remark !== null && { remark }),
    ...(extFields !== null && {
      extFields: Object.fromEntries(
        Array.from(extFields, ([key, value]) => [key, value.replaceAll(`${port}`, "27100")]),
      ),
    }),
    ...(body.length > 0 && { body: new TextDecoder().decode(body) }),
  };
}

function equal(a: Answer, b: Answer): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

describe("the probes of a controller", () => {
  it("get the recorded answers, but for known differences", async () => {
    await using server = await startServer({
      enableControllerInNamesrv: "true",
      scanNotActiveBrokerInterval: "100",
    });
    await using peer = await ControllerPeer.connect(server.controllerPort);
    await using namesrv = await Peer.connect(server.port);
    const probes = new Probes(new Recorded(await Deno.readTextFile(PATH)), server, peer);
    const take = (label: string, asked: Promise<Command>) => probes.take(label, asked);
    const named = (brokerName: string, clusterName = "C") => ({ clusterName, brokerName });
    const nextId = (name: string, cluster?: string) =>
      peer.call(RequestCode.CONTROLLER_GET_NEXT_BROKER_ID, named(name, cluster));
    const update = (body?: string) =>
      peer.call(RequestCode.UPDATE_CONTROLLER_CONFIG, undefined, body);

    await take("1005", peer.call(RequestCode.CONTROLLER_GET_METADATA_INFO));
    for (const code of [1007, 1008, 1014, 1018, 103, 105, 9999]) {
      await take(`code ${code} at the controller`, peer.call(code));
    }
    for (const code of [1004, 1005, 1010]) {
      await take(`code ${code} at the name server's port`.slice(0, 57), namesrv.call({ code }));
    }

    await take("1012 next id", nextId("u"));
    await take("register u id 1", peer.register("u", 1));
    await take("elect u id 1", peer.elect("u", 1));
    await take("replica info u", peer.info("u"));
    await take("sync state data u", peer.data("u"));
    await take("alter: unknown set", peer.alter("u", [1]));
    await take("clean: unknown set", peer.clean("u"));
    for (const [label, body] of [["no body"], ["empty list", "[]"], ["unreadable", "{"]] as const) {
      const code = RequestCode.CONTROLLER_GET_SYNC_STATE_DATA;
      await take(`1006 ${label}`, peer.call(code, undefined, body));
    }

    const applied = (extFields: Record<string, string>) =>
      peer.call(RequestCode.CONTROLLER_APPLY_BROKER_ID, extFields);
    await take("apply s id 2", peer.apply("s", 2));
    await take("apply s id 1", peer.apply("s", 1));
    await take("apply s id 1", peer.apply("s", 1));
    await take("apply s id 1", peer.apply("s", 1, "10.0.0.1:10911;2"));
    await take("1012", nextId("s"));
    await take("apply s id 7", peer.apply("s", 7));
    await take("1012 after id 7 was applied", nextId("s"));
    await take("1012 other cluster, same name", nextId("s", "D"));
    await take("1013 no check code", applied({ ...named("s"), appliedBrokerId: "8" }));
    await take(
      "1013 id not a number",
      applied({ ...named("s"), appliedBrokerId: "x", registerCheckCode: "a;1" }),
    );
    await take("1013 no fields", applied({}));

    await take("register s id 3", peer.register("s", 3));
    await take("register s id 1", peer.register("s", 1));
    await take("register s id 1", peer.register("s", 1, "10.9.9.9:1"));
    await take("replica info s", peer.info("s"));
    await take("sync state data s", peer.data("s"));
    await take("1003 no fields", peer.call(RequestCode.CONTROLLER_REGISTER_BROKER, {}));

    const { extFields = {} } = heartbeatRequest("h", 1);
    const { brokerId: _id, ...withoutId } = extFields;
    const { brokerName: _name, ...withoutName } = extFields;
    const beat = (fields: Record<string, string>) =>
      peer.call(RequestCode.BROKER_HEARTBEAT, fields);
    await take("904 without brokerId", beat(withoutId));
    await take("904 without brokerName", beat(withoutName));
    await take("904 good, asked for an answer", beat(extFields));

    await take("first election, id that nobody has s id 99", peer.elect("s", 99));
    await take("replica info s", peer.info("s"));
    await take("sync state data s", peer.data("s"));
    for (const id of [1, 2, 3]) await take(`apply t id ${id}`, peer.apply("t", id));
    await take("first election, nobody alive t id 2", peer.elect("t", 2));
    await take("replica info t", peer.info("t"));
    await take("1002 no fields", peer.call(RequestCode.CONTROLLER_ELECT_MASTER, {}));

    for (const id of [1, 2, 3]) await peer.beat("t", id);
    const master = { master: 2 };
    await take("alter: equal", peer.alter("t", [2], master));
    await take("alter: not the master", peer.alter("t", [1, 2], { master: 1 }));
    await take("alter: wrong master epoch", peer.alter("t", [1, 2], { ...master, masterEpoch: 2 }));
    await take("alter: wrong set epoch", peer.alter("t", [1, 2], { ...master, epoch: 9 }));
    await take("alter: unknown replica", peer.alter("t", [2, 8], master));
    await take("alter: master left out", peer.alter("t", [1], master));
    await take("alter: good", peer.alter("t", [1, 2], master));
    await take(
      "1001 no body",
      peer.call(RequestCode.CONTROLLER_ALTER_SYNC_STATE_SET, {
        brokerName: "t",
        masterBrokerId: "2",
        masterEpoch: "1",
      }),
    );
    await take("apply t id 4", peer.apply("t", 4));
    await take("alter: replica not alive", peer.alter("t", [1, 2, 4], { ...master, epoch: 2 }));

    await take("designate the master t id 2", peer.elect("t", 2, true));
    await take("designate one outside the set t id 3", peer.elect("t", 3, true));
    await take("designate an unknown t id 9", peer.elect("t", 9, true));
    await take("a living slave asks t id 1", peer.elect("t", 1));
    await take("id -1 while the master lives t id -1", peer.elect("t", -1));
    await take("designate one in the set t id 1", peer.elect("t", 1, true));
    await take("replica info t", peer.info("t"));
    await take("sync state data t", peer.data("t"));
    await take("alter: all three", peer.alter("t", [1, 2, 3], { masterEpoch: 2, epoch: 4 }));

    await take("clean: whole set, master lives", peer.clean("t"));
    await take("clean: a living id", peer.clean("t", "3"));
    await take("clean: bad list", peer.clean("t", "a"));
    await take("clean: dead id 4", peer.clean("t", "4"));
    await take("clean: unknown id 77", peer.clean("t", "77"));
    await take("sync state data t", peer.data("t"));
    await take("next id after the cleaning", nextId("t"));

    for (const id of [1, 2, 3]) await peer.kill("t", id);
    const allDead = async () =>
      !new TextDecoder().decode((await peer.data("t")).body).includes("true");
    await until(allDead);
    await until(async () => (await peer.info("t")).extFields?.get("masterEpoch") === "3");
    await take("replica info t", peer.info("t"));
    await take("replica info t", peer.info("t"));
    await take("sync state data t", peer.data("t"));

    await probes.contest("c1", [{ maxOffset: 100 }, { maxOffset: 200 }]);
    await probes.contest("c2", [{ epoch: 2 }, { maxOffset: 200 }]);
    await probes.contest("c3", [{ electionPriority: 5 }, { electionPriority: 1 }]);
    await probes.contest("c4", [{ maxOffset: 0 }, { maxOffset: 3e9 }]);
    await probes.contest("c5", [{ electionPriority: -2e9 }, { electionPriority: 2e9 }]);

    const rivals = [{ maxOffset: 100 }, { maxOffset: 200 }];
    await probes.contest("d1", rivals, false);
    await take("1009 enableElectUncleanMaster=true", update("enableElectUncleanMaster=true"));
    await probes.contest("d2", rivals, false);
    await take("1009 back", update("enableElectUncleanMaster=false"));

    for (const id of [1, 2]) await take(`apply e id ${id}`, peer.apply("e", id));
    await peer.beat("e", 1);
    await peer.beat("e", 2);
    await take("elect e id 1", peer.elect("e", 1));
    await take("alter: both", peer.alter("e", [1, 2]));
    // From here on it is silent; the other is not expected to speak for ten minutes.
    await peer.beat("e", 1, { timeout: 1 });
    await until(async () => (await peer.info("e")).extFields?.get("masterBrokerId") === "2");
    await take(
      "master changed",
      peer.info("e").then((answer) => ({ ...answer, body: new Uint8Array() })),
    );

    for (const id of [1, 2]) await take(`apply f id ${id}`, peer.apply("f", id));
    await take("elect f id 1", peer.elect("f", 1));
    await peer.beat("f", 1);
    await peer.kill("f", 1);
    await until(async () => (await peer.info("f")).extFields?.get("masterEpoch") === "2");
    await take("replica info f before", peer.info("f"));
    await take("clean: id 1, the only one in the set", peer.clean("f", "1"));
    await take("replica info f after", peer.info("f"));
    await take("register f id 2", peer.register("f", 2));
    await take("elect f id 2 after", peer.elect("f", 2));
    await take("next id", nextId("f"));
    await take("apply f id 3", peer.apply("f", 3));
    await take("register f id 3", peer.register("f", 3));
    await take("clean: whole set", peer.clean("f"));
    await take("clean: whole set, living too", peer.clean("f", undefined, true));

    await take("1009 no body", update());
    await take("1009 unknown key", update("nobodyKnowsThis=1"));
    await take("1009 rocketmqHome", update("rocketmqHome=/opt/r"));
    await take("1009 configStorePath", update("configStorePath=/opt/r"));
    await take("1009 controllerStorePath", update("controllerStorePath=/opt/r"));

    assert.deepEqual(probes.unknown, []);
    assert.deepEqual(probes.recorded.left, []);
    assert.equal(probes.compared, 144);
    assert.deepEqual(KNOWN.filter((row) => !probes.used.has(row)), []);
  });
});
