import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { defaultOptions } from "../../../src/config/options.ts";
import type { BrokerSet } from "../../../src/controller/broker_set.ts";
import { EtcdStore } from "../../../src/controller/etcd_store.ts";
import { NotLeaderError, StoreError } from "../../../src/controller/store.ts";
import { EtcdClient } from "../../../src/etcd/client.ts";
import { FakeEtcd, fault } from "../../support/fake_etcd.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { until } from "../../support/wait.ts";

const LEADER = "/rocketmq-namesrv/controller/leader";
const SETS = "/rocketmq-namesrv/controller/sets/";

/** A controller's store, and what it told. */
class Node implements AsyncDisposable {
  readonly events: string[] = [];
  /** Why it did not lead any more. */
  readonly reasons: string[] = [];
  readonly log = new RecordedLog();
  sets = new Map<string, BrokerSet>();
  /** Milliseconds by which each clock is ahead of the real one. */
  readonly ahead = { monotonic: 0, now: 0 };
  readonly store: EtcdStore;

  private constructor(readonly client: EtcdClient, id: string) {
    this.store = new EtcdStore({
      client,
      prefix: "/rocketmq-namesrv",
      self: { id, address: `127.0.0.1:${id.length}` },
      log: this.log,
      monotonic: () => performance.now() + this.ahead.monotonic,
      now: () => Date.now() + this.ahead.now,
    });
  }

  static async start(etcd: FakeEtcd, id: string): Promise<Node> {
    const options = { ...defaultOptions(), etcdEndpoints: etcd.url };
    const node = new Node(await EtcdClient.open({ options, files: Deno }), id);
    await node.store.start({
      leading: (sets) => {
        node.sets = sets;
        node.events.push("leading");
      },
      following: (reason) => {
        node.events.push("following");
        node.reasons.push(reason);
      },
    });
    return node;
  }

  static async leading(etcd: FakeEtcd, id = "n0"): Promise<Node> {
    const node = await Node.start(etcd, id);
    await until(() => node.store.leads, `${id} leads`);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.stop();
    this.client.close();
  }
}

function brokerSet(masterEpoch = 1): BrokerSet {
  return {
    brokerName: "broker-a",
    clusterName: "C",
    replicas: new Map([[1, { address: "10.0.0.1:10911", checkCode: "c" }]]),
    nextBrokerId: 2,
    masterBrokerId: 1,
    masterEpoch,
    syncStateSet: [1],
    syncStateSetEpoch: masterEpoch,
  };
}

describe("EtcdStore", () => {
  it("lets one lead, and tells the others who", async () => {
    await using etcd = new FakeEtcd();
    await using one = await Node.leading(etcd);
    await using two = await Node.start(etcd, "n1");
    await until(() => two.store.leader !== undefined);
    assert.deepEqual([one.store.leader, two.store.leader], [
      { id: "n0", address: "127.0.0.1:2" },
      { id: "n0", address: "127.0.0.1:2" },
    ]);
    assert.equal(two.store.leads, false);
    await assert.rejects(two.store.commit("broker-a", brokerSet()), NotLeaderError);
    assert.deepEqual(two.events, []);
  });

  it("hands over at a stop, with what was stored", async () => {
    await using etcd = new FakeEtcd();
    const one = await Node.leading(etcd);
    await one.store.commit("broker-a", brokerSet(1));
    await one.store.commit("broker-a", brokerSet(2));
    await one.store.commit("broker-b", { ...brokerSet(), brokerName: "broker-b" });
    await one.store.commit("broker-b", undefined);
    await using two = await Node.start(etcd, "n1");
    await one[Symbol.asyncDispose]();
    assert.deepEqual(one.events, ["leading", "following"]);
    await until(() => two.store.leads);
    assert.deepEqual([...two.sets], [["broker-a", brokerSet(2)]]);
  });

  it("stops answering when the lease ends by either clock, before another can lead", async () => {
    for (const clock of ["monotonic", "now"] as const) {
      await using etcd = new FakeEtcd();
      await using node = await Node.leading(etcd);
      node.ahead[clock] = 4600;
      // Without a turn of the event loop: as after a pause of the process.
      assert.equal(node.store.leads, false);
      assert.deepEqual(node.events, ["leading", "following"]);
      assert.deepEqual(etcd.keys(), [LEADER]);
      await assert.rejects(node.store.commit("broker-a", brokerSet()), NotLeaderError);
    }
  });

  it("keeps the lease alive", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    const renewals = () => etcd.requests.filter(({ path }) => path === "lease/keepalive").length;
    await until(() => renewals() >= 2);
    node.ahead.monotonic = 3000;
    node.ahead.now = 3000;
    assert.equal(node.store.leads, true);
  });

  it("gives up when etcd has ended the lease, and leads again later", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    await node.store.commit("broker-a", brokerSet());
    for (const lease of etcd.leases) etcd.endLease(lease);
    await until(() => node.events.length === 3);
    assert.deepEqual(node.events, ["leading", "following", "leading"]);
    assert.deepEqual([...node.sets.keys()], ["broker-a"]);
  });

  it("leads again at once after etcd was away, although its old lease has the key still", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    etcd.answer = () => fault(503, 14, "etcdserver: request timed out");
    node.ahead.monotonic = 5000;
    assert.equal(node.store.leads, false);
    await until(() => node.store.problem === "etcd does not answer");
    assert.deepEqual(etcd.keys(), [LEADER]);
    etcd.answer = () => undefined;
    await until(() => node.store.leads);
    assert.equal(etcd.leases.size, 1);
  });

  it("stores nothing once another leads, whatever it believes", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    etcd.set([LEADER, undefined]);
    etcd.setLeased(LEADER, `{"id":"n9","address":"10.0.0.9:1"}`);
    await assert.rejects(node.store.commit("broker-a", brokerSet()), NotLeaderError);
    assert.deepEqual(etcd.keys(), [LEADER]);
    assert.deepEqual(node.events, ["leading", "following"]);
    await until(() => node.store.leader?.id === "n9");
  });

  it("does not overwrite a set that was changed by others", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    await node.store.commit("broker-a", brokerSet(1));
    const other = etcd.value(`${SETS}broker-a`)!.replaceAll("10.0.0.1", "10.0.0.2");
    etcd.set([`${SETS}broker-a`, other]);
    await assert.rejects(node.store.commit("broker-a", brokerSet(2)), NotLeaderError);
    await until(() => node.store.leads);
    assert.equal(node.sets.get("broker-a")?.replicas.get(1)?.address, "10.0.0.2:10911");
    await node.store.commit("broker-a", brokerSet(2));
  });

  it("finds out an outcome that is unknown at first", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    let lost = true;
    etcd.after = (path) => {
      if (path !== "kv/txn" || !lost) return undefined;
      lost = false;
      return fault(503, 14, "etcdserver: request timed out");
    };
    await node.store.commit("broker-a", brokerSet(1));
    let refused = true;
    etcd.answer = (path) => {
      if (path !== "kv/txn" || !refused) return undefined;
      refused = false;
      return fault(503, 14, "etcdserver: request timed out");
    };
    await node.store.commit("broker-a", brokerSet(2));
    assert.match(etcd.value(`${SETS}broker-a`) ?? "", /"masterEpoch":2/);
    assert.deepEqual(node.events, ["leading"]);
  });

  it("finds out whether a set was stored whose answer can't be read", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    const answers = ["<html>", '{"header":{"revision":"x"},"succeeded":true}'];
    etcd.after = (path) => {
      const text = path === "kv/txn" ? answers.shift() : undefined;
      return text === undefined ? undefined : new Response(text);
    };
    await node.store.commit("broker-a", brokerSet(1));
    assert.deepEqual(answers, []);
    await node.store.commit("broker-a", brokerSet(2));
    assert.deepEqual(node.events, ["leading"]);
  });

  it("says when etcd refuses a set", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    etcd.answer = (path) =>
      path === "kv/txn" ? fault(429, 8, "etcdserver: mvcc: database space exceeded") : undefined;
    await assert.rejects(node.store.commit("broker-a", brokerSet()), (error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.message, /can't be stored in etcd: .*space exceeded$/);
      return true;
    });
    assert.equal(node.store.leads, true);
  });

  it("ends a commit without an outcome when its lease ends", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    etcd.answer = () => fault(503, 14, "etcdserver: request timed out");
    const commit = node.store.commit("broker-a", brokerSet());
    await until(() => etcd.requests.at(-1)?.path === "kv/txn");
    node.ahead.monotonic = 5000;
    await assert.rejects(commit, NotLeaderError);
    etcd.answer = () => undefined;
  });

  it("does not lead with sets that it can't read, and names the key", async () => {
    await using etcd = new FakeEtcd();
    etcd.set([`${SETS}broker-a`, "{}"]);
    await using node = await Node.start(etcd, "n0");
    await until(() => node.log.namesAt("WARN").length > 0);
    assert.match(String(node.log.at("WARN")[0]?.fields.reason), /sets\/broker-a in etcd is not/);
    assert.equal(node.store.leads, false);
    etcd.set([`${SETS}broker-a`, undefined]);
    await until(() => node.store.leads);
  });

  it("takes no commit for made whose answer has waited for longer than the lease", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    etcd.after = (path) => {
      // As after a pause of the process: no timer has run yet.
      if (path === "kv/txn") node.ahead.monotonic = 5000;
      return undefined;
    };
    await assert.rejects(node.store.commit("broker-a", brokerSet()), NotLeaderError);
    assert.deepEqual(node.events, ["leading", "following"]);
    etcd.after = () => undefined;
    await until(() => node.store.leads);
    assert.deepEqual([...node.sets.keys()], ["broker-a"]);
  });

  it("reads again what may have been stored before etcd refused it", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    const answers = [
      fault(503, 14, "etcdserver: request timed out"),
      fault(429, 8, "etcdserver: mvcc: database space exceeded"),
    ];
    etcd.after = (path) => path === "kv/txn" ? answers.shift() : undefined;
    await assert.rejects(node.store.commit("broker-a", brokerSet()), NotLeaderError);
    await until(() => node.store.leads);
    assert.deepEqual([...node.sets.keys()], ["broker-a"]);
  });

  it("gives up when etcd stores nothing although it renews the lease", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    let stored = false;
    etcd.answer = (path) =>
      path === "kv/txn" && !stored ? fault(503, 14, "etcdserver: request timed out") : undefined;
    const commit = assert.rejects(node.store.commit("broker-a", brokerSet()), NotLeaderError);
    const renewals = () => etcd.requests.filter(({ path }) => path === "lease/keepalive").length;
    for (let renewed = renewals(), i = 0; i < 2; i++, renewed = renewals()) {
      await until(() => renewals() > renewed);
      node.ahead.monotonic += 3000;
      node.ahead.now += 3000;
    }
    await commit;
    assert.deepEqual(node.events, ["leading", "following"]);
    assert.match(node.reasons.join(), /not stored within 5 s/);
    stored = true;
    await until(() => node.store.leads);
  });

  it("sends no more than 32 commits at once, and ends all of them with the lease", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    const commits = () => etcd.requests.filter(({ path }) => path === "kv/txn").length;
    const before = commits();
    const hang = Promise.withResolvers<Response>();
    etcd.answer = () => hang.promise;
    const outcomes = Promise.allSettled(
      Array.from({ length: 500 }, (_, i) => node.store.commit(`broker-${i}`, brokerSet())),
    );
    await until(() => commits() - before >= 32);
    const sent = commits() - before;
    node.ahead.monotonic = 5000;
    assert.equal(node.store.leads, false);
    assert.equal((await outcomes).filter(({ status }) => status === "rejected").length, 500);
    assert.equal(sent, 32);
    etcd.answer = () => undefined;
    hang.resolve(new Response("{}"));
  });

  it("refuses a name that etcd would change", async () => {
    await using etcd = new FakeEtcd();
    await using node = await Node.leading(etcd);
    const brokerName = "broker-\ud800";
    const stored = node.store.commit(brokerName, { ...brokerSet(), brokerName });
    await assert.rejects(stored, StoreError);
    assert.deepEqual(etcd.keys(), [LEADER]);
  });

  it("takes over without a watch, too", async () => {
    await using etcd = new FakeEtcd();
    etcd.answer = (path) => path === "watch" ? fault(503, 14, "etcdserver: no leader") : undefined;
    const one = await Node.leading(etcd);
    await using two = await Node.start(etcd, "n1");
    await until(() => two.store.leader?.id === "n0");
    await one[Symbol.asyncDispose]();
    await until(() => two.store.leads);
  });

  it("looks when the watch says that the leader's key is free", async () => {
    await using etcd = new FakeEtcd();
    etcd.setLeased(LEADER, `{"id":"n9","address":"10.0.0.9:1"}`);
    await using node = await Node.start(etcd, "n0");
    await until(() => node.store.leader?.id === "n9" && etcd.watchers === 1);
    const looks = () => etcd.requests.filter(({ path }) => path === "kv/range").length;
    // Well before the next look.
    const before = looks();
    etcd.setLeased(LEADER, `{"id":"n8","address":"10.0.0.8:1"}`);
    await until(() => looks() > before);
    await until(() => node.store.leader?.id === "n8");
    assert.deepEqual(
      node.log.at("INFO").filter(({ event }) => event === "another controller leads")
        .map(({ fields }) => fields.id),
      ["n9", "n8"],
    );
  });

  it("names no leader while the key is its own from before, and says if that does not end", async () => {
    await using etcd = new FakeEtcd();
    etcd.setLeased(LEADER, `{"id":"n0","address":"10.0.0.9:1"}`);
    await using node = await Node.start(etcd, "n0");
    await until(() => node.store.problem === undefined);
    assert.equal(node.store.leader, undefined);
    node.ahead.monotonic = 11_000;
    await until(() => /another controller leads as n0 .*SelfId/.test(node.store.problem ?? ""));
    etcd.set([LEADER, undefined]);
    await until(() => node.store.leads);
    assert.equal(node.store.problem, undefined);
  });

  it("says so when the leader's key never ends", async () => {
    await using etcd = new FakeEtcd();
    etcd.set([LEADER, `{"id":"n9","address":"10.0.0.9:1"}`]);
    await using node = await Node.start(etcd, "n0");
    await until(() => /has no lease.*delete it/.test(node.store.problem ?? ""));
    assert.equal(node.store.leader, undefined);
    etcd.set([LEADER, undefined]);
    await until(() => node.store.leads);
  });

  it("starts and stops without etcd", async () => {
    await using etcd = new FakeEtcd();
    const hang = Promise.withResolvers<Response>();
    etcd.answer = () => hang.promise;
    {
      await using node = await Node.start(etcd, "n0");
      assert.equal(node.store.leader, undefined);
      await until(() => node.store.problem === "etcd does not answer");
    }
    hang.resolve(new Response("{}"));
  });
});
