/** A live cluster whose two Java name servers are replaced by ours, one by one. */

import { finish, messagesGoOn, receivesAll } from "./client_output.ts";
import type { Version } from "./artifacts.ts";
import { HOMES, Launcher, type NameServer } from "./cluster.ts";
import { Observer, show } from "./observer.ts";
import { type Cluster, known, withCluster } from "./setup.ts";
import { check, eventually, type Suite } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const TOPIC = "UpgradedTopic";
/** Messages that must get through before the next step. */
const SOME = 20;
/** A KV pair that must survive the change. */
const PAIR = ["UpgradedNamespace", "key", "value"];

/** The procedure in docs/operations.md. */
export async function upgrade(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  const before = launcher.withKind("reference");
  await Deno.mkdir(HOMES, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: HOMES, prefix: "upgrade-" });
  const [first, second] = [1, 2].map((n) => ({ kvConfigPath: `${folder}/kvConfig-${n}.json` }));
  await withCluster(suite, before, version, "upgrade", first!, async (cluster) => {
    const servers = [cluster.nameServer, await before.nameServer("reference", second!)];
    await replaceInTurn(cluster, launcher, servers, [first!, second!]);
  });
}

async function replaceInTurn(
  cluster: Cluster,
  launcher: Launcher,
  servers: NameServer[],
  configs: { kvConfigPath: string }[],
): Promise<void> {
  const { version } = cluster;
  const namesrv = servers.map(({ address }) => address).join(";");
  const brokers = await Promise.all(
    ["broker-a", "broker-b"].map((name) => launcher.broker({ version, namesrv, name })),
  );
  const observers = servers.map(({ address }) => new Observer(address));
  const start = (command: string) =>
    launcher.java(
      version,
      command,
      ["InteropClient", command, namesrv, TOPIC, `upgrade-${command}`, "0"],
      { input: true },
    );
  const [namespace, key, value] = PAIR;

  const isUp = await cluster.case("two brokers register with two Java name servers", async () => {
    for (const observer of observers) {
      await known(observer, brokers);
      const { code } = await observer.ask({
        code: RequestCode.PUT_KV_CONFIG,
        extFields: { namespace: namespace!, key: key!, value: value! },
      });
      check(code === 0, `the KV pair is answered ${code}`);
    }
    await cluster.admin.run("updateTopic", "-c", "DefaultCluster", "-t", TOPIC);
    for (const observer of observers) await hasRoute(observer, brokers.map(({ name }) => name));
  });
  if (!isUp) return;
  const consumer = await start("keep-consuming");
  const producer = await start("keep-producing");
  const goOn = () => messagesGoOn(producer, consumer, SOME);

  const isRunning = await cluster.case("a producer and a consumer use them", goOn);
  if (!isRunning) return;
  for (const [index, server] of servers.entries()) {
    const which = index === 0 ? "first" : "second";
    const isReplaced = await cluster.case(
      `the ${which} is replaced, at its address and with its KV file`,
      async () => {
        await server.process!.stop("SIGTERM", 30_000);
        await goOn();
        const config = { ...configs[index], listenPort: String(server.port) };
        await launcher.nameServer(launcher.kind, config);
        const ms = await known(observers[index]!, brokers);
        await goOn();
        return `it knew the brokers after ${ms} ms`;
      },
    );
    if (!isReplaced) return;
    await cluster.case(`the ${which} has what the other has`, async () => {
      await eventually(30_000, async () => {
        const [here, there] = await Promise.all(observers.map(tables));
        check(here === there, `${here}\n${there}`);
      });
      const kept = await observers[index]!.kv(namespace!, key!);
      check(kept === value, `the KV pair is ${kept}`);
    });
  }
  await cluster.case("no message failed or was lost in all that time", async () => {
    const sent = await finish(producer, "SENT");
    const failed = (await producer.output()).split("\n").filter((line) => /^FAILED/.test(line));
    check(failed.length === 0, failed.join("\n"));
    await receivesAll(consumer, sent);
    return `${sent.length} messages`;
  });
}

async function hasRoute(observer: Observer, brokers: string[]): Promise<void> {
  await eventually(30_000, async () => {
    const route = await observer.route(TOPIC);
    check(
      brokers.every((name) => route?.queues.has(name)),
      `${observer.address} has the route ${show(route)}`,
    );
  });
}

/** Brokers, topics and a route of a name server, as one line. */
async function tables(observer: Observer): Promise<string> {
  return show([await observer.brokers(), await observer.topics(), await observer.route(TOPIC)]);
}
