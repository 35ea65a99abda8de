import { nearestName } from "../../config/nearest.ts";
import { HttpProblem } from "./answer.ts";

const MAX_TEXT = 2048;

/** The parameters behind the `?` of a request, each of which is known and there once. */
export class Query {
  readonly #values = new Map<string, string>();

  /**
   * @param known the parameters that there are
   * @throws {HttpProblem} 400 naming the first parameter that is not known, or there twice
   */
  constructor(given: URLSearchParams, known: readonly string[]) {
    for (const [name, value] of given) {
      if (!known.includes(name)) throw new HttpProblem(400, unknown(name, known), named(name));
      if (this.#values.has(name)) refuse(name, "must be given once");
      this.#values.set(name, value);
    }
  }

  /** A text. Throws {@link HttpProblem} when it is longer than any that means something. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value !== undefined && value.length > MAX_TEXT) {
      refuse(name, `must be at most ${MAX_TEXT} characters`);
    }
    return value;
  }

  /** A whole number. Throws {@link HttpProblem} when it is none, or out of bounds. */
  int(name: string, min: number, max: number): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) {
      refuse(name, `must be a whole number from ${min} to ${max}`);
    }
    return number;
  }

  /** `true` or `false`. Throws {@link HttpProblem} when it is something else. */
  flag(name: string): boolean | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    if (value !== "true" && value !== "false") refuse(name, "must be true or false");
    return value === "true";
  }

  /** A value that a function reads. Throws {@link HttpProblem} when that finds none in it. */
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
