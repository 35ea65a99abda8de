/** Brokers, clients and mqadmin that have nothing but the domain of an address service. */

import { finish, messagesGoOn, receivesAll } from "./client_output.ts";
import type { Launcher, NameServer } from "./cluster.ts";
import { FrameClient } from "./frame_client.ts";
import { MqAdmin } from "./mqadmin.ts";
import { Observer } from "./observer.ts";
import { freePort } from "./processes.ts";
import { known } from "./setup.ts";
import { check, eventually, type Suite } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const TOPIC = "FoundTopic";
/** Messages that must get through before the next step. */
const SOME = 20;
/** Clients fetch the list 10 s after their start and then every two minutes. */
const FETCH_MS = 150_000;

/** A name server with its HTTP port. */
interface WithHttp extends NameServer {
  domain: string;
}

/** Clients of both versions, and a broker of each, find their name servers and follow a change. */
export async function addressService(suite: Suite, launcher: Launcher): Promise<void> {
  try {
    const start = async (): Promise<WithHttp> => {
      const httpPort = freePort();
      const server = await launcher.nameServer("ours", { httpPort: String(httpPort) });
      return { ...server, domain: `127.0.0.1:${httpPort}` };
    };
    const [service, first, second] = await Promise.all([start(), start(), start()]);
    await findAndFollow(suite, launcher, service, first, second);
  } finally {
    await launcher.processes.end();
  }
}

async function findAndFollow(
  suite: Suite,
  launcher: Launcher,
  service: WithHttp,
  first: WithHttp,
  second: WithHttp,
): Promise<void> {
  const step = (name: string, body: () => Promise<string | void>) =>
    suite.case(`address service: ${name}`, body);
  const finding = launcher.withJvm(`-Drocketmq.namesrv.domain=${service.domain}`);
  const config = {
    fetchNamesrvAddrByAddressServer: "true",
    rmqAddressServerDomain: service.domain,
    rmqAddressServerSubGroup: "nsaddr/brokers",
    fetchNamesrvAddrInterval: "1000",
  };
  await set(service, "namesrvAddrsForBrokers", `${service.address};${first.address}`);
  await set(service, "namesrvAddrs", first.address);
  const [broker, old] = await Promise.all([
    launcher.broker({ version: "5.5.0", name: "broker-finding", config }),
    launcher.broker({ version: "4.9.7", name: "broker-finding-49", config }),
  ]);
  const [there, here] = [new Observer(service.address), new Observer(first.address)];
  const isFound = await step("brokers of both versions register with both servers", async () => {
    await Promise.all([there, here].map((observer) => known(observer, [broker, old])));
    // Only the other one asks for the list often enough to follow.
    await old.process.stop("SIGTERM", 60_000);
    await known(here, [broker]);
  });
  if (!isFound) return;
  await step("mqadmin finds a name server", async () => {
    const { code, output } = await MqAdmin.runOnce(finding, "5.5.0", "clusterList");
    check(code === 0 && output.includes(broker.address), output);
  });

  const isAdded = await step(
    "the broker registers with a new server before clients ask it",
    async () => {
      const admin = await MqAdmin.start(launcher, "5.5.0", first.address);
      await admin.run("updateTopic", "-c", "DefaultCluster", "-t", TOPIC);
      await admin.stop();
      await set(service, "namesrvAddrsForBrokers", `${first.address};${second.address}`);
      for (const observer of [here, new Observer(second.address)]) {
        await eventually(120_000, async () => {
          check(await observer.route(TOPIC) !== undefined, `${observer.address} has no route`);
        });
      }
    },
  );
  if (!isAdded) return;
  const [producer, consumer] = await Promise.all([
    clientOf(finding, "5.5.0", "keep-producing"),
    clientOf(finding, "4.9.7", "keep-consuming"),
  ]);
  const goOn = () => messagesGoOn(producer, consumer, SOME);
  await step("a producer 5.5.0 and a consumer 4.9.7 find the first server", goOn);
  await step("they go to the second when the list has that instead", async () => {
    await set(service, "namesrvAddrs", second.address);
    const { after } = await eventually(FETCH_MS, async () => {
      // Clients 4.x leave the connection to the first as it is, without using it.
      const come = await clientsOf(second);
      check(come === 2, `${come} clients are at the second`);
    });
    await set(service, "namesrvAddrsForBrokers", second.address);
    await first.process!.stop("SIGKILL");
    await goOn();
    return `after ${after} ms`;
  });
  await step("no message failed or was lost", async () => {
    const sent = await finish(producer, "SENT");
    const failed = (await producer.output()).split("\n").filter((line) => /^FAILED/.test(line));
    check(failed.length === 0, failed.join("\n"));
    await receivesAll(consumer, sent);
    return `${sent.length} messages`;
  });
}

function clientOf(launcher: Launcher, version: "5.5.0" | "4.9.7", command: string) {
  const args = ["InteropClient", command, "-", TOPIC, `finding-${command}`, "0"];
  return launcher.java(version, command, args, { input: true });
}

/** Changes an option of a running name server. */
async function set({ address }: NameServer, option: string, value: string): Promise<void> {
  const client = await FrameClient.connect(address);
  const body = `${option}=${value}\n`;
  const { code, remark } = await client.call({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body });
  client.close();
  check(code === 0, `${address} does not take ${body}: ${remark}`);
}

/** The number of connected Java clients that are not the broker: it alone registers. */
async function clientsOf({ domain }: WithHttp): Promise<number> {
  const [connections, brokers] = await Promise.all(
    ["connections", "brokers"].map(async (list) => {
      const response = await fetch(`http://${domain}/api/v1/${list}`);
      return (await response.json()).items;
    }),
  );
  const registered = brokers.flatMap(({ members }: Json) =>
    members.map(({ connection }: Json) => connection?.id)
  );
  return connections.filter(({ id, software }: Json) =>
    software?.language === "JAVA" && !registered.includes(id)
  ).length;
}

// deno-lint-ignore no-explicit-any
type Json = any;
