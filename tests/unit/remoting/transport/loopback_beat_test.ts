import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { LoopbackBeat } from "../../../../src/remoting/transport/loopback_beat.ts";
import { until } from "../../../support/wait.ts";

const LOCAL = "127.0.0.1";

describe("LoopbackBeat", () => {
  let listener: Deno.TcpListener;
  let warnings: string[];
  let beat: LoopbackBeat;
  let others: Deno.TcpConn[];

  beforeEach(() => {
    listener = Deno.listen({ hostname: LOCAL, port: 0 });
    warnings = [];
    others = [];
    beat = new LoopbackBeat((reason) => warnings.push(reason));
  });

  afterEach(() => {
    beat.close();
    listener.close();
    for (const conn of others) conn.close();
  });

  /** Opens the beat, and returns its accepted end. */
  async function open(): Promise<Deno.TcpConn> {
    beat.open(LOCAL, listener.addr.port);
    const accepted = await listener.accept();
    assert.ok(await beat.claims(accepted));
    assert.ok(beat.ready);
    return accepted;
  }

  it("claims its own connection, and no other", async () => {
    others.push(await Deno.connect({ hostname: LOCAL, port: listener.addr.port }));
    beat.open(LOCAL, listener.addr.port);
    assert.ok(beat.opening);
    const [first, second] = [await listener.accept(), await listener.accept()];
    others.push(first);
    assert.equal(await beat.claims(first), false);
    assert.equal(await beat.claims(second), true);
    assert.equal(beat.opening, false);
  });

  it("beats as often as it is asked", async () => {
    await open();
    for (let beats = 0; beats < 100; beats++) await beat.next();
    assert.deepEqual(warnings, []);
  });

  it("beats for several at once, for one after the other", async () => {
    await open();
    const order: number[] = [];
    const beats = [1, 2, 3].map(async (number) => {
      await beat.next();
      order.push(number);
    });
    await Promise.all(beats);
    assert.deepEqual([order, warnings], [[1, 2, 3], []]);
  });

  it("rejects when its connection breaks, says so, and opens it again later", async () => {
    const accepted = await open();
    using time = new FakeTime();
    accepted.close();
    await assert.rejects(beat.next());
    assert.equal(warnings.length, 1);
    assert.equal(beat.ready, false);
    assert.equal(beat.opening, false);
    time.tick(10_000);
    assert.ok(beat.opening);
    assert.ok(await beat.claims(await listener.accept()));
    await beat.next();
  });

  it("rejects when a beat does not come", async () => {
    using time = new FakeTime();
    const accepted = await open();
    // Another reader takes the byte.
    const thief = accepted.read(new Uint8Array(1));
    const beaten = beat.next();
    await thief;
    time.tick(5000);
    await assert.rejects(beaten);
    assert.equal(warnings.length, 1);
  });

  it("says why it can't be opened", async () => {
    const other = Deno.listen({ hostname: LOCAL, port: 0 });
    const { port } = other.addr;
    other.close();
    beat.open(LOCAL, port);
    await until(() => !beat.opening);
    assert.match(warnings[0]!, /refused/);
  });
});
