import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Fetch, RequestCounter, sumOf } from "../../../src/admin/request_counter.ts";

const METRIC = "rocketmq_namesrv_requests_total";
const read = (get: Fetch) => new RequestCounter("http://127.0.0.1:9890", 50, get).read();
const answer = (body: BodyInit) => () => Promise.resolve(new Response(body));

describe("RequestCounter", () => {
  it("sums the metric over its labels", async () => {
    const urls: string[] = [];
    const text = `# HELP ${METRIC} Requests\n# TYPE ${METRIC} counter\n` +
      `${METRIC}{code="105",result="a } b"} 40\n${METRIC}{code="106"} 2 1700000000000\n` +
      `${METRIC}_created{code="105"} 1.7e9\nother 7\n`;
    const requests = await read((url) => {
      urls.push(url);
      return Promise.resolve(new Response(text));
    });
    assert.deepEqual([requests, urls], [42, ["http://127.0.0.1:9890/metrics"]]);
    assert.equal(sumOf(METRIC, `${METRIC} 1e3\n`), 1000);
  });

  it("has none where the metric is not there", async () => {
    assert.equal(await read(answer("<html></html>")), undefined);
    assert.equal(sumOf(METRIC, `${METRIC} NaN\n${METRIC}\n`), undefined);
  });

  it("has none when the server does not answer, too slowly or endlessly", async () => {
    assert.equal(await read(() => Promise.reject(new TypeError("refused"))), undefined);
    const slow: Fetch = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    assert.equal(await read(slow), undefined);
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_000_000).fill(0x61)),
    });
    assert.equal(await read(answer(endless)), undefined);
  });
});
