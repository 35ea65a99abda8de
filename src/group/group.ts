import { compareConfigurations, type ConfigDifference } from "../compare/config_differences.ts";
import { RequestCode } from "../protocol/codes.ts";
import { Comparison, type ComparisonResult, type OwnData } from "./comparison.ts";
import { parseConfiguration } from "./configuration.ts";
import type { Member, Members } from "./members.ts";
import { type AskParts, NotTold, OtherServer } from "./other_server.ts";
import { Recent } from "./recent.ts";

/** Name servers that are asked at once. */
const AT_ONCE = 8;

/** Whether a name server of the group answers. */
export interface MemberState extends Member {
  readonly ok: boolean;
  /** Why it does not, in one line. */
  readonly error: string | null;
  /** Milliseconds that its answer took, connecting included; null for this server. */
  readonly millis: number | null;
}

/** Results of comparisons, with descriptions for the documentation. */
export const COMPARISON_OUTCOMES = {
  complete: "all was compared",
  partial: "the other server did not tell something",
  truncated: "a limit ended it (compareTimeoutSeconds, compareMaxBytes, compareMaxDifferences)",
} as const;
export type ComparisonOutcome = keyof typeof COMPARISON_OUTCOMES;

/** A comparison, and when it was made, in milliseconds since the epoch. */
export type TimedResult = ComparisonResult & { readonly at: number };

/** The options that differ within the group, and who did not tell. */
export interface GroupConfig {
  readonly servers: readonly Pick<MemberState, "address" | "ok" | "error">[];
  readonly items: readonly ConfigDifference[];
}

/**
 * Looks at the other name servers of the group. It asks those of `namesrvAddrs` alone, over the remoting
 * port; this server itself is never asked over the network. Results are shared for two seconds.
 */
export class Group {
  /** Comparisons with another server, by what came of them. */
  readonly comparisons: Record<ComparisonOutcome, number> = {
    complete: 0,
    partial: 0,
    truncated: 0,
  };
  readonly #members: Members;
  readonly #ask: AskParts;
  readonly #own: OwnData;
  readonly #states: Recent<Outcomes<number>>;
  readonly #results: Recent<TimedResult | undefined>;
  readonly #configs: Recent<Outcomes<ReadonlyMap<string, string>>>;
  readonly #now: () => number;

  /** @param parts.now milliseconds since the epoch */
  constructor(parts: { members: Members; ask: AskParts; own: OwnData; now(): number }) {
    this.#members = parts.members;
    this.#ask = parts.ask;
    this.#own = parts.own;
    this.#now = parts.now;
    const { monotonic } = parts.ask;
    this.#states = new Recent(monotonic);
    this.#results = new Recent(monotonic);
    this.#configs = new Recent(monotonic);
  }

  /**
   * Asks all members whether they are there.
   *
   * @param localHost as for {@link Members.list}
   */
  async states(localHost: string): Promise<MemberState[]> {
    const others = this.#others(localHost);
    const outcomes = await this.#states.get(
      others.join(";"),
      () =>
        this.#askAll(others, async (other, began) => {
          await other.probe();
          return this.#ask.monotonic() - began;
        }),
    );
    return this.#members.list(localHost).map((member) => {
      const { value = null, error = null } = outcomes.get(member.address) ?? {};
      return { ...member, ok: error === null, error, millis: value };
    });
  }

  /**
   * Compares this server with another member.
   *
   * @param address one of the members, which is not this server
   * @param localHost as for {@link Members.list}
   * @returns the result; `undefined` when the member turned out to be this server
   */
  compare(address: string, localHost: string): Promise<TimedResult | undefined> {
    return this.#results.get(address, async () => {
      const left = this.#members.list(localHost).find(({ self }) => self)?.address ?? "";
      const comparison = new Comparison(this.#own, { left, right: address });
      try {
        const asked = await this.#with(address, async (other) => {
          await comparison.run(other);
          return true;
        });
        if (asked === undefined) return undefined;
      } catch (error) {
        if (!(error instanceof NotTold)) throw error;
        comparison.unreachable(error);
      }
      const { result } = comparison;
      const { truncated, partial } = result;
      this.comparisons[truncated ? "truncated" : partial.length > 0 ? "partial" : "complete"]++;
      return { ...result, at: this.#now() };
    });
  }

  /**
   * Compares the configurations of all members.
   *
   * @param localHost as for {@link Members.list}
   */
  async compareConfigs(localHost: string): Promise<GroupConfig> {
    const others = this.#others(localHost);
    const outcomes = await this.#configs.get(
      others.join(";"),
      () =>
        this.#askAll(others, async (other) => {
          const { body } = await other.ask({ code: RequestCode.GET_NAMESRV_CONFIG, extFields: [] });
          return parseConfiguration(new TextDecoder().decode(body ?? new Uint8Array()));
        }),
    );
    const configurations = new Map<string, ReadonlyMap<string, string>>();
    const servers = this.#members.list(localHost).map(({ address, self }) => {
      const { value, error = null } = outcomes.get(address) ?? {};
      const options = self ? parseConfiguration(this.#own.config.format()) : value;
      if (options !== undefined) configurations.set(address, options);
      return { address, ok: error === null, error };
    });
    return { servers, items: compareConfigurations(configurations) };
  }

  /** The addresses of all members but this server. */
  #others(localHost: string): string[] {
    return this.#members.list(localHost).filter(({ self }) => !self).map(({ address }) => address);
  }

  /** Asks members, some at once; returns the outcomes by address. */
  async #askAll<T>(
    addresses: readonly string[],
    ask: (other: OtherServer, began: number) => Promise<T>,
  ): Promise<Outcomes<T>> {
    const outcomes = new Map<string, Outcome<T>>();
    const waiting = addresses.values();
    const work = async () => {
      for (const address of waiting) {
        const began = this.#ask.monotonic();
        try {
          const value = await this.#with(address, (other) => ask(other, began));
          if (value !== undefined) outcomes.set(address, { value });
        } catch (error) {
          if (!(error instanceof NotTold)) throw error;
          outcomes.set(address, { error: error.remark });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return outcomes;
  }

  /**
   * Connects to a member, and asks it, unless it turns out to be this server.
   *
   * @throws {NotTold} when it can't be reached, and what `ask` throws
   */
  async #with<T>(
    address: string,
    ask: (other: OtherServer) => Promise<T>,
  ): Promise<T | undefined> {
    const other = await OtherServer.open(address, this.#ask);
    try {
      const isSelf = this.#members.recognise(address, other.localPeer);
      return isSelf ? undefined : await ask(other);
    } finally {
      other.close();
    }
  }
}

/** The outcome of asking a member. */
interface Outcome<T> {
  readonly value?: T;
  /** Why it did not tell, in one line. */
  readonly error?: string;
}

/** By address; without this server. */
type Outcomes<T> = ReadonlyMap<string, Outcome<T>>;
