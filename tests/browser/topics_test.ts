import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { kvPut, manyTopics } from "../support/brokers.ts";
import { ConsoleWorld } from "./support.ts";

const STATIC = {
  topic: "Orders",
  bname: "broker-a",
  totalQueues: 16,
  epoch: "1700000000001",
  currIdMap: { 12: 0, 13: 1 },
};
const BROKERS = [
  {
    name: "broker-a",
    addr: "10.0.0.1:10911",
    topics: [{ name: "Orders", read: 3, write: 2 }, { name: "Bills" }],
    mappings: [STATIC],
  },
  {
    name: "broker-b",
    addr: "10.0.0.2:10911",
    topics: [{ name: "Orders", perm: 4, read: 4, write: 4 }, { name: "Bills" }],
  },
];
const MANY = 50_000;

describe("the pages about topics", () => {
  it(`find one of ${MANY} as one types, page by page`, async () => {
    const brokers = [{ name: "broker-a", addr: "10.0.0.1:10911", topics: manyTopics(MANY) }];
    await using world = await ConsoleWorld.open({ brokers });
    const { page } = world;
    let start = performance.now();
    await world.go("#/topics");
    await page.getByText(`1–50 of ${MANY.toLocaleString("en")}`).waitFor();
    console.log(`first page of ${MANY} topics: ${Math.round(performance.now() - start)} ms`);

    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("51–100 of").waitFor();
    await page.getByRole("button", { name: "Previous" }).click();
    await page.getByText("1–50 of").waitFor();

    const box = page.getByLabel("Search topics");
    let slowest = 0;
    for (const key of "SHOP-4321") {
      start = performance.now();
      await box.press(key);
      slowest = Math.max(slowest, performance.now() - start);
    }
    start = performance.now();
    await page.getByText("1–11 of 11").waitFor();
    console.log(
      `a key takes ${Math.round(slowest)} ms at most, and what is found comes ` +
        `${Math.round(performance.now() - start)} ms after the last`,
    );
    await page.getByRole("link", { name: "orders-created-by-shop-43219" }).waitFor();
    const used = await page.evaluate("performance.memory.usedJSHeapSize") as number;
    console.log(`memory of the page: ${Math.round(used / 1024 / 1024)} MiB`);
    assert.ok(used < 150 * 1024 * 1024);

    await page.getByRole("link", { name: "orders-created-by-shop-43219" }).click();
    await page.getByRole("heading", { name: "orders-created-by-shop-43219" }).waitFor();
    await page.goBack();
    await page.getByText("1–11 of 11").waitFor();
    assert.equal(await box.inputValue(), "SHOP-4321");
    await world.expectAccessible();
  });

  it("show what was typed last, whichever answer comes last", async () => {
    await using world = await ConsoleWorld.open({ brokers: BROKERS });
    const { page } = world;
    await world.go("#/topics");
    await page.getByRole("cell", { name: "Bills" }).waitFor();
    const late = Promise.withResolvers<void>();
    await page.route("**/api/v1/topics?*search=Bil**", async (route) => {
      await late.promise;
      await route.continue().catch(() => {}); // cancelled meanwhile
    });
    const held = page.waitForRequest("**/api/v1/topics?*search=Bil**");
    await page.getByLabel("Search topics").fill("Bil");
    await held;
    await page.getByLabel("Search topics").fill("Ord");
    await page.getByText("1–1 of 1").waitFor();
    late.resolve();
    await page.getByRole("cell", { name: "Orders" }).waitFor();
    assert.equal(await page.getByRole("cell", { name: "Bills" }).count(), 0);
  });

  it("draw the route of a topic: groups, queues with their permission, order, static mapping", async () => {
    const args = ["--orderMessageEnable=true"];
    await using world = await ConsoleWorld.open({ args, brokers: BROKERS });
    const { page } = world;
    await world.ask(kvPut("ORDER_TOPIC_CONFIG", "Orders", "broker-a:2;broker-b:4"));
    await world.go("#/topics/Orders");
    await page.getByRole("img", { name: "Orders. Groups: 2. Read queues: 7." }).waitFor();
    assert.equal(await page.locator("svg .queue-rw").count(), 2);
    assert.equal(await page.locator("svg .queue-r").count(), 5);
    // On the group with a static mapping, queues have the numbers of the topic's.
    assert.deepEqual(await page.locator("svg .queue-rw text").allTextContents(), ["12", "13"]);
    const groups = page.getByRole("region", { name: "Groups and queues" });
    await groups.getByRole("row").filter({ hasText: "broker-b" }).getByText("R--").waitFor();
    await groups.getByText("10.0.0.1:10911").waitFor();
    const order = page.getByRole("region", { name: "Order configuration" });
    await order.getByRole("row").filter({ hasText: "broker-b" }).getByText("4").waitFor();
    const mapping = page.getByRole("region", { name: "Static mapping" });
    await mapping.getByText("12 → 0, 13 → 1").waitFor();
    await world.expectAccessible();

    // It follows what happens.
    await world.register({ ...BROKERS[1]!, name: "broker-c", addr: "10.0.0.3:10911" });
    await page.getByRole("img", { name: "Orders. Groups: 3." }).waitFor();
  });

  it("show the route as a client of another version gets it, to copy", async () => {
    const browser = { permissions: ["clipboard-read", "clipboard-write"] };
    await using world = await ConsoleWorld.open({ brokers: BROKERS, browser });
    const { page } = world;
    await world.go("#/topics/Bills");
    await page.getByText("standard JSON").waitFor();
    await page.getByLabel("Version of the client").fill("4.9.3");
    await page.keyboard.press("Enter");
    await page.getByText("fastjson, with numbers as keys").waitFor();
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByText("Copied").waitFor();
    const copied = await page.evaluate("navigator.clipboard.readText()") as string;
    assert.match(copied, /^\{"brokerDatas":\[\{"brokerAddrs":\{0:"10\.0\.0\.1:10911"\}/);

    await page.getByLabel("Version of the client").fill("3.2.6");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Parameter: version" }).waitFor();
  });

  it("show the route as a client of a zone gets it: masters of its own zone", async () => {
    const topics = [{ name: "Orders" }, { name: "Bills" }];
    const brokers = [
      { name: "broker-a", addr: "10.0.0.1:10911", topics, zone: "east" },
      { name: "broker-b", addr: "10.0.0.2:10911", topics, zone: "west" },
    ];
    await using world = await ConsoleWorld.open({ brokers });
    const { page } = world;
    await world.go("#/topics/Orders");
    await page.getByRole("img", { name: "Orders. Groups: 2." }).waitFor();
    await page.getByLabel("Zone of the client").fill("West");
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: "Orders. Groups: 1." }).waitFor();
    const raw = page.getByLabel("The answer, as it is sent");
    assert.match(await raw.innerText(), /10\.0\.0\.2:10911/);
    assert.doesNotMatch(await raw.innerText(), /10\.0\.0\.1:10911/);

    await page.getByLabel("Zone of the client").fill("");
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: "Orders. Groups: 2." }).waitFor();
  });

  it("say that clients get no route for a topic that no broker has", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/topics/nope");
    await world.page.getByText("No broker has this topic").waitFor();
    await world.register({
      name: "b",
      addr: "10.0.0.9:10911",
      topics: [{ name: "nope" }, { name: "x" }],
    });
    await world.page.getByRole("img", { name: "nope. Groups: 1." }).waitFor();
  });
});
