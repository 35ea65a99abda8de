import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestCode } from "../../src/protocol/codes.ts";
import { ConsoleWorld, RULES } from "./support.ts";

const READ = { code: RequestCode.GET_NAMESRV_CONFIG };

describe("the configuration page", () => {
  it("shows each option with its text, default, range and mark, changed ones first", async () => {
    await using world = await ConsoleWorld.open({ args: ["--routeCacheMaxBytes=1234567"] });
    const { page } = world;
    await world.go("#/config");
    await page.getByRole("row", { name: "routeCacheMaxBytes" }).getByText("1234567").waitFor();
    await page.getByText("Without access control").waitFor();
    const first = page.getByRole("row").nth(1);
    await first.getByText("changed").waitFor();
    await world.expectAccessible();

    await page.getByLabel("Search names, values and texts").fill("scannotactive");
    await page.getByRole("row", { name: "routeCacheMaxBytes" }).waitFor({ state: "detached" });
    const row = page.getByRole("row", { name: "scanNotActiveBrokerInterval" });
    await row.getByText("live", { exact: true }).waitFor();
    assert.match(await row.textContent() ?? "", / to /);
  });

  it("changes a live option, refuses a value out of its range, and puts the old one back", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    const configuration = async () => new TextDecoder().decode((await world.ask(READ)).body);
    const dialog = page.getByRole("dialog");
    const button = (name: string) => dialog.getByRole("button", { name, exact: true });
    await world.logIn("AK-admin");
    await world.go("#/config");
    const row = page.getByRole("row", { name: "scanNotActiveBrokerInterval" });
    await row.getByRole("button", { name: "Change" }).click();
    await page.getByText("is written to the configuration file").waitFor();
    await page.getByLabel("New value").fill("-7");
    await world.expectAccessible();
    await button("Change").click();
    await dialog.getByText("400").waitFor();
    await dialog.getByRole("alert").getByText("scanNotActiveBrokerInterval").first().waitFor();
    assert.doesNotMatch(await configuration(), /scanNotActiveBrokerInterval=-7/);

    await page.getByLabel("New value").fill("7000");
    await button("Change").click();
    await dialog.getByText("was changed from").waitFor();
    assert.match(await configuration(), /scanNotActiveBrokerInterval=7000/);
    await row.getByText("changed").waitFor();
    await button("Put the old value back").click();
    await dialog.getByText("again.").waitFor();
    assert.doesNotMatch(await configuration(), /scanNotActiveBrokerInterval=7000/);
  });

  it("shows the texts of the options in Chinese when that is chosen", async () => {
    await using world = await ConsoleWorld.open({ browser: { locale: "zh-CN" } });
    const { page } = world;
    await world.go("#/config");
    const row = page.getByRole("row", { name: "scanNotActiveBrokerInterval" });
    await row.getByText("两次扫描心跳超时的 Broker").waitFor();
    await row.getByText("100 至 60000").waitFor();
    await row.getByText("名字服务器", { exact: true }).waitFor();
    await page.getByRole("searchbox").fill("心跳超时");
    await page.getByRole("row", { name: "routeCacheMaxBytes" }).waitFor({ state: "detached" });
    await row.waitFor();
    await world.expectAccessible();
  });

  it("lets a reader read, and says why nothing can be changed", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-viewer");
    await world.go("#/config");
    await page.getByRole("row", { name: "scanNotActiveBrokerInterval" }).waitFor();
    await page.getByText("lacks the permission config:write").waitFor();
    assert.equal(await page.getByRole("button", { name: "Change" }).count(), 0);
  });
});
