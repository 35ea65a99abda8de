import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { hashSecret } from "../../src/access/secret_hash.ts";
import { ConsoleWorld, RULES } from "./support.ts";

describe("logging in", () => {
  it("takes an account's key and secret, and says that a wrong one is wrong", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await world.expectAccessible();
    await world.tryLogin("AK-admin", "a-wrong-secret-of-20-characters");
    await page.getByText("The access key or the secret key is wrong.").waitFor();
    await world.logIn("AK-admin");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    assert.equal(await page.getByText("Your session").count(), 0);
    await world.go("#/kv");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
  });

  it("takes a token", async () => {
    const token = "AK-token.a-token-of-more-than-20-characters";
    const rules = `${RULES}  - {accessKey: AK-token, tokens: ["${await hashSecret(
      token,
    )}"], may: [viewer]}\n`;
    await using world = await ConsoleWorld.open({ rules });
    const { page } = world;
    await page.getByLabel("Token", { exact: true }).fill("AK-token.wrong");
    const submit = page.getByRole("main").getByRole("button", { name: "Log in" });
    await submit.click();
    await page.getByText("The token is wrong.").waitFor();
    await page.getByLabel("Token", { exact: true }).fill(token);
    await submit.click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByText("AK-token").waitFor();
  });

  it("is not possible without access control, and the page says why", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/login");
    await world.page.getByText("accessFile").first().waitFor();
    assert.equal(await world.page.getByLabel("Token", { exact: true }).count(), 0);
  });
});

describe("a session", () => {
  it("that a change of rules ends leads to the login page, which says so", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-viewer");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await world.changeRules(RULES.replace("may: [viewer]}", "may: [client]}"));
    await page.getByText("the rules of access control have changed").waitFor();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await world.logIn("AK-viewer");
    await page.getByText("It needs the permission").waitFor();
  });

  it("that has expired leads to the login page, which says so", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await world.logIn("AK-viewer");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    // The browser drops a cookie that has expired; the server would not take it either.
    await page.clock.setFixedTime(Date.now() + 9 * 3_600_000);
    await page.context().clearCookies();
    await page.getByRole("link", { name: "Connections" }).click();
    await page.getByText("Your session has expired.").waitFor();
    await world.logIn("AK-viewer");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });
});
