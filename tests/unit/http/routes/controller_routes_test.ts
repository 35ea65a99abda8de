import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { NotLeaderError, StoreError } from "../../../../src/controller/store.ts";
import {
  controllerChanges,
  controllerRoutes,
  type HostedController,
} from "../../../../src/http/routes/controller_routes.ts";
import { Pager } from "../../../../src/http/routes/pager.ts";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { Query } from "../../../../src/http/server/query.ts";
import type { RouteRequest } from "../../../../src/http/server/router.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { brokerSet } from "../../../support/broker_sets.ts";

const PEERS = [
  { id: "n0", address: "10.0.0.1:9878" },
  { id: "n1", address: "10.0.0.2:9878" },
];
const NAMED = "this controller does not lead; n1 at 10.0.0.2:9878 does";

/** A controller that leads or follows n1, and whose elections fail in a way. */
function hosted({ leading, failure }: { leading: boolean; failure?: Error }): HostedController {
  const sets = new Map(leading ? [["s", brokerSet()]] : []);
  return {
    group: { name: "g", self: PEERS[0]!, peers: PEERS, peerList: "" },
    store: "etcd",
    controller: {
      leading,
      leader: leading ? PEERS[0] : PEERS[1],
      problem: leading ? undefined : "etcd does not answer",
      sets,
      find: (name) => sets.get(name),
      figures: { sets: sets.size, replicas: 3, bytes: 0, withoutMaster: 0, fewInSync: 0 },
      live: () => undefined,
      electMaster: () => Promise.reject(failure),
      cleanBrokerData: () => Promise.reject(failure),
    },
  };
}

const asked = (body: Record<string, string> = {}): RouteRequest => ({
  sender: { client: "10.0.0.9:1", headers: new Headers(), sent: Promise.resolve() },
  path: new Map([["brokerName", "s"]]),
  query: new Query(new URLSearchParams(), []),
  body: new Map(Object.entries(body)),
  url: new URL("http://x/"),
  localHost: "",
});

async function refusal(task: () => Promise<unknown>): Promise<[status: number, detail: string]> {
  try {
    await task();
  } catch (error) {
    if (error instanceof HttpProblem) return [error.status, error.message];
    throw error;
  }
  return assert.fail("not refused");
}

describe("the routes of the controller", () => {
  const routesOf = (it: HostedController | undefined) =>
    controllerRoutes(it, new Pager(new WorkSlice(queueMicrotask)));
  const [elect, clean] = [0, 1].map((at) => (it: HostedController, body: Record<string, string>) =>
    controllerChanges(it)[at]!.run(asked(body), { peer: "" })
  );

  it("of one that does not lead name the one that does, and show no sets", async () => {
    const follower = hosted({ leading: false });
    const [state, sets] = routesOf(follower);
    const { leading, leader, problem, figures } = await (await state!.answer(asked())).json();
    assert.deepEqual([leading, leader, figures], [false, PEERS[1], null]);
    assert.equal(problem, "etcd does not answer");
    const tasks = [
      async () => await sets!.answer(asked()),
      () => elect!(follower, { brokerId: "2" }),
      () => clean!(follower, {}),
    ];
    for (const task of tasks) assert.deepEqual(await refusal(task), [503, NAMED]);
  });

  it("say that nothing was changed when leadership was lost, or the store failed, meanwhile", async () => {
    const lost = hosted({ leading: true, failure: new NotLeaderError() });
    const [status, detail] = await refusal(() => elect!(lost, { brokerId: "2" }));
    assert.deepEqual([status, /^this controller does not lead/.test(detail)], [503, true]);
    const broken = hosted({ leading: true, failure: new StoreError("no space") });
    assert.deepEqual(await refusal(() => clean!(broken, {})), [503, "no space"]);
  });

  it("say that there is no controller", async () => {
    const [state, sets] = routesOf(undefined);
    assert.deepEqual(await (await state!.answer(asked())).json(), { enabled: false });
    const [status, detail] = await refusal(async () => await sets!.answer(asked()));
    assert.deepEqual([status, /enableControllerInNamesrv/.test(detail)], [404, true]);
  });
});
