import { describe, it } from "@std/testing/bdd";
import { kvGet, kvPut } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { ConsoleWorld, RULES } from "./support.ts";

describe("the connections page", () => {
  it("shows each peer with its software, and finds an address", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await using other = await Peer.connect(world.server.port);
    await other.call(kvGet("N", "K"));
    await world.go("#/connections");
    const row = page.getByRole("row", { name: other.address });
    await row.getByText("JAVA").waitFor();
    await world.expectAccessible();
    await page.getByLabel("Search addresses").fill(other.address);
    await page.getByText("1–1 of 1").waitFor();
    await row.waitFor();
  });
});

describe("the access page", () => {
  it("shows accounts without secrets, refusals, and the audit log with filters", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    const { page } = world;
    await using stranger = await Peer.connect(world.server.port);
    await stranger.call(kvPut("<b>theirs</b>", "K", "v"));
    await world.ask(kvPut("N", "K", "v"));
    await world.logIn("AK-admin");
    await world.go("#/access");
    await page.getByText("The rules are in force").waitFor();
    const accounts = page.getByRole("region", { name: "Accounts" }).last();
    await accounts.getByRole("row", { name: "AK-kv" }).getByText("not since the start").waitFor();
    await accounts.getByRole("row", { name: "AK-admin" }).waitFor();
    await page.getByRole("region", { name: "Refusals" })
      .getByRole("row", { name: "<b>theirs</b>" }).getByText("unsigned").waitFor();
    await world.expectAccessible();

    const audit = page.getByRole("region", { name: "Audit log" }).last();
    await audit.getByRole("row", { name: "kv:write 100 N" }).waitFor();
    await page.getByLabel("Outcome").selectOption("denied");
    await audit.getByRole("row", { name: "kv:write 100 N" }).waitFor({ state: "detached" });
    await audit.getByRole("row", { name: "<b>theirs</b>" }).waitFor();
    await page.getByLabel("Account, whole name").fill("AK-nobody");
    await page.getByText("No records.").waitFor();
  });

  it("says that access control is off", async () => {
    await using world = await ConsoleWorld.open();
    await world.go("#/access");
    await world.page.getByText("Access control is off").waitFor();
    await world.page.getByText("There are no accounts.").waitFor();
    await world.expectAccessible();
  });

  it("is not for accounts that may not read it", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    await world.logIn("AK-viewer");
    await world.go("#/access");
    await world.page.getByText("It needs the permission access:read").waitFor();
  });
});
