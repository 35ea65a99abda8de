/**
 * The recording whose registrations the reference refuses: brokers with compressedRegister=true. By
 * default this server accepts them, so everything else differs, too.
 */

import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { type Command, decodeFrame } from "../support/frames.ts";
import { type Json, parseJson } from "../support/json.ts";
import { differences } from "./compare.ts";
import { isRequest, readRecording, type RequestStep, type Step } from "./recording.ts";
import { Replay } from "./replay.ts";
import { type GoldenServer, startServer } from "./server.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { first } from "../support/lists.ts";

const OPTIONS = { supportActingMaster: "true", notifyMinBrokerIdChanged: "true" };

const MASTER_A = "127.0.0.1:10911";
const SLAVE_A = "127.0.0.1:10921";
const MASTER_B = "127.0.0.1:10931";
/** The recorded connection of broker-a's master. */
const MASTER_A_CONN = 2;

const PERM_INHERIT_READ = 5;
const PERM_INHERIT_READ_WRITE = 7;

/** brokerName -> brokerId -> address */
type Groups = Map<string, Map<string, string>>;

interface Answered {
  step: RequestStep;
  answer: Command;
  /** The brokers registered at the time of the response. */
  groups: Groups;
  /** Whether PUT_KV_CONFIG has set TopicB's order configuration. */
  ordered: boolean;
}

function bodyOf(answer: Command): Json {
  return parseJson(new TextDecoder().decode(answer.body)).value;
}

/** Converts all keys to strings, so that `{0:...}` and `{"0":...}` are equal. */
function plain(value: Json): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, it]) => [key, plain(it)]));
  }
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
}

function byName<T extends { brokerName: string }>(list: T[]): T[] {
  return list.toSorted((a, b) => a.brokerName < b.brokerName ? -1 : 1);
}

interface Route {
  brokerDatas: { brokerName: string; brokerAddrs: Record<string, string> }[];
  queueDatas: { brokerName: string; perm: number }[];
  orderTopicConf?: string;
}

function routeOf(answer: Command): Route {
  assert.equal(answer.code, 0, answer.remark ?? "");
  const route = plain(bodyOf(answer)) as Route;
  return {
    ...route,
    brokerDatas: byName(route.brokerDatas),
    queueDatas: byName(route.queueDatas),
  };
}

/** Returns broker-a's part of a topic's route: its addresses and the topic's permission. */
function brokerA(answer: Command): { addrs: Record<string, string>; perm: number } {
  const route = routeOf(answer);
  const broker = route.brokerDatas.find(({ brokerName }) => brokerName === "broker-a");
  const queues = route.queueDatas.find(({ brokerName }) => brokerName === "broker-a");
  return { addrs: broker!.brokerAddrs, perm: queues!.perm };
}

async function replayAll(steps: Step[], replay: Replay): Promise<Answered[]> {
  const answered: Answered[] = [];
  const groups: Groups = new Map();
  /** Brokers by the connection over which they registered. */
  const connections = new Map<number, { brokerName: string; brokerId: string }>();
  let ordered = false;
  const leave = (conn: number) => {
    const broker = connections.get(conn);
    if (broker === undefined) return;
    const group = groups.get(broker.brokerName)!;
    group.delete(broker.brokerId);
    if (group.size === 0) groups.delete(broker.brokerName);
    connections.delete(conn);
  };
  for (const step of steps) {
    const answer = await replay.take(step);
    if (step.kind === "close") leave(step.conn);
    if (!isRequest(step) || answer === undefined) continue;
    const field = (name: string) => step.request.extFields!.get(name)!;
    if (step.request.code === RequestCode.REGISTER_BROKER) {
      const [brokerName, brokerId] = [field("brokerName"), field("brokerId")];
      connections.set(step.conn, { brokerName, brokerId });
      if (!groups.has(brokerName)) groups.set(brokerName, new Map());
      groups.get(brokerName)!.set(brokerId, field("brokerAddr"));
    } else if (step.request.code === RequestCode.UNREGISTER_BROKER) {
      leave(step.conn);
    } else if (
      step.request.code === RequestCode.PUT_KV_CONFIG && field("namespace") === "ORDER_TOPIC_CONFIG"
    ) {
      ordered = true;
    }
    answered.push({ step, answer, groups: structuredClone(groups), ordered });
  }
  return answered;
}

describe("a recording of compressed registrations, replayed with default options", () => {
  let steps: Step[];
  let answered: Answered[];

  beforeAll(async () => {
    steps = await readRecording("acting-master-binary-5.5.0");
    await using server = await startServer(OPTIONS);
    await using replay = await Replay.start(server.port);
    answered = await replayAll(steps, replay);
  });

  const answersTo = (code: number) => answered.filter(({ step }) => isRequest(step, code));

  it("accepts every registration, and tells slaves of their master", () => {
    assert.equal(answersTo(RequestCode.REGISTER_BROKER).length, 21);
    for (const { step, answer, groups, ordered } of answersTo(RequestCode.REGISTER_BROKER)) {
      assert.equal(answer.code, 0, `line ${step.line}: ${answer.remark}`);
      const isSlave = step.request.extFields!.get("brokerId") === "1";
      const hasMaster = groups.get(step.request.extFields!.get("brokerName")!)!.has("0");
      const expected = isSlave && hasMaster
        ? { haServerAddr: "192.0.2.2:10916", masterAddr: MASTER_A }
        : {};
      assert.deepEqual(Object.fromEntries(answer.extFields ?? []), expected, `line ${step.line}`);
      assert.equal(
        new TextDecoder().decode(answer.body),
        ordered ? '{"table":{"TopicB":"broker-b:4"}}' : "",
        `line ${step.line}`,
      );
    }
  });

  it("answers QUERY_DATA_VERSION with the version that the broker registered", () => {
    assert.equal(answersTo(RequestCode.QUERY_DATA_VERSION).length, 18);
    const unchanged = answersTo(RequestCode.QUERY_DATA_VERSION).filter(
      ({ step, answer, groups }) => {
        const field = (name: string) => step.request.extFields!.get(name)!;
        const registered = groups.get(field("brokerName"))?.get(field("brokerId")) !== undefined;
        assert.equal(answer.code, 0);
        assert.equal(answer.extFields!.get("changed"), `${!registered}`, `line ${step.line}`);
        assert.deepEqual(
          new TextDecoder().decode(answer.body),
          registered ? new TextDecoder().decode(step.request.body) : "",
          `line ${step.line}`,
        );
        return registered;
      },
    );
    // The slave asks once more after unregistering.
    assert.equal(unchanged.length, 17);
  });

  it("shows exactly the registered brokers in the cluster info, at every time", () => {
    const seen = new Set<string>();
    for (const { step, answer, groups } of answersTo(RequestCode.GET_BROKER_CLUSTER_INFO)) {
      const brokerAddrTable = Object.fromEntries(
        [...groups].map(([brokerName, addrs]) => [brokerName, {
          brokerAddrs: Object.fromEntries(addrs),
          brokerName,
          cluster: "DefaultCluster",
          enableActingMaster: true,
        }]),
      );
      const info = plain(bodyOf(answer)) as { clusterAddrTable: Record<string, string[]> };
      for (const names of Object.values(info.clusterAddrTable)) names.sort();
      const clusterAddrTable = groups.size === 0
        ? {}
        : { DefaultCluster: [...groups.keys()].sort() };
      assert.deepEqual(info, { brokerAddrTable, clusterAddrTable }, `line ${step.line}`);
      seen.add([...groups.values()].flatMap((addrs) => [...addrs.values()]).sort().join(" "));
    }
    // The recording starts with all of them and ends with none.
    assert.deepEqual(
      [...seen].sort(),
      ["", `${MASTER_A} ${SLAVE_A} ${MASTER_B}`, `${MASTER_A} ${MASTER_B}`, MASTER_B],
    );
  });

  it("finds the routes of what the brokers registered, and of nothing else", () => {
    const found = new Map<string, number>();
    for (const { step, answer, groups } of answersTo(RequestCode.GET_ROUTEINFO_BY_TOPIC)) {
      const topic = step.request.extFields!.get("topic")!;
      const on = (...names: string[]) => names.filter((name) => groups.has(name));
      const expected = topic === "TBW102"
        ? on("broker-a", "broker-b")
        : topic === "TopicB"
        ? on("broker-b")
        : topic.startsWith("rmq_sys_SYNC_BROKER_MEMBER_")
        ? on(topic.slice("rmq_sys_SYNC_BROKER_MEMBER_".length))
        : [];
      if (expected.length === 0) {
        assert.equal(answer.code, 17, `line ${step.line}: ${topic}`);
        continue;
      }
      found.set(topic, 1 + (found.get(topic) ?? 0));
      const route = routeOf(answer);
      assert.deepEqual(
        route.brokerDatas.map(({ brokerName, brokerAddrs }) => [brokerName, brokerAddrs]),
        expected.map((name) => [name, Object.fromEntries(groups.get(name)!)]),
        `line ${step.line}: ${topic}`,
      );
      assert.deepEqual(route.queueDatas.map(({ brokerName }) => brokerName), expected);
    }
    assert.deepEqual([...found.keys()].sort(), [
      "TBW102",
      "TopicB",
      "rmq_sys_SYNC_BROKER_MEMBER_broker-a",
      "rmq_sys_SYNC_BROKER_MEMBER_broker-b",
    ]);
  });

  it("gives a topic's order configuration after orderMessageEnable was set", () => {
    const updated =
      answered.find(({ step }) => isRequest(step, RequestCode.UPDATE_NAMESRV_CONFIG))!.step.line;
    const routes = answersTo(RequestCode.GET_ROUTEINFO_BY_TOPIC).filter(({ step, answer }) =>
      step.line > updated && answer.code === 0 && step.request.extFields!.get("topic") === "TopicB"
    );
    assert.ok(routes.length > 0);
    for (const { answer } of routes) assert.equal(routeOf(answer).orderTopicConf, "broker-b:4");
  });

  it("lists the topics of all brokers", () => {
    for (const { answer } of answersTo(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)) {
      const topics = (plain(bodyOf(answer)) as { topicList: string[] }).topicList;
      assert.equal(new Set(topics).size, topics.length);
      assert.deepEqual(topics.toSorted(), [
        "BenchmarkTest",
        "DefaultCluster",
        "DefaultCluster_REPLY_TOPIC",
        "OFFSET_MOVED_EVENT",
        "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
        "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
        "RMQ_SYS_TRANS_HALF_TOPIC",
        "RMQ_SYS_TRANS_OP_HALF_TOPIC",
        "SCHEDULE_TOPIC_XXXX",
        "SELF_TEST_TOPIC",
        "TBW102",
        "TopicB",
        "broker-a",
        "broker-b",
        "rmq_sys_REVIVE_LOG_DefaultCluster",
        "rmq_sys_SYNC_BROKER_MEMBER_broker-a",
        "rmq_sys_SYNC_BROKER_MEMBER_broker-b",
      ]);
    }
  });

  it("counts broker-a's topics when their write permission goes and comes", () => {
    const [wiped] = answersTo(RequestCode.WIPE_WRITE_PERM_OF_BROKER);
    const [added] = answersTo(RequestCode.ADD_WRITE_PERM_OF_BROKER);
    assert.deepEqual(wiped!.answer.extFields, new Map([["wipeTopicCount", "14"]]));
    assert.deepEqual(added!.answer.extFields, new Map([["addTopicCount", "14"]]));
  });

  it("answers what has nothing to do with brokers as the reference did", () => {
    const untouched = [
      RequestCode.PUT_KV_CONFIG,
      RequestCode.GET_KV_CONFIG,
      RequestCode.DELETE_KV_CONFIG,
      RequestCode.UNREGISTER_BROKER,
      RequestCode.DELETE_TOPIC_IN_NAMESRV,
      RequestCode.UPDATE_NAMESRV_CONFIG,
    ].flatMap(answersTo);
    assert.equal(untouched.length, 9);
    const different = untouched.flatMap(({ step, answer }) => differences(step, answer))
      .filter(({ path }) => path !== "language" && path !== "serialization");
    assert.deepEqual(different, []);
  });

  describe("when a group has no master", () => {
    const TBW102 = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: "TBW102" } };

    /** Replays the steps before the first one for which `stop` is true. */
    async function replayUntil(
      stop: (step: Step) => boolean,
      then: (replay: Replay, server: GoldenServer) => Promise<void>,
    ): Promise<void> {
      await using server = await startServer(OPTIONS);
      await using replay = await Replay.start(server.port);
      await replay.takeAll(steps.slice(0, steps.findIndex(stop)));
      await then(replay, server);
    }

    it("shows its slave as the master, until the master comes", async () => {
      const isMasterA = (step: Step) =>
        isRequest(step, RequestCode.REGISTER_BROKER) &&
        step.request.extFields!.get("brokerAddr") === MASTER_A;
      await replayUntil(isMasterA, async (replay, { notifications }) => {
        assert.deepEqual(brokerA(await replay.ask(TBW102)), {
          addrs: { 0: SLAVE_A },
          perm: PERM_INHERIT_READ,
        });
        await replay.take(steps.find(isMasterA)!);
        assert.deepEqual(brokerA(await replay.ask(TBW102)), {
          addrs: { 0: MASTER_A, 1: SLAVE_A },
          perm: PERM_INHERIT_READ_WRITE,
        });
        const { to, bytes } = first(notifications);
        assert.equal(to, SLAVE_A);
        assert.equal(notifications.length, 1);
        const { code, flag, extFields } = decodeFrame(bytes);
        assert.deepEqual({ code, flag, extFields: Object.fromEntries(extFields!) }, {
          code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
          flag: 2,
          extFields: {
            minBrokerId: "0",
            minBrokerAddr: MASTER_A,
            haBrokerAddr: "192.0.2.2:10916",
          },
        });
      });
    });

    it("shows its slave as the master after the master was killed, and tells the slave", async () => {
      const isUnregistration = (step: Step) => isRequest(step, RequestCode.UNREGISTER_BROKER);
      await replayUntil(isUnregistration, async (replay, { notifications }) => {
        notifications.length = 0;
        await replay.close(MASTER_A_CONN);
        const { addrs, perm } = brokerA(await replay.ask(TBW102));
        assert.deepEqual(addrs, { 0: SLAVE_A });
        // Write permission removed from 6, as set by addWritePerm.
        assert.equal(perm, 4);
        // The topic with which brokers query their own group shows the current group.
        const extFields = { topic: "rmq_sys_SYNC_BROKER_MEMBER_broker-a" };
        assert.deepEqual(
          brokerA(await replay.ask({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields })).addrs,
          { 1: SLAVE_A },
        );
        assert.deepEqual(
          notifications.map((
            { to, bytes },
          ) => [to, Object.fromEntries(decodeFrame(bytes).extFields!)]),
          [[SLAVE_A, {
            minBrokerId: "1",
            minBrokerAddr: SLAVE_A,
            offlineBrokerAddr: MASTER_A,
          }]],
        );
      });
    });
  });
});
