import { errorMessage } from "../error_message.ts";

/**
 * Kinds of failures:
 *
 * - `unavailable`: no endpoint answered in time, or etcd has no leader. Trying later can help.
 * - `denied`: etcd asks for a user, or for another one, or its rules forbid the request.
 * - `refused`: etcd answered that it does not do this, e.g. because its disk quota is used up.
 * - `compacted`: the revision asked for is no longer kept.
 * - `noLease`: the lease has ended.
 * - `tooLarge`: an answer is longer than etcdMaxAnswerBytes.
 * - `unreadable`: the answer is not one of etcd's.
 * - `otherCluster`: the endpoint belongs to another cluster than those asked before.
 * - `closed`: the client was closed, or the caller gave up.
 */
export type EtcdFault =
  | "unavailable"
  | "denied"
  | "refused"
  | "compacted"
  | "noLease"
  | "tooLarge"
  | "unreadable"
  | "otherCluster"
  | "closed";

/**
 * Returns the reason of a failure without the addresses of etcd: for clients, who may be strangers. The log has
 * the whole message.
 */
export function publicReason(error: unknown): string {
  if (!(error instanceof EtcdError)) return errorMessage(error);
  switch (error.fault) {
    case "unavailable":
      return "etcd does not answer";
    case "denied":
      return "etcd does not allow it";
    default:
      return error.message.replace(/^https?:\/\/\S+: /, "");
  }
}

/** A request that etcd has not answered with success. The message is one line. */
export class EtcdError extends Error {
  override name = "EtcdError";
  readonly fault: EtcdFault;
  /**
   * Whether the change that was requested may have been made, or may still be made: read the keys
   * again before the next change. False for a request that only reads.
   */
  readonly maybeDone: boolean;

  constructor(fault: EtcdFault, message: string, maybeDone = false) {
    super(message);
    this.fault = fault;
    this.maybeDone = maybeDone;
  }
}
