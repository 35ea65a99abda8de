import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { AuditRecord } from "../../src/audit/record.ts";
import { ConsoleClient } from "../support/console_client.ts";
import { addressOf, ControllerPeer } from "../support/controller_peer.ts";
import { freePort } from "../support/free_port.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Description, type Document } from "../support/openapi.ts";
import { Home } from "../support/server_process.ts";
import { until } from "../support/wait.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const RULES = `mode: enforce
networks: [{from: [127.0.0.0/8], may: [broker]}]
accounts:
  - {accessKey: AK-admin, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-view, secret: ${SECRET}, may: [viewer]}
  - {accessKey: AK-other, secret: ${SECRET}, may: [viewer, {"controller:write": {cluster: Other}}]}
  - {accessKey: AK-c, secret: ${SECRET}, may: [viewer, {"controller:write": {cluster: C}}]}
`;
const ELECT = "/api/v1/controller/sets/s/elect-master";
const CLEAN = "/api/v1/controller/sets/s/clean";

describe("the controller over HTTP", () => {
  let home: Home;
  let http: HttpServerProcess;
  let peer: ControllerPeer;
  let described: Description;
  const port = freePort();

  beforeAll(async () => {
    home = await Home.make();
    const accessFile = await home.write("access.yml", RULES);
    await Deno.chmod(accessFile, 0o600);
    http = await HttpServerProcess.start({
      args: [
        `--accessFile=${accessFile}`,
        `--auditFile=${home.file("audit.log")}`,
        "--enableControllerInNamesrv=true",
        `--controllerDLegerPeers=n0-127.0.0.1:${port}`,
        "--controllerDLegerSelfId=n0",
        `--controllerStorePath=${home.file("controller")}`,
      ],
    });
    peer = await ControllerPeer.connect(port);
    for (const name of ["s", "t"]) {
      for (const id of [1, 2, 3]) {
        assert.equal((await peer.apply(name, id)).code, 0);
        await peer.beat(name, id, { epoch: 1, maxOffset: 10 + id });
      }
      assert.equal((await peer.elect(name, 1)).code, 0);
    }
    assert.equal((await peer.alter("s", [1, 2])).code, 0);
    described = new Description(await http.json("/api/v1/openapi.json") as Document);
  });
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
    await http[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const session = async (accessKey: string) => {
    const client = new ConsoleClient(`http://127.0.0.1:${http.httpPort}`);
    await client.logIn({ accessKey, secretKey: SECRET });
    return client;
  };
  // deno-lint-ignore no-explicit-any
  const ask = async (client: ConsoleClient, path: string, body?: unknown): Promise<any> => {
    const method = body === undefined ? "get" : "post";
    const response = await client.ask(method.toUpperCase(), path, body);
    const { status } = response;
    return { status, body: await described.check(path, response, method) };
  };
  const replica = (brokerId: number, inSync: boolean) => ({
    brokerId,
    address: addressOf(brokerId),
    inSync,
    alive: true,
    epoch: 1,
    maxOffset: 10 + brokerId,
  });

  it("is shown with its sets, to those who may read", async () => {
    const view = await session("AK-view");
    const self = { id: "n0", address: `127.0.0.1:${port}` };
    assert.deepEqual((await ask(view, "/api/v1/controller")).body, {
      enabled: true,
      group: "",
      self,
      leading: true,
      leader: self,
      peers: [self],
      store: "file",
      problem: null,
      figures: { sets: 2, replicas: 6, withoutMaster: 0, fewInSync: 0 },
    });
    const page = await ask(view, "/api/v1/controller/sets?limit=1");
    assert.deepEqual(page.body, {
      items: [{
        brokerName: "s",
        cluster: "C",
        masterBrokerId: 1,
        masterAddress: addressOf(1),
        masterEpoch: 1,
        syncStateSetEpoch: 2,
        replicas: [replica(1, true), replica(2, true), replica(3, false)],
      }],
      total: 2,
      next: "s",
    });
    for (const [query, total] of [["cluster=Other", 0], ["broker=t", 1], ["search=T", 1]]) {
      const found = await ask(view, `/api/v1/controller/sets?${query}`);
      assert.equal(found.body.total, total, `${query}`);
    }
    const nobody = new ConsoleClient(view.address);
    assert.equal((await ask(nobody, "/api/v1/controller/sets?cluster=C")).status, 200);
  });

  it("elects and cleans only for accounts that may, for the cluster of the set", async () => {
    const clients: [client: ConsoleClient, status: number][] = [
      [new ConsoleClient(`http://127.0.0.1:${http.httpPort}`), 401],
      [await session("AK-view"), 403],
      [await session("AK-other"), 403],
    ];
    for (const [client, status] of clients) {
      assert.equal((await ask(client, ELECT, { brokerId: "2" })).status, status);
      assert.equal((await ask(client, CLEAN, { brokerIds: "3" })).status, status);
    }
    const foreign = await session("AK-admin");
    foreign.csrfToken = "x".repeat(43);
    assert.equal((await ask(foreign, ELECT, { brokerId: "2" })).status, 403);
    assert.equal((await peer.info("s")).extFields?.get("masterBrokerId"), "1");
  });

  it("refuses what the state or the form forbids, and changes nothing", async () => {
    const admin = await session("AK-admin");
    const refused: [path: string, body: unknown, status: number, detail: RegExp][] = [
      [ELECT, { brokerId: "3" }, 409, /Failed to elect a new master/],
      [ELECT, { brokerId: "1" }, 409, /The old master 1 is still alive/],
      [ELECT, { brokerId: "9" }, 409, /Failed to elect a new master/],
      [ELECT, { brokerId: "x" }, 400, /^brokerId: must be a broker id/],
      [ELECT, { brokerId: "9".repeat(30) }, 400, /^brokerId: must be a broker id/],
      [ELECT, {}, 400, /^brokerId: is missing/],
      [ELECT.replace("/s/", "/none/"), { brokerId: "1" }, 404, /unknown broker set/],
      [CLEAN, { brokerIds: "3" }, 409, /Broker \[s, {2}3\] is still alive/],
      [CLEAN, {}, 409, /is still alive/],
      [CLEAN, { brokerIds: "1;x" }, 400, /^brokerIds: must be broker ids/],
      [CLEAN, { evenWithMaster: "yes" }, 400, /^evenWithMaster: must be true or false/],
      [CLEAN, { ids: "3" }, 400, /^ids: no such field/],
    ];
    for (const [path, body, status, detail] of refused) {
      const answer = await ask(admin, path, body);
      assert.equal(answer.status, status, `${path} ${JSON.stringify(body)}: ${answer.body.detail}`);
      assert.match(answer.body.detail, detail);
    }
    const { body } = await ask(admin, "/api/v1/controller/sets?broker=s");
    assert.deepEqual([body.items[0].masterEpoch, body.items[0].replicas.length], [1, 3]);
  });

  it("elects a master and forgets a dead broker, as by remoting, and records it", async () => {
    const admin = await session("AK-c");
    const elected = await ask(admin, ELECT, { brokerId: "2" });
    assert.deepEqual(
      [elected.status, elected.body.set.masterBrokerId, elected.body.set.masterEpoch],
      [200, 2, 2],
    );
    assert.equal((await peer.info("s")).extFields?.get("masterBrokerId"), "2");
    await peer.kill("s", 3);
    await until(async () => {
      const { body } = await ask(admin, "/api/v1/controller/sets?broker=s");
      return body.items[0].replicas[2].alive === false;
    }, "the broker is dead");
    const cleaned = await ask(admin, CLEAN, { brokerIds: "3" });
    assert.equal(cleaned.status, 200, JSON.stringify(cleaned.body));
    const ids = cleaned.body.set.replicas.map((it: { brokerId: number }) => it.brokerId);
    assert.deepEqual(ids, [1, 2]);
    for (const id of [1, 2, 3]) await peer.kill("t", id);
    const all = CLEAN.replace("/s/", "/t/");
    await until(async () => {
      const { status, body } = await ask(admin, all, { evenWithMaster: "true" });
      return status === 200 && body.set === null;
    }, "the whole set is forgotten");
    assert.equal((await ask(admin, all, {})).status, 403);

    let records: AuditRecord[] = [];
    await until(async () => {
      records = (await Deno.readTextFile(home.file("audit.log"))).split("\n").slice(0, -1)
        .map((line): AuditRecord => JSON.parse(line))
        .filter(({ account, outcome }) => account === "AK-c" && outcome === "done")
        .filter(({ action }) => action === "controller:write");
      return records.length >= 3;
    }, "the changes are recorded");
    assert.deepEqual(records.map(({ action, request }) => `${action} ${request}`), [
      "controller:write POST /api/v1/controller/sets/:brokerName/elect-master",
      "controller:write POST /api/v1/controller/sets/:brokerName/clean",
      "controller:write POST /api/v1/controller/sets/:brokerName/clean",
    ]);
    assert.deepEqual(records.map(({ resource }) => resource), ["C/s", "C/s", "C/t"]);
    const before = { 1: addressOf(1), 2: addressOf(2), 3: addressOf(3) };
    assert.deepEqual(records[0]?.change, {
      before: { master: 1, masterEpoch: 1, inSync: [1, 2], replicas: before },
      after: { master: 2, masterEpoch: 2, inSync: [2], replicas: before },
    });
    const own = (path: string) => path.startsWith("/api/v1/controller");
    for (const id of [...described.reading(own), ...described.changing(own)]) {
      assert.ok(described.seen.has(`${id} 200`), id);
    }
  });
});
