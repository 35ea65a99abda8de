import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const QUERY = { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER };

async function isServed(peer: Peer): Promise<boolean> {
  return await withLimit(peer.call(QUERY).then(() => true, () => false), "neither");
}

/** A connection that begins with a PROXY header. */
async function through(port: number, client: string): Promise<Peer> {
  const peer = await Peer.connect(port);
  await peer.send(new TextEncoder().encode(`PROXY TCP4 ${client} 10.0.0.1 5000 9876\r\n`));
  return peer;
}

async function start(home: Home, options: Record<string, string>): Promise<ServerProcess> {
  return await ServerProcess.start({ home, args: ["-c", await home.configFile(options)] });
}

describe("the number of connections", () => {
  it("ends at maxConnections, and there is room again when one closes", async () => {
    await using home = await Home.make();
    await using server = await start(home, { maxConnections: "20" });
    const peers: Peer[] = [];
    for (let i = 0; i < 20; i++) peers.push(await Peer.connect(server.port));
    for (const peer of peers) assert.ok(await isServed(peer));
    await using further = await Peer.connect(server.port);
    assert.ok(!await isServed(further));
    await server.err.find(/WARN connection refused .*20 connections are open \(maxConnections\)/);
    await peers.pop()!.end();
    await using again = await Peer.connect(server.port);
    assert.ok(await isServed(again));
    for (const peer of peers) peer.close();
  });

  it("ends at maxConnectionsPerAddress, for each client of a trusted proxy", async () => {
    await using home = await Home.make();
    const limits = { maxConnectionsPerAddress: "2" };
    await using server = await start(home, { ...limits, trustedProxies: "127.0.0.0/8" });
    await using one = await through(server.port, "192.0.2.1");
    await using two = await through(server.port, "192.0.2.1");
    await using other = await through(server.port, "192.0.2.2");
    for (const peer of [one, two, other]) assert.ok(await isServed(peer));
    await using third = await through(server.port, "192.0.2.1");
    assert.ok(!await isServed(third));
    const line = await server.err.find(/maxConnectionsPerAddress/);
    assert.match(line, / peer=127\.0\.0\.1:\d+ proxied=192\.0\.2\.1:5000 /);
  });
});

describe("PROXY headers", () => {
  it("are shown beside the socket's address, and are no identity, without trustedProxies", async () => {
    await using home = await Home.make();
    await using server = await start(home, { maxConnectionsPerAddress: "2" });
    await using one = await through(server.port, "192.0.2.1");
    assert.ok(await isServed(one));
    await one.call({
      code: RequestCode.PUT_KV_CONFIG,
      extFields: { namespace: "n", key: "k", value: "v" },
    });
    const line = await server.err.find(/KV put/);
    assert.ok(line.includes(`peer=${one.address} proxied=192.0.2.1:5000 `), line);
    await using two = await through(server.port, "192.0.2.2");
    assert.ok(await isServed(two));
    await using three = await through(server.port, "192.0.2.3");
    assert.ok(!await isServed(three));
  });

  it("of others than trustedProxies name nobody", async () => {
    await using home = await Home.make();
    await using server = await start(home, { trustedProxies: "10.9.0.0/16,2001:db8::/32" });
    await using peer = await through(server.port, "192.0.2.1");
    await peer.call({
      code: RequestCode.PUT_KV_CONFIG,
      extFields: { namespace: "n", key: "k", value: "v" },
    });
    const line = await server.err.find(/KV put/);
    assert.ok(line.includes(`peer=${peer.address} namespace=`), line);
  });

  it("need addresses and blocks in trustedProxies", async () => {
    await using home = await Home.make();
    const args = ["-c", await home.configFile({ trustedProxies: "proxy.example" })];
    const { code, err } = await ServerProcess.run({ home, args });
    assert.equal(code, 1);
    assert.match(err.join("\n"), /trustedProxies=proxy\.example: proxy\.example is neither/);
  });
});
