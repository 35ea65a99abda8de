import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  formatAddress,
  parseAddress,
  parseAddressList,
  parseHost,
  parseUnits,
} from "../../src/address.ts";

describe("parseHost", () => {
  it("takes names and addresses, IPv6 with or without brackets", () => {
    const hosts = ["localhost", "ns-1.example.com", "10.0.0.1", "::", "::1", "fe80::1%eth0"];
    for (const host of hosts) assert.equal(parseHost(host), host);
    assert.equal(parseHost("[::]"), "::");
    assert.equal(parseHost("[2001:db8::1]"), "2001:db8::1");
  });

  it("refuses all else", () => {
    for (
      const text of ["", "host:1", "10.0.0.1:9876", "[::1]:9876", "[host]", "[::1", "a b", "a/b"]
    ) {
      assert.equal(parseHost(text), undefined, text);
    }
  });
});

describe("parseAddress", () => {
  it("splits host and port", () => {
    assert.deepEqual(parseAddress("10.0.0.1:10911"), { hostname: "10.0.0.1", port: 10911 });
    assert.deepEqual(parseAddress("broker-a.local:1"), { hostname: "broker-a.local", port: 1 });
    assert.deepEqual(parseAddress("[2001:db8::1]:65535"), { hostname: "2001:db8::1", port: 65535 });
  });

  it("splits an IPv6 address without brackets at the last colon, as brokers register it", () => {
    assert.deepEqual(parseAddress("fe80::1:10911"), { hostname: "fe80::1", port: 10911 });
  });

  it("takes an address without a port if there is a default", () => {
    assert.deepEqual(parseAddress("host", 9876), { hostname: "host", port: 9876 });
    assert.deepEqual(parseAddress("host:1", 9876), { hostname: "host", port: 1 });
    for (const text of ["[2001:db8::1]", "2001:db8::1"]) {
      assert.deepEqual(parseAddress(text, 9876), { hostname: "2001:db8::1", port: 9876 });
    }
    assert.deepEqual(parseAddress("[::1]:1", 9876), { hostname: "::1", port: 1 });
  });

  it("refuses everything else, naming it", () => {
    for (
      const address of [
        "",
        ":1",
        "host",
        "host:",
        "host:x",
        "host:-1",
        "host:65536",
        "host:123456",
        "[::1]",
        "[]:1",
        "a:1:2",
        "host:1 ",
      ]
    ) {
      assert.throws(
        () => parseAddress(address),
        (error: Error) => error instanceof TypeError && error.message.includes(address),
        address,
      );
    }
  });
});

describe("parseAddressList", () => {
  it("reads the lists that RocketMQ's tools take", () => {
    assert.deepEqual(
      parseAddressList("a:1;b, http://c:3/ ;::1;[::1]:9876;http://d,", 9876),
      ["a:1", "b:9876", "c:3", "[::1]:9876", "d:9876"],
    );
    assert.deepEqual(parseAddressList(" ; ", 9876), []);
  });

  it("refuses a list with anything else in it", () => {
    for (const list of ["a:1;b:x", "https://a:1", "http://a:1/path", "a b"]) {
      assert.throws(() => parseAddressList(list, 9876), TypeError, list);
    }
  });
});

describe("parseUnits", () => {
  it("reads a list for each unit", () => {
    const units = parseUnits("blue=a:1;b, green = [::1]:1 ,", 9876);
    assert.deepEqual([...units], [["blue", ["a:1", "b:9876"]], ["green", ["[::1]:1"]]]);
    assert.deepEqual([...parseUnits("", 9876)], []);
  });

  it("refuses a list with anything else in it", () => {
    for (const list of ["a:1", "=a", "blue=", "blue=;", "blue=a:x", "a/b=c", "x=a,x=b", "a b=c"]) {
      assert.throws(() => parseUnits(list, 9876), TypeError, list);
    }
  });
});

describe("formatAddress", () => {
  it("puts an IPv6 address in brackets", () => {
    assert.equal(formatAddress("::1", 1), "[::1]:1");
    assert.equal(formatAddress("10.0.0.1", 1), "10.0.0.1:1");
  });
});
