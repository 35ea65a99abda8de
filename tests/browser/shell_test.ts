import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConsoleWorld } from "./support.ts";

const PAGES = ["overview", "brokers", "brokers/broker-a", "topics", "topics/Orders"];

describe("the console", () => {
  it("is in English or Chinese, light or dark, and remembers it", async () => {
    await using world = await ConsoleWorld.open({
      browser: { locale: "zh-CN", colorScheme: "dark" },
    });
    const { page } = world;
    await page.getByRole("heading", { name: "概览" }).waitFor();
    const root = page.locator("html");
    assert.equal(await root.getAttribute("lang"), "zh-CN");
    assert.equal(await root.getAttribute("data-theme"), "dark");
    await page.getByLabel("语言").selectOption("en");
    await page.getByLabel("Colours").selectOption("light");
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    assert.equal(await root.getAttribute("lang"), "en");
    assert.equal(await root.getAttribute("data-theme"), "light");
  });

  it("has no serious fault for those who don't see it, in the dark and in Chinese either", async () => {
    await using world = await ConsoleWorld.open({
      browser: { locale: "zh-CN", colorScheme: "dark" },
    });
    for (const path of PAGES) {
      await world.go(`#/${path}`);
      await world.page.getByRole("heading", { level: 1 }).waitFor();
      await world.page.getByText("加载中").first().waitFor({ state: "detached" });
      await world.expectAccessible();
    }
  });

  it("fits into a window of 360 pixels", async () => {
    await using world = await ConsoleWorld.open({
      browser: { viewport: { width: 360, height: 640 } },
    });
    for (const path of PAGES) {
      await world.go(`#/${path}`);
      await world.page.getByRole("heading", { level: 1 }).waitFor();
      await world.page.getByText("Loading").first().waitFor({ state: "detached" });
      await world.expectNoSideways();
      await world.expectAccessible();
    }
  });

  it("can be used by keys alone", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const focused = () => page.evaluate("document.activeElement.textContent");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate("document.activeElement.tagName"), "MAIN");
    await page.getByRole("link", { name: "Brokers" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Brokers" }).waitFor();
    assert.equal(await page.evaluate("document.activeElement.tagName"), "MAIN");
    // A column sorts by its button.
    await page.getByRole("button", { name: "Address" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("th[aria-sort=ascending]").waitFor();
  });

  it("names a page that there is not", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/nowhere");
    await world.page.getByText("There is no such page.").waitFor();
  });
});
