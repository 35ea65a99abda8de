import { formatAddress, NAMESRV_PORT, parseAddress, parseAddressList } from "../address.ts";
import type { Log } from "../log/log.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { RemotingClient } from "../remoting/client.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";

const CALL_TIMEOUT = 3000;
/** The default port of an address service, as in the reference. */
const ADDRESS_SERVICE_PORT = 8080;
/** Milliseconds for which the address service's reply is cached. */
const ADDRESSES_LIFETIME = 120_000;

/** Options that locate the other environment's name servers. */
export interface ProductEnvironmentOptions {
  productEnvName: string;
  productEnvNamesrvAddr: string;
  addressServiceDomain: string;
}

/** Dependencies of a {@link ProductEnvironment}. */
export interface ProductEnvironmentParts {
  options: Readonly<ProductEnvironmentOptions>;
  client: Pick<RemotingClient, "invoke">;
  /** Fetches a URL and returns its text. Rejects when that fails. */
  get(url: string): Promise<string>;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The name servers that clusterTest falls back to (semantics.md, "Options", clusterTest). */
export class ProductEnvironment {
  readonly #parts: ProductEnvironmentParts;
  /** The last query to the address service: its URL, time and result. */
  #asked: { url: string; at: number; addresses: Promise<string[]> } | undefined;

  constructor(parts: ProductEnvironmentParts) {
    this.#parts = parts;
  }

  /**
   * Forwards a client's route request to the other environment.
   *
   * @returns its answer; `undefined` when it has none or can't be reached, which is logged
   */
  async route(request: Command): Promise<Reply | undefined> {
    const { client, log, options } = this.#parts;
    const outgoing = {
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      version: request.version,
      extFields: [...request.extFields],
    };
    const fields = { topic: request.extFields.get("topic"), environment: options.productEnvName };
    for (const address of await this.#addresses()) {
      try {
        const answer = await client.invoke(address, outgoing, CALL_TIMEOUT);
        if (answer.code !== ResponseCode.SUCCESS || answer.body === null) return undefined;
        return { code: ResponseCode.SUCCESS, body: answer.body };
      } catch (error) {
        log.warn("product environment did not answer", { ...fields, address, error });
      }
    }
    return undefined;
  }

  async #addresses(): Promise<string[]> {
    const { options, now } = this.#parts;
    const { productEnvNamesrvAddr, addressServiceDomain, productEnvName } = options;
    if (productEnvNamesrvAddr !== "") return parseAddressList(productEnvNamesrvAddr, NAMESRV_PORT);
    if (addressServiceDomain === "") return [];
    const { hostname, port } = parseAddress(addressServiceDomain, ADDRESS_SERVICE_PORT);
    const url = `http://${formatAddress(hostname, port)}/rocketmq/nsaddr-${
      encodeURIComponent(productEnvName)
    }`;
    const before = this.#asked?.url === url ? this.#asked : undefined;
    if (before !== undefined && now() - before.at < ADDRESSES_LIFETIME) return before.addresses;
    const addresses = this.#askService(url, before?.addresses);
    this.#asked = { url, at: now(), addresses };
    return await addresses;
  }

  /** Returns the addresses that the service lists, or the previous ones when it does not answer. */
  async #askService(url: string, before?: Promise<string[]>): Promise<string[]> {
    const { get, log } = this.#parts;
    try {
      return parseAddressList(await get(url), NAMESRV_PORT);
    } catch (error) {
      log.warn("address service did not answer", { url, error });
      return await before ?? [];
    }
  }
}
