import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ipOf, networkOf, Networks } from "../../src/ip_ranges.ts";

describe("Networks", () => {
  it("hold addresses and blocks of both families", () => {
    const networks = new Networks(["10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "::1"]);
    for (const ip of ["10.1.255.255", "192.0.2.7", "2001:db8:1::9", "::1"]) {
      assert.ok(networks.has(ip), ip);
    }
    for (const ip of ["10.2.0.0", "192.0.2.8", "2001:db9::1", "::2", "", "undefined", "10.1"]) {
      assert.ok(!networks.has(ip), ip);
    }
    assert.ok(!new Networks([]).has("10.1.1.1"));
    assert.ok(new Networks(["0.0.0.0/0"]).has("203.0.113.9"));
  });

  it("refuse what is neither", () => {
    const bad = ["", "10.1", "10.1.0.0/33", "::/129", "10.0.0.0/8/8", "10.0.0.0/", "broker-a", "*"];
    for (const text of bad) assert.throws(() => new Networks([text]), RangeError, text);
  });
});

describe("ipOf", () => {
  it("is the address without port, brackets and zone, IPv4 as such", () => {
    assert.equal(ipOf("10.0.0.1:9876"), "10.0.0.1");
    assert.equal(ipOf("[2001:db8::1]:9876"), "2001:db8::1");
    assert.equal(ipOf("[fe80::1%eth0]:1"), "fe80::1");
    assert.equal(ipOf("[::ffff:10.0.0.1]:1"), "10.0.0.1");
    assert.equal(ipOf("undefined:undefined"), "undefined");
  });
});

describe("networkOf", () => {
  it("is what refusals are counted by", () => {
    assert.equal(networkOf("10.1.2.3"), "10.1.2.0/24");
    assert.equal(networkOf("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
    assert.equal(networkOf("2001:db8::9"), "2001:db8:0:0::/64");
    assert.equal(networkOf("::1"), "0:0:0:0::/64");
  });
});
