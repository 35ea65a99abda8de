/** Brokers joining and leaving: all forms of registration, loss, and acting masters. */

import { adminCases } from "./cases_admin.ts";
import { binaryClientCases, clientCases } from "./cases_clients.ts";
import type { Version } from "./artifacts.ts";
import type { Broker, Launcher } from "./cluster.ts";
import { Observer, type Route, show, SUCCESS } from "./observer.ts";
import { Relay } from "./relay.ts";
import { client, type Cluster, known, lines, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A lost connection is detected at once; this allows for a busy machine. Silence takes 10 s and more. */
const LOSS_MS = 8_000;
/** How much later than on the reference a broker may disappear: checks of the test, on a busy machine. */
const SLACK_MS = 3_000;

/** Time until a name server no longer lists an address. */
async function goneAfter(observer: Observer, address: string, ms: number): Promise<number> {
  const { after } = await eventually(ms, async () => {
    const addresses = await observer.addresses();
    check(!addresses.includes(address), `${address} is still among ${addresses}`);
  });
  return after;
}

/** Waits until both name servers, with which the same brokers register, agree. */
async function agree(ours: Observer, reference: Observer): Promise<number> {
  const tables = async (observer: Observer) => {
    const topics = await observer.topics();
    const routes: [string, Route | undefined][] = [];
    for (const topic of topics) routes.push([topic, await observer.route(topic)]);
    return { brokers: await observer.brokers(), routes: new Map(routes) };
  };
  const { value } = await eventually(30_000, async () => {
    const [here, there] = [await tables(ours), await tables(reference)];
    check(show(here) === show(there), `ours:      ${show(here)}\nreference: ${show(there)}`);
    return here.routes.size;
  });
  return value;
}

/**
 * A master with a slave and a second master, registered with the name server under test and with
 * the reference: all commands, all clients, and brokers that leave.
 */
export function ordinaryCluster(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  return withCluster(suite, launcher, version, "cluster", {}, async (cluster) => {
    const { observer } = cluster;
    const witness = new Observer((await launcher.nameServer("reference", {})).address);
    const namesrv = `${cluster.nameServer.address};${witness.address}`;
    const [master, slave, second] = await Promise.all([
      launcher.broker({ version, namesrv, name: "broker-a" }),
      launcher.broker({ version, namesrv, name: "broker-a", id: 1 }),
      launcher.broker({ version, namesrv, name: "broker-b" }),
    ]);
    const isUp = await cluster.case(
      "a master, its slave and a second master register",
      async () => {
        await known(observer, [master, slave, second]);
        const brokers = await observer.brokers();
        const group = show(brokers.get("broker-a"));
        check(group === show(new Map([["0", master.address], ["1", slave.address]])), group);
      },
    );
    if (!isUp) return;
    await cluster.case("the reference beside it holds the same tables", async () => {
      return `${await agree(observer, witness)} topics`;
    });
    await clientCases(cluster, [master.name, second.name]);
    await cluster.case("both hold the same tables after the clients", async () => {
      return `${await agree(observer, witness)} topics`;
    });
    await adminCases(cluster, { master, slave, second });
    await leaving(cluster, witness, slave, second, master);
  });
}

/** A stopped and a killed broker disappear as soon as on the reference. */
async function leaving(
  cluster: Cluster,
  witness: Observer,
  slave: Broker,
  second: Broker,
  master: Broker,
): Promise<void> {
  const { observer } = cluster;
  const leave = async (broker: Broker, signal: "SIGTERM" | "SIGKILL", ms: number) => {
    const watches = [observer, witness].map((it) => goneAfter(it, broker.address, ms));
    // Its process may run on for seconds.
    broker.process.signal(signal);
    const [ours, reference] = await Promise.all(watches);
    check(ours! <= reference! + SLACK_MS, `after ${ours} ms; the reference: ${reference} ms`);
    return `gone after ${ours} ms; the reference: ${reference} ms`;
  };
  await cluster.case("a stopped slave leaves the tables", async () => {
    const times = await leave(slave, "SIGTERM", 60_000);
    const group = (await observer.brokers()).get(master.name);
    check(show(group) === show(new Map([["0", master.address]])), show(group));
    return times;
  });
  await cluster.case("a killed master leaves the tables and all routes", async () => {
    const before = (await observer.route("ClientTopic"))?.queues.has(second.name);
    check(before, "it was in no route to begin with");
    const times = await leave(second, "SIGKILL", LOSS_MS);
    for (const topic of await observer.topics()) {
      const route = await observer.route(topic);
      check(!route?.queues.has(second.name), `it is in the route of ${topic}: ${show(route)}`);
    }
    return times;
  });
  await cluster.case("a stopped master leaves nothing", async () => {
    const times = await leave(master, "SIGTERM", 60_000);
    await eventually(LOSS_MS, async () => {
      const brokers = await observer.brokers();
      const topics = await observer.topics();
      check(brokers.size === 0 && topics.length === 0, `${show(brokers)} ${topics}`);
    });
    return times;
  });
}

/** Brokers that write binary headers, compress their registrations or query before registering. */
export function unusualRegistrations(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  return withCluster(suite, launcher, version, "registrations", {}, async (cluster) => {
    const { observer, nameServer } = cluster;
    const relays = [new Relay(nameServer.address), new Relay(nameServer.address)];
    try {
      const [binaryRelay, zlibRelay] = relays;
      const binary = await launcher.broker({
        version,
        name: "broker-a",
        namesrv: binaryRelay!.address,
        binary: true,
        config: { forceRegister: "false" },
      });
      const zlib = await launcher.broker({
        version,
        name: "broker-b",
        namesrv: zlibRelay!.address,
        config: { compressedRegister: "true" },
      });
      // The reference refuses the zlib bodies that 5.x sends under the header compressed=false.
      const refuses = nameServer.kind === "reference" && version.startsWith("5.");
      await cluster.case("a broker with binary headers registers", async () => {
        await known(observer, refuses ? [binary] : [binary, zlib]);
        check(binaryRelay!.of(RequestCode.REGISTER_BROKER).length > 0, "no registration passed");
        const json = binaryRelay!.seen.filter((request) => !request.binary);
        check(json.length === 0, `${json.length} of its requests had JSON headers`);
      });
      await cluster.case(
        refuses ? "the reference refuses the compressed one" : "a compressed one registers",
        async () => {
          await eventually(30_000, () => {
            const [request] = zlibRelay!.of(RequestCode.REGISTER_BROKER);
            check(request !== undefined, "no registration passed");
            check(request.body[0] === 0x78, `its body begins with ${request.body[0]}`);
            return Promise.resolve();
          });
          const brokers = await observer.brokers();
          check(brokers.has(zlib.name) !== refuses, show(brokers));
        },
      );
      const topic = "RegisteredTopic";
      await cluster.case("a new topic comes with the next registration", async () => {
        await cluster.admin.run(
          "updateTopic",
          "-c",
          "DefaultCluster",
          "-t",
          topic,
          "-r",
          "5",
          "-w",
          "5",
        );
        await eventually(30_000, async () => {
          const route = await observer.route(topic);
          const names = refuses ? [binary.name] : [binary.name, zlib.name];
          check(
            names.every((name) => route?.queues.get(name)?.read === 5n),
            `the route is ${show(route)}`,
          );
        });
      });
      await binaryClientCases(cluster, topic);
      await cluster.case("with forceRegister=false it asks, and registers no more", async () => {
        const nextQuery = async () => {
          const count = binaryRelay!.of(RequestCode.QUERY_DATA_VERSION).length;
          await eventually(40_000, () => {
            check(
              binaryRelay!.of(RequestCode.QUERY_DATA_VERSION).length > count,
              "no QUERY_DATA_VERSION passed",
            );
            return Promise.resolve();
          });
          await sleep(1_000);
        };
        // The first round after the clients' topics may still register.
        await nextQuery();
        const registrations = binaryRelay!.of(RequestCode.REGISTER_BROKER).length;
        await nextQuery();
        const more = binaryRelay!.of(RequestCode.REGISTER_BROKER).length - registrations;
        check(more === 0, `${more} registrations although nothing changed`);
        check((await observer.brokers()).has(binary.name), "it is no longer known");
      });
    } finally {
      for (const relay of relays) relay.close();
    }
  });
}

/** A slave serves as acting master when its master is killed (5.x). */
export function actingMaster(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  const config = { supportActingMaster: "true", notifyMinBrokerIdChanged: "true" };
  return withCluster(suite, launcher, version, "acting master", config, async (cluster) => {
    const { observer, admin, nameServer } = cluster;
    const options = {
      version,
      name: "broker-a",
      namesrv: nameServer.address,
      // Without slaveReadEnable, a slave refuses consumers even as acting master.
      config: { enableSlaveActingMaster: "true", slaveReadEnable: "true" },
    };
    const topic = "ActingTopic";
    const count = 40;
    const master = await launcher.broker(options);
    const isUp = await cluster.case("a master with acting enabled takes messages", async () => {
      await known(observer, [master]);
      await admin.run("updateTopic", "-c", "DefaultCluster", "-t", topic, "-r", "4", "-w", "4");
      await eventually(30_000, async () => {
        const perm = (await observer.route(topic))?.queues.get(master.name)?.perm;
        check(perm === 6n, `its permission is ${perm}`);
      });
      const sent = await lines(
        client(cluster, "produce", { topic, group: "producers", count }),
        "SENT",
      );
      check(sent.length === count, show(sent));
    });
    if (!isUp) return;
    const slave = await launcher.broker({ ...options, id: 1 });
    await cluster.case("a slave joins and takes them over", async () => {
      await known(observer, [master, slave]);
      await eventually(30_000, async () => {
        const output = await admin.run("haStatus", "-b", master.address);
        const offset = /#MasterCommitLogMaxOffset\s+(\d+)/.exec(output)?.[1];
        const inSync = new RegExp(`^\\S+:\\d+\\s+${offset}\\s+0\\s`, "m").test(output);
        check(Number(offset) > 0 && inSync, output);
      });
      // A slave fetches the topic configuration, which GET_TOPIC_CONFIG returns, once a minute.
      const slaveItself = new Observer(slave.address);
      await eventually(90_000, async () => {
        const { code, remark } = await slaveItself.ask({ code: 351, extFields: { topic } });
        check(code === SUCCESS, `the slave does not know ${topic}: ${code} ${remark}`);
      });
    });
    await cluster.case("the killed master's slave becomes its acting master", async () => {
      const [, { after }] = await Promise.all([
        master.process.stop("SIGKILL"),
        eventually(LOSS_MS, async () => {
          const route = await observer.route(topic);
          check(
            show(route?.brokers.get(master.name)) === show(new Map([["0", slave.address]])) &&
              route?.queues.get(master.name)?.perm === 4n,
            `the route is ${show(route)}`,
          );
        }),
      ]);
      const group = (await observer.brokers()).get(master.name);
      check(show(group) === show(new Map([["1", slave.address]])), `the table: ${show(group)}`);
      return `after ${after} ms`;
    });
    for (const language of ["java", "go"] as const) {
      await cluster.case(`consuming goes on from the slave (${language})`, async () => {
        const work = { topic, group: `after-${language}`, count, language };
        const got = await lines(client(cluster, "consume", work), "GOT");
        check(new Set(got).size === count, `got ${show(got)}`);
      });
    }
    await cluster.case("the master comes back and takes over", async () => {
      const again = { ...master, process: await launcher.processes.start(master.launch) };
      await known(observer, [again, slave]);
      await eventually(30_000, async () => {
        const route = await observer.route(topic);
        const expected = new Map([["0", master.address], ["1", slave.address]]);
        check(
          show(route?.brokers.get(master.name)) === show(expected) &&
            route?.queues.get(master.name)?.perm === 6n,
          `the route is ${show(route)}`,
        );
      });
    });
    await cluster.case("a slave that hangs leaves after its heartbeat timeout", async () => {
      slave.process.freeze(true);
      try {
        // brokerNotActiveTimeoutMillis is 10 s, and the scan runs every 5 s.
        const after = await goneAfter(observer, slave.address, 40_000);
        check(after >= 8_000, `already after ${after} ms`);
        return `gone after ${after} ms`;
      } finally {
        slave.process.freeze(false);
      }
    });
  });
}
