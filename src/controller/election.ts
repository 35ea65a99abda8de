import type { Long } from "../protocol/long.ts";

/** A living replica, as its last heartbeats describe it. */
export interface Candidate {
  readonly brokerId: number;
  /** The epoch of its newest message. */
  readonly epoch: number;
  /** Where its log ends. */
  readonly maxOffset: Long;
  /** The smaller, the better. */
  readonly electionPriority: number;
}

/**
 * Returns the replica that should become master: the one with the greatest epoch, of those the one with
 * the greatest offset, then the smallest priority, then the smallest id.
 */
export function bestCandidate(candidates: Iterable<Candidate>): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

/** Compares the values themselves: a difference of offsets can be beyond 32 bits. */
function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  if (a.maxOffset !== b.maxOffset) return a.maxOffset > b.maxOffset;
  if (a.electionPriority !== b.electionPriority) return a.electionPriority < b.electionPriority;
  return a.brokerId < b.brokerId;
}
