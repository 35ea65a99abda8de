import type { OutgoingRequest } from "../remoting/wire/command.ts";
import { type Credentials, SignatureField, Signatures } from "./signature.ts";

/** Signs the requests that this program sends, as RocketMQ's AclClientRPCHook does. */
export class RequestSigner {
  readonly #credentials: () => Credentials | undefined;
  readonly #signatures = new Signatures();

  /** @param credentials those of now; without any, requests stay as they are */
  constructor(credentials: () => Credentials | undefined) {
    this.#credentials = credentials;
  }

  /** A request with the fields that sign it. A signature that it has is replaced. */
  sign(request: OutgoingRequest): OutgoingRequest {
    const credentials = this.#credentials();
    if (credentials === undefined) return request;
    const own: readonly string[] = Object.values(SignatureField);
    const fields = request.extFields.filter(([name]) => !own.includes(name));
    const added = this.#signatures.sign(fields, request.body, credentials);
    return { ...request, extFields: [...fields, ...added] };
  }
}
