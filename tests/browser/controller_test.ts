import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { addressOf, ControllerPeer } from "../support/controller_peer.ts";
import { freePort } from "../support/free_port.ts";
import { type Account, ConsoleWorld, RULES } from "./support.ts";

const MARKUP = `<img src=x onerror="document.title='gone'">`;
/** Brokers need no account here. */
const CONTROLLER_RULES = RULES.replace(
  "anonymous: []",
  "networks: [{from: [127.0.0.0/8], may: [broker]}]",
);

/** A console of a name server with a controller, and the brokers of its sets. */
class ControllerWorld implements AsyncDisposable {
  private constructor(readonly console: ConsoleWorld, readonly brokers: ControllerPeer) {}

  static async open(account?: Account): Promise<ControllerWorld> {
    await using stack = new AsyncDisposableStack();
    const port = freePort();
    const world = stack.use(
      await ConsoleWorld.open({
        rules: account && CONTROLLER_RULES,
        args: [
          "--enableControllerInNamesrv=true",
          `--controllerDLegerPeers=n0-127.0.0.1:${port}`,
          "--controllerDLegerSelfId=n0",
        ],
      }),
    );
    const brokers = stack.use(await ControllerPeer.connect(port));
    if (account !== undefined) await world.logIn(account);
    stack.move();
    return new ControllerWorld(world, brokers);
  }

  /** Makes a set of three living brokers, with master 1. */
  async addSet(name: string, inSync: readonly number[]): Promise<void> {
    for (const id of [1, 2, 3]) {
      assert.equal((await this.brokers.apply(name, id)).code, 0);
      await this.brokers.beat(name, id, { epoch: 1, maxOffset: 100 * id });
    }
    assert.equal((await this.brokers.elect(name, 1)).code, 0);
    if (inSync.length > 1) assert.equal((await this.brokers.alter(name, inSync)).code, 0);
  }

  async masterOf(name: string): Promise<string | undefined> {
    return (await this.brokers.info(name)).extFields?.get("masterBrokerId");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.brokers[Symbol.asyncDispose]();
    await this.console[Symbol.asyncDispose]();
  }
}

describe("the pages about the controller", () => {
  it("say why there is nothing to see, and which options turn it on", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await page.getByRole("link", { name: "Controller" }).click();
    await page.getByText("This name server hosts no controller.").waitFor();
    await page.getByText("enableControllerInNamesrv=true").waitFor();
    await page.getByLabel("Language").selectOption("zh");
    await page.getByText("此名字服务器未启用控制器。").waitFor();
    await world.expectAccessible();
  });

  it("show sets with masters and who is in sync, find them, and follow what happens", async () => {
    await using world = await ControllerWorld.open();
    const { page } = world.console;
    await world.console.go("#/controller");
    await page.getByText("No broker has registered at the controller.").waitFor();
    await world.addSet("broker-a", [1, 2, 3]);
    await world.addSet("broker-b", [1, 2]);
    await world.addSet(MARKUP, [1]);
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await row("broker-a").getByText("all in sync", { exact: true }).waitFor();
    await row("broker-a").getByText(`1 ${addressOf(1)}`).waitFor();
    await row("broker-b").getByText("not all in sync").waitFor();
    await row(MARKUP).getByRole("link").waitFor();
    await world.console.expectAccessible();
    await page.setViewportSize({ width: 360, height: 640 });
    await world.console.expectNoSideways();
    await page.setViewportSize({ width: 1280, height: 720 });

    await world.brokers.kill("broker-b", 3);
    await row("broker-b").getByText("3 dead").waitFor();
    await world.brokers.kill("broker-a", 1);
    await row("broker-a").getByText(`3 ${addressOf(3)}`).waitFor();
    await page.getByLabel("Search broker sets").fill("ROKER-B");
    await page.getByText("1–1 of 1").waitFor();
    await page.getByRole("link", { name: "broker-b" }).click();
    await page.getByRole("heading", { name: "broker-b" }).waitFor();
    await page.getByRole("row").filter({ hasText: addressOf(3) }).getByText("dead").waitFor();
    await page.getByText("Without access control (the option accessFile)").waitFor();
    await page.goBack();
    assert.equal(await page.getByLabel("Search broker sets").inputValue(), "ROKER-B");
    await page.getByLabel("Search broker sets").fill("img");
    await page.getByRole("link", { name: MARKUP }).click();
    await page.getByRole("heading", { name: MARKUP }).waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.notEqual(await page.title(), "gone");
  });

  it("elect the broker that one chooses, say before what that means, and why it is refused", async () => {
    await using world = await ControllerWorld.open("AK-admin");
    const { page } = world.console;
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Make it the master" });
    await world.addSet("s", [1, 2]);
    await world.console.go("#/controller/s");
    // By keyboard.
    await page.getByRole("button", { name: "Make broker 2 the master" }).press("Enter");
    await dialog.getByText("Broker 1 is the master now.").waitFor();
    await dialog.getByText("Broker 2 is in sync").waitFor();
    await world.console.expectAccessible();
    await confirm.press("Enter");
    await dialog.getByText("epoch 2.").waitFor();
    assert.equal(await world.masterOf("s"), "2");
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "Make broker 3 the master" }).click();
    await dialog.getByText("Broker 3 is not in sync.").waitFor();
    await confirm.click();
    await dialog.getByText("Failed to elect a new master").waitFor();
    assert.equal(await world.masterOf("s"), "2");
  });

  it("forget a dead broker, and a set of dead ones; a living broker is not offered", async () => {
    await using world = await ControllerWorld.open("AK-admin");
    const { page } = world.console;
    const dialog = page.getByRole("dialog");
    await world.addSet("s", [1, 2]);
    await world.console.go("#/controller/s");
    await page.getByRole("button", { name: "Make broker 3 the master" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Forget" }).count(), 0);
    await world.brokers.kill("s", 3);
    await page.getByRole("button", { name: "Forget broker 3" }).click();
    await dialog.getByText("until store/brokerIdentity is removed").waitFor();
    await world.console.expectAccessible();
    await dialog.getByRole("button", { name: "Forget it" }).click();
    await dialog.getByText("is forgotten.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("cell", { name: addressOf(3) }).waitFor({ state: "detached" });

    for (const id of [1, 2]) await world.brokers.kill("s", id);
    await page.getByRole("button", { name: "Forget the set" }).click();
    await dialog.getByText("forgets the set with its 2 brokers").waitFor();
    await dialog.getByRole("button", { name: "Forget the set" }).click();
    await dialog.getByText("is forgotten.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("The controller knows no set with this name.").waitFor();
  });

  it("offer no changes to an account that may not make them, and say why", async () => {
    await using world = await ControllerWorld.open("AK-viewer");
    const { page } = world.console;
    await world.addSet("s", [1, 2]);
    await world.console.go("#/controller/s");
    await page.getByText("lacks the permission controller:write").waitFor();
    assert.equal(await page.getByRole("button", { name: "Make broker" }).count(), 0);
  });
});
