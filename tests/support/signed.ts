import { type Credentials, Signatures } from "../../src/access/signature.ts";
import type { Request } from "./frames.ts";

const signatures = new Signatures();

/** A request as a client with credentials sends it. */
export function signed(request: Request, credentials: Credentials): Request {
  const fields = Object.entries(request.extFields ?? {});
  const body = typeof request.body === "string"
    ? new TextEncoder().encode(request.body)
    : request.body;
  const added = signatures.sign(fields, body, credentials);
  return { ...request, extFields: Object.fromEntries([...fields, ...added]) };
}
