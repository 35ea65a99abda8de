import { describe, it } from "@std/testing/bdd";
import { kvPut, registration } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { BROKER_A, ConsoleWorld } from "./support.ts";

const BROKER_B = {
  name: "broker-b",
  addr: "10.0.0.2:10911",
  topics: [{ name: "Only-here" }, { name: "Also-here" }],
};

describe("the compare page", () => {
  it("says what another server lacks and why, what differs, and that a third one is down", async () => {
    await using home = await Home.make();
    await using other = await ServerProcess.start({ home, args: ["--clusterTest=true"] });
    const [port, down] = [freePort(), freePort()];
    const addresses = [port, other.port, down].map((it) => `127.0.0.1:${it}`);
    const [self = "", there = "", gone = ""] = addresses;
    await using world = await ConsoleWorld.open({
      brokers: [BROKER_A, BROKER_B],
      args: [`--listenPort=${port}`, `--namesrvAddrs=${addresses.join(";")}`],
    });
    const { page } = world;
    await using broker = await Peer.connect(other.port);
    await broker.call(registration(BROKER_A));
    await world.ask(kvPut("N", "K", "here"));
    await broker.call(kvPut("N", "K", "there"));

    await world.go("#/compare");
    await page.getByText(`Broker groups that ${self} knows, and ${there} does not: 1`).waitFor();
    await page.getByText('The classic cause of "No route info of this topic"').waitFor();
    await page.getByText("last heartbeat here").waitFor();
    await page.getByText(`Topics that ${self} knows, and ${there} does not: 2`).waitFor();
    const topics = page.getByRole("region", { name: "Topics" });
    await topics.getByRole("row", { name: "Only-here" }).getByText("missing").waitFor();
    await page.getByText("Keys with another value: 1").waitFor();
    await page.getByRole("region", { name: "Broker groups" })
      .getByRole("row", { name: "broker-b" }).waitFor();

    const servers = page.getByRole("region", { name: "Name servers of the group" }).last();
    await servers.getByRole("row", { name: gone }).getByText("does not answer").waitFor();
    await page.getByText(`The configuration of ${gone} could not be read`).waitFor();
    await page.getByRole("row", { name: "clusterTest" }).getByText("true").waitFor();
    await world.expectAccessible();

    await page.getByRole("link", { name: `Compare with ${gone}` }).click();
    await page.getByRole("heading", { name: gone }).waitFor();
    await page.getByRole("main").getByRole("alert").first().waitFor();
    await page.getByText(/^.* have the same brokers/).waitFor({ state: "detached" });

    await broker.call(registration(BROKER_B));
    await broker.call(kvPut("N", "K", "here"));
    await page.getByRole("link", { name: `Compare with ${there}` }).click();
    // The server gives the same answer to all who ask within some seconds.
    const again = page.getByRole("button", { name: "Compare again" }).last();
    const equal = page.getByText("have the same brokers, topics and KV values");
    await until(async () => {
      const answered = page.waitForResponse((it) => it.url().includes("/api/v1/compare?"));
      await again.click();
      await answered;
      return await equal.isVisible();
    }, "the servers are shown as equal");
  });

  it("says that it knows no other server", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/compare");
    await world.page.getByText("List all of them in the option namesrvAddrs").waitFor();
    await world.expectAccessible();
  });
});
