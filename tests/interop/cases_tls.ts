/** Brokers, tools and clients that speak TLS with the name server. */

import type { Version } from "./artifacts.ts";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import { HOMES, type Launcher } from "./cluster.ts";
import { show } from "./observer.ts";
import { client, type Cluster, known, lines, withCluster, type Work } from "./setup.ts";
import { check, eventually, type Suite, within } from "./suite.ts";

const COUNT = 8;

/** With the test mode's certificate, and with certificates for server and clients. */
export async function tlsClusters(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  for (const mode of ["permissive", "enforcing"]) {
    await testMode(suite, launcher, version, mode);
    await certificates(suite, launcher, version, mode);
  }
}

async function testMode(suite: Suite, launcher: Launcher, version: Version, mode: string) {
  const secured = launcher.withJvm("-Dtls.enable=true");
  const name = `TLS, ${mode}, test mode`;
  await withCluster(suite, secured, version, name, { "tls.server.mode": mode }, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const broker = await secured.broker({ version, namesrv, name: "broker-tls" });
    if (mode === "permissive") {
      const plain = await launcher.broker({ version: "4.9.7", namesrv, name: "broker-plain" });
      const together = await cluster.case(
        "a broker with TLS and a plain one register",
        async () => {
          await known(cluster.observer, [broker, plain]);
        },
      );
      if (!together) return;
    }
    await useCluster(cluster, [broker.name]);
  });
}

async function certificates(suite: Suite, launcher: Launcher, version: Version, mode: string) {
  await Deno.mkdir(HOMES, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: HOMES, prefix: "certificates-" });
  await makeAuthority(folder, "ca");
  for (const name of ["namesrv", "client"]) await makeCertificate(folder, name, "ca");
  // The file that docs/tls.md has for clients, and the lines that brokers need, which are servers, too.
  const forClients = {
    "tls.test.mode.enable": "false",
    "tls.client.keyPath": `${folder}/client.key`,
    "tls.client.certPath": `${folder}/client.pem`,
    "tls.client.authServer": "true",
    "tls.client.trustCertPath": `${folder}/ca.pem`,
  };
  const forBrokers = {
    ...forClients,
    "tls.server.keyPath": `${folder}/client.key`,
    "tls.server.certPath": `${folder}/client.pem`,
  };
  const tlsFile = async (name: string, entries: Record<string, string>) => {
    const file = `${folder}/${name}`;
    const text = Object.entries(entries).map(([key, value]) => `${key}=${value}\n`).join("");
    await Deno.writeTextFile(file, text);
    return launcher.withJvm("-Dtls.enable=true", `-Dtls.config.file=${file}`);
  };
  const config = {
    "tls.server.mode": mode,
    "tls.test.mode.enable": "false",
    "tls.server.keyPath": `${folder}/namesrv.key`,
    "tls.server.certPath": `${folder}/namesrv.pem`,
    "tls.server.need.client.auth": "require",
    "tls.server.authClient": "true",
    "tls.server.trustCertPath": `${folder}/ca.pem`,
  };
  const secured = await tlsFile("tls.properties", forBrokers);
  const name = `TLS, ${mode}, certificates`;
  await withCluster(suite, secured, version, name, config, async (cluster) => {
    const namesrv = cluster.nameServer.address;
    const { name } = await secured.broker({ version, namesrv, name: "broker-tls" });
    await useCluster(cluster, [name]);
    await cluster.case("a broker with the file for clients does not start", async () => {
      const bare = await tlsFile("tls-client.properties", forClients);
      const { process } = await bare.broker({ version, namesrv, name: "broker-bare" });
      const { success } = await within(120_000, "the broker's end", process.status);
      check(!success && (await process.output()).includes("keyCertChain"), "it started");
    });
  });
}

/** Everything over TLS: the tool, a producer, a consumer. */
async function useCluster(cluster: Cluster, brokers: string[]): Promise<void> {
  const topic = "TlsTopic";
  const isUp = await cluster.case("mqadmin finds the broker, and makes a topic", async () => {
    await eventually(120_000, async () => {
      const list = await cluster.admin.attempt("clusterList");
      for (const broker of brokers) check(list.includes(broker), `clusterList says ${list}`);
    });
    await cluster.admin.run("updateTopic", "-c", "DefaultCluster", "-t", topic);
    await eventually(30_000, async () => {
      const route = await cluster.admin.attempt("topicRoute", "-t", topic);
      for (const broker of brokers) check(route.includes(broker), `topicRoute says ${route}`);
    });
  });
  if (!isUp) return;
  await cluster.case("a producer and a consumer", async () => {
    const work: Work = { topic, group: "tls-producers", count: COUNT };
    const sent = await lines(client(cluster, "produce", work), "SENT");
    check(sent.length === COUNT, `sent ${show(sent)}`);
    const got = await lines(client(cluster, "consume", { ...work, group: "tls-consumers" }), "GOT");
    const expected = Array.from({ length: COUNT }, (_, at) => `java-${at}`);
    check(show(got.sort()) === show(expected), `got ${show(got)}`);
  });
}
