/**
 * docs/access.md, "From open to enforced, without a gap": a running cluster goes through its five
 * steps, and back, under running producers and consumers.
 */

import { finish, messagesGoOn } from "./client_output.ts";
import { ACCOUNTS, APP, BROKER, OPS, PERIOD_MS, Rules, TOPIC } from "./access_rules.ts";
import type { Version } from "./artifacts.ts";
import { type Broker, CLUSTER, type Launcher, type NameServer } from "./cluster.ts";
import { Command } from "./command.ts";
import { MqAdmin } from "./mqadmin.ts";
import { Observer, show } from "./observer.ts";
import type { Process } from "./processes.ts";
import { type Cluster, known, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite } from "./suite.ts";
import type { Request } from "../support/frames.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Everyone may read until the last step. */
const READS = "client, cluster:read, topic:list";
const rulesOf = (mode: "audit" | "enforce", anonymous = READS): string =>
  `mode: ${mode}\nanonymous: [${anonymous}]\n${ACCOUNTS}`;
/** Messages that must get through before the next step. */
const SOME = 20;
/** The clients ask for routes twice a second. */
const CLIENTS_KNOW_MS = 2_000;
/** More than a registration period. */
const QUIET_MS = 12_000;
const BROKER_STOP_MS = 90_000;
const NO_PERMISSION = 16;
const WRITE_PERM = 2n;

/** A producer and a consumer, as one. */
interface Clients {
  readonly producer: Process;
  readonly consumer: Process;
}

/** All five steps, and back. */
export function migration(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  const ops = launcher.withCredentials(OPS);
  return withCluster(suite, ops, version, "access, migration", {}, async (cluster) => {
    const servers = [cluster.nameServer, await launcher.nameServer(launcher.kind, {})];
    const namesrv = servers.map(({ address }) => address).join(";");
    const brokers = await Promise.all(
      ["broker-a", "broker-b"].map((name) => launcher.broker({ version, namesrv, name })),
    );
    const rules = [await Rules.make(rulesOf("audit")), await Rules.make(rulesOf("audit"))];
    const admin = await MqAdmin.start(ops, version, namesrv);
    await new Migration({ cluster, launcher, namesrv, servers, brokers, rules, admin }).run();
  });
}

interface Parts {
  readonly cluster: Cluster;
  /** Its peers have no account. */
  readonly launcher: Launcher;
  readonly namesrv: string;
  readonly servers: NameServer[];
  readonly brokers: Broker[];
  /** Of each name server. */
  readonly rules: Rules[];
  readonly admin: MqAdmin;
}

class Migration {
  readonly #parts: Parts;
  readonly #observers: Observer[];

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#observers = parts.servers.map(({ address }) => new Observer(address));
  }

  async run(): Promise<void> {
    const { cluster, brokers, launcher, rules } = this.#parts;
    const isUp = await cluster.case(
      "two brokers without keys are at two open servers",
      () => this.#open(),
    );
    if (!isUp) return;
    const strangers = await this.#clients(launcher);
    const isUsed = await cluster.case("clients without keys use them", () => this.#goOn(strangers));
    if (!isUsed) return;

    await cluster.case("step 1: one server after the other gets rules that audit", async () => {
      for (const index of rules.keys()) {
        await this.#restartWithRules(index);
        await this.#goOn(strangers);
      }
      for (const rule of rules) {
        const told = await rule.audit();
        check(
          told.some(({ outcome, request }) => outcome === "would_deny" && request === 103),
          show(told),
        );
      }
    });
    const isSigned = await cluster.case(
      "step 2: one broker after the other gets an account",
      async () => {
        for (const index of brokers.keys()) {
          await this.#restartWithAccount(index);
          await this.#goOn(strangers);
        }
      },
    );
    if (!isSigned) return;
    const clients = await this.#clients(launcher.withCredentials(APP));
    await cluster.case("step 2: clients get an account", async () => {
      await this.#goOn(clients);
      await this.#finish(strangers);
      await this.#goOn(clients);
    });
    await cluster.case("step 3: the report gets no more rows", async () => {
      const before = await this.#report();
      check(/ broker +\S*broker-a /.test(before) && before.includes(" unsigned "), before);
      await sleep(QUIET_MS);
      const after = await this.#report();
      check(after === before, `before:\n${before}\nafter:\n${after}`);
    });
    await cluster.case("step 4: one server enforces, then both", async () => {
      await rules[0]!.write(rulesOf("enforce"));
      await this.#isAnswered(this.#observers.slice(0, 1), NO_PERMISSION);
      await this.#isAnswered(this.#observers.slice(1), 0);
      await this.#goOn(clients);
      await this.#writeAll(rulesOf("enforce"));
      await this.#isAnswered(this.#observers, NO_PERMISSION);
      await sleep(QUIET_MS);
      await this.#goOn(clients);
      for (const observer of this.#observers) await known(observer, brokers, 0);
    });
    await cluster.case("step 4, rolled back and done again", async () => {
      await this.#writeAll(rulesOf("audit"));
      await this.#isAnswered(this.#observers, 0);
      await this.#goOn(clients);
      await this.#writeAll(rulesOf("enforce"));
      await this.#isAnswered(this.#observers, NO_PERMISSION);
    });
    await cluster.case("step 5: no routes without an account", async () => {
      await this.#writeAll(rulesOf("enforce", "cluster:read, topic:list"));
      const route = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: TOPIC } };
      await this.#isAnswered(this.#observers, NO_PERMISSION, route);
      await this.#goOn(clients);
    });
    await cluster.case("no send failed in all that time", async () => {
      const sent = await this.#finish(clients);
      return `${sent} messages of the last producer`;
    });
  }

  async #open(): Promise<void> {
    const { brokers, admin } = this.#parts;
    for (const observer of this.#observers) await known(observer, brokers);
    await admin.run("updateTopic", "-c", CLUSTER, "-t", TOPIC);
    await this.#writable(brokers);
  }

  /** Waits until all name servers have the topic on all of these brokers. */
  async #writable(brokers: readonly Broker[]): Promise<void> {
    for (const observer of this.#observers) {
      await eventually(PERIOD_MS, async () => {
        const route = await observer.route(TOPIC);
        const all = brokers.every(({ name }) =>
          ((route?.queues.get(name)?.perm ?? 0n) & WRITE_PERM) !== 0n
        );
        check(all, `${observer.address}: the route is ${show(route)}`);
      });
    }
  }

  async #clients(launcher: Launcher): Promise<Clients> {
    const { cluster: { version }, namesrv } = this.#parts;
    const start = (command: string) => {
      const args = ["InteropClient", command, namesrv, TOPIC, `migration-${command}`, "0"];
      return launcher.java(version, command, args, { input: true });
    };
    return { consumer: await start("keep-consuming"), producer: await start("keep-producing") };
  }

  #goOn({ producer, consumer }: Clients): Promise<void> {
    return messagesGoOn(producer, consumer, SOME);
  }

  /** Ends the clients, none of whose messages may have failed; returns how many were sent. */
  async #finish({ producer, consumer }: Clients): Promise<number> {
    const sent = await finish(producer, "SENT");
    const failed = (await producer.output()).split("\n").filter((line) => /^FAILED/.test(line));
    check(failed.length === 0, failed.join("\n"));
    await finish(consumer, "GOT");
    return sent.length;
  }

  async #restartWithRules(index: number): Promise<void> {
    const { launcher, servers, rules, brokers } = this.#parts;
    const server = servers[index]!;
    await server.process!.stop();
    const config = { ...rules[index]!.config, listenPort: String(server.port) };
    await launcher.nameServer(launcher.kind, config);
    await known(this.#observers[index]!, brokers);
  }

  async #restartWithAccount(index: number): Promise<void> {
    const { launcher, brokers, admin } = this.#parts;
    const broker = brokers[index]!;
    await admin.run("wipeWritePerm", "-b", broker.name);
    await sleep(CLIENTS_KNOW_MS);
    // Its tidy end takes seconds where nothing else runs.
    await broker.process.stop("SIGTERM", BROKER_STOP_MS);
    const again = brokers[index] = await launcher.withCredentials(BROKER).restart(broker);
    for (const observer of this.#observers) await known(observer, brokers);
    await this.#writable([again]);
    await sleep(CLIENTS_KNOW_MS);
  }

  async #report(): Promise<string> {
    const { cluster, namesrv, rules } = this.#parts;
    const file = `${rules[0]!.folder}/tools.yml`;
    const { accessKey, secretKey } = OPS;
    await Deno.writeTextFile(file, `accessKey: ${accessKey}\nsecretKey: ${secretKey}\n`);
    const command = await Command.of(cluster);
    const { code, output } = await command.run(namesrv, "access", "report", "--credentials", file);
    check(code === 1, `access report ended with ${code}:\n${output}`);
    return output;
  }

  async #writeAll(text: string): Promise<void> {
    for (const rule of this.#parts.rules) await rule.write(text);
  }

  /** Waits until servers answer a stranger's request with this code. */
  async #isAnswered(
    observers: readonly Observer[],
    expected: number,
    request: Request = { code: RequestCode.GET_NAMESRV_CONFIG },
  ): Promise<void> {
    for (const observer of observers) {
      await eventually(30_000, async () => {
        const { code } = await observer.ask(request);
        check(code === expected, `${observer.address} answers a stranger ${code}`);
      });
    }
  }
}
