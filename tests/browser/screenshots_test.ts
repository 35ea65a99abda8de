import assert from "node:assert/strict";
import { it } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { kvPut, registration, routeQuery } from "../support/brokers.ts";
import { ControllerPeer } from "../support/controller_peer.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { pause } from "../support/wait.ts";
import { ConsoleWorld } from "./support.ts";

/** Writes the pictures into docs/images, after some load: `deno task test:browser --screenshots`. */
const WANTED = Deno.args.includes("--screenshots");
const FOLDER = new URL("../../docs/images/", import.meta.url).pathname;
const HEARTBEAT_MS = 10_000;
const LOAD_SECONDS = WANTED ? 100 : 1;

const NAMES = ["orders", "payments", "shipments", "invoices", "refunds", "audit-log"];
const TOPICS = [
  ...NAMES.map((name) => ({ name, read: 8, write: 8 })),
  { name: "%RETRY%billing", read: 1, write: 1 },
];
const ORDERS = { name: "orders", read: 16, write: 12 };
const BROKERS = ["broker-a", "broker-b", "broker-c"].flatMap((name, group) =>
  [0, 1].map((id) => ({
    name,
    id,
    addr: `10.0.${group}.${id + 1}:10911`,
    topics: [ORDERS, ...TOPICS.slice(1, 5 + group)],
  }))
);
const STANDBY = {
  name: "broker-d",
  addr: "10.0.3.1:10911",
  topics: [{ name: "orders", perm: 4 }, { name: "payments" }],
};

/** Asks for routes, more and fewer by turns; brokers are heard as often as real ones. */
async function load(port: number, heartbeats: () => Promise<unknown>): Promise<void> {
  await using peer = await Peer.connect(port);
  const start = performance.now();
  let beats = 0;
  for (let at = start; at < start + LOAD_SECONDS * 1000; at = performance.now()) {
    if ((at - start) / HEARTBEAT_MS > beats) {
      beats++;
      await heartbeats();
    }
    const count = Math.round(60 + 40 * Math.sin(at / 20_000) + 10 * Math.sin(at / 1_700));
    await Promise.all(
      peer.callAll(Array.from({ length: count }, (_, i) => routeQuery(NAMES[i % 6]!))),
    );
    await pause(50);
  }
}

async function picture(page: Page, name: string): Promise<void> {
  const png = await page.screenshot({ animations: "disabled" });
  assert.ok(png.length > 10_000, `${png.length} bytes`);
  if (WANTED) await Deno.writeFile(`${FOLDER}console-${name}.png`, png);
}

/** Broker sets at a controller: all in sync, one broker behind, and one dead. */
async function addSets(peer: ControllerPeer): Promise<void> {
  for (const [name, inSync] of [["orders-a", 3], ["orders-b", 2], ["orders-c", 2]] as const) {
    for (const id of [1, 2, 3]) {
      await peer.apply(name, id);
      await peer.beat(name, id, { maxOffset: 1_000_000 - id * 10 });
    }
    await peer.elect(name, 1);
    await peer.alter(name, [1, 2, 3].slice(0, inSync));
  }
  await peer.kill("orders-c", 3);
}

it("pictures of the overview, a topic, a comparison and the controller can be made", async () => {
  await using home = await Home.make();
  await using other = await ServerProcess.start({ home });
  const port = freePort();
  const controllerPort = freePort();
  await using world = await ConsoleWorld.open({
    args: [
      `--listenPort=${port}`,
      "--orderMessageEnable=true",
      `--namesrvAddrs=127.0.0.1:${port};127.0.0.1:${other.port}`,
      "--enableControllerInNamesrv=true",
      `--controllerDLegerPeers=n0-127.0.0.1:${controllerPort}`,
      "--controllerDLegerSelfId=n0",
    ],
    brokers: [],
    browser: { viewport: { width: 1280, height: 1000 } },
  });
  const { page } = world;
  const peers = await Promise.all(BROKERS.map((it) => world.register(it)));
  const order = kvPut("ORDER_TOPIC_CONFIG", "orders", "broker-a:12;broker-b:12;broker-c:12");
  await world.ask(order);
  await load(
    world.server.port,
    () => Promise.all(BROKERS.map((it, i) => peers[i]!.call(registration(it)))),
  );
  await world.register(STANDBY);

  await page.getByRole("listitem").filter({ hasText: "broker-d" }).first().waitFor();
  await page.locator("figure canvas").first().waitFor();
  await picture(page, "overview");

  await world.go("#/topics/orders");
  await page.getByRole("img", { name: "orders. Groups: 4." }).waitFor();
  await picture(page, "topic");

  await world.go("#/compare");
  await page.getByRole("heading", { name: "Compare" }).waitFor();
  await page.getByRole("table").or(page.getByRole("alert")).first().waitFor();
  await picture(page, "compare");

  await using controller = await ControllerPeer.connect(controllerPort);
  await addSets(controller);
  await world.go("#/controller");
  await page.getByRole("row").filter({ hasText: "3 dead" }).waitFor();
  await picture(page, "controller");
});
