import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { compressedBody } from "../support/bodies.ts";
import { type Broker, registration, routeQuery } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { askMeanwhile } from "./route_asker.ts";
import { parseScrape } from "../support/scrape.ts";
import { itWithFlags, START_FLAGS } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const MiB = 1 << 20;
const BROKERS = "rocketmq_namesrv_brokers";

/** Starts a server with these options. */
async function start(
  options: Record<string, string | number> = {},
  flags?: readonly string[],
): Promise<HttpServerProcess> {
  const file = await Deno.makeTempFile({ suffix: ".properties" });
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}\n`);
  await Deno.writeTextFile(file, lines.join(""));
  try {
    return await HttpServerProcess.start({ args: ["-c", file], flags });
  } finally {
    await Deno.remove(file);
  }
}

/** Reads the metrics; scrapes within a second get the same text. */
async function metrics(http: HttpServerProcess): Promise<ReadonlyMap<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, 1100));
  return parseScrape(await (await http.get("/metrics")).text()).values;
}

/** Seconds of CPU that a server took so far. */
async function cpu(http: HttpServerProcess): Promise<number> {
  const values = await metrics(http);
  const of = (mode: string) =>
    values.get(`rocketmq_namesrv_process_cpu_seconds_total{mode="${mode}"}`);
  return (of("user") ?? 0) + (of("system") ?? 0);
}

/** Sends registrations, many at a time. Returns the remark of the first that is refused. */
async function registerAll(
  peer: Peer,
  count: number,
  broker: (i: number) => Broker,
): Promise<string | undefined> {
  for (let done = 0; done < count; done += 1000) {
    const batch = Array.from(
      { length: Math.min(1000, count - done) },
      (_, i) => registration(broker(done + i)),
    );
    for (const answer of await Promise.all(peer.callAll(batch))) {
      if (answer.code !== 0) return answer.remark ?? "";
    }
  }
  return undefined;
}

/** Lets a connection's brokers go, and measures it. */
async function close(http: HttpServerProcess, peer: Peer, what: string) {
  const before = await cpu(http);
  const asked = await askMeanwhile(http.server.port, "A", async () => {
    await peer.end();
    await until(async () =>
      (await metrics(http)).get(
        'rocketmq_namesrv_brokers_removed_total{reason="disconnected"}',
      ) !== 0, "brokers are removed");
    await until(async () => groups(await metrics(http)) === 1, "all brokers are removed");
  });
  const took = await cpu(http) - before;
  console.log(
    `measured: ${what}: ${took.toFixed(2)} s of CPU, the longest of ${asked.answers} queries ` +
      `meanwhile took ${asked.longest.toFixed(1)} ms`,
  );
  return { took, ...asked };
}

function groups(values: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [series, value] of values) if (series.startsWith(`${BROKERS}{`)) sum += value;
  return sum;
}

const SMALL = { name: "small", addr: "10.0.0.9:10911", topics: [{ name: "A" }, { name: "B" }] };

describe("a connection that closes", () => {
  const cases: Record<string, { count: number; broker: (i: number) => Broker; options?: object }> =
    {
      "with 40 000 brokers in 40 000 clusters": {
        count: 40_000,
        broker: (i) => ({ name: `b${i}`, cluster: `c${i}`, addr: `a:${i}`, topics: [] }),
      },
      "with 10 000 ids of one group": {
        count: 10_000,
        broker: (id) => ({
          name: "group",
          id,
          addr: `a:${id}`,
          topics: [{ name: "T" }, { name: "U" }],
          enableActingMaster: true,
        }),
        options: { maxBrokersPerGroup: 10_000 },
      },
      "with a broker of 200 000 topics": {
        count: 1,
        broker: () => ({
          name: "large",
          addr: "a:1",
          topics: Array.from({ length: 200_000 }, (_, i) => ({ name: `t${i}` })),
        }),
        options: { frameMaxLength: 64 * MiB, maxBufferedBytesPerConnection: 128 * MiB },
      },
    };
  for (const [what, { count, broker, options = {} }] of Object.entries(cases)) {
    it(`${what} costs less than 3 s of CPU, and holds no query up for long`, async () => {
      await using http = await start(options as Record<string, number>);
      await using honest = await Peer.connect(http.server.port);
      assert.equal((await honest.call(registration(SMALL))).code, 0);
      const peer = await Peer.connect(http.server.port);
      assert.equal(await registerAll(peer, count, broker), undefined);
      const { took, longest, code, others } = await close(http, peer, what);
      assert.deepEqual([code, others], [0, 0]);
      assert.ok(took < 3, `${took} s of CPU`);
      // The goal is 50 on a machine of its own; beside others, 264 were seen: a query waits for the CPU.
      assert.ok(longest < 1000, `${longest} ms`);
    });
  }
});

describe("answers", () => {
  it("never get larger than peers read, however many brokers with long names come", async () => {
    await using http = await start();
    const { port } = http.server;
    await using honest = await Peer.connect(port);
    assert.equal((await honest.call(registration(SMALL))).code, 0);
    await using peer = await Peer.connect(port);
    const long = (i: number) => `${i}-`.padEnd(255, "x");
    const remark = await registerAll(peer, 10_000, (i) => ({
      name: long(i),
      cluster: long(i),
      addr: long(i),
      topics: [{ name: "T" }, { name: "U" }],
    }));
    assert.match(remark ?? "", /^cluster info would have too many bytes: .* \(maxAnswerBytes\)$/);
    const info = (await honest.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).body.length;
    const route = (await honest.call(routeQuery("T"))).body.length;
    console.log(`measured: cluster info has ${info} bytes, the route of all brokers ${route}`);
    assert.ok(info > 6 * MiB && info < 8 * MiB, `${info}`);
    assert.ok(route > 5 * MiB && route < 16 * MiB, `${route}`);
    // Known brokers and topics can still be registered.
    assert.equal((await honest.call(registration({ ...SMALL, counter: 2 }))).code, 0);
  });

  it("about all brokers are encoded once for all who ask", async () => {
    await using http = await start();
    await using peer = await Peer.connect(http.server.port);
    const broker = (i: number) => ({ name: `broker-${i}`, addr: `10.0.0.1:${i}`, topics: [] });
    assert.equal(await registerAll(peer, 5000, broker), undefined);
    const first = (await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).body;
    const before = await cpu(http);
    for (let i = 0; i < 300; i++) {
      const { body } = await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
      assert.equal(body.length, first.length);
    }
    const each = (await cpu(http) - before) / 300;
    console.log(`measured: ${(each * 1000).toFixed(2)} ms of CPU for cluster info of 5000 brokers`);
    // Encoding it takes 9 ms.
    assert.ok(each < 0.004, `${each} s`);
  });
});

describe("memory", () => {
  itWithFlags("of the tables ends before a heap of 200 MB does", async () => {
    const flags = ["--v8-flags=--max-old-space-size=200", ...START_FLAGS.slice(1)];
    const options = { maxTopics: 10_000_000 };
    await using http = await start(options, [...START_FLAGS.slice(0, 1), ...flags]);
    const { port } = http.server;
    await using honest = await Peer.connect(port);
    assert.equal((await honest.call(registration(SMALL))).code, 0);
    await using peer = await Peer.connect(port);
    let refused: string | undefined;
    let brokers = 0;
    for (; refused === undefined && brokers < 60; brokers++) {
      const name = `broker-${brokers}`;
      const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `${brokers}-${i}` }));
      const version = { counter: 1, timestamp: 1, stateVersion: 0 };
      const request = registration({ name, addr: `10.0.0.1:${brokers}`, topics: [] });
      const { code, remark } = await peer.call({
        ...request,
        extFields: { ...request.extFields, compressed: "true" },
        body: compressedBody({ version, topics }),
      });
      if (code !== 0) refused = remark ?? "";
    }
    assert.match(refused ?? "", /^the route tables are full, .* \(maxTableBytes\)$/);
    const values = await metrics(http);
    const bytes = values.get("rocketmq_namesrv_table_bytes") ?? 0;
    console.log(`measured: ${brokers * 20_000} topics, ${Math.round(bytes / MiB)} MiB of tables`);
    assert.ok(values.get('rocketmq_namesrv_table_limit_used{limit="maxTableBytes"}')! > 0.8);
    assert.equal((await honest.call(registration({ ...SMALL, counter: 2 }))).code, 0);
    assert.equal((await honest.call(routeQuery("A"))).code, 0);
  });

  const shapes = ["1 70000 own", "300 1000 shared", "3000 2 own", "200 200 own"];
  for (const shape of shapes) {
    it(`of the tables is estimated to 20 %: ${shape} topics`, async () => {
      const program = new URL("table_bytes_program.ts", import.meta.url).pathname;
      const { stdout, success } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          "--allow-read",
          "--v8-flags=--expose-gc",
          program,
          ...shape.split(" "),
        ],
        stderr: "inherit",
      }).output();
      assert.ok(success);
      const { said, took } = JSON.parse(new TextDecoder().decode(stdout));
      console.log(`measured: ${said} bytes estimated, ${took} taken`);
      assert.ok(Math.abs(said / took - 1) < 0.2, `${said / took}`);
    });
  }
});
