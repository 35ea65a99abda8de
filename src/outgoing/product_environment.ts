import type { Log } from "../log/log.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { RemotingClient } from "../remoting/client.ts";
import type { Command, Response } from "../remoting/wire/command.ts";

const CALL_TIMEOUT = 3000;
/** Where the reference looks for an address service whose port is not named. */
const ADDRESS_SERVICE_PORT = 8080;
/** How long an answer of the address service is used. */
const ADDRESSES_LIFETIME = 120_000;

/** The options that say where the other environment's name servers are. */
export interface ProductEnvironmentOptions {
  productEnvName: string;
  productEnvNamesrvAddr: string;
  addressServiceDomain: string;
}

/** What a {@link ProductEnvironment} works with. */
export interface ProductEnvironmentParts {
  options: Readonly<ProductEnvironmentOptions>;
  client: Pick<RemotingClient, "invoke">;
  /** Gets the text of a URL; rejects when there is none. */
  get(url: string): Promise<string>;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The name servers that clusterTest falls back to (semantics.md, "Options", clusterTest). */
export class ProductEnvironment {
  readonly #parts: ProductEnvironmentParts;
  /** What the address service was asked last, when, and what came of it. */
  #asked: { url: string; at: number; addresses: Promise<string[]> } | undefined;

  constructor(parts: ProductEnvironmentParts) {
    this.#parts = parts;
  }

  /**
   * Asks the other environment for a route, in the words of a client's request.
   *
   * @returns its answer; `undefined` when it has none or can't be reached, which is logged
   */
  async route(request: Command): Promise<Response | undefined> {
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
        log.warn("product environment does not answer", { ...fields, address, error });
      }
    }
    return undefined;
  }

  async #addresses(): Promise<string[]> {
    const { options, now } = this.#parts;
    if (options.productEnvNamesrvAddr !== "") return split(options.productEnvNamesrvAddr);
    const { addressServiceDomain, productEnvName } = options;
    const host = addressServiceDomain.includes(":")
      ? addressServiceDomain
      : `${addressServiceDomain}:${ADDRESS_SERVICE_PORT}`;
    const url = `http://${host}/rocketmq/nsaddr-${encodeURIComponent(productEnvName)}`;
    const before = this.#asked?.url === url ? this.#asked : undefined;
    if (before !== undefined && now() - before.at < ADDRESSES_LIFETIME) return before.addresses;
    const addresses = this.#askService(url, before?.addresses);
    this.#asked = { url, at: now(), addresses };
    return await addresses;
  }

  /** The addresses that the service lists; those of before, when it does not answer. */
  async #askService(url: string, before?: Promise<string[]>): Promise<string[]> {
    const { get, log } = this.#parts;
    try {
      return split(await get(url));
    } catch (error) {
      log.warn("address service does not answer", { url, error });
      return await before ?? [];
    }
  }
}

function split(addresses: string): string[] {
  return addresses.split(";").map((address) => address.trim()).filter((address) => address !== "");
}
