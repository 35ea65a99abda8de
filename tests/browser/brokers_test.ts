import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConsoleWorld } from "./support.ts";

const MARKUP = `<img src=x onerror="document.title='gone'">`;
const RIGHT_TO_LEFT = "\u202emorf\u05d0";
const TOPICS = [{ name: "Orders" }, { name: MARKUP }, { name: RIGHT_TO_LEFT }];
const BROKERS = [
  { name: "broker-a", addr: "10.0.0.1:10911", topics: TOPICS },
  { name: "broker-a", id: 1, addr: "10.0.0.2:10911", topics: TOPICS },
  {
    name: "broker-b",
    cluster: "Other",
    id: 2,
    addr: "10.0.0.3:10911",
    enableActingMaster: true,
    topics: [{ name: "Orders" }, { name: "Bills" }],
  },
  { name: MARKUP, cluster: RIGHT_TO_LEFT, addr: "10.0.0.4:10911", topics: TOPICS },
];

describe("the pages about brokers", () => {
  it("show all brokers by cluster and group with their roles, and find groups", async () => {
    const args = ["--supportActingMaster=true"];
    await using world = await ConsoleWorld.open({ args, brokers: BROKERS });
    const { page } = world;
    await world.go("#/brokers");
    const row = (address: string) => page.getByRole("row").filter({ hasText: address });
    await row("10.0.0.1:10911").getByText("master", { exact: true }).waitFor();
    await row("10.0.0.2:10911").getByText("slave", { exact: true }).waitFor();
    await row("10.0.0.3:10911").getByText("acting master").waitFor();
    await row("10.0.0.3:10911").getByText("confirmed").waitFor();
    await row("10.0.0.1:10911").getByText("no TLS").waitFor();
    await world.expectAccessible();

    await page.getByLabel("Cluster", { exact: true }).selectOption("Other");
    await page.getByText("1–1 of 1").waitFor();
    await page.getByLabel("Cluster", { exact: true }).selectOption("");
    await page.getByLabel("Search groups").fill("BROKER-A");
    await page.getByText("1–1 of 1").waitFor();
    await page.getByLabel("Search groups").fill("nope");
    await page.getByText("No group has a name like this.").waitFor();
  });

  it("show a group with its brokers, topics and changes; what it is narrowed to is kept", async () => {
    await using world = await ConsoleWorld.open({ brokers: BROKERS });
    const { page } = world;
    await world.go("#/brokers?search=broker-a");
    await page.getByRole("link", { name: "broker-a" }).first().click();
    await page.getByRole("heading", { name: "broker-a" }).waitFor();
    await page.getByRole("cell", { name: "10.0.0.2:10911" }).waitFor();
    await page.getByRole("cell", { name: "Orders" }).waitFor();
    assert.equal(await page.getByRole("cell", { name: "Bills" }).count(), 0);
    const story = page.getByRole("region", { name: "Changes" });
    await story.getByText("address=10.0.0.1:10911").first().waitFor();
    assert.equal(await story.getByText("10.0.0.3:10911").count(), 0);
    await world.expectAccessible();
    await page.goBack();
    await page.getByText("1–1 of 1").waitFor();
    assert.equal(await page.getByLabel("Search groups").inputValue(), "broker-a");
  });

  it("show names with markup, or from right to left, as the text that they are", async () => {
    await using world = await ConsoleWorld.open({ brokers: BROKERS });
    const { page } = world;
    await world.go("#/brokers");
    await page.getByRole("link", { name: MARKUP }).click();
    await page.getByRole("heading", { name: MARKUP }).waitFor();
    await page.getByRole("cell", { name: MARKUP }).waitFor();
    const cluster = page.locator("dt:has-text('Cluster') + dd bdi");
    assert.equal(await cluster.textContent(), RIGHT_TO_LEFT);
    assert.equal(await cluster.getAttribute("dir"), "auto");
    await page.getByRole("link", { name: RIGHT_TO_LEFT }).first().click();
    await page.getByRole("heading", { name: RIGHT_TO_LEFT }).waitFor();
    await page.getByRole("link", { name: "All topics" }).click();
    await page.getByRole("link", { name: MARKUP }).click();
    await page.getByRole("img", { name: MARKUP }).waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.notEqual(await page.title(), "gone");
    await world.expectAccessible();
  });

  it("say that nothing is known of a group that there is not", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/brokers/nope");
    await world.page.getByText("No broker of this group is known now.").waitFor();
    await world.page.getByText("This group has no topics.").waitFor();
  });
});
