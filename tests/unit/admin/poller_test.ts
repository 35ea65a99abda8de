import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestSigner } from "../../../src/access/request_signer.ts";
import { NameServer } from "../../../src/admin/name_server.ts";
import { findHttpPort } from "../../../src/admin/http_port.ts";
import { RequestCounter } from "../../../src/admin/request_counter.ts";
import { Poller } from "../../../src/admin/poller.ts";
import { type Behaviour, FakeNameServers, run } from "../../support/fake_name_servers.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const A = "10.0.0.1:9876";

/** A poller of an empty server whose metrics return these numbers in turn. */
function pollerOf(counts: (number | undefined)[]) {
  const clock = { now: 1_000_000 };
  let fetched = 0;
  const get = () => {
    const count = counts[fetched++];
    return count === undefined
      ? Promise.reject(new TypeError("refused"))
      : Promise.resolve(new Response(`rocketmq_namesrv_requests_total ${count}\n`));
  };
  const body = '{"brokerAddrTable":{},"clusterAddrTable":{},"topicList":[]}';
  const transport = new FakeNameServers(new Map([[A, () => ({ body })]]));
  const poller = new Poller(
    new NameServer(A, { transport, timeout: 1000, signer: new RequestSigner(() => undefined) }),
    {
      find: () => Promise.resolve({ origin: "http://10.0.0.1:9890" }),
      counter: (origin) => new RequestCounter(origin, 1000, get),
    },
    () => clock.now,
  );
  const rate = async () => (await poller.look()).requestsPerSecond;
  return { clock, rate, fetched: () => fetched };
}

describe("Poller", () => {
  it("tells the requests a second since the last look", async () => {
    const { clock, rate } = pollerOf([100, 300]);
    assert.equal(await rate(), null);
    clock.now += 2000;
    assert.equal(await rate(), 100);
  });

  it("tells none over a restart, after which the server counts from zero", async () => {
    const { clock, rate } = pollerOf([100, 7, 17]);
    await rate();
    clock.now += 1000;
    assert.equal(await rate(), null);
    clock.now += 1000;
    assert.equal(await rate(), 10);
  });

  it("asks metrics that are not there again after 10 s only", async () => {
    const { clock, rate, fetched } = pollerOf([undefined, 5, 15]);
    assert.equal(await rate(), null);
    clock.now += 9999;
    assert.deepEqual([await rate(), fetched()], [null, 1]);
    clock.now += 1;
    assert.deepEqual([await rate(), fetched()], [null, 2]);
    clock.now += 1000;
    assert.equal(await rate(), 10);
  });

  it("finds the metrics at the httpPort that the server reports", async () => {
    const server = (body: string): Behaviour => ({ code }) =>
      code === RequestCode.GET_NAMESRV_CONFIG
        ? body === "" ? { code: 16, remark: "denied" } : { body }
        : { body: "{}" };
    const cases: [body: string, found: RegExp][] = [
      ["httpPort=1234\n", /^http:\/\/10\.0\.0\.1:1234$/],
      ["httpPort=1234\nhttpTlsEnable=true\n", /^https:\/\/10\.0\.0\.1:1234$/],
      ["httpPort=0\n", /has no HTTP port \(httpPort=0\)/],
      ["listenPort=9876\n", /this kind of name server has none/],
      ["httpPort=x\n", /httpPort=x; name its HTTP port with --http/],
      ["", /does not report its configuration .*denied.*; name its HTTP port with --http/],
    ];
    for (const [body, expected] of cases) {
      const transport = new FakeNameServers(new Map([[A, server(body)]]));
      const signer = new RequestSigner(() => undefined);
      const found = await findHttpPort(new NameServer(A, { transport, timeout: 1000, signer }));
      assert.match("origin" in found ? found.origin : found.reason, expected);
    }
  });

  it("says once on lines why there are no requests a second, and what to do", async () => {
    const server: Behaviour = ({ code }) => ({
      body: code === RequestCode.GET_NAMESRV_CONFIG
        ? "httpPort=1\n"
        : '{"brokerAddrTable":{},"clusterAddrTable":{},"topicList":[]}',
    });
    const address = "127.0.0.1:9876";
    const servers = new FakeNameServers(new Map([[address, server]]));
    const { out } = await run(servers, [
      "top",
      "-n",
      address,
      "--count",
      "2",
      "--interval",
      "100ms",
    ]);
    const reasons = out.split("\n").filter((line) => line.includes("no requests/s: "));
    assert.equal(reasons.length, 1, out);
    assert.match(reasons[0]!, /127\.0\.0\.1:1 does not answer: .*--http$/);
  });

  it("tells of more changes at once than a call may have arguments", async () => {
    const topics = Array.from({ length: 200_000 }, (_, i) => `T${i}`);
    let lists = 0;
    const server: Behaviour = ({ code }) => {
      if (code === RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) {
        return { body: JSON.stringify({ topicList: lists++ === 0 ? topics : [] }) };
      }
      return code === RequestCode.GET_BROKER_CLUSTER_INFO
        ? { body: '{"brokerAddrTable":{},"clusterAddrTable":{}}' }
        : { code: 22 };
    };
    const top = ["top", "-n", A, "--count", "2", "--interval", "100ms", "--http", "127.0.0.1:1"];
    const servers = new FakeNameServers(new Map([[A, server]]));
    const { code, out } = await run(servers, top, { terminal: true });
    assert.equal(code, 0);
    assert.match(out, /10\.0\.0\.1:9876 - topic T0\b/);
  });
});
