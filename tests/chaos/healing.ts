/** Checks that everything works again some time after the last fault. */

import { check, eventually } from "../interop/suite.ts";
import type { BrokerSet } from "./broker_set.ts";
import { describe } from "./claims.ts";
import type { World } from "./world.ts";

/**
 * Milliseconds in which everything heals. A controller that was started or frozen replaces no master for 10 s
 * from which it has not heard; the rest is for a busy machine.
 */
const LIMIT = 60_000;

/**
 * Waits until each set has a living master, all of its brokers are in sync, obey and have all acknowledged
 * messages, further ones are acknowledged, and etcd has the state that the leading controller tells.
 * Everything that was heard before is compared with the history of etcd then. Returns the milliseconds that
 * it took.
 *
 * @throws {Failure} when it takes too long
 */
export async function heal(world: World): Promise<number> {
  const start = performance.now();
  for (const set of world.sets) {
    const { acknowledged } = set.messages;
    await eventually(LIMIT, () => checkSet(world, set, acknowledged));
  }
  return Math.round(performance.now() - start);
}

/** @param acknowledged how many messages were acknowledged before */
async function checkSet(
  world: World,
  { name, brokers, messages }: BrokerSet,
  acknowledged: number,
): Promise<void> {
  const data = await world.admin.data(name);
  check(data !== undefined, `no controller tells the state of ${name}`);
  const { claim, replicas } = data;
  const ids = ascending(brokers.map(({ disk }) => disk.brokerId ?? 0));
  const living = ascending(replicas.filter(({ alive }) => alive).map(({ id }) => id));
  const state = `${describe(claim)}, alive ${living}, brokers ${ids}`;
  check(claim.master !== undefined, state);
  check(`${claim.members}` === `${ids}` && `${living}` === `${ids}`, state);
  for (const broker of brokers) {
    const { role, disk: { brokerId } } = broker;
    const obeys = role?.master === claim.master && role.masterEpoch === claim.masterEpoch;
    check(obeys, `${state}: broker ${brokerId} does not know`);
    const missing = messages.missing(broker);
    check(missing === 0, `${state}: broker ${brokerId} lacks ${missing} acknowledged messages`);
  }
  check(messages.acknowledged > acknowledged, `${state}: no message is acknowledged`);
  await world.compare();
  const stored = world.history.last(name);
  check(
    stored !== undefined && describe(stored) === describe(claim),
    `etcd does not have ${state}`,
  );
}

function ascending(ids: readonly number[]): number[] {
  return ids.toSorted((a, b) => a - b);
}
