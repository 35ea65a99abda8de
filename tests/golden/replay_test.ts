import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { type Difference, differences, known, type KnownDifference } from "./compare.ts";
import { readRecording, type RecordingName } from "./recording.ts";
import { Replay } from "./replay.ts";
import { startServer } from "./server.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const NOT_RECORDED = /\(absent\)/;

/** Known differences from the recorded responses. Every row must occur. */
const KNOWN: KnownDifference[] = [
  {
    name: "language",
    why: "this server is not written in Java: the protocol's name for others is OTHER",
    path: /language/,
    recorded: /JAVA/,
    ours: /OTHER/,
  },
  {
    name: "serialization",
    why: "protocol.md: an answer has its request's; the reference always writes JSON headers",
    path: /serialization/,
    recorded: /JSON/,
    ours: /ROCKETMQ/,
  },
  {
    name: "text of Java exceptions",
    why: "protocol.md: an unreadable body is answered with a remark that says why, in our words",
    code: RequestCode.REGISTER_BROKER,
    path: /remark/,
    recorded: /org\.apache\.rocketmq\.\w+\.exception\.[^]*/,
    ours: /unreadable body: bad JSON .*/,
  },
  {
    name: "paths",
    why: "each server has its own",
    code: RequestCode.GET_NAMESRV_CONFIG,
    path: /body\.(configStorePath|kvConfigPath|rocketmqHome)/,
    recorded: /\/opt\/.*/,
    ours: /.*namesrv-golden-.*/,
  },
  {
    name: "address",
    why: "the test listens on the loopback interface and a free port",
    code: RequestCode.GET_NAMESRV_CONFIG,
    path: /body\.(bindAddress|listenPort)/,
    recorded: /0\.0\.0\.0|9876/,
    ours: /127\.0\.0\.1|0/,
  },
  {
    name: "queue of connections that are not accepted yet",
    why: "docs/differences.md: a longer one, for clients that come back all at once",
    code: RequestCode.GET_NAMESRV_CONFIG,
    path: /body\.serverSocketBacklog/,
    recorded: /1024/,
    ours: /4096/,
  },
  {
    name: "options that only this server has",
    why: "it reports what it is configured by",
    code: RequestCode.GET_NAMESRV_CONFIG,
    path: /body\.\w+/,
    recorded: NOT_RECORDED,
    ours: /.+/,
  },
];

interface Outcome {
  compared: number;
  unknown: Difference[];
  used: Set<string>;
}

async function compareAll(
  name: RecordingName,
  options: Record<string, string>,
): Promise<Outcome> {
  const outcome: Outcome = { compared: 0, unknown: [], used: new Set() };
  await using server = await startServer(options);
  await using replay = await Replay.start(server.port);
  await replay.takeAll(await readRecording(name), (step, answer) => {
    outcome.compared++;
    for (const difference of differences(step, answer)) {
      const row = known(KNOWN, difference);
      if (row === undefined) outcome.unknown.push(difference);
      else outcome.used.add(row.name);
    }
  });
  return outcome;
}

describe("a recording replayed", () => {
  let cluster: Outcome;
  let actingMaster: Outcome;

  beforeAll(async () => {
    cluster = await compareAll("cluster-5.5.0", {});
    actingMaster = await compareAll("acting-master-binary-5.5.0", {
      supportActingMaster: "true",
      notifyMinBrokerIdChanged: "true",
      // The reference does not inspect the bodies and refuses all of them.
      detectCompressedRegistration: "false",
    });
  });

  it("gives the recorded answers to a cluster with JSON headers", () => {
    assert.deepEqual(cluster.unknown, []);
    assert.equal(cluster.compared, 216);
  });

  it("gives the recorded answers to a cluster with binary headers and compressed bodies", () => {
    assert.deepEqual(actingMaster.unknown, []);
    assert.equal(actingMaster.compared, 682);
  });

  it("needs every row of the table of known differences", () => {
    const used = cluster.used.union(actingMaster.used);
    assert.deepEqual(KNOWN.map(({ name }) => name).filter((name) => !used.has(name)), []);
  });
});
