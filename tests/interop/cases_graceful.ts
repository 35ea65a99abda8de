/** Clients with two name servers keep working while one of them stops gracefully and returns. */

import { finish, messagesGoOn, receivesAll } from "./client_output.ts";
import type { Version } from "./artifacts.ts";
import type { Launcher, NameServer } from "./cluster.ts";
import { FrameClient } from "./frame_client.ts";
import { Observer } from "./observer.ts";
import { type Cluster, known, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const TOPIC = "GracefulTopic";
const GO_AWAY = 1500;
/** The last version that does not get GO_AWAY, and the first one that does. */
const [LAST_ANSWERED, FIRST_SENT_AWAY] = [475, 476];
const CONFIG = { enableShutdownGracefully: "true", shutdownWaitTimeSeconds: "4" };
/** How long a name server stays stopped. */
const AWAY_MS = 3_000;
/** Messages that must get through before the next step. */
const SOME = 20;

/** With enableShutdownGracefully, each of two name servers in turn. */
export async function gracefulEnd(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  await withCluster(suite, launcher, version, "graceful end", CONFIG, async (cluster) => {
    const servers = [cluster.nameServer, await launcher.nameServer(launcher.kind, CONFIG)];
    await endInTurn(cluster, servers);
  });
}

async function endInTurn(cluster: Cluster, servers: NameServer[]): Promise<void> {
  const { launcher, version } = cluster;
  const namesrv = servers.map(({ address }) => address).join(";");
  const broker = await launcher.broker({ version, namesrv, name: "broker-graceful" });
  const observers = servers.map(({ address }) => new Observer(address));
  const start = (command: string, group: string) =>
    launcher.java(version, command, ["InteropClient", command, namesrv, TOPIC, group, "0"], {
      input: true,
    });

  const isUp = await cluster.case("a broker registers with both name servers", async () => {
    for (const observer of observers) await known(observer, [broker]);
    await cluster.admin.run("updateTopic", "-c", "DefaultCluster", "-t", TOPIC);
    for (const observer of observers) {
      await eventually(30_000, async () => {
        check(await observer.route(TOPIC) !== undefined, `${observer.address} has no route`);
      });
    }
  });
  if (!isUp) return;
  const consumer = await start("keep-consuming", "graceful-consumers");
  const producer = await start("keep-producing", "graceful-producers");
  const goOn = () => messagesGoOn(producer, consumer, SOME);

  const isRunning = await cluster.case("a producer and a consumer use them", goOn);
  if (!isRunning) return;
  for (const [index, server] of servers.entries()) {
    const which = index === 0 ? "first" : "second";
    await cluster.case(`they go on while the ${which} name server is away`, async () => {
      const ending = server.process!.stop("SIGTERM", 30_000);
      await sleep(500);
      await eventually(3_000, () => sendsAway(server.address));
      await goOn();
      await ending;
      await sleep(AWAY_MS);
      await goOn();
      const config = { ...CONFIG, listenPort: String(server.port) };
      await launcher.nameServer(launcher.kind, config);
      await known(observers[index]!, [broker]);
      await goOn();
    });
  }
  await cluster.case("no message failed or was lost, and no client complained", async () => {
    const sent = await finish(producer, "SENT");
    await receivesAll(consumer, sent);
    for (const client of [producer, consumer]) {
      const complaints = (await client.output()).split("\n")
        .filter((line) => /^FAILED|Exception|ERROR/.test(line));
      check(complaints.length === 0, `${client.name}: ${complaints.join("\n")}`);
    }
    return `${sent.length} messages`;
  });
}

/** A stopping name server sends new clients away and still answers old ones. */
async function sendsAway(address: string): Promise<void> {
  const client = await FrameClient.connect(address);
  const codeFor = async (version: number) =>
    (await client.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO, version })).code;
  const codes = [await codeFor(LAST_ANSWERED), await codeFor(FIRST_SENT_AWAY)];
  client.close();
  check(codes[0] === 0 && codes[1] === GO_AWAY, `it answered ${codes}`);
}
