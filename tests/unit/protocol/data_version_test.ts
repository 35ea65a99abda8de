import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  encodeDataVersion,
  readDataVersion,
  sameDataVersion,
  ZERO_DATA_VERSION,
} from "../../../src/protocol/data_version.ts";
import { FastjsonError, FastjsonReader } from "../../../src/protocol/fastjson_reader.ts";
import { text, utf8 } from "../../support/bytes.ts";

function read(json: string) {
  return readDataVersion(new FastjsonReader(utf8(json)));
}

describe("readDataVersion", () => {
  it("reads what a 5.x broker sends", () => {
    assert.deepEqual(read('{"counter":3,"stateVersion":1,"timestamp":1795344837462}'), {
      counter: 3,
      stateVersion: 1,
      timestamp: 1795344837462,
    });
  });

  it("takes a missing or null field for 0, as of a 4.x broker", () => {
    assert.deepEqual(read('{"counter":3,"timestamp":17,"other":[{}]}'), {
      counter: 3,
      stateVersion: 0,
      timestamp: 17,
    });
    assert.deepEqual(read('{"counter":null}'), ZERO_DATA_VERSION);
    assert.deepEqual(read("{}"), ZERO_DATA_VERSION);
  });

  it("keeps 64 bits", () => {
    const version = read(
      '{"counter":9223372036854775807,"stateVersion":-9223372036854775808,"timestamp":9007199254740993}',
    );
    assert.deepEqual(version, {
      counter: 9223372036854775807n,
      stateVersion: -9223372036854775808n,
      timestamp: 9007199254740993n,
    });
  });

  it("tells null, and refuses everything else", () => {
    assert.equal(read("null"), undefined);
    for (
      const json of ["", "[]", "1", '"x"', '{"counter":"x"}', '{"counter":1.5}', '{"counter":{}}']
    ) {
      assert.throws(() => read(json), FastjsonError, json);
    }
  });

  it("fails at every cut", () => {
    const json = '{"counter":3,"stateVersion":1,"timestamp":1795344837462}';
    for (let end = 0; end < json.length; end++) {
      assert.throws(() => read(json.slice(0, end)), FastjsonError, json.slice(0, end));
    }
  });
});

describe("sameDataVersion", () => {
  it("compares all three fields", () => {
    const version = { counter: 1, stateVersion: 2, timestamp: 9007199254740993n };
    assert.ok(sameDataVersion(version, { ...version }));
    assert.ok(!sameDataVersion(version, { ...version, counter: 2 }));
    assert.ok(!sameDataVersion(version, { ...version, stateVersion: 1 }));
    assert.ok(!sameDataVersion(version, { ...version, timestamp: 9007199254740994n }));
  });
});

describe("encodeDataVersion", () => {
  it("writes what the reference writes", () => {
    assert.equal(
      text(encodeDataVersion({ counter: 0, stateVersion: 0, timestamp: 1795344837462 })),
      '{"counter":0,"stateVersion":0,"timestamp":1795344837462}',
    );
  });

  it("writes every digit as a number", () => {
    const version = {
      counter: 9223372036854775807n,
      stateVersion: -9223372036854775808n,
      timestamp: 9007199254740993n,
    };
    const bytes = encodeDataVersion(version);
    assert.equal(
      text(bytes),
      '{"counter":9223372036854775807,"stateVersion":-9223372036854775808,"timestamp":9007199254740993}',
    );
    assert.deepEqual(readDataVersion(new FastjsonReader(bytes)), version);
  });
});
