/**
 * A batch of the fuzzer over sockets: a name server with a transport of the runtime. Some connections
 * are plain, some use TLS. How the network cuts the bytes is not in the seed.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfiguration } from "../../src/config/load.ts";
import { Namesrv } from "../../src/namesrv.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { createTransport } from "../../src/remoting/transport/create_transport.ts";
import { chance } from "../support/chance.ts";
import { environmentWith } from "../support/config_fixtures.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { until } from "../support/wait.ts";
import { ErrorLog } from "./error_log.ts";
import { type Chance, Frames } from "./frames.ts";
import { type Line, openLine } from "./line.ts";

const CONNECTIONS = 8;

/** Limits of time that hide no connection that stays: they are longer than the batch waits. */
const OPTIONS = {
  bindAddress: "127.0.0.1",
  listenPort: "0",
  frameTimeoutSeconds: "300",
  frameMinBytesPerSecond: "0",
  serverChannelMaxIdleTimeSeconds: "0",
  // Except this one: a changed record may leave a handshake without an end.
  tlsHandshakeTimeoutMillis: "1000",
};

/**
 * Runs a batch.
 *
 * @returns the number of frames sent
 * @throws Error when something does not hold afterwards
 */
export async function runSocketBatch(seed: number, frames: number): Promise<number> {
  const dir = await Deno.makeTempDir();
  const log = new ErrorLog();
  try {
    const file = join(dir, "namesrv.properties");
    const kvFile = join(dir, "kv.json");
    const options = Object.entries({ ...OPTIONS, kvConfigPath: kvFile });
    await Deno.writeTextFile(file, options.map(([name, value]) => `${name}=${value}\n`).join(""));
    const transport = seed % 2 === 0 ? "deno" : "node";
    const namesrv = await Namesrv.start({
      configuration: await loadConfiguration(
        { configFile: file },
        environmentWith({ HOME: dir }),
        Deno,
      ),
      transport: createTransport(transport, log),
      files: Deno,
      log,
      setLogLevel() {},
      setLogLimits() {},
    });
    try {
      const below = chance(seed);
      const share = Math.ceil(frames / CONNECTIONS);
      const seeds = Array.from({ length: CONNECTIONS }, () => below(0x7fffffff));
      await Promise.all(seeds.map((own) => sendFrames(namesrv.port, chance(own), share)));
      const peer = await Peer.connect(namesrv.port);
      assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
      peer.close();
      await until(async () => {
        const { values } = parseScrape(await namesrv.metrics.render());
        return ["connections", "buffered_bytes", "topics", "queue_data"].every((name) =>
          values.get(`rocketmq_namesrv_${name}`) === 0
        );
      }, "nothing is left of closed connections");
    } finally {
      await namesrv.stop();
    }
    const kv = await Deno.readTextFile(kvFile).catch(() => '{"configTable":{}}');
    assert.equal(typeof JSON.parse(kv).configTable, "object");
    assert.deepEqual(log.errors, [], "an error in the log");
    return frames;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function sendFrames(port: number, below: Chance, count: number): Promise<void> {
  const frames = new Frames(below);
  for (let sent = 0; sent < count;) {
    let line: Line | undefined;
    try {
      line = await openLine(port, below, frames);
      if (below(4) === 0) await line.send(frames.preamble());
      for (const end = sent + 1 + below(200); sent < Math.min(count, end); sent++) {
        for (const piece of frames.pieces(frames.next())) await line.send(piece);
      }
    } catch {
      // The server closed the connection, because of what was sent; or what was changed on the way.
      sent++;
    } finally {
      line?.close();
    }
  }
}
