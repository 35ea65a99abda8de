import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Processors, registration } from "../../support/route_processors.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

let server: Processors;

async function setUp(): Promise<void> {
  server = await Processors.create();
}

/** A body of REGISTER_TOPIC_IN_NAMESRV. */
function queueDatas(...items: Record<string, unknown>[]): string {
  const usual = { perm: 6, readQueueNums: 3, topicSysFlag: 0, writeQueueNums: 3 };
  return JSON.stringify({ queueDatas: items.map((item) => ({ ...usual, ...item })) });
}

describe("topic lists", () => {
  beforeEach(setUp);

  it("are empty where nothing is registered", async () => {
    const empty = { code: 0, body: '{"topicList":[]}' };
    for (
      const code of [
        RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS,
        RequestCode.GET_UNIT_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
      ]
    ) assert.deepEqual(await server.ask(code), empty);
    for (const cluster of ["x", "", "constructor"]) {
      assert.deepEqual(await server.ask(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster }), empty);
    }
  });

  it("name all topics, those of a cluster, and the system's", async () => {
    await server.register({}, ["T1", "ü"]);
    await server.register({ brokerName: "b-b", clusterName: "b-a" }, ["T1", "T2"]);
    assert.deepEqual(await server.ask(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER), {
      code: 0,
      body: '{"topicList":["T1","ü","T2"]}',
    });
    assert.deepEqual(await server.ask(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "b-a" }), {
      code: 0,
      body: '{"topicList":["T1","T2"]}',
    });
    assert.deepEqual(await server.ask(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS), {
      code: 0,
      body: '{"brokerAddr":"10.0.0.1:10911","topicList":["C","b-a","b-b"]}',
    });
  });

  it("name unit topics by their flags", async () => {
    const names = ["F0", "F1", "F2", "F3"];
    const body = names.reduce(
      (text, name, flag) =>
        text.replace(`"${name}","topicSysFlag":0`, `"${name}","topicSysFlag":${flag}`),
      registration(names),
    );
    await server.register({}, [], { body });
    assert.equal(
      (await server.ask(RequestCode.GET_UNIT_TOPIC_LIST)).body,
      '{"topicList":["F1","F3"]}',
    );
    assert.equal(
      (await server.ask(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST)).body,
      '{"topicList":["F2","F3"]}',
    );
    assert.equal(
      (await server.ask(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST)).body,
      '{"topicList":["F2"]}',
    );
  });

  it("are switched off by their options", async () => {
    const disabled = { code: 1, remark: "disable" };
    server.options.enableTopicList = false;
    for (
      const code of [
        RequestCode.GET_TOPICS_BY_CLUSTER,
        RequestCode.GET_UNIT_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
      ]
    ) {
      assert.deepEqual(await server.ask(code, { cluster: "x" }), disabled);
    }
    for (
      const code of [
        RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS,
      ]
    ) assert.equal((await server.ask(code)).code, 0);
    server.options.enableTopicList = true;
    server.options.enableAllTopicList = false;
    assert.deepEqual(await server.ask(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER), disabled);
    for (
      const code of [
        RequestCode.GET_TOPICS_BY_CLUSTER,
        RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS,
        RequestCode.GET_UNIT_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST,
        RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
      ]
    ) {
      assert.equal((await server.ask(code, { cluster: "x" })).code, 0);
    }
  });

  it("of a cluster need its name", async () => {
    assert.deepEqual(await server.ask(RequestCode.GET_TOPICS_BY_CLUSTER), {
      code: 1,
      remark: "the field <cluster> is missing",
    });
  });
});

describe("REGISTER_TOPIC_IN_NAMESRV", () => {
  beforeEach(setUp);

  it("adds queue data of known brokers", async () => {
    await server.register();
    const body = queueDatas({ brokerName: "b-a", topicSysFlag: 1 });
    assert.deepEqual(
      await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, { body }),
      { code: 0 },
    );
    assert.deepEqual(server.tables.queueDatas("New"), [
      { brokerName: "b-a", perm: 6, readQueueNums: 3, topicSysFlag: 1, writeQueueNums: 3 },
    ]);
  });

  it("refuses a body that is longer than any route, and changes nothing", async () => {
    await server.register();
    const body = queueDatas({ brokerName: "b-a" }).padEnd(512 * 1024 + 1);
    assert.deepEqual(
      await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, { body }),
      {
        code: 1,
        remark: "the body has 524289 bytes; the limit is 524288",
      },
    );
    assert.equal(server.tables.queueDatas("New"), undefined);
  });

  it("takes fastjson's dialect, and zeros for numbers that are not there", async () => {
    await server.register();
    const body = `{x:{0:1},"queueDatas":[{'brokerName':"b-a","perm":2,"y":null}]}`;
    assert.deepEqual(
      await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, { body }),
      { code: 0 },
    );
    assert.deepEqual(server.tables.queueDatas("New"), [
      { brokerName: "b-a", perm: 2, readQueueNums: 0, topicSysFlag: 0, writeQueueNums: 0 },
    ]);
  });

  it("changes nothing for an unknown broker, no queue data or no body, and is success", async () => {
    await server.register();
    const bodies = [
      queueDatas({ brokerName: "b-a" }, { brokerName: "nobody" }),
      queueDatas(),
      "{}",
      "null",
      '{"queueDatas":null}',
      "",
    ];
    for (const body of bodies) {
      assert.deepEqual(
        await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, { body }),
        { code: 0 },
      );
      assert.equal(server.tables.queueDatas("New"), undefined);
    }
  });

  it("is refused with a body that can't be read, and nothing changes", async () => {
    await server.register();
    const bodies = [
      "[",
      "[]",
      '{"queueDatas":5}',
      '{"queueDatas":[5]}',
      queueDatas({}),
      queueDatas({ brokerName: "b-a" }, { brokerName: 5 }),
      queueDatas({ brokerName: "b-a" }, { brokerName: "b-a", perm: "six" }),
      queueDatas({ brokerName: "b-a", readQueueNums: 2147483648 }),
      queueDatas({ brokerName: "b-a", writeQueueNums: 1.5 }),
    ];
    for (const body of bodies) {
      const answer = await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, {
        body,
      });
      assert.equal(answer.code, 1, body);
      assert.match(answer.remark!, /^unreadable body: ./);
      assert.equal(server.tables.queueDatas("New"), undefined);
    }
  });

  it("names the field of a queue data that is wrong", async () => {
    const body = queueDatas({ brokerName: "b-a", perm: "six" });
    const answer = await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "New" }, {
      body,
    });
    assert.match(answer.remark!, /<perm>/);
  });

  it("needs a topic", async () => {
    assert.deepEqual(await server.ask(RequestCode.REGISTER_TOPIC_IN_NAMESRV), {
      code: 1,
      remark: "the field <topic> is missing",
    });
  });
});

describe("DELETE_TOPIC_IN_NAMESRV", () => {
  beforeEach(setUp);

  it("deletes a topic, known or not, everywhere or in one cluster", async () => {
    await server.register();
    await server.register({ brokerName: "b-b", clusterName: "D" });
    const ok = { code: 0 };
    assert.deepEqual(
      await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "T1", clusterName: "C" }),
      ok,
    );
    assert.deepEqual(server.tables.queueDatas("T1")!.map((it) => it.brokerName), ["b-b"]);
    assert.deepEqual(
      await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, {
        topic: "T1",
        clusterName: "nowhere",
      }),
      ok,
    );
    assert.deepEqual(
      await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "nothing" }),
      ok,
    );
    assert.deepEqual([...server.tables.topics()], ["T1", "T2"]);
    assert.deepEqual(
      await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "T1", clusterName: "" }),
      ok,
    );
    assert.deepEqual(await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "T2" }), ok);
    assert.deepEqual([...server.tables.topics()], []);
  });

  it("needs a topic", async () => {
    assert.deepEqual(await server.ask(RequestCode.DELETE_TOPIC_IN_NAMESRV, { clusterName: "C" }), {
      code: 1,
      remark: "the field <topic> is missing",
    });
  });
});
