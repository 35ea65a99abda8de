/** Access control with real peers: signed, by certificate, without and with wrong keys. */

import type { AuditRecord } from "../../src/audit/record.ts";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import type { Version } from "./artifacts.ts";
import { finish, saidBy } from "./cases_graceful.ts";
import { type Credentials, HOMES, type Launcher } from "./cluster.ts";
import { show } from "./observer.ts";
import { client, type Cluster, lines, withCluster } from "./setup.ts";
import { check, eventually, sleep, type Suite, within } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const SECRET = "an-interop-secret-of-40-characters-or-so";
const account = (accessKey: string, secretKey = SECRET): Credentials => ({ accessKey, secretKey });
const OPS = account("AK-ops");
const APP = account("AK-app");
const BROKER = account("AK-broker");
const TOPIC = "AccessTopic";
const COUNT = 8;
/** Brokers register every 10 s here; one that starts takes longer. */
const START_MS = 90_000;
const PERIOD_MS = 25_000;

const ACCOUNTS = `accounts:
  - {accessKey: AK-ops, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-app, secret: ${SECRET}, may: [{client: [${TOPIC}, "%RETRY%*", TBW102]}]}
  - {accessKey: AK-broker, secret: ${SECRET}, may: [{broker: {cluster: DefaultCluster, name: [broker-a]}}]}
`;

/** The files of a guarded name server. */
class Rules {
  private constructor(readonly folder: string) {}

  static async make(text: string): Promise<Rules> {
    await Deno.mkdir(HOMES, { recursive: true });
    const rules = new Rules(await Deno.makeTempDir({ dir: HOMES, prefix: "access-" }));
    await rules.write(text);
    return rules;
  }

  get config(): Record<string, string> {
    return { accessFile: `${this.folder}/access.yml`, auditFile: `${this.folder}/audit.log` };
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/access.yml`, text, { mode: 0o600 });
  }

  async audit(): Promise<AuditRecord[]> {
    const text = await Deno.readTextFile(`${this.folder}/audit.log`);
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }
}

/** All cases with brokers of a version. */
export async function accessControl(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  // Only ours has rules, and one that was already running has its own.
  if (launcher.kind !== "ours" || launcher.running !== undefined) return;
  if (version.startsWith("5.")) {
    await signedCluster(suite, launcher, version);
    await migration(suite, launcher, version);
  } else {
    await certifiedCluster(suite, launcher, version);
  }
}

async function listed(cluster: Cluster, name: string, ms: number): Promise<number> {
  const { after } = await eventually(ms, async () => {
    const list = await cluster.admin.attempt("clusterList");
    check(list.includes(` ${name} `), `clusterList says ${list.slice(0, 500)}`);
  });
  return after;
}

/** 5.5 brokers sign what they send. */
async function signedCluster(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  const rules = await Rules.make(`mode: enforce\n${ACCOUNTS}`);
  const ops = launcher.withCredentials(OPS);
  await withCluster(suite, ops, version, "access, signed", rules.config, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const start = (name: string, as: Launcher) => as.broker({ version, namesrv, name });
    const signed = await start("broker-a", launcher.withCredentials(BROKER));
    const unsigned = await start("broker-u", launcher);
    await start("broker-x", launcher.withCredentials(BROKER));

    const isUp = await cluster.case(
      "a signed broker is in the cluster, mqadmin signs, too",
      async () => {
        await listed(cluster, signed.name, START_MS);
        await cluster.admin.run("updateTopic", "-b", signed.address, "-t", TOPIC);
        await eventually(PERIOD_MS, async () => {
          const route = await cluster.admin.attempt("topicRoute", "-t", TOPIC);
          check(route.includes(signed.name), route);
        });
      },
    );
    if (!isUp) return;
    await useTopic(cluster, launcher);
    await refusedTools(cluster, launcher);

    await cluster.case("a broker without keys, or with another's name, is not", async () => {
      await eventually(START_MS, async () => {
        const refused = (await rules.audit()).filter(({ outcome, request }) =>
          outcome === "denied" && request === 103
        );
        for (const resource of [unsigned.name, "broker-x"].map((it) => `DefaultCluster/${it}`)) {
          check(refused.some((record) => record.resource === resource), `${resource} not refused`);
        }
      });
      const list = await cluster.admin.run("clusterList");
      check(!/broker-[ux]/.test(list), list);
      check(!unsigned.process.ended, "the broker has ended");
    });

    await cluster.case("once it is allowed, it is back within a period", async () => {
      await rules.write(
        `mode: enforce\nnetworks: [{from: [127.0.0.1], may: [{broker: {name: broker-u}}]}]\n${ACCOUNTS}`,
      );
      return `${await listed(cluster, unsigned.name, PERIOD_MS)} ms`;
    });
  });
}

/** A producer and a consumer with keys, and without. */
async function useTopic(cluster: Cluster, launcher: Launcher): Promise<void> {
  const app = { ...cluster, launcher: launcher.withCredentials(APP) };
  await cluster.case("a producer and a consumer with keys", async () => {
    const sent = await lines(
      client(app, "produce", { topic: TOPIC, group: "P", count: COUNT }),
      "SENT",
    );
    check(sent.length === COUNT, `sent ${show(sent)}`);
    const got = await lines(
      client(app, "consume", { topic: TOPIC, group: "C", count: COUNT }),
      "GOT",
    );
    check(got.length === COUNT, `got ${show(got)}`);
  });
  const go = { topic: TOPIC, count: COUNT, language: "go" } as const;
  await cluster.case("a Go producer and consumer with keys", async () => {
    const sent = await lines(client(app, "produce", { ...go, group: "GP" }), "SENT");
    check(sent.length === COUNT, `sent ${show(sent)}`);
    const got = await lines(client(app, "consume", { ...go, group: "GC" }), "GOT");
    check(got.length === COUNT, `got ${show(got)}`);
  });
  await cluster.case("a Go producer without keys gets no route", async () => {
    const stranger = { ...cluster, launcher };
    const producer = await client(stranger, "produce", { ...go, group: "GS" });
    const { success } = await within(60_000, "the Go producer", producer.status);
    const output = await producer.output();
    check(!success && /route info not found/.test(output), output.slice(-2000));
  });
  for (
    const [what, as] of [
      ["without keys", launcher],
      ["with wrong keys", launcher.withCredentials(account("AK-app", "wrong"))],
    ] as const
  ) {
    await cluster.case(`a producer ${what} gets no route`, async () => {
      const stranger = { ...cluster, launcher: as };
      const producer = await client(stranger, "produce", { topic: TOPIC, group: "S", count: 1 });
      // Its threads keep it running after the exception.
      await eventually(60_000, async () => {
        const output = await producer.output();
        check(output.includes(`No route info of this topic: ${TOPIC}`), output.slice(-2000));
      });
      producer.kill();
    });
  }
}

/** mqadmin by other accounts. */
async function refusedTools(cluster: Cluster, launcher: Launcher): Promise<void> {
  const { version, nameServer: { address } } = cluster;
  const wipe = async (as: Launcher) => {
    const process = await as.java(version, "mqadmin", [
      "org.apache.rocketmq.tools.command.MQAdminStartup",
      "wipeWritePerm",
      "-n",
      address,
      "-b",
      "broker-a",
    ]);
    await process.status;
    return await process.output();
  };
  for (
    const [what, as, remark] of [
      [
        "an application's keys",
        launcher.withCredentials(APP),
        "AK-app may not perm:write on broker-a",
      ],
      [
        "wrong keys",
        launcher.withCredentials(account("AK-ops", "wrong")),
        "needs an account that may",
      ],
      ["no keys", launcher, "perm:write on broker-a needs an account that may do it"],
    ] as const
  ) {
    await cluster.case(`mqadmin with ${what} is refused, and shows why`, async () => {
      const output = await wipe(as);
      check(output.includes("CODE: 16  DESC: access denied: "), output.slice(-2000));
      check(output.includes(remark), output.slice(-2000));
    });
  }
}

/** Brokers of 4.9 can't sign: they have a certificate. */
async function certifiedCluster(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  await Deno.mkdir(HOMES, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: HOMES, prefix: "access-tls-" });
  await makeAuthority(folder, "ca");
  for (const name of ["namesrv", "broker"]) await makeCertificate(folder, name, "ca");
  const rules = await Rules.make(
    `mode: enforce\ncertificates: [{name: old-brokers, subjectCN: broker, may: [broker]}]\n${ACCOUNTS}`,
  );
  const config = {
    ...rules.config,
    "tls.test.mode.enable": "false",
    "tls.server.keyPath": `${folder}/namesrv.key`,
    "tls.server.certPath": `${folder}/namesrv.pem`,
    "tls.server.need.client.auth": "optional",
    "tls.server.authClient": "true",
    "tls.server.trustCertPath": `${folder}/ca.pem`,
  };
  const file = `${folder}/tls.properties`;
  const key = `${folder}/broker.key`;
  const certificate = `${folder}/broker.pem`;
  await Deno.writeTextFile(
    file,
    `tls.test.mode.enable=false
tls.client.keyPath=${key}
tls.client.certPath=${certificate}
tls.client.authServer=true
tls.client.trustCertPath=${folder}/ca.pem
tls.server.keyPath=${key}
tls.server.certPath=${certificate}
`,
  );
  const ops = launcher.withCredentials(OPS);
  await withCluster(suite, ops, version, "access, certificate", config, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const withTls = launcher.withJvm("-Dtls.enable=true", `-Dtls.config.file=${file}`);
    const known = await withTls.broker({ version, namesrv, name: "broker-a" });
    const plain = await launcher.broker({ version, namesrv, name: "broker-p" });
    const isUp = await cluster.case("a broker with a certificate is in the cluster", async () => {
      await listed(cluster, known.name, START_MS);
      await cluster.admin.run("updateTopic", "-b", known.address, "-t", TOPIC);
      await eventually(PERIOD_MS, async () => {
        const route = await cluster.admin.attempt("topicRoute", "-t", TOPIC);
        check(route.includes(known.name), route);
      });
    });
    if (!isUp) return;
    await cluster.case("a plain broker is refused", async () => {
      await eventually(START_MS, async () => {
        const refused = (await rules.audit()).some(({ outcome, request, resource }) =>
          outcome === "denied" && request === 103 && resource === `DefaultCluster/${plain.name}`
        );
        check(refused, "no refusal in the audit log");
      });
    });
    await useTopic(cluster, launcher);
    await refusedTools(cluster, launcher);
  });
}

/** docs/access.md, "From open to enforced, without a gap", under a running producer and consumer. */
async function migration(suite: Suite, launcher: Launcher, version: Version): Promise<void> {
  const rules = await Rules.make(`mode: audit\n${ACCOUNTS}`);
  const ops = launcher.withCredentials(OPS);
  const app = launcher.withCredentials(APP);
  await withCluster(suite, ops, version, "access, migration", rules.config, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const open = await launcher.broker({ version, namesrv, name: "broker-a" });
    const isUp = await cluster.case(
      "audit refuses nothing, and tells who does not sign",
      async () => {
        await listed(cluster, open.name, START_MS);
        await cluster.admin.run("updateTopic", "-b", open.address, "-t", TOPIC);
        const told = await rules.audit();
        check(
          told.some(({ outcome, request }) => outcome === "would_deny" && request === 103),
          show(told),
        );
      },
    );
    if (!isUp) return;
    const start = (command: string) => {
      const args = ["InteropClient", command, namesrv, TOPIC, `migration-${command}`, "0"];
      return app.java(version, command, args, { input: true });
    };
    const consumer = await start("keep-consuming");
    const producer = await start("keep-producing");
    const goOn = async () => {
      const [sent, got] = [await saidBy(producer, "SENT"), await saidBy(consumer, "GOT")];
      await eventually(60_000, async () => {
        const more = (await saidBy(producer, "SENT")).length - sent.length;
        const received = (await saidBy(consumer, "GOT")).length - got.length;
        check(more >= 20 && received >= 20, `${more} were sent, ${received} received`);
      });
    };
    await cluster.case("clients with keys use it", goOn);
    await cluster.case(
      "the broker is allowed by its network, then enforced: clients go on",
      async () => {
        const network = "networks: [{from: [127.0.0.1], may: [{broker: {name: broker-a}}]}]\n";
        await rules.write(`mode: enforce\n${network}${ACCOUNTS}`);
        await eventually(15_000, async () => {
          const { code } = await cluster.observer.ask({
            code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
          });
          check(code === 16, `a stranger is answered ${code}`);
        });
        await goOn();
        // More than a registration period.
        await sleep(12_000);
        await goOn();
        check(
          (await cluster.admin.run("clusterList")).includes(" broker-a "),
          "the broker is gone",
        );
      },
    );
    await cluster.case("back to audit: clients go on", async () => {
      await rules.write(`mode: audit\n${ACCOUNTS}`);
      await eventually(15_000, async () => {
        const { code } = await cluster.observer.ask({
          code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        });
        check(code === 0, `a stranger is answered ${code}`);
      });
      await goOn();
    });
    await cluster.case("no send failed in all that time", async () => {
      const sent = await finish(producer, "SENT");
      const failed = (await producer.output()).split("\n").filter((line) => /^FAILED/.test(line));
      check(failed.length === 0, failed.join("\n"));
      await finish(consumer, "GOT");
      return `${sent.length} messages`;
    });
  });
}
