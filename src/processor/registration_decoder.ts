import { inflate, inflateSync } from "node:zlib";
import { Histogram, SECONDS } from "../histogram.ts";
import { FastjsonError } from "../protocol/fastjson_reader.ts";
import {
  readInflatedBody,
  readPlainBody,
  type RegisterBrokerBody,
} from "../protocol/register_broker_body.ts";
import { errorMessage } from "../error_message.ts";

/** Milliseconds of continuous decoding before other work gets a turn. */
const SLICE = 4;
/** Bodies up to these sizes are decoded at once: yielding would take longer. */
const SMALL_PLAIN = 16 * 1024;
const SMALL_COMPRESSED = 2 * 1024;

/** Decodes the bodies of registrations one at a time, in order of arrival, large ones in slices. */
export class RegistrationDecoder {
  readonly #maxInflated: () => number;
  readonly #nextTurn: (task: () => void) => void;
  /** Decoding time of each body, readable or not, excluding the time in the queue. */
  readonly seconds = new Histogram(SECONDS);
  #last: Promise<unknown> | undefined;

  /**
   * @param maxInflated the largest allowed size of an inflated body, in bytes
   * @param nextTurn runs a task after all events that are pending now
   */
  constructor(maxInflated: () => number, nextTurn: (task: () => void) => void) {
    this.#maxInflated = maxInflated;
    this.#nextTurn = nextTurn;
  }

  /** Whether no body is being decoded. */
  get idle(): boolean {
    return this.#last === undefined;
  }

  /**
   * Decodes a body (protocol.md, "RegisterBrokerBody").
   *
   * @param version ordinal of the broker's MQVersion
   * @throws {FastjsonError} or rejects with it, when the body is malformed
   */
  decode(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): RegisterBrokerBody | Promise<RegisterBrokerBody> {
    const small = body.length <= (compressed ? SMALL_COMPRESSED : SMALL_PLAIN);
    if (small && this.#last === undefined) return this.#decodeSmall(body, compressed, version);
    const before = this.#last ?? Promise.resolve();
    const decoded = before.then(() => this.#decodeLarge(body, compressed, version));
    const last = decoded.catch(() => {}).finally(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
    return decoded;
  }

  #decodeSmall(body: Uint8Array, compressed: boolean, version: number): RegisterBrokerBody {
    const start = performance.now();
    try {
      return finish(this.#steps(body, compressed, version));
    } finally {
      this.#ended(start);
    }
  }

  #ended(start: number): void {
    this.seconds.add((performance.now() - start) / 1000);
  }

  #steps(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): Generator<void, RegisterBrokerBody> {
    if (!compressed) return readPlainBody(body, version, Date.now());
    try {
      return readInflatedBody(inflateSync(body, this.#inflateOptions()), version);
    } catch (error) {
      throw notInflated(error);
    }
  }

  async #decodeLarge(
    body: Uint8Array,
    compressed: boolean,
    version: number,
  ): Promise<RegisterBrokerBody> {
    const start = performance.now();
    try {
      const steps = compressed
        ? readInflatedBody(await this.#inflate(body), version)
        : readPlainBody(body, version, Date.now());
      for (;;) {
        const end = performance.now() + SLICE;
        do {
          const step = steps.next();
          if (step.done) return step.value;
        } while (performance.now() < end);
        await new Promise<void>((resolve) => this.#nextTurn(resolve));
      }
    } finally {
      this.#ended(start);
    }
  }

  #inflate(body: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      inflate(body, this.#inflateOptions(), (error, bytes) => {
        if (error) reject(notInflated(error));
        else resolve(bytes);
      });
    });
  }

  #inflateOptions(): { maxOutputLength: number } {
    return { maxOutputLength: this.#maxInflated() };
  }
}

function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function notInflated(error: unknown): FastjsonError {
  if (error instanceof FastjsonError) return error;
  return new FastjsonError(
    `invalid zlib stream: ${errorMessage(error)}`,
  );
}
