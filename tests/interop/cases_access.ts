/** Access control with real peers: signed, by certificate, without and with wrong keys. */

import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import {
  account,
  ACCOUNTS,
  APP,
  BROKER,
  listed,
  OPS,
  PERIOD_MS,
  PROXY,
  Rules,
  START_MS,
  TOPIC,
} from "./access_rules.ts";
import type { Version } from "./artifacts.ts";
import { HOMES, type Launcher, type Proxy } from "./cluster.ts";
import { show } from "./observer.ts";
import { client, type Cluster, lines, withCluster } from "./setup.ts";
import { check, eventually, type Suite, within } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const COUNT = 8;
const WRONG_APP = account(APP.accessKey, "wrong");

/** A rule for a broker that can't sign, or does not. */
const allowing = (name: string): string =>
  `networks: [{from: [127.0.0.1], may: [{broker: {name: ${name}}}]}]\n`;

/** 5.5 brokers sign what they send. */
export async function signedCluster(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  const rules = await Rules.make(`mode: enforce\n${ACCOUNTS}`);
  const ops = launcher.withCredentials(OPS);
  await withCluster(suite, ops, version, "access, signed", rules.config, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const start = (name: string, as: Launcher, config = {}) =>
      as.broker({ version, namesrv, name, config });
    const signed = await start("broker-a", launcher.withCredentials(BROKER));
    // It registers only when a query of its data version tells it to.
    const unsigned = await start("broker-u", launcher, { forceRegister: "false" });
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
    const proxies = {
      signed: await launcher.withCredentials(PROXY).proxy(namesrv),
      wrong: await launcher.withCredentials(account(PROXY.accessKey, "wrong")).proxy(namesrv),
      unsigned: await launcher.proxy(namesrv),
    };
    await useTopic(cluster, launcher);
    await refusedTools(cluster, launcher);
    await throughProxies(cluster, rules, proxies);

    await cluster.case("a broker without keys, or with another's name, is not", async () => {
      // A broker that has not found a reachable name server yet when it starts does not register then:
      // with forceRegister=false only its query is sure to come.
      const wanted = [
        { request: RequestCode.QUERY_DATA_VERSION, resource: `DefaultCluster/${unsigned.name}` },
        { request: RequestCode.REGISTER_BROKER, resource: "DefaultCluster/broker-x" },
      ];
      await eventually(START_MS, async () => {
        const denied = (await rules.audit()).filter(({ outcome }) => outcome === "denied");
        for (const { request, resource } of wanted) {
          check(
            denied.some((record) => record.request === request && record.resource === resource),
            `${request} of ${resource} not refused`,
          );
        }
      });
      const list = await cluster.admin.run("clusterList");
      check(!/broker-[ux]/.test(list), list);
      check(!unsigned.process.ended, "the broker has ended");
    });

    await cluster.case("once it is allowed, it is back within a period", async () => {
      await rules.write(`mode: enforce\n${allowing(unsigned.name)}${ACCOUNTS}`);
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
  for (
    const { language, name, noRoute } of [
      { language: "go", name: "Go", noRoute: /route info not found/ },
      { language: "python", name: "Python", noRoute: /No route info of this topic/ },
    ] as const
  ) {
    const work = { topic: TOPIC, count: COUNT, language };
    await cluster.case(`a ${name} producer and consumer with keys`, async () => {
      const sent = await lines(
        client(app, "produce", { ...work, group: `${language}-producers` }),
        "SENT",
      );
      check(sent.length === COUNT, `sent ${show(sent)}`);
      const got = await lines(
        client(app, "consume", { ...work, group: `${language}-consumers` }),
        "GOT",
      );
      check(got.length === COUNT, `got ${show(got)}`);
    });
    await cluster.case(
      `a ${name} producer without keys, or with wrong ones, gets no route`,
      async () => {
        for (const as of [launcher, launcher.withCredentials(WRONG_APP)]) {
          const stranger = { ...cluster, launcher: as };
          const producer = await client(stranger, "produce", {
            ...work,
            group: `${language}-strangers`,
          });
          const { success } = await within(120_000, `the ${name} producer`, producer.status);
          const output = await producer.output();
          check(!success && noRoute.test(output), output.slice(-2000));
        }
      },
    );
  }
  for (
    const [what, as] of [
      ["without keys", launcher],
      ["with wrong keys", launcher.withCredentials(WRONG_APP)],
    ] as const
  ) {
    await cluster.case(`a producer ${what} gets no route`, async () => {
      const stranger = { ...cluster, launcher: as };
      const producer = await client(stranger, "produce", { topic: TOPIC, group: "S", count: 1 });
      // Its threads keep it running after the exception.
      await eventually(120_000, async () => {
        const output = await producer.output();
        check(output.includes(`No route info of this topic: ${TOPIC}`), output.slice(-2000));
      });
      producer.kill();
    });
  }
}

/** Clients of RocketMQ 5 know only a proxy, which asks for their routes. */
async function throughProxies(
  { case: test, launcher }: Cluster,
  rules: Rules,
  { signed, wrong, unsigned }: Record<"signed" | "wrong" | "unsigned", Proxy>,
): Promise<void> {
  await test("a gRPC producer and consumer through a proxy with keys", async () => {
    await signed.process.says("rocketmq-proxy startup successfully", START_MS);
    const run = (command: "produce" | "consume") => {
      const args = [command, signed.address, TOPIC, `grpc-${command}`, String(COUNT)];
      return launcher.python("grpc", command, args);
    };
    const sent = await lines(run("produce"), "SENT");
    check(sent.length === COUNT, `sent ${show(sent)}`);
    const got = await lines(run("consume"), "GOT");
    check(got.length === COUNT, `got ${show(got)}`);
  });
  await test("a proxy with wrong keys, or with none, does not start", async () => {
    for (const { process } of [wrong, unsigned]) {
      const { success } = await within(START_MS, process.name, process.status);
      check(!success, `${process.name} ended without an error`);
    }
    const isWrong = (await rules.audit()).some(({ request, account, reason }) =>
      request === RequestCode.GET_ROUTEINFO_BY_TOPIC && account === `?${PROXY.accessKey}` &&
      reason === "bad_signature"
    );
    check(isWrong, "no bad signature in the audit log");
  });
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
export async function certifiedCluster(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  await Deno.mkdir(HOMES, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: HOMES, prefix: "access-tls-" });
  await makeAuthority(folder, "ca");
  for (const name of ["namesrv", "broker"]) await makeCertificate(folder, name, "ca");
  const certified = "certificates: [{name: old-brokers, subjectCN: broker, may: [broker]}]\n";
  const rules = await Rules.make(`mode: enforce\n${certified}${ACCOUNTS}`);
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
    const plain = await launcher.broker({
      version,
      namesrv,
      name: "broker-p",
      config: { forceRegister: "false" },
    });
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
          outcome === "denied" && request === RequestCode.REGISTER_BROKER &&
          resource === `DefaultCluster/${plain.name}`
        );
        check(refused, "no refusal in the audit log");
      });
    });
    await useTopic(cluster, launcher);
    await refusedTools(cluster, launcher);
    await cluster.case("the plain broker is back within a period once it is allowed", async () => {
      await rules.write(`mode: enforce\n${allowing(plain.name)}${certified}${ACCOUNTS}`);
      return `${await listed(cluster, plain.name, PERIOD_MS)} ms`;
    });
  });
}
