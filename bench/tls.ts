/** TLS scenarios, on servers with the same 2048-bit RSA certificate. Needs openssl. */
import { makeAuthority, makeCertificate } from "../tests/support/certificates.ts";
import { residentBytes } from "./proc.ts";
import type { Context, Sample, Scenario, TlsFiles } from "./scenario.ts";
import { runHelper, type Server } from "./servers.ts";
import type { TlsLoadOptions, TlsLoadResult } from "./tls_load.ts";

const RELOADS = 1000;
/** Long enough for a JVM to compile its TLS code. */
const WARM_UP_SECONDS = 12;

/** Makes key, certificate and configuration in a folder. @throws {Error} without openssl */
export async function makeTlsFiles(folder: string): Promise<TlsFiles> {
  await makeAuthority(folder, "ca");
  await makeCertificate(folder, "server", "ca");
  const [config, certificate] = [`${folder}/tls.properties`, `${folder}/server.pem`];
  const entries = {
    "tls.test.mode.enable": "false",
    "tls.server.keyPath": `${folder}/server.key`,
    "tls.server.certPath": certificate,
  };
  const lines = Object.entries(entries).map(([key, value]) => `${key}=${value}\n`);
  await Deno.writeTextFile(config, lines.join(""));
  return { config, certificate };
}

/** @param topics topics to query in turn */
export function tlsScenarios(topics: readonly string[]): Scenario[] {
  const real = ["ours", "ours on node:net", "reference"] as const;
  return [
    {
      name: "tls-handshakes",
      title: "full TLS handshakes, one after the other",
      server: "shared",
      kinds: real,
      short: false,
      tls: true,
      run: async (server, context) => {
        await handshakes(server, context, WARM_UP_SECONDS);
        return await handshakes(server, context, Math.ceil(context.scale.seconds));
      },
    },
    ...[1, 8].map((depth): Scenario => ({
      name: `tls-50x${depth}`,
      title: `routes over TLS, 50 connections x ${depth} in flight`,
      server: "shared",
      kinds: real,
      short: false,
      tls: true,
      run: (server, context) => queries(server, context, topics, depth),
    })),
    {
      name: "tls-reload",
      title: `${RELOADS} certificate reloads, after many handshakes`,
      server: "own",
      kinds: ["ours"],
      short: false,
      tls: true,
      run: reloads,
    },
  ];
}

async function handshakes(server: Server, context: Context, seconds: number): Promise<Sample> {
  const before = context.libc.cpuOf(server.pid);
  const count = await connectFor(server, context, seconds);
  const cpu = context.libc.cpuOf(server.pid) - before;
  return { handshakes: count / seconds, handshakeCpuMs: cpu / count };
}

/** @returns how many connections were made */
async function connectFor(server: Server, context: Context, seconds: number): Promise<number> {
  const pin = context.machine.loadCpu ? ["taskset", "-c", context.machine.loadCpu] : [];
  const connect = ["openssl", "s_time", "-new", "-connect", `127.0.0.1:${server.port}`];
  const said = await output([...pin, ...connect, "-time", String(seconds)]);
  const found = /(\d+) connections in \d+ real seconds/.exec(said);
  if (found === null) throw new Error(`openssl s_time said: ${said}`);
  return Number(found[1]);
}

async function queries(
  server: Server,
  context: Context,
  topics: readonly string[],
  depth: number,
): Promise<Sample> {
  const { warmupSeconds, seconds, jvmWarmUpSeconds } = context.scale;
  const options: TlsLoadOptions = {
    port: server.port,
    connections: 50,
    depth,
    topics,
    warmupSeconds: server.kind === "reference" ? jvmWarmUpSeconds / 2 : warmupSeconds,
    seconds,
    serverPid: server.pid,
  };
  const said = await runHelper(context.machine, ["--allow-net", "--allow-ffi"], "tls_load.ts", [
    JSON.stringify(options),
  ]);
  const result: TlsLoadResult = JSON.parse(said);
  return {
    throughput: result.answers / result.seconds,
    cpuUs: result.serverCpuMs * 1000 / result.answers,
    serverPercent: result.serverCpuMs / result.seconds / 10,
    loadPercent: result.generatorCpuMs / result.seconds / 10,
  };
}

/** The certificate keeps changing, on a server with many earlier connections. */
async function reloads(server: Server, context: Context): Promise<Sample> {
  const { certificate } = context.tls!;
  const pem = await Deno.readTextFile(certificate);
  // Memory of closed connections is collected late, so their maximum is measured first.
  let before = 0;
  for (let round = 0; round < 6; round++) {
    await connectFor(server, context, 5);
    before = Math.max(before, await residentBytes(server.pid));
  }
  for (let i = 0; i < RELOADS; i++) {
    await Deno.writeTextFile(certificate, `${pem}# ${i}\n`);
    Deno.kill(server.pid, "SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const grown = await residentBytes(server.pid) - before;
  await Deno.writeTextFile(certificate, pem);
  // Memory fluctuates by more than that anyway.
  return { reloadMb: Math.max(0.1, grown / 1_048_576), rssMb: before / 1_048_576 };
}

async function output([program, ...args]: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(program!, { args, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}
