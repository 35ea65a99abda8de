/** Our admin command against the name server under test and the reference, with a broker. */

import type { Version } from "./artifacts.ts";
import { CLUSTER, type Launcher } from "./cluster.ts";
import { Command } from "./command.ts";
import { Observer, show } from "./observer.ts";
import { type Cluster, known, withCluster } from "./setup.ts";
import { check, eventually, type Suite } from "./suite.ts";

const TOPIC = "CommandTopic";
const SOON_MS = 30_000;

/** A broker of this version at two name servers: ours, and the reference of the same version. */
export function adminCommand(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  return withCluster(suite, launcher, version, "command", {}, async (cluster) => {
    const witness = await launcher.nameServer("reference", {}, version);
    const ours = cluster.nameServer.address;
    const reference = witness.address;
    const servers = `${ours};${reference}`;
    const [master, slave] = await Promise.all([
      launcher.broker({ version, namesrv: servers, name: "broker-a" }),
      launcher.broker({ version, namesrv: servers, name: "broker-a", id: 1 }),
    ]);
    const isUp = await cluster.case("a master and its slave register with both", async () => {
      for (const address of [ours, reference]) await known(new Observer(address), [master, slave]);
      await cluster.admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "4", "-w", "3");
    });
    if (!isUp) return;
    const command = await Command.of(cluster);
    for (const [name, address] of [["ours", ours], ["reference", reference]] as const) {
      await askCases(cluster, command, name, address, [master.address, slave.address]);
      await changeCases(cluster, command, name, address, master.name);
    }
    await diffCases(cluster, command, ours, reference);
    await cluster.case("what goes to each server tells of each", async () => {
      const put = await command.json(servers, "kv", "put", "interop", "both", "1");
      check(
        show(put.map(({ server, ok }: { server: string; ok: boolean }) => `${server} ${ok}`)) ===
          `[${ours} true, ${reference} true]`,
        JSON.stringify(put),
      );
    });
  });
}

async function askCases(
  cluster: Cluster,
  command: Command,
  name: string,
  address: string,
  [master, slave]: [string, string] | string[],
): Promise<void> {
  const asked = (what: string, body: () => Promise<string | void>) =>
    cluster.case(`${name}: ${what}`, body);

  await asked("ping, plain and over TLS", async () => {
    const [plain] = await command.json(address, "ping");
    const [secured] = await command.json(address, "ping", "--tls-insecure");
    check(plain.ok && secured.ok, JSON.stringify([plain, secured]));
    const version = `V${cluster.version.replaceAll(".", "_")}`;
    if (name === "reference") check(plain.version === version, `it says ${plain.version}`);
    check(
      plain.language === (address === cluster.nameServer.address &&
          cluster.nameServer.kind === "ours"
        ? "OTHER"
        : "JAVA"),
      plain.language,
    );
  });

  await asked("clusters and brokers", async () => {
    const clusters = await command.json(address, "clusters");
    const expected = [{ cluster: CLUSTER, brokerNames: ["broker-a"], masters: 1, slaves: 1 }];
    check(show(clusters) === show(expected), JSON.stringify(clusters));
    const [group] = await command.json(address, "brokers");
    check(
      show(group.addresses) === show([
        { id: 0, role: "master", address: master, restored: false },
        { id: 1, role: "slave", address: slave, restored: false },
      ]),
      JSON.stringify(group),
    );
  });

  await asked("topics", async () => {
    const names = await command.json(address, "topics", "--names");
    const known = await new Observer(address).topics();
    check(show(names.toSorted()) === show(known), `${names}\nknown ${known}`);
    const topics = await command.json(address, "topics", "--cluster", CLUSTER);
    const topic = topics.find((it: { topic: string }) => it.topic === TOPIC);
    const queues = [{ broker: "broker-a", readQueues: 4, writeQueues: 3, perm: 6, sysFlag: 0 }];
    check(
      show(topic) === show({ topic: TOPIC, clusters: [CLUSTER], queues }),
      JSON.stringify(topic),
    );
  });

  await asked("route", async () => {
    const table = await command.succeed(address, "route", TOPIC);
    for (const [id, role, it] of [[0, "master", master], [1, "slave", slave]] as const) {
      const row = new RegExp(`^${CLUSTER} +broker-a +${id} +${role} +${it} +4 +3 +rw$`, "m");
      check(row.test(table), table);
    }
    const { code, output } = await command.run(address, "route", `${TOPIC}x`);
    check(code === 1 && output.includes(`did you mean ${TOPIC}?`), output);
  });

  await asked("top and bench", async () => {
    const top = await command.succeed(address, "top", "--count", "2", "--interval", "100ms");
    check(/ up latency=\S+ .*brokers=2 topics=\d+\n/.test(top), top);
    const load = ["--topic", TOPIC, "--duration", "500ms", "--connections", "2"];
    const { requests, requestsPerSecond, codes } = await command.json(address, "bench", ...load);
    check(requests > 0 && show(codes) === show([{ code: 0, count: requests }]), show(codes));
    return `${requestsPerSecond} answers a second`;
  });
}

async function changeCases(
  cluster: Cluster,
  command: Command,
  name: string,
  address: string,
  broker: string,
): Promise<void> {
  const observer = new Observer(address);
  const changed = (what: string, body: () => Promise<string | void>) =>
    cluster.case(`${name}: ${what}`, body);

  await changed("kv put, get, list, delete", async () => {
    await command.succeed(address, "kv", "put", "interop", "k", "a=b c");
    check(await observer.kv("interop", "k") === "a=b c", "it is not stored");
    check(await command.succeed(address, "kv", "get", "interop", "k") === "a=b c\n", "another one");
    const { pairs } = await command.json(address, "kv", "list", "interop");
    check(show(pairs) === show([{ key: "k", value: "a=b c" }]), JSON.stringify(pairs));
    await command.succeed(address, "kv", "delete", "interop", "k");
    check(await observer.kv("interop", "k") === undefined, "it is still there");
    const missing = await command.run(address, "kv", "get", "interop", "k");
    check(missing.code === 1, missing.output);
  });

  await changed("config get and set", async () => {
    for (const value of ["true", "false"]) {
      await command.succeed(address, "config", "set", "orderMessageEnable", value);
      const stated = (await observer.options()).get("orderMessageEnable");
      check(stated === value, `stated as ${stated}`);
    }
    const [option] = await command.json(address, "config", "get", "listenPort");
    check(address.endsWith(`:${option.value}`), JSON.stringify(option));
    const ignored = await command.run(address, "config", "set", "noSuchOption", "1");
    check(ignored.code === 1 && ignored.output.includes("no option noSuchOption"), ignored.output);
    const denied = await command.run(address, "config", "set", "kvConfigPath", "/x");
    check(denied.code === 1 && denied.output.includes("(code 16)"), denied.output);
  });

  await changed("perm wipe and add", async () => {
    for (const [change, perm] of [["wipe", 4n], ["add", 6n]] as const) {
      const [{ topics }] = await command.json(address, "perm", change, broker);
      check(topics > 0, `${change}: ${topics} topics`);
      const route = await observer.route(TOPIC);
      check(route?.queues.get(broker)?.perm === perm, `${change}: ${show(route)}`);
    }
    const unknown = await command.run(address, "perm", "wipe", "broker-x");
    check(unknown.code === 1 && unknown.output.includes(`did you mean ${broker}?`), unknown.output);
  });
}

async function diffCases(
  cluster: Cluster,
  command: Command,
  ours: string,
  reference: string,
): Promise<void> {
  const servers = `${ours};${reference}`;
  const differences = async () => {
    const { output } = await command.run(servers, "diff", "--json", "--namespace", "interop");
    return JSON.parse(output)[0].differences;
  };

  await cluster.case("diff finds both equal", async () => {
    await eventually(SOON_MS, async () => {
      const { code, output } = await command.run(servers, "diff");
      check(code === 0, `it ended with ${code}:\n${output}`);
    });
  });

  await cluster.case("diff finds what only one has, and topic delete takes it away", async () => {
    await command.succeed(ours, "kv", "put", "interop", "k", "here");
    await command.succeed(reference, "perm", "wipe", "broker-a");
    await command.succeed(reference, "topic", "delete", TOPIC);
    const found: { kind: string; path: string[]; left: string; right: string | null }[] =
      await differences();
    const kinds = new Map(found.map((it) => [`${it.kind} ${it.path.join(" ")}`, it]));
    check(kinds.get("kv interop k")?.left === "here", show(found));
    check(kinds.get(`topic ${TOPIC}`)?.right === null, show(found));
    check(kinds.get("queues TBW102 broker-a")?.right?.endsWith("r-"), show(found));
    await command.succeed(ours, "kv", "delete", "interop", "k");
    await command.succeed(reference, "perm", "add", "broker-a");
    // The broker restores the topic with its next change.
    await cluster.admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC, "-r", "4", "-w", "4");
    await eventually(SOON_MS, async () => {
      const left = await differences();
      check(left.length === 0, show(left));
    });
  });
}
