import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BufferPool } from "../../../src/remoting/buffer_pool.ts";
import { ByteBudget, type MemoryAccount } from "../../../src/remoting/memory_budget.ts";

let now: number;
let budget: ByteBudget;
let evicted: string[];

/** Opens an account that closes when it is evicted, as a connection does. */
function open(name: string, address = name): MemoryAccount {
  const account: MemoryAccount = budget.open(address, {
    evict(reason) {
      evicted.push(`${name} ${reason.split(":")[0]}`);
      account.close();
    },
  });
  return account;
}

describe("ByteBudget", () => {
  beforeEach(() => {
    now = 0;
    evicted = [];
    const shares = { perAddress: () => 600, perConnection: () => 400 };
    budget = new ByteBudget(() => 1000, shares, () => now);
  });

  it("lets those that hold most for longest make room, from the largest address", () => {
    const flood = [1, 2, 3].map((i) => open(`flood${i}`, "flood"));
    for (const account of flood) assert.ok(account.take(190));
    now += 5000;
    const old = open("old");
    assert.ok(old.take(200));
    now += 1000;
    const young = open("young");
    assert.ok(young.take(200));
    assert.deepEqual(evicted, []);
    assert.ok(young.take(100));
    assert.deepEqual(evicted, ["flood1 maxBufferedRequestBytes"]);
    assert.equal(budget.used, 880);
  });

  it("refuses the one that asks if it holds most itself", () => {
    const large = open("large");
    assert.ok(large.take(390));
    for (const name of ["a", "b", "c"]) assert.ok(open(name).take(200));
    now += 60_000;
    assert.equal(large.take(11), false);
    assert.ok(open("d").take(10));
    assert.deepEqual(evicted, []);
    assert.ok(open("e").take(100));
    assert.deepEqual(evicted, ["large maxBufferedRequestBytes"]);
  });

  it("has a share for an address, in which its own connections make room", () => {
    const first = open("first", "one");
    const second = open("second", "one");
    assert.ok(first.take(300));
    now += 2000;
    assert.ok(second.take(290));
    assert.ok(open("other").take(300));
    assert.ok(second.take(50));
    assert.deepEqual(evicted, ["first maxBufferedBytesPerAddress"]);
  });

  it("counts requests in progress towards the shares, also after the end of the connection", () => {
    const account = open("one");
    account.begin(200);
    assert.equal(account.crowded, false);
    account.begin(1);
    assert.equal(account.crowded, true);
    assert.equal(account.take(200), false);
    assert.ok(account.take(199));
    account.close();
    account.done(201);
    assert.deepEqual([budget.used, account.used, budget.accountsOf("one")], [0, 0, 0]);
  });

  it("counts unsent answers, and says when they are too many", () => {
    const account = open("one");
    assert.ok(account.unsent(300));
    assert.ok(account.unsent(100));
    assert.equal(budget.used, 100);
    assert.equal(account.unsent(401), false);
    account.close();
    assert.equal(budget.used, 0);
  });

  it("moves what a connection holds to another address", () => {
    const account = open("one", "proxy");
    assert.ok(account.take(100));
    account.move("client");
    assert.deepEqual([budget.accountsOf("proxy"), budget.accountsOf("client")], [0, 1]);
    assert.deepEqual([account.share.address, account.share.bytes], ["client", 100]);
  });

  it("takes spare buffers before it closes a connection", () => {
    const large = new ByteBudget(() => 200_000);
    const pool = new BufferPool(large);
    pool.give(new Uint8Array(150_000));
    const account = large.open("one", { evict: () => assert.fail("evicted") });
    assert.ok(account.take(100_000));
    assert.equal(pool.take(70_000), undefined);
    pool.give(new Uint8Array(150_000));
    assert.equal(pool.take(70_000), undefined, "kept although there is no room");
    assert.equal(large.used, 100_000);
  });
});
