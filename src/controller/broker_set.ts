/** A member of a broker set. */
export interface Replica {
  /** "host:port", as the broker last registered it. */
  readonly address: string;
  /**
   * Proof that an id was given to this broker: it repeats it when the answer was lost. Empty when the replica was
   * imported.
   */
  readonly checkCode: string;
}

/** All that a controller remembers of the brokers that share a brokerName. Never changed in place. */
export interface BrokerSet {
  readonly brokerName: string;
  /** As the first broker gave it. */
  readonly clusterName: string;
  /** By broker id, ascending. */
  readonly replicas: ReadonlyMap<number, Replica>;
  /** The id that the next new broker is offered, unless it is taken. Never lowered. */
  readonly nextBrokerId: number;
  readonly masterBrokerId: number | undefined;
  /** Raised with each change of the master, also to none; 0 while there has never been one. */
  readonly masterEpoch: number;
  /** Ids of the replicas that have all acknowledged messages, ascending. */
  readonly syncStateSet: readonly number[];
  /** Raised with each change of the sync state set. */
  readonly syncStateSetEpoch: number;
}

/** Encoded state that can't be that of a broker set. The message says where. */
export class BrokerSetError extends Error {
  override name = "BrokerSetError";
}

const MAX_INT = 2_147_483_647;

/** Whether a number can be a broker id: those of replicas begin with 1. */
export function isBrokerId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Whether the epochs fit an int of Java, as which brokers read them. */
export function hasValidEpochs({ masterEpoch, syncStateSetEpoch }: BrokerSet): boolean {
  return isEpoch(masterEpoch) && isEpoch(syncStateSetEpoch);
}

/** Encodes a broker set as JSON, for a store. */
export function encodeBrokerSet(set: BrokerSet): string {
  return JSON.stringify({
    ...set,
    masterBrokerId: set.masterBrokerId ?? null,
    replicas: Array.from(set.replicas, ([brokerId, replica]) => ({ brokerId, ...replica })),
  });
}

/**
 * Decodes what {@link encodeBrokerSet} returned.
 *
 * @param value the parsed JSON
 * @throws {BrokerSetError} when a field is missing or has another type, or the fields contradict
 *   each other
 */
export function decodeBrokerSet(value: unknown): BrokerSet {
  const fields = new Fields(value, "a broker set");
  const brokerName = fields.text("brokerName");
  const replicas = new Map<number, Replica>();
  for (const entry of fields.list("replicas")) {
    const replica = new Fields(entry, `a replica of ${brokerName}`);
    const brokerId = replica.id("brokerId");
    if (replicas.has(brokerId)) throw new BrokerSetError(`${brokerName} has id ${brokerId} twice`);
    replicas.set(brokerId, {
      address: replica.text("address"),
      checkCode: replica.text("checkCode"),
    });
  }
  const set: BrokerSet = {
    brokerName,
    clusterName: fields.text("clusterName"),
    replicas: sortedById(replicas),
    nextBrokerId: fields.id("nextBrokerId"),
    masterBrokerId: fields.optionalId("masterBrokerId"),
    masterEpoch: fields.epoch("masterEpoch"),
    syncStateSet: fields.list("syncStateSet").filter(isBrokerId).sort((a, b) => a - b),
    syncStateSetEpoch: fields.epoch("syncStateSetEpoch"),
  };
  checkMembers(set, fields.list("syncStateSet").length);
  return set;
}

function isEpoch(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_INT;
}

/** Returns the replicas in the order of their ids. */
export function sortedById(replicas: Iterable<readonly [number, Replica]>): Map<number, Replica> {
  return new Map([...replicas].sort(([a], [b]) => a - b));
}

function checkMembers(
  { brokerName, replicas, syncStateSet, masterBrokerId, masterEpoch, syncStateSetEpoch }: BrokerSet,
  ids: number,
) {
  if (replicas.size === 0) throw new BrokerSetError(`${brokerName} has no replicas`);
  if (new Set(syncStateSet).size !== ids || !syncStateSet.every((id) => replicas.has(id))) {
    throw new BrokerSetError(`the syncStateSet of ${brokerName} is not a set of its replicas`);
  }
  if (masterBrokerId !== undefined && !syncStateSet.includes(masterBrokerId)) {
    throw new BrokerSetError(`the master of ${brokerName} is not in its syncStateSet`);
  }
  if (masterBrokerId !== undefined && masterEpoch === 0) {
    throw new BrokerSetError(`${brokerName} has a master, but its masterEpoch is 0`);
  }
  if (syncStateSet.length > 0 && (masterEpoch === 0 || syncStateSetEpoch === 0)) {
    throw new BrokerSetError(`${brokerName} has a syncStateSet, but an epoch is 0`);
  }
}

/** The fields of an object that was read from a store. */
class Fields {
  readonly #of: string;
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown, of: string) {
    if (typeof value !== "object" || value === null) throw new BrokerSetError(`${of} is no object`);
    this.#of = of;
    this.#fields = new Map(Object.entries(value));
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    return typeof value === "string" ? value : this.#fail(name, "text");
  }

  list(name: string): readonly unknown[] {
    const value = this.#fields.get(name);
    return Array.isArray(value) ? value : this.#fail(name, "a list");
  }

  id(name: string): number {
    const value = this.#fields.get(name);
    return isBrokerId(value) ? value : this.#fail(name, "a broker id");
  }

  optionalId(name: string): number | undefined {
    return (this.#fields.get(name) ?? null) === null ? undefined : this.id(name);
  }

  epoch(name: string): number {
    const value = this.#fields.get(name);
    return isEpoch(value) ? value : this.#fail(name, "an epoch");
  }

  #fail(name: string, expected: string): never {
    throw new BrokerSetError(`the field ${name} of ${this.#of} is not ${expected}`);
  }
}
