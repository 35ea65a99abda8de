import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { RequestAction } from "../../../src/access/actions.ts";
import { encodeBrokerSet } from "../../../src/controller/broker_set.ts";
import { Controller } from "../../../src/controller/controller.ts";
import { FileStore } from "../../../src/controller/file_store.ts";
import { DurableFile } from "../../../src/durable_file.ts";
import { controllerTable } from "../../../src/processor/controller_table.ts";
import { RequestQueue } from "../../../src/processor/request_queue.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { brokerSet } from "../../support/broker_sets.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";
import { command, connection, Processors } from "../../support/route_processors.ts";

const SETS = "/data/controller-sets.json";

describe("controllerTable", () => {
  let disk: MemoryDisk;
  let controller: Controller;
  let table: ReturnType<typeof controllerTable>;

  beforeEach(async () => {
    const { log, config, administration } = await Processors.create();
    disk = MemoryDisk.with(SETS, `{"format":1,"sets":[${encodeBrokerSet(brokerSet())}]}`);
    const self = { id: "n0", address: "127.0.0.1:9878" };
    controller = new Controller({
      store: new FileStore({ file: new DurableFile(SETS, disk), self, log }),
      options: config.values,
      notify: () => {},
      expire: () => {},
      log,
      monotonic: () => 0,
    });
    const limits = {
      capacity: () => 10,
      concurrency: () => 1,
      budget: { take: () => true, give: () => {} },
    };
    const queues = { reads: new RequestQueue(limits), writes: new RequestQueue(limits) };
    const group = { name: "g", peerList: "" };
    const port = () => 9878;
    table = controllerTable({ controller, group, config, administration, port, queues, log });
    await controller.start();
  });
  afterEach(() => controller.stop());

  it("judges a request by the cluster of its set, whatever cluster it names", () => {
    const judged = (code: number, fields: Record<string, string>) => {
      const request = command(code, fields);
      const action = table.get(code)?.action ?? assert.fail();
      const row = typeof action === "function" ? action(request) : action;
      const { permission, cluster } = new RequestAction(row, request);
      return [permission, cluster];
    };
    const foreign = { brokerName: "s", clusterName: "Other" };
    const designated = { ...foreign, designateElect: "true" };
    assert.deepEqual(judged(RequestCode.CLEAN_BROKER_DATA, foreign), ["controller:write", "C"]);
    assert.deepEqual(judged(RequestCode.CONTROLLER_ELECT_MASTER, foreign), ["broker", "C"]);
    assert.deepEqual(
      judged(RequestCode.CONTROLLER_ELECT_MASTER, designated),
      ["controller:write", "C"],
    );
    assert.deepEqual(judged(RequestCode.CONTROLLER_REGISTER_BROKER, foreign), ["broker", "C"]);
    const own = { brokerName: "s" };
    assert.deepEqual(judged(RequestCode.CONTROLLER_GET_REPLICA_INFO, own), ["broker", "C"]);
    const fresh = { ...foreign, brokerName: "new" };
    assert.deepEqual(judged(RequestCode.CONTROLLER_APPLY_BROKER_ID, fresh), ["broker", "Other"]);
    assert.deepEqual(judged(RequestCode.BROKER_HEARTBEAT, foreign), ["broker", "Other"]);
  });

  it("answers reads while writes wait for the disk", async () => {
    const held = Promise.withResolvers<void>();
    disk.before = () => held.promise;
    const ask = (code: number, fields?: Record<string, string>, body?: string) => {
      const { queue, handler } = table.get(code) ?? assert.fail();
      const request = command(code, fields, body === undefined ? {} : { body });
      return queue?.run(handler, request, connection()) ?? handler(request, connection());
    };
    const writes = ["t", "u"].map((brokerName) =>
      ask(RequestCode.CONTROLLER_APPLY_BROKER_ID, {
        clusterName: "C",
        brokerName,
        appliedBrokerId: "1",
        registerCheckCode: "10.0.0.1:10911;1",
      })
    );
    const own = { brokerName: "s" };
    const reads = [
      ask(RequestCode.CONTROLLER_GET_METADATA_INFO),
      ask(RequestCode.CONTROLLER_GET_REPLICA_INFO, own),
      ask(RequestCode.CONTROLLER_GET_NEXT_BROKER_ID, { ...own, clusterName: "C" }),
      ask(RequestCode.CONTROLLER_GET_SYNC_STATE_DATA, {}, '["s"]'),
      ask(RequestCode.GET_CONTROLLER_CONFIG),
    ];
    for (const read of reads) {
      assert.ok(!(read instanceof Promise));
      assert.equal(read.code, 0);
    }
    held.resolve();
    assert.deepEqual((await Promise.all(writes)).map(({ code }) => code), [0, 0]);
  });
});
