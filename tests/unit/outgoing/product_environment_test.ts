import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ProductEnvironment } from "../../../src/outgoing/product_environment.ts";
import type { RemoteAnswer } from "../../../src/remoting/client_connection.ts";
import type { OutgoingRequest } from "../../../src/remoting/wire/command.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { command, readable } from "../../support/route_processors.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const BODY = new TextEncoder().encode("{route}");

function answer(more: Partial<RemoteAnswer> = {}): RemoteAnswer {
  return {
    code: 0,
    language: "JAVA",
    version: 513,
    opaque: 0,
    flag: 1,
    remark: null,
    extFields: new Map(),
    body: BODY,
    ...more,
  };
}

describe("ProductEnvironment", () => {
  const options = { productEnvName: "", productEnvNamesrvAddr: "", addressServiceDomain: "" };
  let log: RecordedLog;
  let now: number;
  /** Called addresses, with request and time limit. */
  let called: [string, OutgoingRequest, number][];
  let urls: string[];
  let servers: Map<string, RemoteAnswer | Error>;
  let service: () => Promise<string>;
  let environment: ProductEnvironment;

  beforeEach(() => {
    Object.assign(options, {
      productEnvName: "center",
      productEnvNamesrvAddr: "",
      addressServiceDomain: "service.example:80",
    });
    log = new RecordedLog(false);
    now = 1_000_000;
    called = [];
    urls = [];
    servers = new Map([["s1:1", answer()]]);
    service = () => Promise.resolve("s1:1");
    environment = new ProductEnvironment({
      options,
      client: {
        invoke: (address, request, timeout) => {
          called.push([address, request, timeout]);
          const answer = servers.get(address) ?? new Error(`${address} is down`);
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
        },
      },
      get: (url) => {
        urls.push(url);
        return service();
      },
      log,
      now: () => now,
    });
  });

  const route = async (topic = "T") => {
    const response = await environment.route(
      command(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic, acceptStandardJsonOnly: "1" }),
    );
    return response === undefined ? undefined : readable(response);
  };
  const addresses = () => called.splice(0).map(([address]) => address);

  it("asks in the client's words, and gives the answer's body", async () => {
    options.productEnvNamesrvAddr = "s1:1";
    const request = command(RequestCode.GET_ROUTEINFO_BY_TOPIC, {
      topic: "T",
      acceptStandardJsonOnly: "true",
    }, { version: 400 });
    assert.deepEqual(readable((await environment.route(request))!), { code: 0, body: "{route}" });
    assert.deepEqual(called, [[
      "s1:1",
      {
        code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
        version: 400,
        extFields: [["topic", "T"], ["acceptStandardJsonOnly", "true"]],
      },
      3000,
    ]]);
  });

  it("asks the name servers of its own option one after the other, and no address service", async () => {
    options.productEnvNamesrvAddr = " down:1 ;; s1:1;s2:2";
    assert.deepEqual(await route(), { code: 0, body: "{route}" });
    assert.deepEqual(addresses(), ["down:1", "s1:1"]);
    assert.deepEqual(urls, []);
    assert.deepEqual(log.namesAt("WARN"), ["product environment did not answer"]);
    assert.equal(log.events[0]!.fields.address, "down:1");
  });

  it("has no answer when no server has one, or none is there", async () => {
    options.productEnvNamesrvAddr = "down:1;down:2";
    assert.equal(await route(), undefined);
    assert.deepEqual(addresses(), ["down:1", "down:2"]);
    options.productEnvNamesrvAddr = " ; ";
    assert.equal(await route(), undefined);
    assert.deepEqual(addresses(), []);
  });

  for (
    const [what, said] of [
      ["does not know the topic", answer({ code: 17, remark: "no" })],
      ["gives no body", answer({ body: null })],
    ] as const
  ) {
    it(`has no answer when a server ${what}, and asks no other one`, async () => {
      options.productEnvNamesrvAddr = "s1:1;s2:2";
      servers = new Map([["s1:1", said], ["s2:2", answer()]]);
      assert.equal(await route(), undefined);
      assert.deepEqual(addresses(), ["s1:1"]);
      assert.deepEqual(log.events, []);
    });
  }

  it("finds the servers by the address service, and keeps what it said for two minutes", async () => {
    service = () => Promise.resolve("down:1;s1:1\n");
    assert.deepEqual(await route(), { code: 0, body: "{route}" });
    now += 119_999;
    service = () => Promise.resolve("s2:2");
    await route();
    assert.deepEqual(addresses(), ["down:1", "s1:1", "down:1", "s1:1"]);
    assert.deepEqual(urls, ["http://service.example:80/rocketmq/nsaddr-center"]);
    now += 1;
    await route();
    assert.deepEqual(addresses(), ["s2:2"]);
    assert.equal(urls.length, 2);
  });

  it("asks the address service at port 8080 when none is given", async () => {
    options.addressServiceDomain = "service.example";
    await route();
    assert.deepEqual(urls, ["http://service.example:8080/rocketmq/nsaddr-center"]);
  });

  it("asks servers and services with IPv6 addresses, with or without brackets", async () => {
    options.productEnvNamesrvAddr = "::1, [fe80::1]:7;http://s1:1";
    await route();
    assert.deepEqual(addresses(), ["[::1]:9876", "[fe80::1]:7", "s1:1"]);
    options.productEnvNamesrvAddr = "";
    for (const domain of ["::1", "[fe80::1]", "[::1]:80"]) {
      options.addressServiceDomain = domain;
      await route();
    }
    assert.deepEqual(urls.map((url) => url.split("/")[2]), [
      "[::1]:8080",
      "[fe80::1]:8080",
      "[::1]:80",
    ]);
  });

  it("asks anew when the environment or the service changes", async () => {
    await route();
    options.productEnvName = "pre/x?";
    await route();
    options.addressServiceDomain = "other.example:1";
    await route();
    assert.deepEqual(urls, [
      "http://service.example:80/rocketmq/nsaddr-center",
      "http://service.example:80/rocketmq/nsaddr-pre%2Fx%3F",
      "http://other.example:1/rocketmq/nsaddr-pre%2Fx%3F",
    ]);
  });

  it("goes on with what the service said before when it fails, and does not ask it each time", async () => {
    await route();
    now += 120_000;
    service = () => Promise.reject(new Error("HTTP status 503"));
    assert.deepEqual(await route(), { code: 0, body: "{route}" });
    assert.deepEqual(await route(), { code: 0, body: "{route}" });
    assert.equal(urls.length, 2);
    assert.deepEqual(log.namesAt("WARN"), ["address service did not answer"]);
  });

  it("knows no servers when the service never answered for this environment", async () => {
    await route();
    addresses();
    options.productEnvName = "other";
    service = () => Promise.reject(new Error("nobody"));
    assert.equal(await route(), undefined);
    assert.equal(await route(), undefined);
    assert.deepEqual(addresses(), []);
    assert.equal(urls.length, 2);
    assert.deepEqual(log.namesAt("WARN"), ["address service did not answer"]);
    now += 120_000;
    service = () => Promise.resolve("s1:1");
    assert.deepEqual(await route(), { code: 0, body: "{route}" });
  });

  it("asks the service once for requests that come at once", async () => {
    await Promise.all([route("T1"), route("T2"), route("T3")]);
    assert.equal(urls.length, 1);
    assert.equal(called.length, 3);
  });
});
