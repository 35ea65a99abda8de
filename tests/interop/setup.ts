/** A running cluster of brokers and a name server, as used by the cases. */

import type { Version } from "./artifacts.ts";
import type { Broker, Launcher, NameServer } from "./cluster.ts";
import type { Process } from "./processes.ts";
import { MqAdmin } from "./mqadmin.ts";
import { Observer } from "./observer.ts";
import { check, eventually, type Suite, within } from "./suite.ts";

/** Shared by the cases of one cluster. */
export interface Cluster {
  suite: Suite;
  launcher: Launcher;
  version: Version;
  nameServer: NameServer;
  observer: Observer;
  admin: MqAdmin;
  /** Runs a case with the version before its name, so that names are unique in a run. */
  case(name: string, body: () => Promise<string | void>): Promise<boolean>;
}

/** Time limit for brokers to start and register. */
const START_MS = 180_000;

/**
 * Waits until exactly these brokers are registered; resolves with the milliseconds that it took.
 */
export async function known(observer: Observer, brokers: Broker[], ms = START_MS): Promise<number> {
  const expected = brokers.map((broker) => broker.address).sort().join(" ");
  const { after } = await eventually(ms, async () => {
    for (const { process } of brokers) {
      if (process.ended) throw new Error(`${process.name} ended; see ${process.logFile}`);
    }
    const found = (await observer.addresses()).join(" ");
    check(found === expected, `the name server knows [${found}], not [${expected}]`);
  });
  return after;
}

/** A client's task. */
export interface Work {
  topic: string;
  group: string;
  count: number;
  /** Java by default. */
  language?: "java" | "go" | "python";
  /** Whether the Java client writes binary headers. */
  binary?: boolean;
}

/**
 * Starts a client; see `tests/interop/java/InteropClient.java`, `tests/interop/go` and
 * `tests/interop/python/remoting_client.py`.
 */
export function client(
  { launcher, version, nameServer }: Cluster,
  command: "produce" | "consume",
  work: Work,
): Promise<Process> {
  const args = [command, nameServer.address, work.topic, work.group, String(work.count)];
  if (work.language === "go") return launcher.go(command, args);
  if (work.language === "python") return launcher.python("remoting", command, args);
  return launcher.java(version, command, ["InteropClient", ...args], { binary: work.binary });
}

/** Waits for a client's end; returns the rest of its lines that start with this word. */
export async function lines(client: Promise<Process>, word: "SENT" | "GOT"): Promise<string[]> {
  const process = await client;
  const { code } = await within(180_000, process.name, process.status);
  const output = await process.output();
  check(code === 0, `${process.name} ended with ${code}:\n${output.slice(-2000)}`);
  return output.split("\n").filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
}

/**
 * Runs a body with a cluster whose name server has this configuration; stops everything afterwards.
 */
export async function withCluster(
  suite: Suite,
  launcher: Launcher,
  version: Version,
  name: string,
  config: Record<string, string>,
  body: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  try {
    const nameServer = await launcher.nameServer(launcher.kind, config);
    await body({
      suite,
      launcher,
      version,
      nameServer,
      observer: new Observer(nameServer.address),
      admin: await MqAdmin.start(launcher, version, nameServer.address),
      case: (what, test) => suite.case(`${version} ${name}${launcher.suffix}: ${what}`, test),
    });
  } finally {
    await launcher.processes.end();
  }
}
