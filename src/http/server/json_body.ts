import { nearestName } from "../../config/nearest.ts";
import { HttpProblem } from "./answer.ts";

const JSON_TYPE = /^application\/json *(; *charset="?utf-8"?)? *$/i;
/** Characters of a name from a request in an answer. */
const MAX_NAME = 100;

/**
 * Parses the body of a request: a JSON object of texts. Other types than JSON are refused: a web page
 * can send those to other servers without asking them first. So are lone surrogates: JSON can escape
 * them, but nothing in UTF-8 can keep them.
 *
 * @param type the Content-Type header
 * @param known names of the allowed fields; `"any"` allows all
 * @throws {HttpProblem} 415 for another type; 400 naming the fault
 */
export function parseBody(
  bytes: Uint8Array,
  type: string | null,
  known: readonly string[] | "any",
): ReadonlyMap<string, string> {
  if (type === null || !JSON_TYPE.test(type)) {
    throw new HttpProblem(415, "the Content-Type must be application/json");
  }
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(parseObject(bytes))) {
    const parameter = name.slice(0, MAX_NAME);
    if (known !== "any" && !known.includes(name)) {
      const nearest = nearestName(parameter, known);
      const hint = nearest ? `did you mean ${nearest}?` : `there are ${known.join(", ")}`;
      throw new HttpProblem(400, `${parameter}: no such field; ${hint}`, { parameter });
    }
    if (typeof value !== "string") {
      throw new HttpProblem(400, `${parameter}: must be a text`, { parameter });
    }
    if (!name.isWellFormed() || !value.isWellFormed()) {
      const shown = parameter.toWellFormed();
      const reason = `${shown}: has a lone surrogate, which UTF-8 can't encode`;
      throw new HttpProblem(400, reason, { parameter: shown });
    }
    fields.set(name, value);
  }
  return fields;
}

/** Returns a field. Throws {@link HttpProblem} when it is missing. */
export function requiredText(body: ReadonlyMap<string, string>, name: string): string {
  const value = body.get(name);
  if (value === undefined) {
    throw new HttpProblem(400, `${name}: is missing in the body`, { parameter: name });
  }
  return value;
}

function parseObject(bytes: Uint8Array): object {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new HttpProblem(400, "the body is not JSON in UTF-8");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new HttpProblem(400, "the body must be a JSON object");
  }
  return body;
}
