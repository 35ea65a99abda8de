/**
 * The interop suite: the name server with real brokers, tools and clients, and next to the
 * reference.
 *
 *     deno task interop [--only TEXT] [--brokers VERSION] [--transport NAME]
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
import { accessControl } from "./cases_access.ts";
import { controllerCases } from "./cases_controller.ts";
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
  --whole               restarts: each way with each server, and the reference beside ours
  --before FOLDER       restarts: from another checkout of this project, as in an upgrade
`;

const options = parseArgs(Deno.args, {
  string: ["only", "brokers", "transport", "namesrv", "seed", "seconds", "before"],
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
  if (options.namesrv === undefined) {
    await differential(suite, launcher, only);
    if ("differential: random requests".includes(only)) {
      await randomDifferential(suite, launcher, { seed, seconds });
    }
    await notifications(suite, launcher, only);
    // By hand: they show what the reference does, too, and it falls.
    if (only.startsWith("attack")) await attacks(suite, launcher, only);
  } else {
    suite.note("no differential test: it needs fresh servers");
  }
  const mixed = [
    { name: "address service", run: () => addressService(suite, launcher) },
    { name: "KV in etcd", run: () => kvInEtcd(suite, launcher) },
    { name: "restarts", run: () => restarts(suite, launcher, options) },
  ];
  for (const { name, run } of mixed.filter((group) => group.name.includes(only))) {
    if (versions.length < VERSIONS.length) suite.note(`no ${name}: it needs both versions`);
    else await guarded(name, run);
  }
  for (const version of versions) {
    const onNode = launcher.withTransport("node");
    const alsoOnNode = transport === undefined && kind === "ours" && running === undefined;
    const groups: { name: string; run: typeof ordinaryCluster; launcher?: Launcher }[] = [
      { name: `${version} cluster`, run: ordinaryCluster },
      { name: `${version} registrations`, run: unusualRegistrations },
      { name: `${version} command`, run: adminCommand },
      ...(version.startsWith("5.")
        ? [
          { name: `${version} acting master`, run: actingMaster },
          { name: `${version} TLS`, run: tlsClusters },
          { name: `${version} graceful end`, run: gracefulEnd },
          { name: `${version} console`, run: consolePages },
          { name: `${version} controller`, run: controllerCases },
        ]
        : []),
      ...(version.startsWith("5.") && alsoOnNode
        ? [
          { name: `${version} cluster, transport=node`, run: ordinaryCluster, launcher: onNode },
          { name: `${version} TLS, transport=node`, run: tlsClusters, launcher: onNode },
        ]
        : []),
      { name: `${version} access`, run: accessControl },
      { name: `${version} upgrade`, run: upgrade },
    ];
    for (const group of groups.filter(({ name }) => name.includes(only))) {
      const { name, run } = group;
      await guarded(name, () => run(suite, group.launcher ?? launcher, version));
    }
  }
} finally {
  await processes.end();
}
if (suite.passed + suite.failed === 0) exit(`nothing has "${options.only}" in its name`, 1);
exit(`${suite.passed} passed, ${suite.failed} failed`, suite.failed > 0 ? 1 : 0);

/** Runs a group; what fails outside of its cases is a failed case, too. */
async function guarded(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    await suite.case(`${name}: set up`, () => Promise.reject(error));
  }
}

function wholeNumber(name: "seed" | "seconds"): number | undefined {
  const text = options[name];
  if (text !== undefined && !/^\d{1,9}$/.test(text)) exit(`--${name} ${text}: a whole number`, 1);
  return text === undefined ? undefined : Number(text);
}

function exit(lastWords: string, code: number): never {
  console.log(lastWords);
  Deno.exit(code);
}
