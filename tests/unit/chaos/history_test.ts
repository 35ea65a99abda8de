import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Claim } from "../../chaos/claims.ts";
import { History } from "../../chaos/history.ts";
import { Observations } from "../../chaos/observations.ts";
import { Violations } from "../../chaos/violations.ts";

const PREFIX = "/p";
const CLAIM: Claim = { set: "s", masterEpoch: 1, master: 1, setEpoch: 2, members: [1, 2] };

/** A history that is written by hand; each change has the next revision. */
class Written {
  readonly violations = new Violations();
  readonly history = new History(PREFIX, this.violations);
  readonly observations = new Observations(this.violations);
  #revision = 0;
  #created = 0;

  /** A controller takes the key of the leader, or the key goes. */
  leader(id: string | undefined, created = this.#revision + 1): this {
    if (id !== undefined) this.#created = created;
    return this.#change(
      "leader",
      id === undefined ? undefined : JSON.stringify({ id }),
      this.#created,
    );
  }

  set(claim: Partial<Claim> = {}): this {
    const { masterEpoch, master, setEpoch, members } = { ...CLAIM, ...claim };
    return this.#change(
      "sets/s",
      JSON.stringify({
        masterBrokerId: master ?? null,
        masterEpoch,
        syncStateSet: members,
        syncStateSetEpoch: setEpoch,
      }),
    );
  }

  removed(): this {
    return this.#change("sets/s", undefined);
  }

  fails(pattern: RegExp): void {
    assert.equal(this.violations.found.length, 1);
    assert.match(this.violations.found[0]?.what ?? "", pattern);
  }

  holds(): void {
    assert.deepEqual(this.violations.found, []);
  }

  #change(name: string, value: string | undefined, createRevision = 1): this {
    const key = `${PREFIX}/controller/${name}`;
    this.history.add({ key, revision: ++this.#revision, createRevision, value });
    return this;
  }
}

/** A set with master 1 and 1 and 2 in sync, stored by n0. */
function written(): Written {
  return new Written().leader("n0").set();
}

describe("the history in etcd", () => {
  it("may have elections and changed sets, each with a greater epoch", () => {
    const it = written()
      .set({ setEpoch: 3, members: [1, 2, 3] })
      .set({ masterEpoch: 2, master: undefined, setEpoch: 3, members: [1, 2, 3] })
      .leader(undefined).leader("n1")
      .set({ masterEpoch: 3, master: 3, setEpoch: 4, members: [3] });
    it.holds();
    assert.equal(it.history.elections, 2);
    assert.deepEqual(it.history.terms.map(({ leader }) => leader), ["n0", "n1"]);
  });

  it("has no epoch that goes back", () => {
    written().set({ masterEpoch: 0, master: undefined }).fails(/epoch of the master goes back/);
    written().set({ setEpoch: 1 }).fails(/epoch of the sync state set goes back/);
  });

  it("has one master an epoch, and one sync state set", () => {
    written().set({ master: 2 }).fails(/two masters in an epoch/);
    written().set({ members: [1] }).fails(/two sync state sets in an epoch/);
  });

  it("has no new master that was not in sync", () => {
    written().set({ masterEpoch: 2, master: 3, setEpoch: 3, members: [3] })
      .fails(/new master that was not in sync/);
  });

  it("has no change while no controller leads, and no second leader in a term", () => {
    written().leader(undefined).set({ setEpoch: 3 }).fails(/when no controller led/);
    written().leader("n1").fails(/n1 took the leadership at revision 3 in the term of n0/);
  });

  it("loses no set", () => {
    written().removed().fails(/was removed/);
  });

  it("has each change in the term of the controller that says it has made it", () => {
    const late = written().leader(undefined).leader("n1").set({ setEpoch: 3 });
    late.history.checkStoredBy("n0", { ...CLAIM, setEpoch: 3 });
    late.fails(/n0 has stored revision 5 in the term of n1/);
    const never = written();
    never.history.checkStoredBy("n0", { ...CLAIM, setEpoch: 3 });
    never.fails(/n0 says it has stored what etcd never had/);
  });
});

describe("what brokers hear", () => {
  const heard = (claim: Partial<Claim>) => {
    const it = written();
    const before = it.observations.floor("s");
    it.observations.answered("n0", CLAIM, before);
    it.observations.answered("n1", { ...CLAIM, ...claim }, it.observations.floor("s"));
    return it;
  };

  it("is never older than what was known when they asked", () => {
    heard({ masterEpoch: 0 }).fails(/n1 answers with an old state/);
    heard({ setEpoch: 1 }).fails(/n1 answers with an old state/);
    const it = written();
    const before = it.observations.floor("s");
    it.observations.answered("n0", { ...CLAIM, setEpoch: 3 }, before);
    // Asked before the other answer came.
    it.observations.answered("n0", CLAIM, before);
    it.holds();
  });

  it("names one master an epoch", () => {
    heard({ master: 2 }).fails(/two masters in an epoch: 1/);
  });

  it("is in the history, once that is read", () => {
    const it = heard({ setEpoch: 3 });
    it.observations.compare(it.history, 1);
    it.holds();
    it.observations.compare(it.history, 1);
    it.fails(/tells what etcd never had/);
  });

  it("was stored by the controller that answered", () => {
    const it = written();
    it.observations.answered("n1", CLAIM, it.observations.floor("s"), true);
    it.observations.compare(it.history, it.observations.waiting);
    it.fails(/n1 has stored revision 2 in the term of n0/);
  });
});
