/** Every mqadmin command that involves a name server, and its effect there. */

import type { Broker } from "./cluster.ts";
import { parseJson } from "../support/json.ts";
import { member, type Route, routeOf, show, SUCCESS, SYSTEM_ERROR } from "./observer.ts";
import { client, type Cluster, lines } from "./setup.ts";
import { check, eventually } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** The brokers on which the commands are tested. */
export interface Brokers {
  master: Broker;
  slave: Broker;
  second: Broker;
}

const TOPIC = "InteropTopic";
/** A change on a broker reaches the name server at once, with a registration. */
const SOON_MS = 30_000;

/** Asserts on a topic's route until it matches; a missing route fails. */
async function routeFits(
  cluster: Cluster,
  topic: string,
  fits: (route: Route) => boolean,
): Promise<void> {
  await eventually(SOON_MS, async () => {
    const route = await cluster.observer.route(topic);
    check(route !== undefined && fits(route), `the route of ${topic} is ${show(route)}`);
  });
}

const queueData = (read: bigint, write: bigint, perm: bigint) => show({ read, write, perm });

/** Runs all commands in the order of a topic's life cycle. */
export async function adminCases(cluster: Cluster, brokers: Brokers): Promise<void> {
  const { admin, observer, nameServer, version } = cluster;
  const { master, slave, second } = brokers;
  const names = [master.name, second.name];

  await cluster.case("clusterList lists every broker", async () => {
    const { code, output } = await admin.runAlone("clusterList");
    check(code === 0, `exit code ${code}`);
    const rows = output.split("\n").filter((line) => line.startsWith("DefaultCluster "));
    const expected = [[master, 0], [slave, 1], [second, 0]] as const;
    check(rows.length === expected.length, `${rows.length} rows:\n${output}`);
    for (const [broker, id] of expected) {
      const row = rows.find((row) => row.includes(` ${broker.address} `));
      const [, name, brokerId, , brokerVersion] = row?.split(/\s+/) ?? [];
      check(
        name === broker.name && brokerId === String(id) &&
          brokerVersion === `V${version.replaceAll(".", "_")}`,
        `no fitting row for ${broker.address}:\n${output}`,
      );
    }
  });

  await cluster.case("updateTopic makes a topic on every master", async () => {
    const output = await admin.run(
      "updateTopic",
      "-c",
      "DefaultCluster",
      "-t",
      TOPIC,
      "-r",
      "4",
      "-w",
      "3",
    );
    for (const { address } of [master, second]) {
      check(output.includes(`create topic to ${address} success.`), output);
    }
    await routeFits(
      cluster,
      TOPIC,
      (route) =>
        names.every((name) => show(route.queues.get(name)) === queueData(4n, 3n, 6n)) &&
        route.queues.size === names.length,
    );
  });

  await cluster.case("updateTopic changes it on one broker", async () => {
    await admin.run("updateTopic", "-b", second.address, "-t", TOPIC, "-r", "6", "-w", "5");
    await routeFits(
      cluster,
      TOPIC,
      (route) =>
        show(route.queues.get(second.name)) === queueData(6n, 5n, 6n) &&
        show(route.queues.get(master.name)) === queueData(4n, 3n, 6n),
    );
    await admin.run("updateTopic", "-b", second.address, "-t", TOPIC, "-r", "4", "-w", "3");
    await routeFits(
      cluster,
      TOPIC,
      (route) => show(route.queues.get(second.name)) === queueData(4n, 3n, 6n),
    );
  });

  await cluster.case("topicRoute prints the route", async () => {
    const output = await admin.run("topicRoute", "-t", TOPIC);
    const printed = routeOf(parseJson(output.trim()).value);
    check(
      show(printed) === show(await observer.route(TOPIC)),
      `it printed ${show(printed)}`,
    );
    check(printed.brokers.get(master.name)?.get("1") === slave.address, "the slave is missing");
  });

  await cluster.case("topicRoute of an unknown topic says so", async () => {
    const output = await admin.attempt("topicRoute", "-t", "NoSuchTopic");
    check(
      output.includes("CODE: 17  DESC: No topic route info in name server for the topic: NoSuch"),
      output,
    );
  });

  await cluster.case("topicList lists the name server's topics", async () => {
    const output = await admin.run("topicList");
    const listed = output.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const topics = await observer.topics();
    check(topics.includes(TOPIC), `the name server knows ${topics}`);
    check(show(listed.sort()) === show(topics), `listed ${listed}\nknown ${topics}`);
  });

  await cluster.case("topicList -c names the cluster", async () => {
    const output = await admin.run("topicList", "-c");
    check(/^DefaultCluster +InteropTopic\b/m.test(output), output);
  });

  await cluster.case("sendMessage sends", async () => {
    const { code, output } = await admin.runAlone("sendMessage", "-t", TOPIC, "-p", "by-mqadmin");
    check(code === 0 && /^broker-[ab] +\d+ +SEND_OK/m.test(output), output);
  });

  await cluster.case("topicStatus counts it on the right brokers", async () => {
    const output = await admin.run("topicStatus", "-t", TOPIC);
    const rows = [...output.matchAll(/^(broker-\w) +(\d+) +(\d+) +(\d+)/gm)];
    for (const name of names) {
      check(rows.filter((row) => row[1] === name).length >= 3, `queues of ${name}:\n${output}`);
    }
    const messages = rows.reduce((sum, row) => sum + Number(row[4]), 0);
    check(messages === 1, `${messages} messages:\n${output}`);
  });

  await cluster.case("consumeMessage gets it", async () => {
    const { code, output } = await admin.runAlone("consumeMessage", "-t", TOPIC, "-c", "64");
    check(code === 0 && output.includes("BODY: by-mqadmin"), output);
  });

  await cluster.case("updateKvConfig stores", async () => {
    const output = await admin.run("updateKvConfig", "-s", "interop", "-k", "key", "-v", "a=b c");
    check(output.includes("create or update kv config to namespace success."), output);
    const value = await observer.kv("interop", "key");
    check(value === "a=b c", `stored ${value}`);
  });

  await cluster.case("deleteKvConfig deletes", async () => {
    const output = await admin.run("deleteKvConfig", "-s", "interop", "-k", "key");
    check(output.includes("delete kv config from namespace success."), output);
    const value = await observer.kv("interop", "key");
    check(value === undefined, `still ${value}`);
  });

  await cluster.case("updateOrderConf puts, gets and deletes", async () => {
    const conf = `${master.name}:4;${second.name}:4`;
    const put = await admin.run("updateOrderConf", "-t", TOPIC, "-m", "put", "-v", conf);
    check(put.includes("update orderConf success."), put);
    const stored = await observer.kv("ORDER_TOPIC_CONFIG", TOPIC);
    check(stored === conf, `stored ${stored}`);
    const got = await admin.run("updateOrderConf", "-t", TOPIC, "-m", "get");
    check(got.includes(`orderConf=[${conf}]`), got);
    const deleted = await admin.run("updateOrderConf", "-t", TOPIC, "-m", "delete");
    check(deleted.includes("delete orderConf success."), deleted);
    const left = await observer.kv("ORDER_TOPIC_CONFIG", TOPIC);
    check(left === undefined, `still ${left}`);
  });

  await cluster.case("getNamesrvConfig prints every option", async () => {
    const output = await admin.run("getNamesrvConfig");
    const printed = new Map(
      [...output.matchAll(/^(\S+) += {2}(.*)$/gm)].map((
        row,
      ): [string, string] => [row[1]!, row[2]!]),
    );
    check(printed.get("listenPort") === String(nameServer.port), output);
    check(show(printed) === show(await observer.options()), `it printed ${show(printed)}`);
  });

  await cluster.case("updateNamesrvConfig takes effect at once", async () => {
    for (const [value, code] of [["false", SYSTEM_ERROR], ["true", SUCCESS]] as const) {
      const output = await admin.run(
        "updateNamesrvConfig",
        "-k",
        "enableAllTopicList",
        "-v",
        value,
      );
      check(output.includes("update name server config success!"), output);
      const response = await observer.ask({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER });
      check(response.code === code, `enableAllTopicList=${value}: ${response.code}`);
      const stated = (await observer.options()).get("enableAllTopicList");
      check(stated === value, `stated as ${stated}`);
    }
  });

  await cluster.case("updateNamesrvConfig of a black-listed key is refused", async () => {
    const before = (await observer.options()).get("kvConfigPath");
    const output = await admin.attempt("updateNamesrvConfig", "-k", "kvConfigPath", "-v", "/x");
    check(output.includes("CODE: 16  DESC: Can not update config in black list."), output);
    const after = (await observer.options()).get("kvConfigPath");
    check(after === before, `kvConfigPath became ${after}`);
  });

  await cluster.case("wipeWritePerm keeps producers away", async () => {
    const output = await admin.run("wipeWritePerm", "-b", master.name);
    const wiped = /\] OK, (\d+)/.exec(output)?.[1];
    check(Number(wiped) > 5, output);
    const route = await observer.route(TOPIC);
    check(
      route?.queues.get(master.name)?.perm === 4n && route.queues.get(second.name)?.perm === 6n,
      `the route is ${show(route)}`,
    );
    const sent = await lines(
      client(cluster, "produce", { topic: TOPIC, group: "wiped-producers", count: 8 }),
      "SENT",
    );
    check(sent.length === 8 && sent.every((line) => line.startsWith(second.name)), show(sent));
  });

  await cluster.case("addWritePerm lets them come back", async () => {
    const output = await admin.run("addWritePerm", "-b", master.name);
    check(/\] OK, [1-9]/.test(output), output);
    const route = await observer.route(TOPIC);
    check(route?.queues.get(master.name)?.perm === 6n, `the route is ${show(route)}`);
  });

  if (version.startsWith("5.")) await fiveCases(cluster, brokers);
  else cluster.suite.note("      4.x has no updateStaticTopic, and no haStatus");

  await cluster.case("allocateMQ spreads the queues", async () => {
    const output = await admin.run("allocateMQ", "-t", TOPIC, "-i", "10.0.0.1,10.0.0.2");
    const result = member(parseJson(output.trim()).value, "result");
    const shares = ["10.0.0.1", "10.0.0.2"].map((ip) => member(result, ip));
    check(
      shares.every((share) => Array.isArray(share) && share.length === 4),
      `4 queues each: ${output}`,
    );
  });

  await cluster.case("checkMsgSendRT sends to all brokers", async () => {
    const output = await admin.run("checkMsgSendRT", "-t", TOPIC, "-a", "8", "-s", "128");
    const rows = [...output.matchAll(/^(broker-\w) +\d+ +true /gm)].map((row) => row[1]);
    check(rows.length === 8 && names.every((name) => rows.includes(name)), output);
    check(/^Avg RT: /m.test(output), output);
  });

  await cluster.case("deleteTopic takes it from brokers and name server", async () => {
    const output = await admin.run("deleteTopic", "-c", "DefaultCluster", "-t", TOPIC);
    check(output.includes("from cluster [DefaultCluster] success."), output);
    check(output.includes("from NameServer success."), output);
    // A broker whose registration was in flight may restore it once.
    await eventually(SOON_MS, async () => {
      const route = await observer.route(TOPIC);
      check(route === undefined, `the route is ${show(route)}`);
    });
    check(!(await observer.topics()).includes(TOPIC), "it is still in the list of topics");
  });
}

/** Commands that 4.x does not have. */
async function fiveCases(cluster: Cluster, { master, slave, second }: Brokers): Promise<void> {
  const { admin } = cluster;

  await cluster.case("updateStaticTopic maps its queues", async () => {
    const topic = "InteropStatic";
    await admin.run("updateStaticTopic", "-t", topic, "-qn", "6", "-c", "DefaultCluster");
    await routeFits(cluster, topic, (route) =>
      [master.name, second.name].every((name) => {
        const mapping = route.mappings.get(name);
        const ids = mapping?.get("currIdMap");
        return mapping?.get("totalQueues") === 6n && ids instanceof Map && ids.size === 3;
      }));
  });

  await cluster.case("haStatus shows the slave in sync", async () => {
    await eventually(SOON_MS, async () => {
      const output = await admin.run("haStatus", "-b", master.address);
      check(/#SlaveNum\s+1\b/.test(output) && /#InSyncSlaveNum\s+1\b/.test(output), output);
    });
    check(!slave.process.ended, "the slave ended");
  });
}
