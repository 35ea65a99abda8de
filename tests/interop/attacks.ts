/**
 * Attacks without a login, on our name server and on the reference: `deno task interop --only attacks`.
 * Each meets a fresh server. A server survives when a client that was there before still gets a right
 * answer of a size that clients take.
 */

import { compressedBody } from "../support/bodies.ts";
import { type Broker, kvPut, manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { int32 } from "../support/bytes.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { encodeFrame, type Request } from "../support/frames.ts";
import type { Kind, Launcher, NameServer } from "./cluster.ts";
import { FrameClient } from "./frame_client.ts";
import { freePort } from "./processes.ts";
import { sleep, type Suite } from "./suite.ts";

const MiB = 1 << 20;
/** Clients close the connection on a larger frame. */
const MAX_FRAME = 16 * MiB;
/** Clients wait this long for an answer. */
const CLIENT_MS = 3000;
const TWO_ON_ONE = "11 two servers with one kvConfig.json";
/** With two topics: the reference takes no new broker with one. */
const HONEST: Broker = {
  name: "honest",
  addr: "10.0.0.9:10911",
  topics: [{ name: "Honest" }, { name: "Other" }],
};

/** A server that is attacked. */
interface Target {
  readonly server: NameServer;
  readonly honest: FrameClient;
  connect(): Promise<FrameClient>;
}

/** An attack. */
interface Attack {
  readonly name: string;
  readonly config?: Record<string, string>;
  /** Resolves with a figure, or with one and whether the server fails in a way of its own. */
  run(target: Target): Promise<string | { figure: string; fails: boolean }>;
}

/** Runs all attacks, and prints a table. */
export async function attacks(suite: Suite, launcher: Launcher, only: string): Promise<void> {
  if (`attacks: ${TWO_ON_ONE}`.includes(only)) await twoOnOneFile(suite, launcher);
  // The reference's own default is 4 GB.
  const started = launcher.withJvm("-Xmx1g");
  for (const attack of ATTACKS.filter(({ name }) => `attacks: ${name}`.includes(only))) {
    const row: string[] = [];
    await suite.case(`attacks: ${attack.name}`, async () => {
      for (const kind of ["ours", "reference"] as const) {
        row.push(`${kind}: ${await attackOne(started, kind, attack)}`);
      }
      return `| ${row.join(" | ")}`;
    });
  }
}

async function attackOne(launcher: Launcher, kind: Kind, attack: Attack): Promise<string> {
  const server = await launcher.nameServer(kind, attack.config ?? {});
  const clients: FrameClient[] = [];
  const connect = async () => {
    const client = await FrameClient.connect(server.address);
    clients.push(client);
    return client;
  };
  try {
    const honest = await connect();
    await honest.call(registration(HONEST));
    let result: Awaited<ReturnType<Attack["run"]>>;
    try {
      result = await attack.run({ server, honest, connect });
    } catch (error) {
      result = `(${error instanceof Error ? error.message : error})`;
    }
    const { figure, fails } = typeof result === "string"
      ? { figure: result, fails: false }
      : result;
    const trouble = await troubleOf(server);
    const falls = fails ? "falls" : trouble === undefined ? "survives" : `falls (${trouble})`;
    return `${falls}; ${figure}`;
  } finally {
    for (const client of clients) client.close();
    await launcher.processes.end();
  }
}

/** A fault that an honest client notices. */
async function troubleOf(server: NameServer): Promise<string | undefined> {
  if (server.process?.ended) return "the process has ended";
  try {
    const client = await FrameClient.connect(server.address);
    const ask = (request: Request) => client.call(request, CLIENT_MS);
    const registered = await ask(registration({ ...HONEST, counter: 2 }));
    if (registered.code !== 0) return `a registration gets ${registered.code}`;
    if (registered.body.length > MAX_FRAME) {
      return `a registration's answer of ${registered.body.length} bytes`;
    }
    const route = await ask(routeQuery("Honest"));
    if (route.code !== 0) return `a route query gets ${route.code}`;
    const info = await ask({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
    if (info.body.length > MAX_FRAME) return `cluster info of ${info.body.length} bytes`;
    client.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : `${error}`;
  }
}

async function memory(server: NameServer): Promise<number> {
  const text = await read(`/proc/${server.process?.pid}/status`);
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1024);
}

async function cpuSeconds(server: NameServer): Promise<number> {
  const fields = (await read(`/proc/${server.process?.pid}/stat`)).replace(/.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Deno reads nothing under /proc without all permissions. */
async function read(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [path], stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}

/** A connection that is not read from. */
function connectRaw({ port }: NameServer): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** The longest wait for a route while something goes on; as long as a client waits if none came. */
async function longestWait(target: Target, work: () => Promise<unknown>): Promise<number> {
  let over = false;
  let longest = 0;
  const asking = (async () => {
    while (!over) {
      const start = performance.now();
      await target.honest.call(routeQuery("Honest"), 60_000).catch(() => {});
      longest = Math.max(longest, performance.now() - start);
      await sleep(2);
    }
  })();
  try {
    await work();
  } finally {
    over = true;
    await asking;
  }
  return Math.round(longest);
}

/** The code of each answer; nothing for those that never came. */
async function codes(calls: readonly Promise<{ code: number }>[]): Promise<number[]> {
  const settled = await Promise.allSettled(calls);
  return settled.flatMap((it) => it.status === "fulfilled" ? [it.value.code] : []);
}

const taken = (all: readonly number[]) => all.filter((code) => code === 0).length;

function compressed(broker: Broker, body: Uint8Array): Request {
  const { code, extFields } = registration({ ...broker, topics: [] });
  return { code, extFields: { ...extFields, compressed: "true" }, body };
}

const ATTACKS: readonly Attack[] = [
  {
    name: "1 names of 8 MB",
    async run({ connect }) {
      const peer = await connect();
      const name = "n".repeat(5 * MiB);
      const calls = [
        { ...HONEST, name },
        { ...HONEST, name: "x", cluster: name },
        { ...HONEST, name: "y", addr: name },
      ].map((broker) => peer.call(registration(broker)));
      return `${taken(await codes(calls))} of 3 taken`;
    },
  },
  {
    name: "2 order configuration of 20 MB",
    async run({ connect }) {
      let done = 0;
      for (let i = 0; i < 4; i++) {
        const peer = await connect();
        const put = kvPut("ORDER_TOPIC_CONFIG", `t${i}`, "v".repeat(5 * MiB));
        done += taken(await codes([peer.call(put)]));
      }
      return `${done} of 4 taken`;
    },
  },
  {
    name: "3 half frames on 252 connections",
    async run({ connect, server }) {
      const before = await memory(server);
      const part = new Uint8Array(MiB);
      part.set(int32(16 * MiB));
      part.set(int32(16), 4);
      await Promise.all(Array.from({ length: 252 }, async () => {
        const peer = await connect();
        await Promise.race([peer.sendRaw(part), sleep(10_000)]);
      }));
      const broker = { name: "large", addr: "10.0.0.1:10911", topics: manyTopics(900) };
      let served = 0;
      for (let i = 0; i < 20; i++) {
        const peer = await connect();
        served += taken(
          await codes([peer.call(registration({ ...broker, counter: i + 1 }), CLIENT_MS)]),
        );
      }
      const figure = `${served} of 20 registrations, ${await memory(server) - before} MiB more`;
      return { figure, fails: served < 20 };
    },
  },
  {
    name: "4 a first header of 15 MB on 40 connections",
    async run({ connect, server }) {
      const before = await memory(server);
      for (let i = 0; i < 40; i++) {
        const peer = await connect();
        const fields = { topic: "Honest", x: "l".repeat(15 * MiB) };
        await codes([peer.call({ ...routeQuery("Honest"), extFields: fields }, CLIENT_MS)]);
      }
      return `${await memory(server) - before} MiB more`;
    },
  },
  {
    name: "5 two million topics in 4 MB",
    async run({ connect, server }) {
      const before = await memory(server);
      let brokers = 0;
      for (let i = 0; i < 40; i++) {
        const peer = await connect();
        const topics = Array.from({ length: 50_000 }, (_, at) => ({ name: `${i}-${at}` }));
        const body = compressedBody({
          version: { counter: 1, timestamp: 1, stateVersion: 0 },
          topics,
        });
        const broker = { ...HONEST, name: `b${i}`, addr: `10.0.1.1:${i}` };
        const answer = await codes([peer.call(compressed(broker, body), 30_000)]);
        if (taken(answer) === 0) break;
        brokers++;
      }
      return `${brokers * 50_000} topics taken, ${await memory(server) - before} MiB more`;
    },
  },
  {
    name: "6 zlib bombs",
    async run(target) {
      const { connect, server } = target;
      const peer = await connect();
      const topics = Array.from({ length: 1_500_000 }, (_, i) => ({ name: `t${i % 10}` }));
      const body = compressedBody({
        version: { counter: 1, timestamp: 1, stateVersion: 0 },
        topics,
      });
      const before = await cpuSeconds(server);
      let done: number[] = [];
      const longest = await longestWait(target, async () => {
        const calls = Array.from({ length: 64 }, (_, i) => {
          const broker = { ...HONEST, name: `b${i}`, addr: `a:${i}` };
          return peer.call(compressed(broker, body), 120_000);
        });
        done = await codes(calls);
      });
      const used = (await cpuSeconds(server) - before).toFixed(1);
      return `${taken(done)} of 64 taken, ${64 - done.length} without an answer: ` +
        `${used} CPU-s, a query waits ${longest} ms`;
    },
  },
  {
    name: "7 one connection with 40 000 clusters closes",
    async run(target) {
      const { connect, server } = target;
      const peer = await connect();
      let done = 0;
      for (let at = 0; at < 40_000; at += 1000) {
        const batch = Array.from({ length: 1000 }, (_, i) => {
          const own = `${at + i}`;
          return peer.call(
            registration({ name: `b${own}`, cluster: `c${own}`, addr: `a:${own}`, topics: [] }),
            60_000,
          );
        });
        done += taken(await codes(batch));
      }
      const before = await cpuSeconds(server);
      const longest = await longestWait(target, async () => {
        peer.close();
        await sleep(20_000);
      });
      const used = await cpuSeconds(server) - before;
      return `${done} taken, ${used.toFixed(1)} CPU-s, a query waits ${longest} ms`;
    },
  },
  {
    name: "8 30 readers of large answers that do not read",
    async run({ honest, server }) {
      const topics = Array.from({ length: 50_000 }, (_, i) => ({ name: `${i}`.padEnd(60, "x") }));
      await honest.call(registration({ name: "large", addr: "a:1", topics }), 30_000);
      const before = await memory(server);
      const list = { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER };
      const readers = await Promise.all(Array.from({ length: 30 }, () => connectRaw(server)));
      for (const reader of readers) {
        for (let at = 0; at < 20; at++) await reader.write(encodeFrame(list, at)).catch(() => {});
      }
      await sleep(8000);
      const grown = await memory(server) - before;
      for (const reader of readers) reader.close();
      return `${grown} MiB more`;
    },
  },
  {
    name: "9 half TLS hellos",
    async run({ server }) {
      const half = Uint8Array.fromHex("160301013d0100");
      const flood: Deno.TcpConn[] = [];
      for (let i = 0; i < 1200; i++) {
        const conn = await connectRaw(server);
        await conn.write(half).catch(() => {});
        flood.push(conn);
      }
      let served = 0;
      for (let i = 0; i < 20; i++) {
        const args = [
          "5",
          "openssl",
          "s_client",
          "-connect",
          server.address,
          "-bind",
          "127.0.0.2:0",
          "-brief",
        ];
        const { success } = await new Deno.Command("timeout", {
          args,
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).output();
        if (success) served++;
      }
      for (const conn of flood) conn.close();
      return { figure: `${served} of 20 handshakes`, fails: served < 20 };
    },
  },
  {
    name: "10 puts into a full KV table",
    async run({ connect, server }) {
      const peer = await connect();
      for (let i = 0; i < 300; i++) {
        await codes([peer.call(kvPut("n", `k${i}`, "v".repeat(45_000)), 30_000)]);
      }
      const cpu = await cpuSeconds(server);
      const start = performance.now();
      for (let i = 0; i < 50; i++) await codes([peer.call(kvPut("m", "k", `${i}`), 30_000)]);
      const each = (performance.now() - start) / 50;
      const used = (await cpuSeconds(server) - cpu) / 50 * 1000;
      return `a put takes ${each.toFixed(0)} ms, ${used.toFixed(0)} ms of CPU`;
    },
  },
  {
    name: "13 values that end the service",
    async run({ connect }) {
      const peer = await connect();
      const values = [
        "waitSecondsForService=2000000",
        "needWaitForService=true\nwaitSecondsForService=2000000",
        "serverChannelMaxIdleTimeSeconds=1",
        "serverAsyncSemaphoreValue=0",
        "defaultThreadPoolQueueCapacity=1\nclientRequestThreadPoolQueueCapacity=1",
        "scanNotActiveBrokerInterval=1",
      ];
      const calls = values.map((body) =>
        peer.call({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body })
      );
      return `${taken(await codes(calls))} of ${values.length} taken`;
    },
  },
  {
    name: "15 a limit on file sizes",
    async run({ connect, server }) {
      const limit = ["--pid", `${server.process?.pid}`, `--fsize=${MiB}`];
      await new Deno.Command("prlimit", { args: limit }).output();
      const peer = await connect();
      let done = 0;
      for (let i = 0; i < 60; i++) {
        done += taken(await codes([peer.call(kvPut("n", `k${i}`, "v".repeat(45_000)), 5000)]));
      }
      const figure = `${done} of 60 puts of 45 KB acknowledged`;
      return { figure, fails: done * 45_000 > MiB };
    },
  },
];

/** Two servers on one file, of which both are told changes: what is left after a restart. */
async function twoOnOneFile(suite: Suite, launcher: Launcher): Promise<void> {
  await suite.case(`attacks: ${TWO_ON_ONE}`, async () => {
    const row: string[] = [];
    for (const kind of ["ours", "reference"] as const) {
      const folder = await Deno.makeTempDir();
      try {
        const config = () => ({
          kvConfigPath: `${folder}/kvConfig.json`,
          listenPort: `${freePort()}`,
        });
        const servers = [
          await launcher.nameServer(kind, config()),
          await launcher.nameServer(kind, config()),
        ];
        const clients = await Promise.all(
          servers.map(({ address }) => FrameClient.connect(address)),
        );
        let acknowledged = 0;
        for (let i = 0; i < 20; i++) {
          const calls = clients.map((client, at) => client.call(kvPut("n", `${at}-${i}`, "v")));
          acknowledged += taken(await codes(calls));
        }
        const stored = JSON.parse(await Deno.readTextFile(`${folder}/kvConfig.json`)).configTable.n;
        const lost = acknowledged - Object.keys(stored).length;
        row.push(`${kind}: ${lost === 0 ? "survives" : "falls"}; ${lost} of ${acknowledged} lost`);
        for (const client of clients) client.close();
      } finally {
        await launcher.processes.end();
        await Deno.remove(folder, { recursive: true });
      }
    }
    return `| ${row.join(" | ")}`;
  });
}
