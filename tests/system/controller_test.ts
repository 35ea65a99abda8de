import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import { FakeEtcd } from "../support/fake_etcd.ts";
import { addressOf, ControllerPeer, heartbeatRequest } from "../support/controller_peer.ts";
import { freePort } from "../support/free_port.ts";
import type { Request } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { pause, until } from "../support/wait.ts";
import { runCommand } from "./command_process.ts";
import { signed } from "../support/signed.ts";

const BROKER = { accessKey: "AK-broker", secretKey: "secret-of-the-broker" };
const ADMIN = { accessKey: "AK-admin", secretKey: "secret-of-the-admin" };
const RULES = `mode: enforce
accounts:
  - {accessKey: AK-broker, secret: secret-of-the-broker, may: [{broker: {cluster: C, name: s}}]}
  - {accessKey: AK-admin, secret: secret-of-the-admin, may: [admin]}
`;

/** A name server with a controller, and its files. */
class Controlled implements AsyncDisposable {
  readonly port = freePort();
  server!: ServerProcess;

  private constructor(
    readonly home: Home,
    readonly config: string,
    readonly args: readonly string[],
  ) {}

  static async start(
    options: Record<string, string> = {},
    args: readonly string[] = [],
  ): Promise<Controlled> {
    const home = await Home.make();
    const controlled = new Controlled(home, "", args);
    const config = await home.configFile({
      bindAddress: "127.0.0.1",
      enableControllerInNamesrv: "true",
      controllerDLegerGroup: "ctl",
      controllerDLegerPeers: `n0-127.0.0.1:${controlled.port}`,
      controllerDLegerSelfId: "n0",
      controllerStorePath: home.file("controller"),
      ...options,
    });
    Object.assign(controlled, { config });
    await controlled.launch();
    return controlled;
  }

  async launch(): Promise<void> {
    const args = ["-c", this.config, ...this.args];
    this.server = await ServerProcess.start({ home: this.home, args });
  }

  peer(): Promise<ControllerPeer> {
    return ControllerPeer.connect(this.port);
  }

  command(...args: string[]) {
    return runCommand(["controller", ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}

/** A set with master 1, and 1 to 3 alive and in sync. */
async function makeSet(peer: ControllerPeer, name = "s"): Promise<void> {
  for (const id of [1, 2, 3]) {
    assert.equal((await peer.apply(name, id)).code, 0);
    await peer.beat(name, id, { maxOffset: id });
  }
  assert.equal((await peer.elect(name, 1)).code, 0);
  assert.equal((await peer.alter(name, [1, 2, 3])).code, 0);
}

async function isLeader(peer: ControllerPeer): Promise<string | undefined> {
  const { extFields } = await peer.call(RequestCode.CONTROLLER_GET_METADATA_INFO);
  return extFields?.get("isLeader");
}

describe("the controller", () => {
  it("keeps masters, epochs and ids over kill -9, and the name server's port answers 3", async () => {
    await using controlled = await Controlled.start();
    {
      await using peer = await controlled.peer();
      await makeSet(peer);
      await peer.kill("s", 1);
      await until(async () => (await peer.info("s")).extFields?.get("masterBrokerId") === "3");
    }
    controlled.server.kill("SIGKILL");
    await controlled.server.ended;
    await controlled.launch();
    await using peer = await controlled.peer();
    const { code, extFields, body } = await peer.info("s");
    assert.equal(code, 0);
    assert.deepEqual(Object.fromEntries(extFields ?? []), {
      masterEpoch: "2",
      masterBrokerId: "3",
      masterAddress: addressOf(3),
    });
    assert.equal(new TextDecoder().decode(body), '{"syncStateSet":[3],"syncStateSetEpoch":3}');
    await using namesrv = await Peer.connect(controlled.server.port);
    for (let code = 1001; code <= 1018; code++) {
      assert.equal((await namesrv.call({ code })).code, 3, `${code}`);
    }
    assert.equal((await peer.call(RequestCode.GET_NAMESRV_CONFIG)).code, 3);
  });

  it("does not start with a file that it can't read, nor beside another with the same file", async () => {
    await using controlled = await Controlled.start();
    const again = await ServerProcess.run({
      home: controlled.home,
      args: ["-c", controlled.config, `--controllerDLegerPeers=n0-127.0.0.1:${freePort()}`],
    });
    assert.notEqual(again.code, 0);
    assert.match(again.err.join("\n"), /another process uses it \(controllerStorePath\)/);
    controlled.server.kill("SIGTERM");
    await controlled.server.ended;
    await controlled.home.write("controller/controller-sets.json", '{"format":1,"sets":[{}]}');
    const broken = await ServerProcess.run({
      home: controlled.home,
      args: ["-c", controlled.config],
    });
    assert.notEqual(broken.code, 0);
    assert.match(broken.err.join("\n"), /controller-sets\.json: .*\(controllerStorePath\)/);
    await controlled.home.write("controller/controller-sets.json", '{"format":1,"sets":[]}');
    await controlled.launch();
  });

  it("shows and changes its options, and writes only those into the file", async () => {
    await using controlled = await Controlled.start();
    await using peer = await controlled.peer();
    const update = (text: string) =>
      peer.call(RequestCode.UPDATE_CONTROLLER_CONFIG, undefined, text);
    assert.equal(
      (await update("enableElectUncleanMaster=true\norderMessageEnable=true\n")).code,
      0,
    );
    const { body } = await peer.call(RequestCode.GET_CONTROLLER_CONFIG);
    const lines = new TextDecoder().decode(body).trimEnd().split("\n");
    assert.deepEqual(lines, lines.toSorted());
    assert.ok(lines.includes(`listenPort=${controlled.port}`));
    assert.ok(lines.includes("enableElectUncleanMaster=true"));
    assert.ok(!lines.some((line) => line.startsWith("orderMessageEnable")));
    const stored = await Deno.readTextFile(controlled.config);
    assert.match(stored, /enableElectUncleanMaster=true/);
    assert.doesNotMatch(stored, /listenPort|orderMessageEnable/);
    const wrong = await update("scanInactiveMasterInterval=1");
    assert.deepEqual([wrong.code, /from 100 to 60000/.test(wrong.remark ?? "")], [1, true]);
  });

  it("stores nothing malformed, and stays alive", async () => {
    await using controlled = await Controlled.start();
    await using peer = await controlled.peer();
    await makeSet(peer);
    const file = controlled.home.file("controller/controller-sets.json");
    const before = await Deno.readTextFile(file);
    const named = { clusterName: "C", brokerName: "s" };
    const malformed: Omit<Request, "flag">[] = [
      { code: 1013, extFields: { ...named, appliedBrokerId: "4" } },
      {
        code: 1013,
        extFields: { ...named, appliedBrokerId: "99999999999999999999", registerCheckCode: "a" },
      },
      {
        code: 1013,
        extFields: { ...named, brokerName: "a\nb", appliedBrokerId: "1", registerCheckCode: "a" },
      },
      {
        code: 1013,
        extFields: {
          ...named,
          brokerName: "x".repeat(300),
          appliedBrokerId: "1",
          registerCheckCode: "a",
        },
      },
      { code: 1003, extFields: { ...named, brokerId: "1" } },
      {
        code: 1001,
        extFields: { brokerName: "s", masterBrokerId: "1", masterEpoch: "1" },
        body: "[",
      },
      {
        code: 1001,
        extFields: { brokerName: "s", masterBrokerId: "1", masterEpoch: "1" },
        body: '{"syncStateSet":["x"]}',
      },
      {
        code: 1001,
        extFields: { brokerName: "s", masterBrokerId: "1", masterEpoch: "9".repeat(20) },
        body: "{}",
      },
      { code: 1002, extFields: { brokerName: "s", brokerId: "x" } },
      { code: 1011, extFields: { ...named, brokerControllerIdsToClean: "1;x" } },
      { code: 1006, body: '{"a":1}' },
      { code: 904, extFields: { brokerId: "1" } },
      { code: 904, extFields: { ...named, brokerId: "-1" } },
    ];
    for (const { code, extFields, body } of malformed) {
      const answer = await peer.call(code, extFields, body as string | undefined);
      assert.notEqual(answer.code, 0, JSON.stringify({ code, extFields }));
      assert.doesNotMatch(answer.remark ?? "", /java|Exception:/, answer.remark ?? "");
    }
    assert.equal(await Deno.readTextFile(file), before);
    assert.equal((await peer.info("s")).extFields?.get("masterBrokerId"), "1");
    assert.equal((await peer.elect("s", 2, true)).extFields?.get("masterBrokerId"), "2");
  });

  it("lets brokers act for their names, and only administrators choose, clean and configure", async () => {
    const home = await Home.make();
    await using _home = home;
    const rules = await home.write("access.yml", RULES);
    await Deno.chmod(rules, 0o600);
    const auditFile = home.file("audit.log");
    await using controlled = await Controlled.start({ accessFile: rules, auditFile });
    await using peer = await Peer.connect(controlled.port);
    const named = { clusterName: "C", brokerName: "s" };
    const applied = (brokerName: string): Request => ({
      code: RequestCode.CONTROLLER_APPLY_BROKER_ID,
      extFields: { ...named, brokerName, appliedBrokerId: "1", registerCheckCode: "10.0.0.1:1;1" },
    });
    const elected = (designateElect: string): Request => ({
      code: RequestCode.CONTROLLER_ELECT_MASTER,
      extFields: { ...named, brokerId: "1", designateElect },
    });
    const ask = async (request: Request, credentials: typeof ADMIN) =>
      (await peer.call(signed(request, credentials))).code;
    assert.equal((await peer.call(applied("s"))).code, ResponseCode.NO_PERMISSION);
    assert.equal(await ask(applied("other"), BROKER), ResponseCode.NO_PERMISSION);
    assert.equal(await ask(applied("s"), BROKER), 0);
    assert.equal(await ask(heartbeatRequest("s", 1), BROKER), 0);
    assert.equal(await ask(heartbeatRequest("other", 1), BROKER), ResponseCode.NO_PERMISSION);
    assert.equal(await ask(elected("true"), BROKER), ResponseCode.NO_PERMISSION);
    assert.equal(await ask(elected("false"), BROKER), 0);
    // These name no cluster: that of the set counts.
    const info = { code: RequestCode.CONTROLLER_GET_REPLICA_INFO, extFields: { brokerName: "s" } };
    assert.equal(await ask(info, BROKER), 0);
    assert.equal(await ask({ code: RequestCode.CONTROLLER_GET_METADATA_INFO }, BROKER), 0);
    const cleaned = { code: RequestCode.CLEAN_BROKER_DATA, extFields: named };
    const updated = {
      code: RequestCode.UPDATE_CONTROLLER_CONFIG,
      body: "notifyBrokerRoleChanged=false",
    };
    for (const request of [cleaned, updated]) {
      assert.equal(await ask(request, BROKER), ResponseCode.NO_PERMISSION);
    }
    assert.equal(await ask(cleaned, ADMIN), ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA);
    assert.equal(await ask(updated, ADMIN), 0);
    assert.equal(await ask(elected("true"), ADMIN), ResponseCode.CONTROLLER_MASTER_STILL_EXIST);
    await until(async () => {
      const records = (await Deno.readTextFile(auditFile)).trim().split("\n")
        .map((line) => JSON.parse(line));
      const done = records.filter(({ outcome }) => outcome === "done").map(({ request }) =>
        request
      );
      return [1013, 1002, 1009].every((code) => done.includes(code));
    }, "the audit file has the changes");
  });

  it("is shown and changed by commands, and imported from another controller", async () => {
    await using controlled = await Controlled.start();
    await using peer = await controlled.peer();
    await makeSet(peer);
    const at = ["-a", `127.0.0.1:${controlled.port}`];
    const status = await controlled.command("status", ...at, "--json");
    assert.deepEqual([status.code, JSON.parse(status.out)[0].isLeader], [0, true], status.err);
    // Without an address, the name server's configuration says where the controller is.
    const configured = await controlled.command(
      ...["sets", "s", "-n", `127.0.0.1:${controlled.server.port}`, "--json"],
    );
    assert.equal(JSON.parse(configured.out)[0].masterBrokerId, 1, configured.err);
    const elected = await controlled.command("elect", "s", "2", ...at);
    assert.match(elected.out, /the master of s is 2 \(10\.0\.0\.2:10911\), epoch 2/, elected.err);
    const refused = await controlled.command("clean", "s", "--cluster", "C", "--ids", "3", ...at);
    assert.deepEqual([refused.code, /still alive/.test(refused.err)], [1, true]);
    await peer.kill("s", 3);
    await until(async () =>
      new TextDecoder().decode((await peer.data("s")).body).includes("false")
    );
    const cleaned = await controlled.command("clean", "s", "--cluster", "C", "--ids", "3", ...at);
    assert.match(cleaned.out, /3 of s forgotten/, cleaned.err);
    const wrong = await controlled.command("status", "-a", `127.0.0.1:${controlled.server.port}`);
    assert.match(wrong.err, /is not the port of a controller/);

    await using next = await Controlled.start();
    next.server.kill("SIGTERM");
    await next.server.ended;
    const words = [
      ...["import", "s", "--cluster", "C", "--from", `127.0.0.1:${controlled.port}`],
      ...["-n", `127.0.0.1:${controlled.server.port}`, "-c", next.config],
    ];
    const imported = await controlled.command(...words);
    assert.equal(imported.code, 0, imported.err);
    const again = await controlled.command(...words);
    assert.equal(again.code, 0, again.err);
    await using etcd = new FakeEtcd();
    const inEtcd = await controlled.home.configFile({
      enableControllerInNamesrv: "true",
      controllerDLegerPeers: `n0-127.0.0.1:${next.port}`,
      controllerDLegerSelfId: "n0",
      controllerStore: "etcd",
      etcdEndpoints: etcd.url,
    });
    const stored = await controlled.command(...words.slice(0, -1), inEtcd);
    assert.equal(stored.code, 0, stored.err);
    assert.deepEqual(etcd.keys(), ["/rocketmq-namesrv/controller/sets/s"]);
    assert.equal((await peer.register("s", 1, "10.9.9.9:10911")).code, 0);
    const different = await controlled.command(...words);
    assert.deepEqual([different.code, /--overwrite/.test(different.err)], [1, true]);
    const replaced = await controlled.command(...words, "--overwrite");
    assert.equal(replaced.code, 0, replaced.err);
    await next.launch();
    await using taken = await next.peer();
    const masters = async (from: ControllerPeer) =>
      Object.fromEntries((await from.info("s")).extFields ?? []);
    assert.deepEqual(await masters(taken), await masters(peer));
    assert.equal((await taken.register("s", 1)).code, 0);
    const { extFields } = await taken.call(RequestCode.CONTROLLER_GET_NEXT_BROKER_ID, {
      clusterName: "C",
      brokerName: "s",
    });
    assert.equal(extFields?.get("nextBrokerId"), "4");
  });

  it("keeps its sets in etcd: after a pause longer than the lease, its first answer is NOT_LEADER", async () => {
    await using etcd = new FakeEtcd();
    await using controlled = await Controlled.start({
      controllerStore: "etcd",
      etcdEndpoints: etcd.url,
    });
    await using peer = await controlled.peer();
    await until(async () => (await isLeader(peer)) === "true", "it leads");
    await makeSet(peer);
    assert.match(etcd.value("/rocketmq-namesrv/controller/sets/s") ?? "", /"masterEpoch":1/);
    const requests = etcd.requests.length;
    controlled.server.kill("SIGSTOP");
    await pause(5200);
    for (const lease of etcd.leases) etcd.endLease(lease);
    etcd.setLeased("/rocketmq-namesrv/controller/leader", '{"id":"n9","address":"10.0.0.9:1"}');
    // They wait in the sockets until it goes on.
    const answers = Promise.all([peer.info("s"), peer.elect("s", 2, true), isLeader(peer)]);
    controlled.server.kill("SIGCONT");
    const [info, elected, leads] = await answers;
    assert.deepEqual(
      [info.code, elected.code, leads],
      [ResponseCode.CONTROLLER_NOT_LEADER, ResponseCode.CONTROLLER_NOT_LEADER, "false"],
    );
    const changes = etcd.requests.slice(requests).filter(({ path }) => path === "kv/txn");
    assert.deepEqual(changes, []);
    await until(async () => {
      const { extFields } = await peer.call(RequestCode.CONTROLLER_GET_METADATA_INFO);
      return extFields?.get("controllerLeaderId") === "n9";
    }, "it names the other one");
  });

  it("starts, serves routes and stops without etcd, and says that no controller leads", async () => {
    const httpPort = freePort();
    await using controlled = await Controlled.start({
      controllerStore: "etcd",
      etcdEndpoints: `http://127.0.0.1:${freePort()}`,
    }, [`--httpPort=${httpPort}`]);
    await using peer = await controlled.peer();
    const { code, extFields } = await peer.call(RequestCode.CONTROLLER_GET_METADATA_INFO);
    assert.deepEqual([code, Object.fromEntries(extFields ?? [])], [0, {
      group: "ctl",
      peers: `n0:127.0.0.1:${controlled.port};`,
      isLeader: "false",
    }]);
    const applied = await peer.apply("s", 1);
    assert.equal(applied.code, ResponseCode.CONTROLLER_NOT_LEADER);
    await peer.beat("s", 1);
    await using namesrv = await Peer.connect(controlled.server.port);
    assert.equal((await namesrv.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
      const { ready, checks } = await response.json();
      const { ok, reason } = checks.find(({ name }: { name: string }) => name === "controller");
      assert.deepEqual([response.status, ready, ok], [200, true, false]);
      return reason === "etcd does not answer";
    }, "readyz says why");
    const { code: exit } = await controlled.server.stop();
    assert.equal(exit, 0);
    const incomplete = await controlled.home.configFile({
      enableControllerInNamesrv: "true",
      controllerDLegerPeers: `n0-127.0.0.1:${controlled.port}`,
      controllerDLegerSelfId: "n0",
      controllerStore: "etcd",
    });
    const wrong = await ServerProcess.run({
      home: controlled.home,
      args: ["-c", incomplete],
    });
    assert.notEqual(wrong.code, 0);
    assert.match(
      wrong.err.join("\n"),
      /test\.properties: etcdEndpoints=: must be .*, because controllerStore=etcd/,
    );
  });

  it("is measured", async () => {
    const httpPort = freePort();
    await using controlled = await Controlled.start(
      { controllerMinInSyncReplicas: "2" },
      [`--httpPort=${httpPort}`],
    );
    await using peer = await controlled.peer();
    await makeSet(peer);
    await peer.elect("s", 2, true);
    const scraped = async () => {
      const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
      const { values } = parseScrape(text);
      return (name: string) => values.get(`rocketmq_namesrv_controller_${name}`);
    };
    const value = await scraped();
    assert.deepEqual(
      [
        "leader",
        "broker_sets",
        "replicas",
        "sets_without_master",
        "sets_below_min_in_sync",
        "live_replicas",
        'elections_total{outcome="elected"}',
      ].map(value),
      [1, 1, 3, 0, 1, 3, 2],
    );
  });
});
