import type { EventName, Subject } from "./events.ts";

/** Selects events. Without any field, all of them. */
export interface EventFilter {
  readonly cluster?: string;
  readonly brokerName?: string;
  readonly topic?: string;
}

/**
 * Whether an event passes a filter. One that does not name its topics passes any for a topic, which
 * may be among them. Events of the KV table and the configuration pass none.
 */
export function passes(name: EventName, subject: Subject, filter: EventFilter): boolean {
  const { cluster, brokerName, topic } = filter;
  if (cluster !== undefined && subject.cluster !== cluster) return false;
  if (brokerName !== undefined && subject.brokerName !== brokerName) return false;
  return topic === undefined || subject.topic === topic || name === "topicsChanged";
}
