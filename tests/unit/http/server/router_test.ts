import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { Router, type RouteRequest } from "../../../../src/http/server/router.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";

const tell = ({ path, query }: RouteRequest) =>
  Response.json({ path: Object.fromEntries(path), x: query.text("x") ?? null });
const tellBody = ({ body }: RouteRequest) => Response.json([...body]);
const router = new Router([
  { path: "/fixed", priority: true, answer: () => new Response("fixed") },
  { path: "/things/:thing/part", query: ["x"], answer: tell },
  { path: "/things/:thing", answer: tell },
  {
    path: "/open",
    query: "ignored",
    anyHost: true,
    answer: ({ localHost }) => new Response(localHost),
  },
]);
const find = (path: string, method = "GET") =>
  router.find({ method, url: `http://127.0.0.1:9890${path}`, localHost: "10.0.0.1" });

async function problem(path: string, method?: string): Promise<HttpProblem> {
  const found = find(path, method);
  assert.equal(found.priority, false);
  const error = await found.answer(SENDER).then(() => undefined, (error) => error);
  assert.ok(error instanceof HttpProblem, `${path}: ${error}`);
  return error;
}

describe("Router", () => {
  it("finds fixed paths, and whether they are priority", async () => {
    const found = find("/fixed?");
    assert.equal(found.priority, true);
    assert.equal(await (await found.answer(SENDER)).text(), "fixed");
    assert.equal(find("/things/a").priority, false);
  });

  it("ignores a query, allows any host and gives the server's address, where a route wants it", async () => {
    const found = find("/open?x=1&x=2&%ff");
    assert.equal(found.anyHost, true);
    assert.equal(await (await found.answer(SENDER)).text(), "10.0.0.1");
    assert.equal(find("/fixed").anyHost, false);
    assert.equal(find("/nothing").anyHost, false);
  });

  it("finds paths with names in them, and decodes these", async () => {
    const names = ["a", "%RETRY%group", "a/b", "題", "__proto__", "a b?c#d"];
    for (const name of names) {
      const found = find(`/things/${encodeURIComponent(name)}/part?x=1`);
      assert.deepEqual(await (await found.answer(SENDER)).json(), {
        path: { thing: name },
        x: "1",
      });
    }
  });

  it("does not know other paths: 404", async () => {
    const paths = [
      "/",
      "/Fixed",
      "/fixed/",
      "/things",
      "/things/",
      "/things/a/b/part",
      "/things/a/",
    ];
    for (
      const path of [...paths, "/__proto__", "/constructor", "//fixed", `/${"x".repeat(60_000)}`]
    ) {
      assert.equal((await problem(path)).status, 404, path);
    }
    assert.equal((await problem("/nothing", "POST")).status, 404);
  });

  it("has a route for each method of a path, and what is allowed beside: 405", async () => {
    const routes = new Router([
      { path: "/thing", answer: () => new Response("read") },
      { path: "/thing", method: "PUT", body: ["x"], answer: tellBody },
      { path: "/free", method: "POST", body: "any", answer: tellBody },
      { path: "/thing", method: "DELETE", answer: () => new Response("gone") },
    ]);
    const at = (path: string, method: string) =>
      routes.find({ method, url: `http://127.0.0.1${path}`, localHost: "" });
    const told = async (path: string, method: string, body?: string, type = "application/json") => {
      const found = at(path, method);
      assert.deepEqual([found.method, found.hasBody], [method, body !== undefined]);
      const sender = { ...SENDER, headers: new Headers({ "content-type": type }) };
      const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
      return await (await found.answer(sender, bytes)).text();
    };
    assert.equal(at("/thing", "HEAD").method, undefined);
    assert.equal(await told("/thing", "DELETE"), "gone");
    assert.equal(await told("/thing", "PUT", '{"x":"1"}'), '[["x","1"]]');
    assert.equal(
      await told("/free", "POST", '{"__proto__":"é"}', "application/json; charset=utf-8"),
      '[["__proto__","é"]]',
    );
    await assert.rejects(at("/thing", "POST").answer(SENDER), (error) => {
      assert.ok(error instanceof HttpProblem);
      assert.deepEqual([error.status, error.headers], [405, { allow: "GET, HEAD, PUT, DELETE" }]);
      return true;
    });
    const wrong: [body: string, status: number, parameter?: string, type?: string][] = [
      ["", 400],
      ["{", 400],
      ["[]", 400],
      ["null", 400],
      ['{"y":"1"}', 400, "y"],
      ['{"x":1}', 400, "x"],
      ['{"x":{}}', 400, "x"],
      ["\u00e9".repeat(3), 400],
      ['{"x":"1"}', 415, undefined, "text/plain"],
      ['{"x":"1"}', 415, undefined, "application/x-www-form-urlencoded"],
      ['{"x":"1"}', 415, undefined, "application/json; charset=latin1"],
    ];
    for (const [body, status, parameter, type] of wrong) {
      await assert.rejects(told("/thing", "PUT", body, type), (error) => {
        assert.ok(error instanceof HttpProblem);
        assert.deepEqual(pick(error), [status, parameter], `${body} ${type}`);
        return true;
      });
    }
  });

  it("answers what is to be read to GET and HEAD only", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"]) {
      const { status, headers } = await problem("/fixed", method);
      assert.equal(status, 405, method);
      assert.deepEqual(headers, { allow: "GET, HEAD" });
    }
    assert.equal(find("/fixed", "HEAD").priority, true);
  });

  it("names what is wrong with a request: 400", async () => {
    assert.deepEqual(pick(await problem("/fixed?x=1")), [400, "x"]);
    assert.deepEqual(pick(await problem("/things/a/part?y=1")), [400, "y"]);
    assert.deepEqual(pick(await problem("/things/%zz")), [400, "thing"]);
    assert.deepEqual(pick(await problem("/things/%ff/part")), [400, "thing"]);
  });

  it("does not stumble over a Host header or URL that is none: 400", async () => {
    for (const url of ["http://a b/", "http://[::bad/x", "", "*", "http://x:99999/fixed"]) {
      const found = router.find({ method: "GET", url, localHost: "" });
      await assert.rejects(found.answer(SENDER), (error) => {
        assert.ok(error instanceof HttpProblem);
        assert.equal(error.status, 400);
        return true;
      });
    }
  });
});

const pick = ({ status, parameter }: HttpProblem) => [status, parameter];
