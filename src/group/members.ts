import {
  ANY_IPV4,
  ANY_IPV6,
  formatAddress,
  NAMESRV_PORT,
  parseAddress,
  parseAddressList,
  parseHost,
} from "../address.ts";

/** The options that name this server and the others of its group. */
export interface MemberOptions {
  readonly bindAddress: string;
  readonly advertisedAddress: string;
  readonly namesrvAddrs: string;
}

/** A name server of the group. */
export interface Member {
  /** "host:port", as `namesrvAddrs` has it. */
  readonly address: string;
  /** Whether it is this server. */
  readonly self: boolean;
}

/** The group of name servers that serve the same brokers: this server and those of `namesrvAddrs`. */
export class Members {
  readonly #options: Readonly<MemberOptions>;
  readonly #port: () => number;
  /** Addresses of `namesrvAddrs` that turned out to lead to this server. */
  readonly #recognised = new Set<string>();

  /**
   * @param options read each time
   * @param port that this server listens on
   */
  constructor(options: Readonly<MemberOptions>, port: () => number) {
    this.#options = options;
    this.#port = port;
  }

  /**
   * The addresses by which a list may name this server, in lower case; first the advertised one.
   *
   * @param localHost an address of this machine, at which it is being asked
   */
  own(localHost: string): string[] {
    const { advertisedAddress, bindAddress } = this.#options;
    const port = this.#port();
    const found: string[] = [];
    if (advertisedAddress !== "") {
      const { hostname, port: own } = parseAddress(advertisedAddress, port);
      found.push(formatAddress(hostname, own));
    }
    const bound = parseHost(bindAddress) ?? bindAddress;
    if (!isWildcard(bound)) found.push(formatAddress(bound, port));
    found.push(formatAddress(localHost, port));
    return found.map((address) => address.toLowerCase());
  }

  /**
   * The group: those of `namesrvAddrs` in its order, with this server first where it is not one of them.
   *
   * @param localHost as for {@link own}
   */
  list(localHost: string): Member[] {
    const own = this.own(localHost);
    const members = parseAddressList(this.#options.namesrvAddrs, NAMESRV_PORT)
      .map((address) => ({
        address,
        self: own.includes(address.toLowerCase()) || this.#recognised.has(address),
      }));
    if (members.some(({ self }) => self)) return members;
    return [{ address: own[0] ?? "", self: true }, ...members];
  }

  /**
   * Tells where a connection to a member ended. A list may name this server by a name or an address that
   * it does not know for its own.
   *
   * @param localPeer the IP address at which it ended, if that is one of this machine
   * @returns whether the member is this server; {@link list} says so from then on
   */
  recognise(address: string, localPeer: string | undefined): boolean {
    if (localPeer === undefined || parseAddress(address).port !== this.#port()) return false;
    const bound = parseHost(this.#options.bindAddress);
    if (bound !== localPeer && !isWildcard(bound)) return false;
    this.#recognised.add(address);
    return true;
  }
}

function isWildcard(host: string | undefined): boolean {
  return host === ANY_IPV4 || host === ANY_IPV6;
}
