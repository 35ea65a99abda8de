/** Producers and consumers in Java and Go find their brokers through the name server. */

import { type Cluster, lines, type Work } from "./setup.ts";
import { client } from "./setup.ts";
import { show } from "./observer.ts";
import { check, eventually } from "./suite.ts";

/** Messages per producer. */
const COUNT = 24;

/** The bodies sent by a producer of this language. */
const bodies = (language: "java" | "go"): string[] =>
  Array.from({ length: COUNT }, (_, at) => `${language}-${at}`);

/** Produces and consumes with every client; the topic is on the brokers with these names. */
export async function clientCases(cluster: Cluster, brokers: string[]): Promise<void> {
  const topic = "ClientTopic";
  await cluster.case("a topic for the clients", async () => {
    await cluster.admin.run("updateTopic", "-c", "DefaultCluster", "-t", topic);
    await eventually(30_000, async () => {
      const route = await cluster.observer.route(topic);
      check(route?.queues.size === brokers.length, `the route is ${show(route)}`);
    });
  });
  for (const language of ["java", "go"] as const) {
    await cluster.case(`the ${language} client produces to every master`, async () => {
      const work: Work = { topic, group: `${language}-producers`, count: COUNT, language };
      const sent = await lines(client(cluster, "produce", work), "SENT");
      check(sent.length === COUNT, `sent ${show(sent)}`);
      for (const broker of brokers) {
        check(sent.some((line) => line.startsWith(`${broker} `)), `none went to ${broker}`);
      }
    });
  }
  const expected = [...bodies("java"), ...bodies("go")].sort();
  for (const language of ["java", "go"] as const) {
    await cluster.case(`the ${language} client consumes what both produced`, async () => {
      const count = expected.length;
      const work: Work = { topic, group: `${language}-consumers`, count, language };
      const got = await lines(client(cluster, "consume", work), "GOT");
      check(show(got.sort()) === show(expected), `got ${show(got)}`);
    });
  }
  await cluster.case("the first message makes its topic", async () => {
    const work: Work = { topic: "MadeByItsFirstMessage", group: "makers", count: 1 };
    const sent = await lines(client(cluster, "produce", work), "SENT");
    check(sent.length === 1, show(sent));
    const broker = sent[0]!.split(" ")[0];
    await eventually(30_000, async () => {
      const route = await cluster.observer.route(work.topic);
      check(route?.queues.has(broker!), `the route is ${show(route)}, the message at ${broker}`);
    });
  });
}

/** Produces and consumes with a Java client that writes binary headers. */
export async function binaryClientCases(cluster: Cluster, topic: string): Promise<void> {
  const expected = bodies("java");
  await cluster.case("a Java client with binary headers produces and consumes", async () => {
    const work: Work = { topic, group: "binary", count: COUNT, binary: true };
    const sent = await lines(client(cluster, "produce", work), "SENT");
    check(sent.length === COUNT, `sent ${show(sent)}`);
    const got = await lines(client(cluster, "consume", { ...work, group: "binary-c" }), "GOT");
    check(show(got.sort()) === show([...expected].sort()), `got ${show(got)}`);
  });
}
