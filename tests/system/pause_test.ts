import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { manyTopics, registration } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { pause } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const HEARTBEAT_TIMEOUT_MS = 5000;
const PAUSE_MS = 8000;
/** The first scan for silent brokers comes 5 s after the start. */
const SECONDS_TO_FIRST_SCAN = 6;

const broker = {
  clusterName: "DefaultCluster",
  brokerName: "broker-a",
  brokerId: "0",
  brokerAddr: "10.0.0.1:10911",
};
const heartbeat = { code: RequestCode.BROKER_HEARTBEAT, extFields: broker };
/** It is read in many turns of the event loop, in which other things have theirs. */
const large = registration({
  name: broker.brokerName,
  addr: broker.brokerAddr,
  topics: manyTopics(20_000),
});
large.extFields!.heartbeatTimeoutMillis = `${HEARTBEAT_TIMEOUT_MS}`;

describe("a server that is paused for longer than heartbeats may take", () => {
  it("still knows a broker that went on sending, over the same connection", async () => {
    await using home = await Home.make();
    const config = await home.configFile({ scanNotActiveBrokerInterval: "100" });
    await using server = await ServerProcess.start({ home, args: ["-c", config] });
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call(large)).code, 0);
    for (let seconds = 0; seconds < SECONDS_TO_FIRST_SCAN; seconds++) {
      await pause(1000);
      assert.equal((await peer.call(heartbeat)).code, 0);
    }

    server.kill("SIGSTOP");
    const waiting = peer.call(large);
    await pause(PAUSE_MS);
    server.kill("SIGCONT");
    assert.equal((await waiting).code, 0);
    assert.deepEqual(server.err.all.filter((line) => /broker lost|idle/.test(line)), []);
    const { body } = await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
    assert.match(new TextDecoder().decode(body), /"10\.0\.0\.1:10911"/);
    await server.err.find(/WARN process was paused/);
  });
});
