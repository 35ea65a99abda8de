import { BlockList, isIP, isIPv6 } from "node:net";

/** A set of IP addresses, given as addresses and CIDR blocks. */
export class Networks {
  readonly #list = new BlockList();
  readonly #texts: readonly string[];

  /** @throws {RangeError} naming what is neither an address nor a CIDR block */
  constructor(texts: readonly string[]) {
    for (const text of texts) this.#add(text);
    this.#texts = texts;
  }

  /** Whether there are none. */
  get empty(): boolean {
    return this.#texts.length === 0;
  }

  /** Whether an address, as {@link ipOf} gives it, is one of them. */
  has(ip: string): boolean {
    const family = isIP(ip);
    return family !== 0 && this.#list.check(ip, family === 6 ? "ipv6" : "ipv4");
  }

  toString(): string {
    return this.#texts.join(",");
  }

  #add(text: string): void {
    const [address = "", bits, ...more] = text.split("/");
    const family = isIP(address);
    const longest = family === 6 ? 128 : 32;
    const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
    if (family === 0 || address.includes("%") || more.length > 0 || !(length <= longest)) {
      throw new RangeError(`${text} is neither an address nor a block such as 10.1.0.0/16`);
    }
    this.#list.addSubnet(address, length, family === 6 ? "ipv6" : "ipv4");
  }
}

/**
 * The IP address of "address:port" or "[address]:port", without a zone; an IPv4 address that is
 * written as an IPv6 one is that IPv4 address.
 */
export function ipOf(peer: string): string {
  const host = peer.startsWith("[")
    ? peer.slice(1, peer.indexOf("]"))
    : peer.includes(":")
    ? peer.slice(0, peer.lastIndexOf(":"))
    : peer;
  const ip = host.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  return mapped?.[1] ?? ip;
}

/** The network that an address is counted with: /24 of IPv4, /64 of IPv6. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip.replace(/\.\d+$/, ".0/24");
  const [head = "", tail] = ip.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...new Array<string>(zeros).fill("0"), ...last];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
