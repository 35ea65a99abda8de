import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { kvGet, kvPut } from "../support/brokers.ts";
import { ConsoleWorld, RULES } from "./support.ts";

const MARKUP = `<img src=x onerror="document.title='gone'">`;
const RIGHT_TO_LEFT = "\u202emorf\u05d0";

describe("the KV page", () => {
  it("shows, searches and pages through namespaces and keys; names are never markup", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await world.ask(kvPut(MARKUP, MARKUP, RIGHT_TO_LEFT));
    await world.ask(kvPut(MARKUP, "other", "__proto__"));
    for (let i = 0; i < 101; i++) await world.ask(kvPut("many", `key-${1000 + i}`, "v"));

    await world.go("#/kv");
    await page.getByRole("cell", { name: "101" }).waitFor();
    await world.expectAccessible();
    await page.getByRole("link", { name: MARKUP }).click();
    await page.getByRole("heading", { name: MARKUP }).waitFor();
    await page.getByRole("cell", { name: MARKUP }).waitFor();
    assert.equal(await page.getByRole("cell").nth(1).textContent(), RIGHT_TO_LEFT);
    assert.equal(await page.locator("main img").count(), 0);
    await page.getByText("Without access control").waitFor();
    await world.expectAccessible();

    await page.getByLabel("Search keys").fill("OTHER");
    await page.getByText("1–1 of 1").waitFor();
    await page.getByRole("cell", { name: "__proto__" }).waitFor();

    await page.getByRole("link", { name: "All namespaces" }).click();
    await page.getByRole("link", { name: "many" }).click();
    await page.getByText("1–100 of 101").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("101–101 of 101").waitFor();
    await page.getByRole("cell", { name: "key-1100" }).waitFor();
    assert.notEqual(await page.title(), "gone");
  });

  it("adds, changes and deletes a key, and takes each of these back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    const value = async () => (await world.ask(kvGet("N", MARKUP))).extFields?.get("value");
    await world.logIn("AK-admin");
    await page.getByRole("link", { name: "KV and order" }).click();
    await page.getByRole("button", { name: "Add a key" }).click();
    await page.getByLabel("Namespace", { exact: true }).fill("N");
    await page.getByLabel("Key", { exact: true }).fill(MARKUP);
    await page.getByLabel("Value", { exact: true }).fill("one");
    await page.getByText("They are not notified.").waitFor();
    await page.getByText(`This changes the name server ${world.address} only.`).waitFor();
    await world.expectAccessible();
    await button(page, "Add").click();
    await page.getByText("was added.").waitFor();
    assert.equal(await value(), "one");
    await button(page, "Delete it again").click();
    await page.getByText("was deleted. Its value was").waitFor();
    assert.equal(await value(), undefined);
    await button(page, "Close").click();

    await world.ask(kvPut("N", MARKUP, "two"));
    await page.getByRole("link", { name: "N", exact: true }).click();
    await page.getByRole("row").getByRole("button", { name: "Change" }).click();
    await page.getByText("Value now").waitFor();
    await page.getByLabel("Value", { exact: true }).fill("three");
    await button(page, "Change").click();
    await page.getByText("was changed. Its value before").waitFor();
    assert.equal(await value(), "three");
    await button(page, "Put the old value back").click();
    await page.getByText("again.").waitFor();
    assert.equal(await value(), "two");
    await button(page, "Close").click();

    await page.getByRole("row").getByRole("button", { name: "Change" }).click();
    await page.getByLabel("Value", { exact: true }).fill("four");
    await button(page, "Change").click();
    await page.getByText("was changed. Its value before").waitFor();
    await world.ask(kvPut("N", MARKUP, "of somebody else"));
    await button(page, "Put the old value back").click();
    await page.getByText("Others have changed it meanwhile").waitFor();
    assert.equal(await value(), "of somebody else");
    await world.ask(kvPut("N", MARKUP, "two"));
    await button(page, "Close").click();

    await page.getByRole("row").getByRole("button", { name: "Delete" }).click();
    await button(page, "Delete").click();
    await page.getByText("was deleted. Its value was").waitFor();
    assert.equal(await value(), undefined);
    // The page hears of it by itself.
    await page.getByText("This namespace has no keys.").waitFor();
    await button(page, "Put the old value back").click();
    await page.getByText("again.").waitFor();
    assert.equal(await value(), "two");
    await page.getByRole("cell", { name: "two" }).waitFor();
  });

  it("can be used by keyboard alone, and a dialog gives the focus back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-kv");
    await world.ask(kvPut("mine", "k", "before"));
    await world.go("#/kv/mine");
    const change = page.getByRole("row").getByRole("button", { name: "Change" });
    await change.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    // The fields, the way out and the change, and around again: the focus stays in the dialog.
    for (let i = 0; i < 6; i++) {
      const inside = await page.evaluate("document.activeElement.closest('dialog') !== null");
      assert.ok(inside || await page.evaluate("document.activeElement === document.body"));
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("button:focus", { hasText: "Change" }).waitFor();

    await page.keyboard.press("Enter");
    await page.locator("textarea:focus").waitFor();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("after");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("was changed. Its value before").waitFor();
    const { extFields } = await world.ask(kvGet("mine", "k"));
    assert.equal(extFields?.get("value"), "after");
  });

  it("refuses what an account may not, and says why", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.ask(kvPut("theirs", "k", "v"));
    await world.logIn("AK-viewer");
    await world.go("#/kv/theirs");
    await page.getByText("lacks the permission kv:write").waitFor();
    assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 0);
    await page.getByRole("button", { name: "Log out" }).click();

    await world.logIn("AK-kv");
    await world.go("#/kv/theirs");
    await page.getByRole("row").getByRole("button", { name: "Delete" }).click();
    await button(page, "Delete").click();
    await page.getByRole("dialog").getByText("403").waitFor();
    const { extFields } = await world.ask(kvGet("theirs", "k"));
    assert.equal(extFields?.get("value"), "v");
  });

  it("does not say which name servers a change reaches when the account can't see it", async () => {
    const rules = RULES.replace("[viewer, {kv:write: mine}]", "[kv:read, kv:write]");
    await using world = await ConsoleWorld.open({ rules });
    const { page } = world;
    await world.logIn("AK-kv");
    await page.getByRole("link", { name: "KV and order" }).click();
    await page.getByRole("button", { name: "Add a key" }).click();
    await page.getByText("With kvStore=etcd, the change reaches all").waitFor();
    assert.equal(await page.getByText("This changes the name server").count(), 0);
  });
});

describe("the order configuration", () => {
  it("is set by brokers and queues, filled in from the route, and put back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    const value = async () =>
      (await world.ask(kvGet("ORDER_TOPIC_CONFIG", "Orders"))).extFields?.get("value");
    await world.ask(kvPut("ORDER_TOPIC_CONFIG", "Orders", "nonsense"));
    await world.logIn("AK-admin");
    await world.go("#/kv/ORDER_TOPIC_CONFIG");
    await page.getByRole("row").getByRole("button", { name: "Change" }).click();
    await page.getByText("Clients can't read the value as it is now.").waitFor();
    assert.ok(await button(page, "Set").isDisabled());
    await button(page, "Fill in from the route").click();
    await page.getByRole("dialog").getByText("broker-a:8").waitFor();
    await button(page, "Add a broker").click();
    await page.getByLabel("Broker name").nth(1).fill("broker-b");
    await page.getByText("must be a whole number").waitFor();
    await page.getByLabel("Queues", { exact: true }).nth(1).fill("4");
    await world.expectAccessible();
    await button(page, "Set").click();
    await page.getByText("was changed. Its value before").waitFor();
    assert.equal(await value(), "broker-a:8;broker-b:4");
    await button(page, "Put the old value back").click();
    await page.getByText("again.").waitFor();
    assert.equal(await value(), "nonsense");
  });
});

/** A button of the dialog. */
function button(page: Page, name: string) {
  return page.getByRole("dialog").getByRole("button", { name, exact: true });
}
