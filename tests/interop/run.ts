/**
 * The interop suite: the name server with real brokers, tools and clients, and next to the
 * reference.
 *
 *     deno task interop [--only TEXT] [--brokers VERSION] [--transport NAME] [--lanes N]
 *         [--namesrv IP:PORT | --namesrv-jar]
 *
 * Needs Java (17 or newer) with javac, Maven, Go, and Python with pip; the cases of the console also a
 * Chromium, which tools/browser_tools.sh installs. If one of them is missing,
 * nothing runs: a banner says so, and with CI=true in the environment that is a failure.
 */

import { parseArgs } from "@std/cli/parse-args";
import { prepare, type Version, VERSIONS } from "./artifacts.ts";
import { attacks } from "./attacks.ts";
import { actingMaster, ordinaryCluster, unusualRegistrations } from "./cases_brokers.ts";
import { addressService } from "./cases_addresses.ts";
import { certifiedCluster, signedCluster } from "./cases_access.ts";
import { authenticatedBrokers } from "./cases_access_brokers.ts";
import { migration } from "./cases_access_migration.ts";
import { controllerCases, controllerImport } from "./cases_controller.ts";
import { controllersInEtcd } from "./cases_controller_etcd.ts";
import { kvInEtcd } from "./cases_etcd.ts";
import { gracefulEnd } from "./cases_graceful.ts";
import { consolePages } from "./cases_console.ts";
import { adminCommand } from "./cases_command.ts";
import { restarts } from "./cases_restarts.ts";
import { tlsClusters } from "./cases_tls.ts";
import { upgrade } from "./cases_upgrade.ts";
import { HOMES, Launcher, TRANSPORTS } from "./cluster.ts";
import { LOGS, Processes } from "./processes.ts";
import { differential } from "./differential/differential.ts";
import { randomDifferential } from "./differential/random.ts";
import { notifications } from "./differential/notifications.ts";
import { Suite } from "./suite.ts";
import { requirePrograms } from "../support/needed_programs.ts";

const HELP = `Usage: deno task interop [options]
  --only TEXT           only the groups and scenarios whose name contains TEXT
  --brokers VERSION     only brokers and tools of this version (${VERSIONS.join(" or ")})
  --transport NAME      everything on this transport of ours (${
  TRANSPORTS.join(" or ")
}); without it, everything on
                        the default, and an ordinary cluster and TLS with 5.x once more on node
  --namesrv IP:PORT     with this running name server instead of starting ours; no differential test
  --namesrv-jar         with the reference name server instead of ours: this proves the suite itself
  --seed NUMBER         which random requests are compared; a run prints its seed
  --seconds NUMBER      for how long random requests are compared, 60 by default
  --lanes NUMBER        how many groups run at the same time, 2 by default
  --whole               restarts: each way with each server, and the reference beside ours
  --before FOLDER       restarts: from another checkout of this project, as in an upgrade
`;

const options = parseArgs(Deno.args, {
  string: ["only", "brokers", "transport", "namesrv", "seed", "seconds", "lanes", "before"],
  boolean: ["namesrv-jar", "whole", "help"],
  alias: { help: "h" },
  unknown: (argument) => exit(`unknown argument: ${argument}\n${HELP}`, 1),
});
if (options.help) exit(HELP, 0);
const versions = VERSIONS.filter((it) => it === (options.brokers ?? it));
if (versions.length === 0) exit(`--brokers ${options.brokers}: one of ${VERSIONS.join(", ")}`, 1);
const transport = TRANSPORTS.find((it) => it === options.transport);
if (options.transport !== undefined && transport === undefined) {
  exit(`--transport ${options.transport}: one of ${TRANSPORTS.join(", ")}`, 1);
}
if (transport !== undefined && (options["namesrv-jar"] || options.namesrv !== undefined)) {
  exit("--transport needs a name server that this suite starts, and ours", 1);
}
if (options.namesrv !== undefined && !/^[\d.]+:\d+$/.test(options.namesrv)) {
  exit(`--namesrv ${options.namesrv}: must be IP:PORT, which is all that the Go client takes`, 1);
}
const seed = wholeNumber("seed") ?? Math.floor(Math.random() * 2 ** 31);
const seconds = wholeNumber("seconds") ?? 60;

await requirePrograms({
  name: "interop",
  needs: [
    "java -version",
    "javac -version",
    "mvn --version",
    "go version",
    "python3 -m pip --version",
  ],
  subject: "real brokers, mqadmin and clients",
});

for (const folder of [LOGS, HOMES]) {
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // none from an earlier run
}
const processes = new Processes();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    processes.killAll();
    exit(`ended by ${signal}`, 1);
  });
}

const suite = new Suite(LOGS);
try {
  suite.note("fetching and building: a few minutes on the first run");
  const artifacts = await prepare([...new Set<Version>(["5.5.0", ...versions])]);
  const kind = options["namesrv-jar"] ? "reference" : "ours";
  const { namesrv: running } = options;
  const launcher = new Launcher({ processes, artifacts, kind, running, transport });
  const only = options.only ?? "";
  // By hand: they show what the reference does, too, and it falls.
  if (running === undefined && only.startsWith("attack")) await attacks(suite, launcher, only);
  const groups = groupsOf(launcher, only);
  // A server that is running is changed by the groups: one after the other.
  const lanes = running === undefined ? wholeNumber("lanes") ?? 2 : 1;
  await Promise.all(Array.from({ length: lanes }, () => lane(groups)));
} finally {
  await processes.end();
}
if (suite.passed + suite.failed === 0) exit(`nothing has "${options.only}" in its name`, 1);
exit(`${suite.passed} passed, ${suite.failed} failed`, suite.failed > 0 ? 1 : 0);

/** Cases that are independent of those of other groups, which may run at the same time. */
interface Group {
  name: string;
  /** Whether the group chooses by --only itself: by the names of its scenarios. */
  hasScenarios?: boolean;
  run: (launcher: Launcher) => Promise<void>;
  launcher: Launcher;
}

/** The groups that can run with these options, and are chosen. */
function groupsOf(launcher: Launcher, only: string): Group[] {
  const can = {
    "a server that the suite starts": launcher.running === undefined,
    "a server of ours": launcher.kind === "ours",
    "brokers of both versions": versions.length === VERSIONS.length,
    "a run without --transport": transport === undefined,
  };
  type Need = keyof typeof can;
  const started: Need[] = ["a server that the suite starts"];
  const ours: Need[] = [...started, "a server of ours"];
  const all: Need[] = ["brokers of both versions", ...started];
  const bothTransports: Need[] = [...ours, "a run without --transport"];
  const onNode = { launcher: launcher.withTransport("node") };

  const groups: Group[] = [];
  const add = (name: string, needs: Need[], run: Group["run"], more: Partial<Group> = {}) => {
    if (!more.hasScenarios && !name.includes(only)) return;
    const missing = needs.find((need) => !can[need]);
    if (missing === undefined) groups.push({ name, run, launcher, ...more });
    else suite.note(`no ${name}: it needs ${missing}`);
  };
  const scenarios = { hasScenarios: true };
  add("differential", started, (it) => differential(suite, it, only), scenarios);
  add("notifications", started, (it) => notifications(suite, it, only), scenarios);
  const random = "differential: random requests";
  add(random, started, (it) => randomDifferential(suite, it, { seed, seconds }));
  add("address service", [...all, ...ours], (it) => addressService(suite, it));
  add("KV in etcd", [...all, ...ours], (it) => kvInEtcd(suite, it));
  add("restarts", all, (it) => restarts(suite, it, options));
  for (const version of versions) {
    const of = (
      name: string,
      needs: Need[],
      run: (suite: Suite, launcher: Launcher, version: Version) => Promise<void>,
      more?: Partial<Group>,
    ) => add(`${version} ${name}`, needs, (it) => run(suite, it, version), more);
    of("cluster", [], ordinaryCluster);
    of("registrations", [], unusualRegistrations);
    of("command", [], adminCommand);
    of("upgrade", started, upgrade);
    if (!version.startsWith("5.")) {
      of("access, certificate", ours, certifiedCluster);
      continue;
    }
    // Those with three brokers and many JVMs begin beside others that wait a lot.
    of("controller in etcd", ours, controllersInEtcd);
    of("acting master", [], actingMaster);
    of("console", ours, consolePages);
    of("graceful end", started, gracefulEnd);
    of("TLS", started, tlsClusters);
    of("controller", started, controllerCases);
    of("access, migration", ours, migration);
    of("access, authenticated", ours, authenticatedBrokers);
    of("access, signed", ours, signedCluster);
    of("controller import", ours, controllerImport);
    of("cluster, transport=node", bothTransports, ordinaryCluster, onNode);
    of("TLS, transport=node", bothTransports, tlsClusters, onNode);
  }
  return groups;
}

/** Runs groups, one after the other, until none is left. */
async function lane(groups: Group[]): Promise<void> {
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    const { name, run, launcher } = group;
    const own = launcher.forGroup(name);
    try {
      await run(own);
    } catch (error) {
      // A group that fails outside of its cases counts as a failed case.
      await suite.case(`${name}: set up`, () => Promise.reject(error));
    } finally {
      await own.processes.end();
    }
  }
}

function wholeNumber(name: "seed" | "seconds" | "lanes"): number | undefined {
  const text = options[name];
  if (text !== undefined && !/^\d{1,9}$/.test(text)) exit(`--${name} ${text}: a whole number`, 1);
  return text === undefined ? undefined : Number(text);
}

function exit(lastWords: string, code: number): never {
  console.log(lastWords);
  Deno.exit(code);
}
