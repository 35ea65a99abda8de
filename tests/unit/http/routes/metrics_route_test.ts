import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { metricsRoute } from "../../../../src/http/routes/metrics_route.ts";
import type { Route } from "../../../../src/http/server/router.ts";
import { ROUTE_REQUEST } from "../../../support/fake_http_listener.ts";

let clock: number;
let renders: PromiseWithResolvers<string>[];
let route: Route;

function setUp(): void {
  clock = 1000;
  renders = [];
  route = metricsRoute({
    contentType: "text/plain; version=0.0.4",
    render: () => {
      renders.push(Promise.withResolvers());
      return renders.at(-1)!.promise;
    },
  }, () => clock);
}

const scrape = async (): Promise<string> => {
  const response = await route.answer(ROUTE_REQUEST);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4");
  return await response.text();
};

/** Finishes the last rendering after this many milliseconds. */
function rendered(text: string, after: number): void {
  clock += after;
  renders.at(-1)!.resolve(text);
}

describe("/metrics", () => {
  beforeEach(setUp);

  it("renders one text for concurrent scrapes", async () => {
    const scrapes = Array.from({ length: 50 }, scrape);
    rendered("one ☃", 2);
    assert.deepEqual(await Promise.all(scrapes), Array(50).fill("one ☃"));
    assert.equal(renders.length, 1);
  });

  it("serves it for a second", async () => {
    const first = scrape();
    rendered("one", 100);
    assert.equal(await first, "one");
    clock += 999;
    assert.equal(await scrape(), "one");
    clock += 1;
    const second = scrape();
    rendered("two", 1);
    assert.equal(await second, "two");
  });

  it("tries again after a failure", async () => {
    const first = scrape();
    renders[0]!.reject(new Error("oops"));
    await assert.rejects(first, /oops/);
    const second = scrape();
    rendered("two", 1);
    assert.equal(await second, "two");
  });
});
