import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { minLong, parseInt32, parseLong } from "../../../src/protocol/long.ts";

describe("parseLong", () => {
  it("gives a number while it is a safe integer, a bigint beyond", () => {
    const cases: [string, number | bigint][] = [
      ["0", 0],
      ["1", 1],
      ["-1", -1],
      ["9007199254740991", 9007199254740991],
      ["9007199254740992", 9007199254740992n],
      ["9007199254740993", 9007199254740993n],
      ["-9007199254740991", -9007199254740991],
      ["-9007199254740992", -9007199254740992n],
      ["-9007199254740993", -9007199254740993n],
      ["9223372036854775807", 9223372036854775807n],
      ["-9223372036854775808", -9223372036854775808n],
    ];
    for (const [text, value] of cases) assert.equal(parseLong(text), value, text);
  });

  it("takes signs and leading zeros as Long.parseLong does", () => {
    assert.equal(parseLong("+7"), 7);
    assert.equal(parseLong("+9007199254740993"), 9007199254740993n);
    assert.equal(parseLong("007"), 7);
    assert.equal(parseLong("-0009007199254740993"), -9007199254740993n);
    assert.equal(parseLong("0".repeat(100) + "9223372036854775807"), 9223372036854775807n);
  });

  it("has one zero", () => {
    assert.ok(Object.is(parseLong("-0"), 0));
    assert.ok(Object.is(parseLong("-000"), 0));
  });

  it("refuses what is beyond 64 bits", () => {
    for (
      const text of [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "0".repeat(100) + "9223372036854775808",
        "1" + "0".repeat(400),
      ]
    ) {
      assert.equal(parseLong(text), undefined, text);
    }
  });

  it("refuses millions of digits without converting them", () => {
    assert.equal(parseLong("9".repeat(8_000_000)), undefined);
    assert.equal(parseLong("0" + "9".repeat(8_000_000)), undefined);
    assert.equal(parseLong("-" + "0".repeat(1_000_000) + "9".repeat(7_000_000)), undefined);
    assert.equal(parseLong("0".repeat(8_000_000)), 0);
  });

  it("refuses what is no integer", () => {
    for (
      const text of [
        "",
        "-",
        "+",
        "--1",
        "+-1",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "0x10",
        "1_000",
        "1n",
        "٣",
      ]
    ) {
      assert.equal(parseLong(text), undefined, JSON.stringify(text));
    }
  });
});

describe("parseInt32", () => {
  it("takes 32 bits and no more", () => {
    assert.equal(parseInt32("2147483647"), 2147483647);
    assert.equal(parseInt32("-2147483648"), -2147483648);
    for (const text of ["2147483648", "-2147483649", "9223372036854775807", "", "1.5"]) {
      assert.equal(parseInt32(text), undefined, text);
    }
  });
});

describe("minLong", () => {
  it("compares numbers and bigints", () => {
    assert.equal(minLong([]), undefined);
    assert.equal(minLong([3]), 3);
    assert.equal(minLong([3, -9223372036854775808n, 0]), -9223372036854775808n);
    assert.equal(minLong([9007199254740993n, 9007199254740992n, 5, 10]), 5);
  });
});
