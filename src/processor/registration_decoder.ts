import { createInflate, inflateSync } from "node:zlib";
import { concatBytes } from "../concat_bytes.ts";
import { errorMessage } from "../error_message.ts";
import { Histogram, SECONDS } from "../histogram.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import {
  announcedTopics,
  checkTopicCount,
  readInflatedBody,
  readPlainBody,
  type RegisterBrokerBody,
} from "../protocol/register_broker_body.ts";
import type { MemoryBudget } from "../remoting/wire/frame_decoder.ts";
import { runSteps } from "../run_steps.ts";
import type { WorkSlice } from "../work_slice.ts";
import { RequestError } from "./errors.ts";

/** Bodies up to these sizes are decoded at once: yielding would take longer. */
const SMALL_PLAIN = 16 * 1024;
const SMALL_COMPRESSED = 2 * 1024;
/** Bytes to which a small compressed body is inflated at once. */
const SMALL_INFLATED = 64 * 1024;
/** Bytes that are inflated in one go. */
const CHUNK = 64 * 1024;

/** The values that a {@link RegistrationDecoder} reads, each time it needs them. */
export interface DecoderOptions {
  maxInflatedBodyBytes: number;
  maxTopicsPerBroker: number;
}

/** Decodes the bodies of registrations one at a time, in order of arrival, large ones in slices. */
export class RegistrationDecoder {
  readonly #options: Readonly<DecoderOptions>;
  readonly #slice: WorkSlice;
  readonly #budget: MemoryBudget;
  /** Decoding time of each body, readable or not, excluding the time in the queue. */
  readonly seconds = new Histogram(SECONDS);
  #last: Promise<unknown> = Promise.resolve();
  #decoding = 0;

  /** @param budget holds the inflated bytes */
  constructor(options: Readonly<DecoderOptions>, slice: WorkSlice, budget: MemoryBudget) {
    this.#options = options;
    this.#slice = slice;
    this.#budget = budget;
  }

  /**
   * Decodes a body (protocol.md, "RegisterBrokerBody").
   *
   * @param version ordinal of the broker's MQVersion
   * @throws {FastjsonError} or rejects with it, when the body is malformed or passes a limit
   * @throws {RequestError} rejects with SYSTEM_BUSY when there is no memory for it
   */
  decode(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): RegisterBrokerBody | Promise<RegisterBrokerBody> {
    const small = body.length <= (compressed ? SMALL_COMPRESSED : SMALL_PLAIN);
    if (small && this.#decoding === 0 && !this.#slice.over) {
      const decoded = this.#slice.run(() => this.#decodeSmall(body, compressed, version));
      if (decoded !== undefined) return decoded;
    }
    this.#decoding++;
    const decoded = this.#last.then(() => this.#decodeLarge(body, compressed, version));
    this.#last = decoded.catch(() => {}).finally(() => this.#decoding--);
    return decoded;
  }

  /** Returns `undefined` when the body inflates to more than is decoded at once. */
  #decodeSmall(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): RegisterBrokerBody | undefined {
    const start = performance.now();
    const { maxInflatedBodyBytes, maxTopicsPerBroker } = this.#options;
    try {
      if (!compressed) {
        return runSteps(readPlainBody(body, version, Date.now(), maxTopicsPerBroker));
      }
      const limit = Math.min(SMALL_INFLATED, maxInflatedBodyBytes);
      let inflated;
      try {
        inflated = inflateSync(body, { maxOutputLength: limit });
      } catch (error) {
        if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") return undefined;
        throw notInflated(error);
      }
      return runSteps(readInflatedBody(inflated, version, maxTopicsPerBroker));
    } finally {
      this.#ended(start);
    }
  }

  #ended(start: number): void {
    this.seconds.add((performance.now() - start) / 1000);
  }

  async #decodeLarge(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): Promise<RegisterBrokerBody> {
    if (this.#slice.over) await this.#slice.turn();
    const start = performance.now();
    let held = 0;
    const hold = (bytes: number) => {
      if (!this.#budget.take(bytes)) {
        throw new RequestError(
          ResponseCode.SYSTEM_BUSY,
          "no memory to inflate the registration (maxBufferedRequestBytes)",
        );
      }
      held += bytes;
    };
    try {
      const most = this.#options.maxTopicsPerBroker;
      const steps = compressed
        ? readInflatedBody(await this.#inflate(body, hold), version, most)
        : readPlainBody(body, version, Date.now(), most);
      return await this.#slice.drive(steps);
    } finally {
      this.#budget.give(held);
      this.#ended(start);
    }
  }

  /** Stops at the first limit that the body passes: a bomb must cost no more than the limit. */
  async #inflate(body: Uint8Array, hold: (bytes: number) => void): Promise<Uint8Array> {
    const { maxInflatedBodyBytes: limit, maxTopicsPerBroker } = this.#options;
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stream = createInflate({ chunkSize: CHUNK });
    stream.end(body);
    const iterator: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#slice.runAsync(() => iterator.next());
        if (done) break;
        length += value.length;
        if (length > limit) {
          throw new FastjsonError(
            `the body inflates to more than ${limit} bytes (maxInflatedBodyBytes)`,
          );
        }
        hold(value.length);
        chunks.push(value);
        if (chunks.length === 1) checkTopicCount(announcedTopics(value) ?? 0, maxTopicsPerBroker);
        if (this.#slice.over) await this.#slice.turn();
      }
    } catch (error) {
      throw notInflated(error);
    } finally {
      stream.destroy();
    }
    return concatBytes(chunks);
  }
}

/** Errors of this program pass; those of zlib are about the body. */
function notInflated(error: unknown): unknown {
  if (error instanceof FastjsonError || error instanceof RequestError) return error;
  return new FastjsonError(`invalid zlib stream: ${errorMessage(error)}`);
}
