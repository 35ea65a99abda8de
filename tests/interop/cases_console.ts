/** The console in a browser, with a real broker behind it. */

import { findBrowser } from "../browser/find_browser.ts";
import { PROJECT, type Version } from "./artifacts.ts";
import { CLUSTER, type Launcher } from "./cluster.ts";
import { freePort } from "./processes.ts";
import { type Cluster, known, withCluster } from "./setup.ts";
import { check, type Suite } from "./suite.ts";

const TOPIC = "ConsoleTopic";
const INSTALL_MS = 300_000;
/** A page has a minute for each text. */
const LOOK_MS = 240_000;

/** A broker of this version, and what the pages about it show. */
export async function consolePages(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  if (await findBrowser() === undefined) {
    const sh = { name: "browser-tools", program: "sh", args: ["tools/browser_tools.sh"] };
    await launcher.processes.run({ ...sh, cwd: PROJECT }, INSTALL_MS);
  }
  const httpPort = String(freePort());
  await withCluster(suite, launcher, version, "console", { httpPort }, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const broker = await launcher.broker({ version, namesrv, name: "broker-a" });
    const isUp = await cluster.case("a broker registers, and has a topic", async () => {
      await known(cluster.observer, [broker]);
      await cluster.admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "5", "-w", "3");
    });
    if (!isUp) return;
    const shows = (page: string, texts: string[]) =>
      cluster.case(`the page ${page} shows it`, () => look(cluster, httpPort, page, texts));
    await shows("overview", [CLUSTER, "Accepts connections", "broker up", broker.address]);
    await shows("brokers", [broker.address, "master", "confirmed", `${version} JAVA`]);
    await shows(`brokers/${broker.name}`, [broker.address, TOPIC, "topic added"]);
    await shows("topics?search=console", [TOPIC, "1–1 of 1"]);
    await shows(`topics/${TOPIC}`, ["only read", broker.name, "RW-", '"readQueueNums":5']);
  });
}

async function look(
  { launcher }: Cluster,
  httpPort: string,
  page: string,
  texts: string[],
): Promise<void> {
  const url = `http://127.0.0.1:${httpPort}/console/#/${page}`;
  const { code, output } = await launcher.processes.run({
    name: "browser",
    program: Deno.execPath(),
    args: ["run", "--no-prompt", "-A", "tests/browser/look.ts", url, ...texts],
    env: { NO_COLOR: "1" },
    cwd: PROJECT,
  }, LOOK_MS);
  check(code === 0, `${page}: ${output}`);
}
