import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

describe("the address service", () => {
  it("names the server by the address at which it is asked", async () => {
    await using home = await Home.make();
    const httpPort = freePort();
    const args = ["--httpBindAddress=::1", `--httpPort=${httpPort}`];
    await using server = await ServerProcess.start({ home, args });
    const response = await fetch(`http://[::1]:${httpPort}/rocketmq/nsaddr`);
    assert.equal(await response.text(), `[::1]:${server.port}`);
  });

  it("follows a live change, and leaves the server out as soon as it is about to stop", async () => {
    const args = ["--enableShutdownGracefully=true", "--shutdownWaitTimeSeconds=20"];
    await using http = await HttpServerProcess.start({ args });
    const list = async (path = "") => await (await http.get(`/rocketmq/nsaddr${path}`)).text();
    const own = `127.0.0.1:${http.server.port}`;
    assert.equal(await list(), own);
    const both = `10.0.0.2:9876;${own}`;
    const peer = await Peer.connect(http.server.port);
    const body = `namesrvAddrs=${both}\n`;
    const { code } = await peer.call({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body });
    assert.equal(code, 0);
    peer.close();
    assert.equal(await list(), both);
    http.server.kill("SIGTERM");
    await until(async () => await list() === "10.0.0.2:9876", "it has left its list");
    assert.equal(await list("/brokers"), both);
  });
});
