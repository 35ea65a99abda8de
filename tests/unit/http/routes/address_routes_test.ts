import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type MemberOptions, Members } from "../../../../src/group/members.ts";
import { type AddressOptions, addressRoutes } from "../../../../src/http/routes/address_routes.ts";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { Router } from "../../../../src/http/server/router.ts";
import { SENDER } from "../../../support/fake_http_listener.ts";

type AllOptions = AddressOptions & MemberOptions;

let options: { -readonly [N in keyof AllOptions]: AllOptions[N] };
let isReady: boolean;
let checks: number;
let router: Router;

/** Asks for a path below /rocketmq at this address of the server. */
async function ask(path: string, localHost = "10.0.0.1"): Promise<string> {
  const url = `http://jmenv.tbsite.net:8080/rocketmq/${path}`;
  const response = await router.find({ method: "GET", url, localHost }).answer(SENDER);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  return await response.text();
}

describe("the address service", () => {
  beforeEach(() => {
    options = {
      bindAddress: "0.0.0.0",
      advertisedAddress: "",
      namesrvAddrs: "",
      namesrvAddrsForBrokers: "",
      namesrvAddrsByUnit: "",
    };
    isReady = true;
    checks = 0;
    const routes = addressRoutes({
      options,
      members: new Members(options, () => 9876),
      isReady: () => {
        checks++;
        return Promise.resolve(isReady);
      },
    });
    router = new Router(routes);
    for (const { permission, anyHost, priority } of routes) {
      assert.deepEqual([permission, anyHost, priority], [undefined, true, true]);
    }
  });

  it("lists the server alone, where it is asked, where it is bound, or as it is advertised", async () => {
    assert.equal(await ask("nsaddr"), "10.0.0.1:9876");
    assert.equal(await ask("nsaddr", "2001:db8::1"), "[2001:db8::1]:9876");
    options.bindAddress = "::";
    assert.equal(await ask("nsaddr"), "10.0.0.1:9876");
    options.bindAddress = "[2001:db8::2]";
    assert.equal(await ask("nsaddr"), "[2001:db8::2]:9876");
    options.advertisedAddress = "ns-a";
    assert.equal(await ask("nsaddr"), "ns-a:9876");
    options.advertisedAddress = "ns-a:19876";
    assert.equal(await ask("nsaddr"), "ns-a:19876");
  });

  it("lists what namesrvAddrs says, in its order and live, whatever the query has", async () => {
    options.namesrvAddrs = "b:1, 10.0.0.1:9876;::1";
    assert.equal(await ask("nsaddr"), "b:1;10.0.0.1:9876;[::1]:9876");
    options.namesrvAddrs = "c";
    assert.equal(await ask("nsaddr?nofix=1&x=1&x=2"), "c:9876");
  });

  it("has a list for each unit, and none for others", async () => {
    options.namesrvAddrs = "a:1";
    options.namesrvAddrsByUnit = "blue=b:1;b:2, __proto__=p";
    assert.equal(await ask("nsaddr-blue?nofix=1"), "b:1;b:2");
    assert.equal(await ask("nsaddr-__proto__"), "p:9876");
    for (const unit of ["green", "constructor", "blue/", "%ff"]) {
      await assert.rejects(ask(`nsaddr-${unit}`), HttpProblem, unit);
    }
  });

  it("leaves itself out while it is not ready, by any of its addresses", async () => {
    isReady = false;
    options.namesrvAddrs = "10.0.0.1:9876;10.0.0.2:9876";
    options.namesrvAddrsByUnit = `blue=${options.namesrvAddrs}`;
    assert.equal(await ask("nsaddr"), "10.0.0.2:9876");
    assert.equal(await ask("nsaddr-blue"), "10.0.0.2:9876");
    options.bindAddress = "10.0.0.2";
    assert.equal(await ask("nsaddr", "127.0.0.1"), "10.0.0.1:9876");
    options.namesrvAddrs = "NS-A:1;ns-b:1";
    options.advertisedAddress = "ns-a:1";
    assert.equal(await ask("nsaddr"), "ns-b:1");
    isReady = true;
    assert.equal(await ask("nsaddr"), "NS-A:1;ns-b:1");
  });

  it("never leaves a list empty, nor asks whether it is ready when that changes nothing", async () => {
    isReady = false;
    assert.equal(await ask("nsaddr"), "10.0.0.1:9876");
    options.namesrvAddrs = "10.0.0.1:9876";
    assert.equal(await ask("nsaddr"), "10.0.0.1:9876");
    options.namesrvAddrs = "10.0.0.2:9876;10.0.0.3:9876";
    assert.equal(await ask("nsaddr"), options.namesrvAddrs);
    assert.equal(checks, 0);
  });

  it("lists itself for brokers even when it is not ready: they must register with it", async () => {
    isReady = false;
    options.namesrvAddrs = "10.0.0.1:9876;10.0.0.2:9876";
    assert.equal(await ask("nsaddr/brokers"), options.namesrvAddrs);
    options.namesrvAddrsForBrokers = "10.0.0.1;10.0.0.2;10.0.0.3";
    assert.equal(await ask("nsaddr/brokers"), "10.0.0.1:9876;10.0.0.2:9876;10.0.0.3:9876");
    assert.equal(await ask("nsaddr"), "10.0.0.2:9876");
  });
});
