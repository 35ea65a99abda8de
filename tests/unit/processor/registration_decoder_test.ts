import { describe, it } from "@std/testing/bdd";
import { stub } from "@std/testing/mock";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { deflateSync } from "node:zlib";
import { RegistrationDecoder } from "../../../src/processor/registration_decoder.ts";
import { FastjsonError } from "../../../src/protocol/fastjson_reader.ts";
import type { RegisterBrokerBody } from "../../../src/protocol/register_broker_body.ts";
import { concat, int32, utf8 } from "../../support/bytes.ts";
import { ByteBudget } from "../../../src/remoting/memory_budget.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { registration } from "../../support/route_processors.ts";

const names = (count: number, prefix = "topic") =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const plain = (count: number, prefix?: string) => utf8(registration(names(count, prefix)));

function inflated(topics: readonly string[]): Uint8Array {
  const part = (text: string) => concat(int32(utf8(text).length), utf8(text));
  return concat(
    part('{"counter":1,"timestamp":2}'),
    int32(topics.length),
    ...topics.map((name) => part(`${name} 4 8 6 SINGLE_TAG {}`)),
    part('["f"]'),
    int32(0),
  );
}

/** A decoder, and how often it yielded. */
function newDecoder({
  maxInflatedBodyBytes = 1_000_000_000,
  maxTopicsPerBroker = 100_000,
  budgetBytes = 1_000_000_000,
  now = () => performance.now(),
} = {}) {
  const counts = { turns: 0 };
  const slice = new WorkSlice((task) => {
    counts.turns++;
    setImmediate(task);
  }, now);
  const options = { maxInflatedBodyBytes, maxTopicsPerBroker };
  const budget = new ByteBudget(() => budgetBytes);
  const decoder = new RegistrationDecoder(options, slice, budget);
  return { decoder, counts, budget };
}

const topicNames = (body: RegisterBrokerBody) => body.topics.map((it) => it.topicName);

describe("RegistrationDecoder", () => {
  it("decodes a small body at once, plain or compressed", () => {
    const { decoder, counts } = newDecoder({ now: () => 0 });
    const body = decoder.decode(plain(2), false, 513);
    assert.ok(!(body instanceof Promise));
    assert.deepEqual(topicNames(body), ["topic-0", "topic-1"]);
    const other = decoder.decode(deflateSync(inflated(names(2))), true, 513);
    assert.ok(!(other instanceof Promise));
    assert.deepEqual(topicNames(other), ["topic-0", "topic-1"]);
    assert.deepEqual(other.filterServers, ["f"]);
    assert.equal(counts.turns, 0);
  });

  it("throws at once what is wrong with a small body", () => {
    const { decoder } = newDecoder();
    assert.throws(() => decoder.decode(utf8("["), false, 513), FastjsonError);
    assert.throws(() => decoder.decode(utf8("{}"), true, 513), FastjsonError);
  });

  for (
    const [what, body, compressed] of [
      ["plain", plain(20_000), false],
      ["compressed", deflateSync(inflated(names(40_000))), true],
    ] as const
  ) {
    it(`decodes a large ${what} body in slices, with the turns of others between`, async () => {
      const { decoder, counts } = newDecoder();
      // Each read of the clock returns a millisecond more.
      let clock = 0;
      using _ = stub(performance, "now", () => clock++);
      let others = 0;
      let done = false;
      const other = () => {
        others++;
        if (!done) setImmediate(other);
      };
      setImmediate(other);
      const decoded = await decoder.decode(body, compressed, 513);
      done = true;
      assert.equal(topicNames(decoded).at(-1), compressed ? "topic-39999" : "topic-19999");
      assert.ok(counts.turns >= 10, `${counts.turns} turns were given away`);
      assert.ok(others >= counts.turns, `${others} of ${counts.turns} turns were taken`);
    });
  }

  it("gives the results in the order in which the bodies came, small ones behind large", async () => {
    const { decoder } = newDecoder({ now: () => 0 });
    const order: string[] = [];
    const bodies: [string, Uint8Array, boolean][] = [
      ["large", plain(5000, "large"), false],
      ["small", plain(2, "small"), false],
      ["zlib", deflateSync(inflated(names(5000, "zlib"))), true],
      ["bad", plain(5000).subarray(0, -1), false],
      ["last", plain(2, "last"), false],
    ];
    await Promise.all(bodies.map(async ([name, body, compressed]) => {
      try {
        const { topics } = await decoder.decode(body, compressed, 513);
        assert.equal(topics[0]!.topicName, `${name}-0`);
      } catch (error) {
        assert.ok(error instanceof FastjsonError && name === "bad");
      }
      order.push(name);
    }));
    assert.deepEqual(order, ["large", "small", "zlib", "bad", "last"]);
    // Nothing is queued any more, so a small body is decoded at once again.
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!(decoder.decode(plain(2), false, 513) instanceof Promise));
  });

  it("knows by the version what a body holds", () => {
    const { decoder } = newDecoder();
    const wrapper = utf8('{"topicConfigTable":{"T":{}}}');
    const old = decoder.decode(wrapper, false, 36) as RegisterBrokerBody;
    assert.deepEqual(topicNames(old), ["T"]);
    const young = decoder.decode(wrapper, false, 37) as RegisterBrokerBody;
    assert.deepEqual(topicNames(young), []);
  });

  it("takes a body without a data version as new each time", () => {
    const { decoder } = newDecoder();
    const before = Date.now();
    const { dataVersion } = decoder.decode(utf8("{}"), false, 513) as RegisterBrokerBody;
    assert.ok(Number(dataVersion.timestamp) >= before);
  });

  for (const size of [100, 100_000_000]) {
    it(`refuses a bomb that would inflate to ${size} bytes over the limit`, async () => {
      const limit = 1_000_000;
      const { decoder } = newDecoder({ maxInflatedBodyBytes: limit });
      const bomb = deflateSync(Buffer.alloc(limit + size));
      await assert.rejects(async () => await decoder.decode(bomb, true, 513), {
        name: "FastjsonError",
        message: "the body inflates to more than 1000000 bytes (maxInflatedBodyBytes)",
      });
    });
  }

  for (const compressed of [false, true]) {
    it(`refuses more topics than it may have, ${compressed ? "compressed" : "plain"}`, async () => {
      const encode = (count: number) =>
        compressed ? deflateSync(inflated(names(count))) : plain(count);
      const { decoder } = newDecoder({ maxTopicsPerBroker: 5000 });
      const most = await decoder.decode(encode(5000), compressed, 513);
      assert.equal(most.topics.length, 5000);
      await assert.rejects(async () => await decoder.decode(encode(5001), compressed, 513), {
        name: "FastjsonError",
        message: "more than 5000 topics (maxTopicsPerBroker)",
      });
    });
  }

  it("reads the announced number of topics before it inflates the rest", async () => {
    const start = inflated([]);
    const versionEnd = start.length - 4 - 9 - 4;
    const bytes = Buffer.concat([start.subarray(0, versionEnd), int32(1 << 26), Buffer.alloc(1e8)]);
    const { decoder, budget } = newDecoder();
    let most = 0;
    const { take } = budget;
    budget.take = (size) => {
      most += size;
      return take.call(budget, size);
    };
    await assert.rejects(async () => await decoder.decode(deflateSync(bytes), true, 513), {
      message: "more than 100000 topics (maxTopicsPerBroker)",
    });
    assert.ok(most <= 65_536, `${most} bytes were inflated`);
    assert.equal(budget.used, 0);
  });

  it("answers busy when the budget has no room for what it inflates", async () => {
    const body = deflateSync(inflated(names(20_000)));
    const { decoder, budget } = newDecoder({ budgetBytes: 100_000 });
    await assert.rejects(async () => await decoder.decode(body, true, 513), {
      name: "RequestError",
      code: 2,
    });
    assert.equal(budget.used, 0);
  });

  it("takes what inflates to the limit", async () => {
    for (const count of [2, 20_000]) {
      const bytes = inflated(names(count));
      const { decoder } = newDecoder({ maxInflatedBodyBytes: bytes.length });
      const body = await decoder.decode(deflateSync(bytes), true, 513);
      assert.equal(body.topics.length, count);
    }
  });

  for (const count of [2, 20_000]) {
    const whole = deflateSync(inflated(names(count)));
    for (const length of [0, 1, 2, 10, whole.length - 5, whole.length - 1]) {
      it(`refuses ${length} of ${whole.length} bytes of a zlib stream`, async () => {
        const { decoder } = newDecoder();
        const cut = whole.subarray(0, length);
        await assert.rejects(async () => await decoder.decode(cut, true, 513), {
          name: "FastjsonError",
          message: /^invalid zlib stream: ./,
        });
      });
    }
  }

  it("refuses a zlib stream whose check sum differs", async () => {
    for (const count of [2, 20_000]) {
      const bytes = deflateSync(inflated(names(count)));
      bytes[bytes.length - 1]! ^= 1;
      const { decoder } = newDecoder();
      await assert.rejects(async () => await decoder.decode(bytes, true, 513), FastjsonError);
    }
  });
});
