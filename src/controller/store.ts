import type { BrokerSet } from "./broker_set.ts";

/** The controller that leads. */
export interface Leader {
  readonly id: string;
  /** "host:port" of its controller port. */
  readonly address: string;
}

/** Called by a store; its methods must not throw. */
export interface LeadershipEvents {
  /**
   * This controller leads from now on.
   *
   * @param sets the stored sets, by brokerName; the store does not use the map again
   */
  leading(sets: Map<string, BrokerSet>): void;
  /**
   * This controller does not lead any more. Called before another can lead, so that two never answer
   * at the same time.
   *
   * @param reason why
   */
  following(reason: string): void;
}

/** The set was not stored. The message says why, without paths: it is sent to brokers. */
export class StoreError extends Error {
  override name = "StoreError";
}

/** This controller does not lead: nothing was stored by it. */
export class NotLeaderError extends Error {
  override name = "NotLeaderError";
  constructor() {
    super("The controller is not in leader state");
  }
}

/** Keeps the broker sets of a controller, and decides which controller leads. */
export interface ControllerStore {
  /** The controller that leads, as far as this one knows. */
  readonly leader: Leader | undefined;
  /**
   * Whether this controller leads now. The caller must ask before each answer: a process that was suspended
   * may have lost leadership unnoticed, and then `following` is called at once.
   */
  readonly leads: boolean;
  /** Why this controller can't lead, without addresses; `undefined` when it could. */
  readonly problem: string | undefined;
  /**
   * Begins to seek leadership. Resolves when the events may come; a store without other nodes has
   * called `leading` by then.
   *
   * @throws {StartupError} when the stored sets can't be read
   */
  start(events: LeadershipEvents): Promise<void>;
  /**
   * Stores the new state of a set, or removes the set. Resolves when it survives a crash. Of one set,
   * the caller has one commit in progress; of different sets, any number.
   *
   * An outcome that is unknown at first (a lost answer) is found out before the promise settles. If
   * leadership is lost meanwhile, the promise rejects with a {@link NotLeaderError}, and the next call
   * of `leading` brings what was really stored.
   *
   * @throws {StoreError} when the old state stays stored
   * @throws {NotLeaderError} when this controller does not lead (any more)
   */
  commit(brokerName: string, set: BrokerSet | undefined): Promise<void>;
  /** Gives leadership up. Resolves when no commit is in progress. */
  stop(): Promise<void>;
}
