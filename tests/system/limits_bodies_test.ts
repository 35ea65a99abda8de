import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { describe, it } from "@std/testing/bdd";
import { registration } from "../support/brokers.ts";
import { concat, int32, sized, utf8 } from "../support/bytes.ts";
import { encodeFrame, type Request } from "../support/frames.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { askMeanwhile } from "./route_asker.ts";

const HONEST = { name: "honest", addr: "10.0.0.9:10911", topics: [{ name: "A" }, { name: "B" }] };
const BEAT: Request = {
  code: RequestCode.BROKER_HEARTBEAT,
  extFields: {
    clusterName: "DefaultCluster",
    brokerName: HONEST.name,
    brokerAddr: HONEST.addr,
    brokerId: "0",
  },
};
/**
 * Milliseconds that a heartbeat or query may take. The goal is 50 on a machine of its own; beside eight other
 * processes, 300 were seen, because they wait for the CPU, too.
 */
const LONGEST = 1000;
const TOPIC = sized(4, "t 1 1 6 SINGLE_TAG {}");

/** 119 MB of topics, deflated, that say to be so many. */
function bomb(topics: number): Uint8Array<ArrayBuffer> {
  const start = concat(sized(4, '{"counter":1,"stateVersion":0,"timestamp":1}'), int32(topics));
  return new Uint8Array(deflateSync(Buffer.concat([start, Buffer.alloc(119_000_000, TOPIC)])));
}

/** A body of 6 MB that repeats something: three of them in progress are what a connection may have. */
function long(start: string, unit: string, end: string): Uint8Array<ArrayBuffer> {
  return utf8(start + unit.repeat(Math.floor(6_000_000 / unit.length)) + end);
}

async function cpu(http: HttpServerProcess): Promise<number> {
  // Scrapes within a second get the same text.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const { values } = parseScrape(await (await http.get("/metrics")).text());
  const of = (mode: string) =>
    values.get(`rocketmq_namesrv_process_cpu_seconds_total{mode="${mode}"}`) ?? 0;
  return of("user") + of("system");
}

describe("bodies that are made to take long", () => {
  const ids = '{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":{"t":{"currIdMap":{0:0';
  const cases: Record<
    string,
    /** `cpu`: seconds that each may take. */
    { body: () => Uint8Array; compressed?: boolean; count: number; cpu: number }
  > = {
    "zlib bombs that announce too many topics": {
      body: () => bomb(4_700_000),
      compressed: true,
      count: 64,
      cpu: 0.05,
    },
    "zlib bombs that inflate to too many bytes": {
      body: () => bomb(100_000),
      compressed: true,
      count: 64,
      cpu: 0.05,
    },
    "arrays that nobody reads": { body: () => long('{"x":[0', ",0", "]}"), count: 8, cpu: 0.5 },
    "a queue id again and again": { body: () => long(ids, ",0:0", "}}}}}"), count: 8, cpu: 0.5 },
    "a text of escapes": { body: () => long('{"x":"', "\\u0041", '"}'), count: 8, cpu: 0.5 },
  };
  for (const [what, attack] of Object.entries(cases)) {
    const { body: make, compressed = false, count, cpu: most } = attack;
    it(`${what} hold up neither heartbeats nor queries`, async () => {
      await using http = await HttpServerProcess.start();
      const { port } = http.server;
      await using broker = await Peer.connect(port);
      assert.equal((await broker.call(registration(HONEST))).code, 0);
      const body = make();
      // Prepared in advance, so that it is not measured.
      const { code, extFields } = registration({ ...HONEST, name: "other", addr: "a:1" });
      const request = { code, extFields: { ...extFields, compressed: `${compressed}` }, body };
      const frames = Array.from({ length: count }, (_, opaque) => encodeFrame(request, opaque));
      const before = await cpu(http);
      let over = false;
      let latest = 0;
      let beats = 0;
      const beat = async () => {
        for (; !over; beats++) {
          const start = performance.now();
          assert.equal((await broker.call(BEAT)).code, 0);
          latest = Math.max(latest, performance.now() - start);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      const asked = await askMeanwhile(port, "A", async () => {
        await using peer = await Peer.connect(port);
        const beating = beat();
        const answers = frames.map((_, opaque) => peer.answer(opaque));
        for (const frame of frames) await peer.send(frame);
        for (const answer of await Promise.all(answers)) {
          assert.ok(answer.code === 0 || answer.code === 1, `${answer.code} ${answer.remark}`);
        }
        over = true;
        await beating;
      });
      const each = (await cpu(http) - before) / count;
      console.log(
        `measured: ${count} of ${body.length} bytes, ${(each * 1000).toFixed(0)} ms of CPU each; ` +
          `${beats} heartbeats, the latest after ${latest.toFixed(0)} ms; ${asked.answers} ` +
          `queries, the longest took ${asked.longest.toFixed(0)} ms`,
      );
      assert.deepEqual([asked.code, asked.others], [0, 0]);
      assert.ok(asked.longest < LONGEST, `${asked.longest} ms`);
      assert.ok(latest < LONGEST, `a heartbeat took ${latest} ms`);
      assert.ok(each < most, `${each} CPU-s for each`);
    });
  }
});
