/** The faults of a run, each with its end: what it has harmed is whole again then. */

import type { Member } from "../interop/etcd_members.ts";
import { pause } from "../support/wait.ts";
import type { Broker } from "./broker.ts";
import type { BrokerSet } from "./broker_set.ts";
import type { Controller } from "./cluster.ts";
import type { Target, World } from "./world.ts";

/** A kind of fault. */
export interface Fault {
  readonly kind: string;
  /** How often it is chosen, compared with others. */
  readonly weight: number;
  /**
   * Begins it, with all that is left to chance decided. Resolves when it is over; `undefined` when what it
   * would harm suffers another one.
   */
  begin(world: World): Promise<void> | undefined;
}

/** Milliseconds of the lease of the leading controller, and of the doubt about it. */
const LEASE = 5000;

/** All kinds. */
export const FAULTS: readonly Fault[] = [
  {
    kind: "controller killed",
    weight: 6,
    begin: (world) => {
      const later = world.millis(100, 3000);
      return harm(world, controller(world), async (controller) => {
        await controller.kill();
        await pause(later);
        await controller.start();
      });
    },
  },
  {
    kind: "controller frozen for a moment",
    weight: 4,
    begin: (world) => frozen(world, controller(world), world.millis(100, LEASE - 2000)),
  },
  {
    kind: "controller frozen for longer than its lease",
    weight: 4,
    begin: (world) => frozen(world, controller(world), world.millis(LEASE, LEASE + 2500)),
  },
  {
    kind: "controller without etcd",
    weight: 5,
    begin: (world) => {
      const millis = world.millis(500, 2 * LEASE);
      return harm(world, controller(world), async (controller) => {
        controller.cut(true);
        await pause(millis);
        controller.cut(false);
      });
    },
  },
  {
    kind: "controller's connections to etcd closed",
    weight: 2,
    begin: (world) =>
      harm(world, controller(world), (controller) => Promise.resolve(controller.break())),
  },
  {
    kind: "controller's connections to brokers closed",
    weight: 3,
    begin: (world) => {
      const number = world.below(world.cluster.controllers.length);
      for (const { brokers } of world.sets) {
        for (const { links } of brokers) links.break(number);
      }
      return Promise.resolve();
    },
  },
  {
    kind: "etcd member killed",
    weight: 3,
    begin: (world) => killed(world, member(world), world.millis(100, 3000)),
  },
  {
    kind: "etcd member frozen",
    weight: 3,
    begin: (world) => {
      const millis = world.millis(100, 4000);
      return harm(world, member(world), async ({ process }) => {
        process.freeze(true);
        await pause(millis);
        process.freeze(false);
      });
    },
  },
  {
    kind: "two etcd members killed",
    weight: 1,
    begin: (world) => {
      const millis = world.millis(500, 5000);
      if (world.takenMembers > 0) return undefined;
      const both = world.cluster.etcd.members.filter((_, i) => i !== millis % 3);
      return Promise.all(both.map((member) => killed(world, member, millis))).then(() => {});
    },
  },
  {
    kind: "broker killed",
    weight: 22,
    begin: (world) => {
      const later = world.millis(0, 4000);
      return harm(world, broker(world), async (broker) => {
        await broker.kill();
        await pause(later);
        broker.start();
      });
    },
  },
  {
    kind: "broker frozen",
    weight: 12,
    begin: (world) => {
      const millis = world.millis(500, 6000);
      return harm(world, broker(world), async (broker) => {
        broker.freeze(true);
        await pause(millis);
        broker.freeze(false);
      });
    },
  },
  {
    kind: "broker cut off from a controller",
    weight: 3,
    begin: (world) => cutOff(world, [world.below(world.cluster.controllers.length)]),
  },
  {
    kind: "broker cut off from all controllers",
    weight: 6,
    begin: (world) => cutOff(world, [...world.cluster.controllers.keys()]),
  },
  {
    kind: "broker cut off from its set",
    weight: 8,
    begin: (world) => {
      const millis = world.millis(200, 5000);
      return harm(world, broker(world), async (broker) => {
        broker.alone = true;
        await pause(millis);
        broker.alone = false;
      });
    },
  },
  {
    kind: "broker on a new connection",
    weight: 4,
    begin: (world) =>
      harm(world, broker(world), async ({ links }) => {
        await Promise.all([...world.cluster.controllers.keys()].map((i) => links.renew(i)));
      }),
  },
  {
    kind: "master designated",
    weight: 14,
    begin: (world) => {
      const { name, brokers } = world.any(world.sets);
      const id = world.any(brokers).disk.brokerId;
      return id === undefined ? undefined : world.admin.elect(name, id);
    },
  },
  {
    kind: "dead replica cleaned",
    weight: 4,
    begin: (world) => {
      const set = world.any(world.sets);
      return harm(world, world.any(set.brokers), (broker) => cleaned(world, set, broker));
    },
  },
];

/** Chooses one by weight. */
export function chooseFault(below: World["below"]): Fault {
  let at = below(FAULTS.reduce((sum, { weight }) => sum + weight, 0));
  return FAULTS.find(({ weight }) => (at -= weight) < 0)!;
}

/** A controller; two times of three the one that leads. */
function controller({ below, cluster, observations }: World): Controller {
  const number = below(cluster.controllers.length);
  const leads = below(3) > 0;
  const leader = cluster.controllers.find(({ id }) => leads && id === observations.leader);
  return leader ?? cluster.controller(number);
}

function member(world: World): Member | undefined {
  const member = world.any(world.cluster.etcd.members);
  return world.takenMembers === 0 ? member : undefined;
}

/** A broker; every other time a master. */
function broker(world: World): Broker {
  const { brokers } = world.any(world.sets);
  const other = world.any(brokers);
  return world.below(2) === 0 ? brokers.find(({ isMaster }) => isMaster) ?? other : other;
}

function harm<T extends Target>(
  world: World,
  wanted: T | undefined,
  body: (target: T) => Promise<void>,
): Promise<void> | undefined {
  const target = world.take(wanted);
  return target && body(target).finally(() => world.giveBack(target));
}

function frozen(world: World, wanted: Controller, millis: number): Promise<void> | undefined {
  return harm(world, wanted, async (controller) => {
    controller.freeze(true);
    await pause(millis);
    controller.freeze(false);
  });
}

function killed(
  world: World,
  wanted: Member | undefined,
  millis: number,
): Promise<void> | undefined {
  return harm(world, wanted, async (member) => {
    await world.cluster.killMember(member);
    await pause(millis);
    await world.cluster.etcd.restart(member);
  });
}

function cutOff(world: World, controllers: readonly number[]): Promise<void> | undefined {
  const millis = world.millis(200, 5000);
  const how = world.below(2) === 0 ? "closed" : "silent";
  return harm(world, broker(world), async ({ links }) => {
    for (const i of controllers) links.cut(i, how);
    await pause(millis);
    for (const i of controllers) links.mend(i);
  });
}

/**
 * Kills a broker, and has it forgotten when it is not in sync any more: otherwise its messages could be lost, as
 * the administrator wanted. A new broker takes its place.
 */
async function cleaned(world: World, { name }: BrokerSet, broker: Broker): Promise<void> {
  const id = broker.disk.brokerId;
  await broker.kill();
  let isCleaned = false;
  let isNew = false;
  for (let tries = 0; id !== undefined && !isCleaned && tries < 20; tries++) {
    await pause(250);
    const data = await world.admin.data(name);
    if (data === undefined || data.claim.members.includes(id)) continue;
    // It may be forgotten even if the answer is lost.
    isNew = true;
    isCleaned = await world.admin.clean(name, id);
  }
  if (isNew) broker.empty();
  broker.start();
}
