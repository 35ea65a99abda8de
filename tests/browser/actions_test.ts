import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { kvGet, routeQuery } from "../support/brokers.ts";
import { BROKER_A, ConsoleWorld, RULES } from "./support.ts";

const BROKER_B = {
  cluster: "Other",
  name: "broker-b",
  addr: "10.0.0.2:10911",
  topics: [{ name: "Orders" }, { name: "Invoices" }],
};

/** The permission of each broker for a topic, by broker name. */
async function permissions(world: ConsoleWorld, topic: string): Promise<Record<string, number>> {
  const { code, body } = await world.ask(routeQuery(topic));
  if (code !== 0) return {};
  const { queueDatas } = JSON.parse(
    new TextDecoder().decode(body).replaceAll(/([{,])(\d+):/g, '$1"$2":'),
  );
  return Object.fromEntries(
    queueDatas.map((it: { brokerName: string; perm: number }) => [it.brokerName, it.perm]),
  );
}

/** A button of the dialog. */
function button(page: Page, name: string) {
  return page.getByRole("dialog").getByRole("button", { name, exact: true });
}

describe("the actions of a broker group", () => {
  it("wipe its write permission, say whom that touches, and offer the way back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES, brokers: [BROKER_A, BROKER_B] });
    const { page } = world;
    await world.logIn("AK-admin");
    await world.go("#/brokers/broker-a");
    await page.getByRole("button", { name: "Wipe write permission" }).click();
    await page.getByText("that lose their write permission: 2.").waitFor();
    await page.getByText("and that can't be written then: 1.").waitFor();
    await page.getByText("Consumers go on reading.").waitFor();
    await world.expectAccessible();
    await button(page, "Wipe write permission").click();
    await page.getByText("that lost their write permission: 2.").waitFor();
    assert.deepEqual(await permissions(world, "Orders"), { "broker-a": 4, "broker-b": 6 });
    await button(page, "Add write permission").click();
    await page.getByText("that can be read and written now: 2.").waitFor();
    assert.deepEqual(await permissions(world, "Orders"), { "broker-a": 6, "broker-b": 6 });
    await button(page, "Close").click();

    await page.getByRole("button", { name: "Add write permission" }).click();
    await page.getByText("This is more than the opposite of wiping").waitFor();
    await button(page, "Close").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("are not offered to an account that may not, and the reason is shown", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-viewer");
    await world.go("#/brokers/broker-a");
    await page.getByText("lacks the permission perm:write").waitFor();
    assert.equal(await page.getByRole("button", { name: "Wipe" }).count(), 0);
  });

  it("are refused when the session has ended under the dialog", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-admin");
    await world.go("#/brokers/broker-a");
    await page.getByRole("button", { name: "Wipe write permission" }).click();
    await page.getByText("that lose their write permission").waitFor();
    await page.context().clearCookies();
    await button(page, "Wipe write permission").click();
    await page.getByText("Your session was ended").waitFor();
    assert.deepEqual(await permissions(world, "Orders"), { "broker-a": 6 });
  });
});

describe("the actions of a topic", () => {
  it("delete it in one cluster, name the brokers that keep it, and those that bring it back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES, brokers: [BROKER_A, BROKER_B] });
    const { page } = world;
    const dialog = page.getByRole("dialog");
    await world.logIn("AK-admin");
    await world.go("#/topics/Orders");
    await page.getByRole("button", { name: "Delete the topic" }).click();
    await dialog.getByText("lose it here: broker-a, broker-b").waitFor();
    await dialog.getByText("No route info of this topic").waitFor();
    await dialog.getByText("There is no undo.").waitFor();
    await world.expectAccessible();
    await dialog.getByLabel("Cluster").selectOption("Other");
    await dialog.getByText("Brokers that keep it: broker-a").waitFor();
    await button(page, "Delete the topic").click();
    await dialog.getByText("It is kept by broker-a").waitFor();
    await dialog.getByText("with its next changed registration: broker-b").waitFor();
    assert.deepEqual(await permissions(world, "Orders"), { "broker-a": 6 });
    await button(page, "Close").click();

    await page.getByRole("button", { name: "Delete the topic" }).click();
    await dialog.getByText("lose it here: broker-a").waitFor();
    await button(page, "Delete the topic").click();
    await dialog.getByText("with its next changed registration: broker-a").waitFor();
    assert.deepEqual(await permissions(world, "Orders"), {});
    await world.register({
      ...BROKER_A,
      counter: 2,
      topics: [...BROKER_A.topics, { name: "New" }],
    });
    assert.deepEqual(await permissions(world, "Orders"), { "broker-a": 6 });
  });

  it("set its order configuration", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-admin");
    await world.go("#/topics/Orders");
    await page.getByRole("button", { name: "Order configuration" }).click();
    await button(page, "Fill in from the route").click();
    await button(page, "Set").click();
    await page.getByText("was added.").waitFor();
    const { extFields } = await world.ask(kvGet("ORDER_TOPIC_CONFIG", "Orders"));
    assert.equal(extFields?.get("value"), "broker-a:8");
  });

  it("are not offered to an account that may not, and the reason is shown", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-viewer");
    await world.go("#/topics/Orders");
    await page.getByText("lacks the permission topic:write").waitFor();
    assert.equal(await page.getByRole("button", { name: "Delete the topic" }).count(), 0);
  });
});
