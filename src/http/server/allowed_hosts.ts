import { isIP } from "node:net";
import { parseHostPatterns } from "../../address.ts";

/**
 * The names under which the HTTP port may be asked. A web page can point a name of its own at any
 * address (DNS rebinding) and then read what a browser can reach there; the Host header shows the name.
 * Addresses and localhost can't be pointed elsewhere.
 */
export class AllowedHosts {
  readonly #list: () => string;
  readonly #own: string;
  #parsed = { text: "", names: [] as readonly string[] };

  /**
   * @param list as {@link parseHostPatterns} reads it
   * @param own the name that the port is opened under
   */
  constructor(list: () => string, own: string) {
    this.#list = list;
    this.#own = own.toLowerCase();
  }

  /**
   * Whether the host of a URL is allowed. An invalid URL counts as allowed, because it gets another
   * error.
   */
  allow(url: string): boolean {
    const parsed = URL.parse(url);
    if (parsed === null) return true;
    const host = parsed.hostname.replace(/\.$/, "");
    if (isIP(host.replace(/^\[|\]$/g, "")) !== 0 || host === "localhost" || host === this.#own) {
      return true;
    }
    return this.#names().some((name) =>
      name === "*" || (name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name)
    );
  }

  #names(): readonly string[] {
    const text = this.#list();
    if (text !== this.#parsed.text) this.#parsed = { text, names: parseHostPatterns(text) ?? [] };
    return this.#parsed.names;
  }
}
