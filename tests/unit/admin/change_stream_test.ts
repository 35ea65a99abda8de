import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { type Change, ChangeStream } from "../../../src/admin/change_stream.ts";
import { readEvents } from "../../../src/admin/event_stream.ts";
import { ServerFailure } from "../../../src/admin/failures.ts";
import { utf8 } from "../../support/bytes.ts";

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield utf8(text);
}

describe("readEvents", () => {
  it("reads events however they are cut, and positions without one", async () => {
    const text = 'event: brokerUp\nid: g-1\ndata: {"a":"é"}\n\nid: g-2\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const bytes = utf8(text);
      const found = [];
      const halves = async function* () {
        yield bytes.subarray(0, cut);
        yield bytes.subarray(cut);
      };
      for await (const event of readEvents(halves())) found.push(event);
      assert.deepEqual(found, [
        { id: "g-1", name: "brokerUp", data: '{"a":"é"}' },
        { id: "g-2", name: undefined, data: "" },
      ]);
    }
  });

  it("refuses an event without end", async () => {
    const endless = Array.from({ length: 20 }, () => "x".repeat(100_000));
    await assert.rejects(async () => {
      for await (const _ of readEvents(chunks(...endless)));
    }, RangeError);
  });
});

describe("ChangeStream", () => {
  let stop: AbortController;
  let asked: { url: string; headers: Record<string, string> }[];
  let told: string[];
  let answers: (() => Response)[];
  let waited: number[];

  beforeEach(() => {
    stop = new AbortController();
    asked = [];
    told = [];
    answers = [];
    waited = [];
  });
  afterEach(() => stop.abort());

  const stream = (...texts: string[]) => () =>
    new Response(ReadableStream.from(chunks(...texts)), {
      headers: { "content-type": "text/event-stream" },
    });
  const refusal = (status: number, detail: string) => () => Response.json({ detail }, { status });
  const event = (id: string) => `event: kvChanged\nid: ${id}\ndata: {"key":"${id}"}\n\n`;

  function changes(more: { filter?: Record<string, string>; since?: string; token?: string } = {}) {
    return new ChangeStream({
      server: "a:9876",
      origin: "http://a:9890",
      filter: {},
      timeout: 1000,
      signal: stop.signal,
      sleep: (ms) => {
        waited.push(ms);
        return Promise.resolve();
      },
      told: (what) => {
        told.push(what);
        return Promise.resolve();
      },
      fetch: (url, { headers = {} }) => {
        asked.push({ url, headers });
        const answer = answers.shift();
        if (answer !== undefined) return Promise.resolve(answer());
        stop.abort();
        return Promise.reject(new TypeError("refused"));
      },
      ...more,
    }).changes();
  }

  async function all(stream: AsyncGenerator<Change>): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id, data } of stream) {
      assert.equal(data.key, id);
      ids.push(id!);
    }
    return ids;
  }

  it("asks with filter, position and token", async () => {
    answers = [stream(event("g-8"))];
    const ids = await all(changes({ filter: { topic: "a b" }, since: "g-7", token: "t" }));
    assert.deepEqual(ids, ["g-8"]);
    assert.deepEqual(asked[0], {
      url: "http://a:9890/api/v1/watch?topic=a+b",
      headers: { "last-event-id": "g-7", authorization: "Bearer t" },
    });
  });

  it("resumes after the last position, and says that it was lost and is back", async () => {
    answers = [
      stream(event("g-1"), "id: g-5\n\n"),
      () => {
        throw new TypeError("connection refused");
      },
      refusal(503, "too many watchers (watchMaxWatchers)"),
      stream(event("g-6")),
    ];
    assert.deepEqual(await all(changes()), ["g-1", "g-6"]);
    assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), [
      undefined,
      "g-5",
      "g-5",
      "g-5",
      "g-6",
    ]);
    assert.deepEqual(told, [
      "the stream ended; trying again",
      "watching again",
      "the stream ended; trying again",
    ]);
    assert.deepEqual(waited, [500, 1000, 2000, 500]);
  });

  it("fails when the first stream can't be opened", async () => {
    for (
      const [status, detail, message] of [
        [401, "no account", /^a:9876: http:\/\/a:9890: no account: name the file of a token/],
        [404, "nothing here", /^a:9876: http:\/\/a:9890: nothing here: is it an older name server/],
        [503, "too many", /^a:9876: http:\/\/a:9890: too many: try again/],
      ] as const
    ) {
      answers = [refusal(status, detail)];
      const failure = await all(changes()).then(() => undefined, (error) => error);
      assert.ok(failure instanceof ServerFailure, String(failure));
      assert.match(failure.message, message);
    }
    answers = [() => new Response("<html>", { headers: { "content-type": "text/html" } })];
    await assert.rejects(all(changes()), /HTTP status 200/);
  });

  it("fails when the server refuses a later stream, as the rules have changed", async () => {
    answers = [stream(event("g-1")), refusal(403, "AK may not cluster:read")];
    const found = changes();
    assert.equal((await found.next()).value?.id, "g-1");
    await assert.rejects(found.next(), /AK may not cluster:read/);
  });
});
