import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Each would end the service, or bring it down later. */
const HARMFUL: readonly [key: string, value: number][] = [
  ["waitSecondsForService", 24 * 86_400],
  ["shutdownWaitTimeSeconds", 24 * 86_400],
  ["serverChannelMaxIdleTimeSeconds", 1],
  ["tlsHandshakeTimeoutMillis", 1],
  ["tlsMaxHandshakes", 1],
  ["maxInflatedBodyBytes", 2 ** 31 - 1],
  ["maxInflatedBodyBytes", 1024],
  ["clientRequestThreadPoolQueueCapacity", 1],
  ["defaultThreadPoolQueueCapacity", 1],
  ["unRegisterBrokerQueueCapacity", 1],
  ["writeBufferHighWaterMark", 2 ** 31 - 1],
  ["writeBufferHighWaterMark", 1],
  ["writeBufferLowWaterMark", 2 ** 31 - 1],
  ["scanNotActiveBrokerInterval", 1],
  ["scanNotActiveBrokerInterval", 2 ** 31 - 1],
  ["maxBufferedRequestBytes", 1],
];

describe("UPDATE_NAMESRV_CONFIG", () => {
  it("refuses values that would end the service, and names the range", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const before = (await peer.call({ code: RequestCode.GET_NAMESRV_CONFIG })).body;
    for (const [key, value] of HARMFUL) {
      const { code, remark } = await peer.call({
        code: RequestCode.UPDATE_NAMESRV_CONFIG,
        body: `${key}=${value}\n`,
      });
      assert.equal(code, 1, key);
      assert.match(remark ?? "", new RegExp(`${key}.* from \\d+ to \\d+|${key}.*at least`), key);
    }
    assert.deepEqual((await peer.call({ code: RequestCode.GET_NAMESRV_CONFIG })).body, before);
  });
});
