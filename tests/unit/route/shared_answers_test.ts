import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { encodeClusterInfo, encodeTopicList } from "../../../src/protocol/route_data.ts";
import { SharedAnswers } from "../../../src/route/shared_answers.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { identity, RouteWorld, topic } from "../../support/route_world.ts";

function made(world = new RouteWorld()) {
  const slice = new WorkSlice((task) => void setTimeout(task, 0));
  const shared = new SharedAnswers(world.tables, slice);
  world.tables.subscribe(shared);
  return { world, shared };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("answers about all brokers and topics", () => {
  const lists = {
    "cluster info": (shared: SharedAnswers) => shared.clusterInfo(),
    "all topics": (shared: SharedAnswers) => shared.allTopics(),
    "topics of a cluster": (shared: SharedAnswers) => shared.topicsOfCluster("C"),
    "unit topics": (shared: SharedAnswers) => shared.unitTopics(),
    "topics of the system": (shared: SharedAnswers) => shared.systemTopics(),
  };
  for (const [what, ask] of Object.entries(lists)) {
    it(`are encoded once until they change: ${what}`, () => {
      const { world, shared } = made();
      world.register({ name: "a", topics: ["T1", topic("T2", { topicSysFlag: 1 })] });
      const first = ask(shared);
      world.register({ name: "a", topics: ["T1", topic("T2", { topicSysFlag: 1 })], version: 2 });
      world.routes.heartbeat(identity("C", "a", "a:0"));
      assert.equal(ask(shared), first);
      assert.equal(shared.encodings, 1);
      world.register({ name: "b", topics: ["T3", topic("T4", { topicSysFlag: 1 })] });
      assert.notDeepEqual(ask(shared), first);
      world.unregister({ name: "b" });
      world.settle();
      assert.deepEqual(ask(shared), first);
    });
  }

  it("follow each kind of change", () => {
    const { world, shared } = made();
    const changes: (() => unknown)[] = [
      () => world.register({ name: "a", id: 1 }),
      () => world.register({ name: "a", zone: "z", version: 2 }),
      () => world.register({ name: "a", acting: true, version: 2 }),
      () => world.register({ name: "a", cluster: "D", version: 2 }),
      () => world.routes.deleteTopic("T1"),
      () => world.unregister({ name: "a", id: 1 }),
      () => world.unregister({ name: "a" }),
    ];
    world.register({ name: "a" });
    for (const change of changes) {
      change();
      world.settle();
      const { tables } = world;
      const info = encodeClusterInfo(tables.brokers(), tables.clusters());
      assert.equal(text(shared.clusterInfo() as Uint8Array), text(info));
      const topics = encodeTopicList(tables.topics());
      assert.equal(text(shared.allTopics() as Uint8Array), text(topics));
    }
  });

  it("do not grow with the number of clusters that are asked for", () => {
    const { world, shared } = made();
    world.register();
    for (let i = 0; i < 1000; i++) shared.topicsOfCluster(`${i}`);
    const before = shared.encodings;
    for (let i = 0; i < 1000; i++) shared.topicsOfCluster(`${i}`);
    assert.equal(shared.encodings, before + 1000);
  });

  it("that are large are encoded in slices, once for all who ask meanwhile", async () => {
    const world = new RouteWorld();
    const { shared } = made(world);
    const names = Array.from({ length: 5000 }, (_, i) => `T${i}-"ü`);
    world.register({ name: "a", topics: names });
    const begun = [shared.allTopics(), shared.allTopics()] as const;
    assert.ok(begun[0] instanceof Promise);
    const [first, second] = await Promise.all(begun);
    assert.equal(first, second);
    assert.deepEqual(JSON.parse(text(first)), { topicList: names });
    assert.equal(shared.allTopics(), first);
    assert.equal(shared.encodings, 1);
    // A change during encoding is in the next answer.
    world.register({ name: "a", topics: [...names, "U"], version: 2 });
    const before = shared.allTopics();
    world.register({ name: "a", topics: [...names, "U", "V"], version: 3 });
    assert.ok(text(await shared.allTopics()).includes('"V"'));
    await before;
    assert.equal(shared.encodings, 3);
  });
});
