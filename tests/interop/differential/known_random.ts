/** The known differences that only random requests meet. Not every run meets each of them. */

import type { KnownDifference } from "./known.ts";

/** Known differences of random requests, first fit first. */
export const KNOWN_RANDOM: KnownDifference[] = [
  {
    name: "static mappings go with their topic",
    why: "the reference keeps the mappings of a topic that no broker has any more for ever",
    where: /^random \/ route of /,
    path: /^body\.topicQueueMappingByBroker/,
    ours: /^\(absent\)$/,
  },
  {
    name: "static mappings come back with their topic",
    why: "the reference stores them again only when the broker's data version changes",
    where: /^random \/ route of /,
    path: /^body\.topicQueueMappingByBroker/,
    reference: /^\(absent\)$/,
  },
  {
    name: "a static topic that comes back has the mapping that its broker sends",
    why: "the reference shows the one from before the topic was removed, until the version changes",
    where: /^random \/ route of /,
    path: /^body\.topicQueueMappingByBroker\.[^.]+\.epoch$/,
    reference: /^\d$/,
    ours: /^\d$/,
  },
  {
    name: "filter servers of a stale broker go with it",
    why: "the reference keeps them, and shows them when the address registers again without a list",
    where: /^random \/ route of /,
    path: /^body\.filterServerTable\./,
    ours: /^\(absent\)$/,
  },
  {
    name: "zone-filtered routes are in the client's dialect",
    why: "the reference writes them with unquoted keys also for clients that want standard JSON",
    where: /^random \/ route of .*ZONE/,
    path: /^dialect\.unquotedKeys$/,
    reference: /^true$/,
    ours: /^false$/,
  },
];
