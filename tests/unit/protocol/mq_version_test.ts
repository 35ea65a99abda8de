import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MqVersion } from "../../../src/protocol/codes.ts";
import { mqVersionName, parseMqVersion } from "../../../src/protocol/mq_version.ts";

describe("mqVersionName", () => {
  it("names the versions of Apache RocketMQ", () => {
    // As in the enumeration of 5.5.0.
    const names: [number, string][] = [
      [212, "V4_0_0_SNAPSHOT"],
      [213, "V4_0_0"],
      [260, "V4_2_4_SNAPSHOT"],
      [295, "V4_4_1"],
      [401, "V4_9_4"],
      [411, "V4_9_9"],
      [412, "V5_0_0_SNAPSHOT"],
      [413, "V5_0_0"],
      [475, "V5_3_1"],
      [512, "V5_5_0_SNAPSHOT"],
      [513, "V5_5_0"],
      [580, "V5_8_4_SNAPSHOT"],
      [611, "V5_9_9"],
    ];
    for (const [ordinal, name] of names) assert.equal(mqVersionName(ordinal), name);
  });

  it("has no name for what is older, newer or no ordinal", () => {
    for (const ordinal of [-1, 0, 37, 211, 612, 32_767, 213.5]) {
      assert.equal(mqVersionName(ordinal), undefined, `${ordinal}`);
    }
  });
});

describe("parseMqVersion", () => {
  it("reads names, numbers and ordinals", () => {
    for (const text of ["V5_3_1", "v5_3_1", "5.3.1", "475"]) {
      assert.equal(parseMqVersion(text), 475);
    }
    assert.equal(parseMqVersion("4.9.4"), MqVersion.V4_9_4);
    assert.equal(parseMqVersion("5.0.0"), MqVersion.V5_0_0);
    assert.equal(parseMqVersion("0"), 0);
  });

  it("reads nothing else", () => {
    for (const text of ["", "5", "5.3", "5.3.10", "3.2.6", "6.0.0", "-1", "1e3", "1000", "V5"]) {
      const expected = text === "5" ? 5 : undefined;
      assert.equal(parseMqVersion(text), expected, text);
    }
  });
});
