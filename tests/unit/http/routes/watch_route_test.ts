import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { ALL_SEEING, type HttpRefusal } from "../../../../src/access/http_authorization.ts";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { StreamResponse } from "../../../../src/http/server/http_listener.ts";
import { Router } from "../../../../src/http/server/router.ts";
import { watchRoutes } from "../../../../src/http/routes/watch_route.ts";
import type { EventSink, Wanted } from "../../../../src/watch/watcher.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";

let opened: Wanted[];
let latest: unknown[];
let begin: ((sink: EventSink) => void) | undefined;
let refusal: HttpRefusal | undefined;
let router: Router;

function setUp(): void {
  opened = [];
  latest = [];
  begin = () => {};
  refusal = undefined;
  router = new Router(watchRoutes({
    feed: {
      open: (wanted) => {
        opened.push(wanted);
        return begin;
      },
      latest: (wanted, limit) => {
        latest.push({ ...wanted, limit });
        return Promise.resolve(['{"id":"g-1"}']);
      },
    },
    authorization: { viewerOf: () => Promise.resolve(refusal ?? ALL_SEEING) },
    peerOf: (client) => ({ socketAddress: client }),
    credentialsOf: () => ({ authorization: null }),
  }));
}

function ask(query = "", headers: Record<string, string> = {}, path = "watch"): Promise<Response> {
  return router.find({ method: "GET", url: `http://x/api/v1/${path}${query}`, localHost: "" })
    .answer({ ...SENDER, headers: new Headers(headers) });
}

async function problem(query = ""): Promise<HttpProblem> {
  const error = await ask(query).then(() => undefined, (error) => error);
  assert.ok(error instanceof HttpProblem, String(error));
  return error;
}

describe("/api/v1/watch", () => {
  beforeEach(setUp);

  it("is a stream that is not cached or collected on the way", async () => {
    const response = await ask();
    assert.ok(response instanceof StreamResponse);
    assert.equal(response.begin, begin);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.deepEqual(opened[0], {
      filter: { cluster: undefined, brokerName: undefined, topic: undefined },
      viewer: ALL_SEEING,
      since: undefined,
    });
  });

  it("takes a filter, and where to resume: the header goes before the address", async () => {
    await ask("?cluster=C&broker=b&topic=T&since=0a-7");
    await ask("?since=0a-7", { "last-event-id": "0a-9" });
    await ask("", { "last-event-id": "x".repeat(1000) });
    assert.deepEqual(opened.map(({ since }) => since?.slice(0, 100)), [
      "0a-7",
      "0a-9",
      "x".repeat(64),
    ]);
    assert.deepEqual(opened[0]!.filter, { cluster: "C", brokerName: "b", topic: "T" });
  });

  it("names a parameter that is wrong", async () => {
    for (
      const [query, parameter] of [
        ["?since=", "since"],
        ["?since=7", "since"],
        ["?since=a-b", "since"],
        [`?since=${"0".repeat(64)}-1`, "since"],
        ["?brokers=a", "brokers"],
        ["?topic=a&topic=b", "topic"],
      ] as const
    ) {
      const { status, parameter: named } = await problem(query);
      assert.deepEqual([status, named], [400, parameter], query);
    }
    assert.equal(opened.length, 0);
  });

  it("refuses those who may see nothing, and those beyond the limit", async () => {
    refusal = { status: 401, detail: "no" };
    const { status, headers } = await problem();
    assert.equal(status, 401);
    assert.match(headers["www-authenticate"]!, /Bearer/);
    assert.equal(opened.length, 0);
    refusal = undefined;
    begin = undefined;
    const full = await problem();
    assert.deepEqual([full.status, full.refusal], [503, "watchers"]);
  });
});

describe("/api/v1/events", () => {
  beforeEach(setUp);

  it("has the latest events of a filter, 100 unless it is asked for more or fewer", async () => {
    const response = await ask("?broker=b&limit=7", {}, "events");
    assert.deepEqual(await response.json(), { items: [{ id: "g-1" }] });
    await ask("", {}, "events");
    const none = { cluster: undefined, brokerName: undefined, topic: undefined };
    assert.deepEqual(latest, [
      { filter: { ...none, brokerName: "b" }, viewer: ALL_SEEING, limit: 7 },
      { filter: none, viewer: ALL_SEEING, limit: 100 },
    ]);
    const error = await ask("?limit=1001", {}, "events").catch((error) => error);
    assert.deepEqual([error.status, error.parameter], [400, "limit"]);
  });

  it("refuses those who may see nothing", async () => {
    refusal = { status: 403, detail: "no" };
    assert.equal((await ask("", {}, "events").catch((error) => error)).status, 403);
    assert.equal(latest.length, 0);
  });
});
