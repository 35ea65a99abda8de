/** Validates responses against an OpenAPI document. */

import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

interface Operation {
  operationId: string;
  parameters?: { $ref?: string; name: string; in: string }[];
  requestBody?: unknown;
  responses: Record<string, { $ref?: string; content?: Record<string, unknown> }>;
}

/** The parts of an OpenAPI document used here. */
export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: {
    parameters: Record<string, { name: string; in: string }>;
    responses: Record<string, { content?: Record<string, unknown> }>;
  };
}

/** The operations of a document, and those seen so far. */
export class Description {
  readonly #document: Document;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  /** `operationId status` of every validated response. */
  readonly seen = new Set<string>();

  constructor(document: Document) {
    this.#document = document;
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(document, "document");
  }

  /** All operations of the document that change nothing, on some paths. */
  reading(has: (path: string) => boolean): string[] {
    return this.#items(has).flatMap(({ get }) => get?.operationId ?? []);
  }

  /** All others. */
  changing(has: (path: string) => boolean): string[] {
    return this.#items(has).flatMap(({ get: _, ...others }) =>
      Object.values(others).map(({ operationId }) => operationId)
    );
  }

  #items(has: (path: string) => boolean): Record<string, Operation>[] {
    return Object.entries(this.#document.paths).filter(([path]) => has(path))
      .map(([, item]) => item);
  }

  /**
   * Fails unless the document describes this response for this path and method (in lower case).
   *
   * @returns the response's JSON; its text if it is something else
   */
  async check(path: string, response: Response, method = "get"): Promise<unknown> {
    const [template, item] = this.#find(path);
    const what = `${response.status} of ${method} ${path}`;
    const operation = item[method];
    const own = operation?.responses[response.status];
    assert.ok(operation && own, `${what} is not described`);
    const name = own.$ref?.split("/").at(-1);
    const described = name === undefined ? own : this.#document.components.responses[name];
    const at = name === undefined
      ? `paths/${pointer(template)}/${method}/responses/${response.status}`
      : `components/responses/${name}`;

    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    assert.deepEqual(Object.keys(described!.content ?? {}), type === "" ? [] : [type], what);
    const text = await response.text();
    this.seen.add(`${operation.operationId} ${response.status}`);
    if (type === "") return assert.equal(text, "", what);
    const body = type.endsWith("json") ? JSON.parse(text) : text;
    const validate = this.#ajv.getSchema(`document#/${at}/content/${pointer(type)}/schema`);
    assert.ok(validate, `${what} has no schema`);
    assert.ok(validate(body), `${what}: ${this.#ajv.errorsText(validate.errors)}: ${text}`);
    return body;
  }

  #find(path: string): [template: string, item: Record<string, Operation>] {
    const [asked] = path.split("?");
    for (const [template, item] of Object.entries(this.#document.paths)) {
      const pattern = template.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+");
      if (new RegExp(`^${pattern}$`).test(asked!)) return [template, item];
    }
    return assert.fail(`${path} is not described`);
  }
}

/** A segment of a JSON pointer in a URL fragment. */
function pointer(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}
