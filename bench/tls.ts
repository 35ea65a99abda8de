/**
 * TLS: handshakes a second, queries a second at 50 connections x 1 and x 8, each with the server's
 * CPU time, ours and the reference's in turn with the same certificate; and what 1000 reloads of it
 * take of our memory. Needs openssl.
 *
 *     deno run --allow-net --allow-read --allow-write --allow-run --allow-env bench/tls.ts \
 *       [--reference JARS] [--rounds N]
 */
import { parseArgs } from "@std/cli/parse-args";
import { makeAuthority, makeCertificate } from "../tests/system/certificates.ts";
import { residentBytes } from "./proc.ts";
import { findReference, type Machine, runHelper, Server, type ServerKind } from "./servers.ts";

const SECONDS = 4;
const CLOCK_TICKS = 100;
const RELOADS = 1000;

const flags = parseArgs(Deno.args, { string: ["reference", "rounds"] });
const referenceJars = await findReference(flags.reference);
const machine: Machine = { serverCpus: "0", loadCpu: "1", heap: "1g", referenceJars };

const folder = await Deno.makeTempDir({ prefix: "namesrv-bench-tls-" });
await makeAuthority(folder, "ca");
await makeCertificate(folder, "server", "ca");
const certificate = `${folder}/server.pem`;
const tlsConfig = `${folder}/tls.properties`;
await Deno.writeTextFile(
  tlsConfig,
  `tls.test.mode.enable=false
tls.server.keyPath=${folder}/server.key
tls.server.certPath=${certificate}
`,
);

const kinds: ServerKind[] = referenceJars === undefined ? ["ours"] : ["ours", "reference"];
for (let round = 1; round <= Number(flags.rounds ?? 2); round++) {
  for (const kind of kinds) {
    const server = await Server.start(kind, machine, tlsConfig);
    try {
      // Twice: a JVM is warm after the first.
      await handshakes(server);
      print(round, kind, "handshakes", await measured(server, () => handshakes(server)));
      for (const depth of [1, 8]) {
        const what = `queries, 50 x ${depth}`;
        print(round, kind, what, await measured(server, () => queries(server, depth)));
      }
      if (kind === "ours" && round === 1) await reloads(server);
    } finally {
      await server.stop();
    }
  }
}
await Deno.remove(folder, { recursive: true });

interface Measured {
  perSecond: number;
  /** Of the server's CPU time. */
  perCpuSecond: number;
}

function print(round: number, kind: string, what: string, { perSecond, perCpuSecond }: Measured) {
  const numbers = `${perSecond.toFixed(0)}/s, ${perCpuSecond.toFixed(0)} per CPU second`;
  console.log(`round ${round}  ${kind.padEnd(9)}  ${what.padEnd(15)}  ${numbers}`);
}

async function measured(
  server: Server,
  run: () => Promise<{ count: number; seconds: number }>,
): Promise<Measured> {
  const before = await cpuSeconds(server.pid);
  const { count, seconds } = await run();
  const cpu = await cpuSeconds(server.pid) - before;
  return { perSecond: count / seconds, perCpuSecond: count / cpu };
}

async function handshakes(server: Server): Promise<{ count: number; seconds: number }> {
  const said = await text("taskset", [
    ...["-c", machine.loadCpu!, "openssl", "s_time", "-new", "-time", `${SECONDS}`],
    ...["-connect", `127.0.0.1:${server.port}`],
  ]);
  const found = /(\d+) connections in (\d+) real seconds/.exec(said);
  if (found === null) throw new Error(`openssl s_time said: ${said}`);
  return { count: Number(found[1]), seconds: Number(found[2]) };
}

async function queries(server: Server, depth: number): Promise<{ count: number; seconds: number }> {
  const args = [server.port, 50, depth, SECONDS].map(String);
  const answers = await runHelper(machine, ["--allow-net"], "tls_load.ts", args);
  return { count: Number(answers), seconds: SECONDS };
}

/** The certificate changes over and over, under the load of two connections that come and go. */
async function reloads(server: Server): Promise<void> {
  const pem = await Deno.readTextFile(certificate);
  const before = await residentBytes(server.pid);
  for (let i = 0; i < RELOADS; i++) {
    await Deno.writeTextFile(certificate, `${pem}# ${i}\n`);
    await text("kill", ["-HUP", String(server.pid)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const grown = (await residentBytes(server.pid) - before) / 1_048_576;
  console.log(`${RELOADS} reloads took ${grown.toFixed(1)} MiB`);
}

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await text("cat", [`/proc/${pid}/stat`]);
  // After the name in parentheses, which may hold blanks: utime is the 12th, stime the 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

async function text(program: string, args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}
