import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { kvPut } from "../support/brokers.ts";
import { parseScrape } from "../support/scrape.ts";
import { ConsoleWorld, RULES } from "./support.ts";

/** A page of another server, which any page of the web could be. */
async function withStranger(task: (port: number) => Promise<void>): Promise<void> {
  const html = "<!doctype html><title>stranger</title><body>";
  const end = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: end.signal },
    () => new Response(html, { headers: { "content-type": "text/html" } }),
  );
  try {
    await task(server.addr.port);
  } finally {
    // A browser keeps connections open that it has no use for yet.
    end.abort();
    await server.finished;
  }
}

/** A script that tries what it can to make the console's server act, with the user's session. */
const attack = (origin: string) =>
  `(async () => {
  const results = [];
  const attempt = async (method, path, init) => {
    try {
      const answer = await fetch(${JSON.stringify(origin)} + path, {
        method, credentials: "include", ...init,
      });
      results.push(method + " " + answer.type + " " + answer.status);
    } catch {
      results.push(method + " refused by the browser");
    }
  };
  const text = { mode: "no-cors", body: JSON.stringify({ value: "evil" }) };
  await attempt("POST", "/api/v1/brokers/broker-a/wipe-write-permission", { mode: "no-cors" });
  await attempt("POST", "/api/v1/session", text);
  await attempt("GET", "/api/v1/session", { mode: "no-cors" });
  await attempt("GET", "/api/v1/session", {});
  const headers = { "content-type": "application/json", "x-csrf-token": "guess" };
  await attempt("PUT", "/api/v1/kv/mine/K", { headers, body: text.body });
  await attempt("DELETE", "/api/v1/topics/Orders", {});
  await attempt("DELETE", "/api/v1/session", {});
  await attempt("PATCH", "/api/v1/config", { headers, body: "{}" });
  return results;
})()`;

/** Sends a form, as any page can to any server, and returns the status that the browser gets. */
async function sendForm(world: ConsoleWorld, from: string): Promise<number> {
  const page = await world.newPage();
  await page.goto(from);
  const action = `${world.origin}/api/v1/brokers/broker-a/wipe-write-permission`;
  const answered = page.waitForResponse(action);
  await page.evaluate(`(() => {
    const form = document.createElement("form");
    form.method = "POST";
    form.action = ${JSON.stringify(action)};
    document.body.append(form);
    form.submit();
  })()`);
  const status = (await answered).status();
  // Chromium may never close a page whose navigation has not ended.
  await page.waitForURL(action);
  await page.close();
  return status;
}

/** The state of the console's server that a stranger could have changed. */
async function state(world: ConsoleWorld): Promise<unknown> {
  const paths = ["kv/mine", "topics", "topics/Orders/route", "config"];
  return await world.page.evaluate(`Promise.all(${JSON.stringify(paths)}.map(async (path) => {
    const answer = await fetch("/api/v1/" + path);
    return [answer.status, await answer.text()];
  }))`);
}

describe("a stranger's page", () => {
  it("can't make the console act, nor end the session, nor read or frame anything", async () => {
    await using world = await ConsoleWorld.open({ rules: RULES });
    await world.ask(kvPut("mine", "K", "v"));
    await world.logIn("AK-admin");
    const before = await state(world);
    await withStranger(async (port) => {
      // The first is of the same site for a browser, which sends the cookie; the second is not.
      for (const host of ["127.0.0.1", "localhost"]) {
        const from = `http://${host}:${port}/`;
        assert.equal(await sendForm(world, from), 403, from);
        const page = await world.newPage();
        await page.goto(from);
        assert.deepEqual(await page.evaluate(attack(world.origin)), [
          "POST opaque 0",
          "POST opaque 0",
          "GET opaque 0",
          "GET refused by the browser",
          "PUT refused by the browser",
          "DELETE refused by the browser",
          "DELETE refused by the browser",
          "PATCH refused by the browser",
        ]);
        await page.evaluate(`new Promise((resolve) => {
          const frame = document.createElement("iframe");
          frame.onload = resolve;
          frame.src = ${JSON.stringify(`${world.origin}/console/`)};
          document.body.append(frame);
        })`);
        const framed = page.frames().filter((frame) => frame.url().startsWith(world.origin));
        for (const frame of framed) {
          assert.equal(await frame.locator("script").count(), 0, "the console is framed");
        }
        await page.close();
      }
    });
    assert.deepEqual(await state(world), before);
    await world.page.reload();
    await world.page.getByRole("button", { name: "Log out" }).waitFor();
    const { values } = parseScrape(await (await fetch(`${world.origin}/metrics`)).text());
    const refused = values.get('rocketmq_namesrv_http_refused_total{reason="origin"}');
    // From each host: the form, and two requests that a browser sends without asking first.
    assert.equal(refused, 6);
  });

  it("whose name points at this server gets nothing but the address service: rebinding", async () => {
    await using world = await ConsoleWorld.open({
      rules: RULES,
      browserArgs: ["--host-resolver-rules=MAP evil.example 127.0.0.1"],
    });
    await world.logIn("AK-admin");
    const page = await world.newPage();
    const evil = `http://evil.example:${world.httpPort}`;
    assert.equal((await page.goto(`${evil}/console/`))?.status(), 421);
    assert.equal((await page.goto(`${evil}/rocketmq/nsaddr`))?.status(), 200);
    const statuses = await page.evaluate(`(async () => {
      const asked = [
        ["GET", "/api/v1/session"], ["GET", "/api/v1/kv"], ["GET", "/metrics"],
        ["POST", "/api/v1/session"], ["POST", "/api/v1/brokers/broker-a/wipe-write-permission"],
        ["PUT", "/api/v1/kv/mine/K"], ["DELETE", "/api/v1/topics/Orders"],
        ["PATCH", "/api/v1/config"], ["POST", "/rocketmq/nsaddr"],
      ];
      const statuses = [];
      for (const [method, path] of asked) {
        const headers = { "content-type": "application/json" };
        const body = method === "GET" ? undefined : "{}";
        statuses.push((await fetch(path, { method, headers, body })).status);
      }
      return statuses;
    })()`);
    assert.deepEqual(statuses, Array(9).fill(421));
    await page.close();
  });
});
