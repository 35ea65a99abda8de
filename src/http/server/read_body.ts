import type { IncomingMessage } from "node:http";
import { concatBytes } from "../../concat_bytes.ts";
import { HttpProblem } from "./answer.ts";

/**
 * Reads the body of a request. The rest of a body that is too long is dropped.
 *
 * @param max bytes; a longer body rejects with an {@link HttpProblem} 413
 */
export function readBody(request: IncomingMessage, max: number): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > max) {
    request.resume();
    return Promise.reject(tooLong(max));
  }
  // The client may have gone while the request waited its turn: then no event follows.
  if (request.destroyed) return Promise.reject(endsEarly());
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let parts: Uint8Array[] = [];
  let size = 0;
  request.on("data", (part: Uint8Array) => {
    size += part.length;
    if (size <= max) parts.push(part);
    else {
      parts = [];
      reject(tooLong(max));
    }
  });
  request.once("end", () => resolve(concatBytes(parts)));
  request.once("close", () => reject(endsEarly()));
  return promise;
}

function endsEarly(): HttpProblem {
  return new HttpProblem(400, "the body ends early");
}

function tooLong(max: number): HttpProblem {
  return new HttpProblem(413, `the body has more than ${max} bytes (httpMaxBodyBytes)`, {
    refusal: "body",
  });
}
