import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
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
import { command, Processors } from "../../support/route_processors.ts";

const SETS = "/data/controller-sets.json";

describe("controllerTable", () => {
  it("judges a request by the cluster of its set, whatever cluster it names", async () => {
    const { log, config, administration } = await Processors.create();
    const disk = MemoryDisk.with(SETS, `{"format":1,"sets":[${encodeBrokerSet(brokerSet())}]}`);
    const self = { id: "n0", address: "127.0.0.1:9878" };
    const controller = new Controller({
      store: new FileStore({ file: new DurableFile(SETS, disk), self, log }),
      options: config.values,
      notify: () => {},
      expire: () => {},
      log,
      monotonic: () => 0,
    });
    const queue = new RequestQueue({
      capacity: () => 10,
      concurrency: () => 1,
      budget: { take: () => true, give: () => {} },
    });
    const group = { name: "g", peerList: "" };
    const port = () => 9878;
    const parts = { controller, group, config, administration, port, queue, log };
    const table = controllerTable(parts);
    const judged = (code: number, fields: Record<string, string>) => {
      const request = command(code, fields);
      const action = table.get(code)?.action ?? assert.fail();
      const row = typeof action === "function" ? action(request) : action;
      const { permission, cluster } = new RequestAction(row, request);
      return [permission, cluster];
    };
    await controller.start();
    try {
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
    } finally {
      await controller.stop();
    }
  });
});
