/** A running cluster of brokers at a name server, as the cases use it. */

import type { Version } from "./artifacts.ts";
import type { Broker, Launcher, NameServer } from "./cluster.ts";
import type { Process } from "./processes.ts";
import { MqAdmin } from "./mqadmin.ts";
import { Observer } from "./observer.ts";
import { check, eventually, type Suite, within } from "./suite.ts";

/** What the cases of one cluster share. */
export interface Cluster {
  suite: Suite;
  launcher: Launcher;
  version: Version;
  nameServer: NameServer;
  observer: Observer;
  admin: MqAdmin;
  /** Puts the version before a case's name, so that names are unique in a run. */
  case(name: string, body: () => Promise<string | void>): Promise<boolean>;
}

/** How long brokers have to start and to be known. */
const START_MS = 90_000;

/** Waits until exactly these brokers are known; resolves with the milliseconds that it took. */
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

/** What a client is to do. */
export interface Work {
  topic: string;
  group: string;
  count: number;
  /** Java when left out. */
  language?: "java" | "go";
  /** Whether the Java client writes binary headers. */
  binary?: boolean;
}

/** Starts a client; see `tests/interop/java/InteropClient.java` and `tests/interop/go`. */
export function client(
  { launcher, version, nameServer }: Cluster,
  command: "produce" | "consume",
  work: Work,
): Promise<Process> {
  const args = [command, nameServer.address, work.topic, work.group, String(work.count)];
  if (work.language === "go") return launcher.go(command, args);
  return launcher.java(version, command, ["InteropClient", ...args], { binary: work.binary });
}

/** Waits for a client's end; returns what its lines that begin with this word say. */
export async function lines(client: Promise<Process>, word: "SENT" | "GOT"): Promise<string[]> {
  const process = await client;
  const { code } = await within(90_000, process.name, process.status);
  const output = await process.output();
  check(code === 0, `${process.name} ended with ${code}:\n${output.slice(-2000)}`);
  return output.split("\n").filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
}

/** Runs a body with a cluster whose name server has this configuration; ends all of it after. */
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
      case: (what, test) => suite.case(`${version} ${name}: ${what}`, test),
    });
  } finally {
    await launcher.processes.end();
  }
}
