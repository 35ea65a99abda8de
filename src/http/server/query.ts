import { nearestName } from "../../config/nearest.ts";
import { HttpProblem } from "./answer.ts";

const MAX_TEXT = 2048;

/** The parameters after the `?` of a request. All of them are known and occur once. */
export class Query {
  readonly #values = new Map<string, string>();

  /**
   * @param known names of the allowed parameters
   * @throws {HttpProblem} 400 naming the first unknown or repeated parameter
   */
  constructor(given: URLSearchParams, known: readonly string[]) {
    for (const [name, value] of given) {
      if (!known.includes(name)) throw new HttpProblem(400, unknown(name, known), named(name));
      if (this.#values.has(name)) refuse(name, "must be given once");
      this.#values.set(name, value);
    }
  }

  /** Returns a text parameter. Throws {@link HttpProblem} when it is too long. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value !== undefined && value.length > MAX_TEXT) {
      refuse(name, `must be at most ${MAX_TEXT} characters`);
    }
    return value;
  }

  /**
   * Returns an integer parameter. Throws {@link HttpProblem} when it is not an integer or out of
   * range.
   */
  int(name: string, min: number, max: number): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) {
      refuse(name, `must be a whole number from ${min} to ${max}`);
    }
    return number;
  }

  /**
   * Returns a boolean parameter. Throws {@link HttpProblem} when it is neither `true` nor `false`.
   */
  flag(name: string): boolean | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    if (value !== "true" && value !== "false") refuse(name, "must be true or false");
    return value === "true";
  }

  /**
   * Returns a parameter parsed by a function. Throws {@link HttpProblem} when that returns
   * `undefined`.
   */
  parsed<T>(name: string, parse: (text: string) => T | undefined, allowed: string): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    return parse(value) ?? refuse(name, `must be ${allowed}`);
  }
}

function refuse(parameter: string, reason: string): never {
  throw new HttpProblem(400, `${parameter}: ${reason}`, { parameter });
}

function named(parameter: string): { parameter: string } {
  return { parameter: parameter.slice(0, MAX_TEXT) };
}

function unknown(name: string, known: readonly string[]): string {
  const shown = name.slice(0, 100);
  if (known.length === 0) return `${shown}: no parameter is known here`;
  const nearest = nearestName(shown, known);
  const hint = nearest === undefined ? `there are ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `${shown}: no such parameter; ${hint}`;
}
