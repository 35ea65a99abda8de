import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RequestCode } from "../../src/protocol/codes.ts";
import { registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { pause, until } from "../support/wait.ts";

const TOPICS = [{ name: "TopicA" }, { name: "TopicB" }];
const OPTIONS = ["--routeSnapshotInterval=100"];

/** A port that accepts connections, as a broker's does. */
function listening(): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0 });
}

function broker(name: string, port: number) {
  return { name, addr: `127.0.0.1:${port}`, topics: TOPICS };
}

/** QUERY_DATA_VERSION with the version of {@link registration}. */
function versionQuery({ name, addr }: { name: string; addr: string }) {
  return {
    code: RequestCode.QUERY_DATA_VERSION,
    extFields: { clusterName: "DefaultCluster", brokerName: name, brokerAddr: addr, brokerId: "0" },
    body: '{"counter":1,"stateVersion":0,"timestamp":1700000000000}',
  };
}

/** Starts a server, registers brokers, waits until they are saved, and kills it. */
async function runAndKill(
  home: Home,
  args: readonly string[],
  brokers: readonly ReturnType<typeof broker>[],
): Promise<void> {
  await using server = await ServerProcess.start({ home, args });
  await using peer = await Peer.connect(server.port);
  for (const it of brokers) assert.equal((await peer.call(registration(it))).code, 0);
  const path = snapshotPath(home, server.port);
  await until(() => hasBrokers(path, brokers.map(({ name }) => name)));
  server.kill("SIGKILL");
  await server.ended;
}

function snapshotPath(home: Home, port: number): string {
  return home.file(`namesrv/routes-${port}.snapshot`);
}

/** Whether a snapshot names all of these brokers. */
async function hasBrokers(path: string, names: readonly string[]): Promise<boolean> {
  try {
    const text = await Deno.readTextFile(path);
    return names.every((name) => text.includes(name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A server with an HTTP port, which shows its state. */
async function start(home: Home, args: readonly string[]) {
  const httpPort = freePort();
  const server = await ServerProcess.start({ home, args: [...args, `--httpPort=${httpPort}`] });
  const get = async (path: string) =>
    await (await fetch(`http://127.0.0.1:${httpPort}${path}`)).json();
  return {
    server,
    get,
    brokers: async () => (await get("/readyz")).brokers,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe("after a kill and a restart", () => {
  it("routes are served at once; a registration or the question for its version confirms a broker", async () => {
    await using home = await Home.make();
    using ears = listening();
    const port = freePort();
    const args = [`--listenPort=${port}`, ...OPTIONS];
    const [a, b] = [broker("broker-a", ears.addr.port), broker("broker-b", ears.addr.port)];
    await runAndKill(home, args, [a, b]);
    const { mode } = await Deno.stat(snapshotPath(home, port));
    assert.equal((mode ?? 0) & 0o777, 0o600);

    await using again = await start(home, [...args, "--needWaitForService=true"]);
    const { server, brokers, get } = again;
    await using peer = await Peer.connect(port);
    const { code, body } = await peer.call(routeQuery("TopicA"));
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(body), /broker-a.*broker-b/s);
    assert.deepEqual(await brokers(), { confirmed: 0, restored: 2 });
    const { items } = await get("/api/v1/brokers");
    assert.deepEqual(
      items.map((it: { members: object[] }) => it.members),
      items.map((it: { members: object[] }) =>
        it.members.map((member) => ({ ...member, restored: true, connection: null }))
      ),
    );

    const info = { code: RequestCode.GET_BROKER_CLUSTER_INFO };
    assert.equal((await peer.call(info)).extFields?.get("restored"), undefined);
    const asked = await peer.call({ ...info, extFields: { restored: "true" } });
    assert.deepEqual(
      asked.extFields?.get("restored")?.split("\n").sort(),
      [`broker-a\t${a.addr}`, `broker-b\t${b.addr}`],
    );

    const answer = await peer.call(versionQuery(a));
    assert.equal(answer.extFields?.get("changed"), "false");
    assert.deepEqual(await brokers(), { confirmed: 1, restored: 1 });
    assert.equal((await peer.call(registration(b))).code, 0);
    assert.deepEqual(await brokers(), { confirmed: 2, restored: 0 });
    await server.err.find(/INFO routes restored .* brokers=2 topics=2 queueDatas=4 /);
    await server.err.find(/INFO broker confirmed .*broker=broker-a .*changed=0/);
    await server.err.find(/INFO broker confirmed .*broker=broker-b .*changed=0/);

    // They are on this connection now.
    await peer[Symbol.asyncDispose]();
    await until(async () => (await brokers()).confirmed === 0);
  });

  it("a broker whose address refuses connections goes at once, and a silent one after the grace", async () => {
    await using home = await Home.make();
    using ears = listening();
    const args = [`--listenPort=${freePort()}`, ...OPTIONS, "--scanNotActiveBrokerInterval=100"];
    const dead = broker("broker-dead", freePort());
    const silent = broker("broker-silent", ears.addr.port);
    await runAndKill(home, args, [dead, silent]);
    await using again = await start(home, [...args, "--routeSnapshotGrace=1000"]);
    await again.server.err.find(
      /WARN broker lost .*broker=broker-dead .*reason="restored, but its address refuses connections"/,
    );
    await again.server.err.find(
      /WARN broker lost .*broker=broker-silent .*reason="not heard since the restart"/,
    );
    await until(async () => (await again.brokers()).restored === 0);
  });
});

describe("a start with a snapshot that can't be used", () => {
  const port = freePort();
  const args = [`--listenPort=${port}`, ...OPTIONS];
  const serves = async (home: Home, line: RegExp, more: readonly string[] = []) => {
    await using server = await ServerProcess.start({ home, args: [...args, ...more] });
    await server.err.find(line);
    await using peer = await Peer.connect(server.port);
    using ears = listening();
    assert.equal((await peer.call(registration(broker("broker-a", ears.addr.port)))).code, 0);
    assert.equal((await peer.call(routeQuery("TopicA"))).code, 0);
    return server.err.all.filter((it) => it.includes("snapshot"));
  };

  it("says so in one line, and serves", async () => {
    await using home = await Home.make();
    await home.write(`namesrv/routes-${port}.snapshot`, "nonsense, but long enough");
    const lines = await serves(home, /WARN route snapshot ignored .*it is not a route snapshot/);
    assert.equal(lines.length, 1, lines.join("\n"));
  });

  it("serves beside a folder in its place, which can't be written either", async () => {
    await using home = await Home.make();
    await Deno.mkdir(snapshotPath(home, port), { recursive: true });
    await serves(home, /WARN route snapshot ignored .*it is not a regular file/);
  });

  it("is asked for nothing where the path is empty", async () => {
    await using home = await Home.make();
    assert.deepEqual(await serves(home, /started/, ["--routeSnapshotPath="]), []);
    assert.equal([...Deno.readDirSync(home.path)].length, 0);
  });
});

describe("a snapshot that can't be written", () => {
  const cases: [what: string, path: (home: Home) => string, fill: boolean, reason: RegExp][] = [
    ["its folder can't be made", (home) => home.file("file/routes"), false, /Not a directory/],
    ["the disk is full", (home) => home.file("routes"), true, /too large/],
  ];
  for (const [what, path, fill, reason] of cases) {
    it(`is one line, and service goes on, when ${what}`, async () => {
      await using home = await Home.make();
      using ears = listening();
      await home.write("file", "no folder");
      const args = [`--routeSnapshotPath=${path(home)}`, ...OPTIONS];
      await using server = await ServerProcess.start({ home, args });
      if (fill) {
        const limit = { args: [`--pid=${server.pid}`, "--fsize=100:100"] };
        assert.ok((await new Deno.Command("prlimit", limit).output()).success);
      }
      await using peer = await Peer.connect(server.port);
      assert.equal((await peer.call(registration(broker("broker-a", ears.addr.port)))).code, 0);
      assert.match(await server.err.find(/WARN route snapshot not written/), reason);
      await pause(500);
      assert.equal((await peer.call(routeQuery("TopicA"))).code, 0);
      assert.equal(server.err.all.filter((line) => line.includes("not written")).length, 1);
      assert.equal((await server.stop()).code, 0);
    });
  }
});
