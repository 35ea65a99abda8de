import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { pause } from "../support/wait.ts";
import { BROKER_A, ConsoleWorld } from "./support.ts";

const BROKER_B = { ...BROKER_A, name: "broker-b", addr: "10.0.0.2:10911" };
/** Seconds in which nobody does anything. */
const IDLE_SECONDS = 10;
/** Requests in this time: two every five seconds, and another every thirty. */
const IDLE_REQUESTS = 12;

describe("the overview", () => {
  it("shows the server, its checks and figures; what changes comes by itself", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    const figure = (name: string, value: string) =>
      page.locator(".figures > div", { hasText: name }).getByText(value, { exact: true });
    await figure("Masters", "1").waitFor();
    await figure("Topics", "2").waitFor();
    await page.getByText("ready", { exact: true }).waitFor();
    await page.getByRole("cell", { name: "DefaultCluster" }).waitFor();
    await page.getByText("No alert would fire now.").waitFor();
    await page.locator("figure", { hasText: "Requests per second" }).locator("canvas").waitFor();
    await world.expectAccessible();

    await world.register({ ...BROKER_A, id: 1, addr: "10.0.0.3:10911" });
    const peer = await world.register(BROKER_B);
    await figure("Masters", "2").waitFor();
    await figure("Slaves", "1").waitFor();
    await page.getByRole("listitem").filter({ hasText: "broker up" })
      .filter({ hasText: "broker-b" }).waitFor();
    peer.close();
    await page.getByRole("listitem").filter({ hasText: "broker down" })
      .filter({ hasText: "connection lost" }).waitFor();
    await figure("Masters", "1").waitFor();
  });

  it("says that the server is gone, and shows the new one as soon as it answers", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await page.getByText("live", { exact: true }).waitFor();
    await page.getByRole("cell", { name: "DefaultCluster" }).waitFor();
    const started = await page.locator("dt:has-text('Process') + dd").last().textContent();
    await world.stop();
    await page.getByText("The server is gone, trying again").waitFor();
    // The last known state is still shown.
    await page.getByRole("cell", { name: "DefaultCluster" }).waitFor();
    await world.expectAccessible();
    await world.start();
    await page.getByText("The server is gone, trying again").waitFor({ state: "detached" });
    await page.getByText("live", { exact: true }).waitFor();
    await world.register(BROKER_B);
    await page.getByRole("listitem").filter({ hasText: "broker-b" }).first().waitFor();
    assert.notEqual(
      await page.locator("dt:has-text('Process') + dd").last().textContent(),
      started,
    );
  });

  it("asks little while nothing happens, over one stream, and other pages ask nothing", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await page.getByText("live", { exact: true }).waitFor();
    let asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await pause(IDLE_SECONDS * 1000);
    console.log(`the overview asks ${asked.length} times in ${IDLE_SECONDS} s`);
    assert.ok(asked.length <= IDLE_REQUESTS, asked.join("\n"));
    assert.ok(!asked.includes("/api/v1/watch"));

    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByRole("cell", { name: "Orders" }).waitFor();
    asked = [];
    await pause(IDLE_SECONDS * 1000);
    assert.deepEqual(asked, []);
  });

  it("shows an answer that is an error as what it is, and tries again when asked", async () => {
    await using world = await ConsoleWorld.open();
    const { page } = world;
    await page.getByRole("cell", { name: "DefaultCluster" }).waitFor();
    const detail = "too many requests are open (httpMaxOpenRequests)";
    const problem = { type: "about:blank", title: "Service Unavailable", status: 503, detail };
    await page.route(
      "**/api/v1/topics**",
      (route) => route.fulfill({ status: 503, json: problem }),
    );
    await page.getByRole("link", { name: "Topics" }).click();
    const alert = page.getByRole("alert").filter({ hasText: "503 Service Unavailable" });
    await alert.filter({ hasText: detail }).waitFor();
    assert.equal(await page.getByRole("table").count(), 0);
    assert.equal(await page.getByText("No broker has a topic").count(), 0);
    await page.unroute("**/api/v1/topics**");
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("cell", { name: "Orders" }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  });
});
