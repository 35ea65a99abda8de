/**
 * The differential test as data: which frames go to both name servers, in which states.
 *
 * A scenario starts with two fresh servers. Its steps run in order, each on both servers; an answer
 * is compared unless a step says otherwise. Nothing here says what the answer should be: the
 * reference says so.
 */

import { BAD_INPUT } from "./scenarios_bad_input.ts";
import { BASIC } from "./scenarios_basic.ts";
import { BROKERS } from "./scenarios_brokers.ts";
import { CONFIGURATION } from "./scenarios_configuration.ts";
import { ROUTES } from "./scenarios_routes.ts";
import type { Scenario } from "./steps.ts";

/** Every state that the two servers are compared in. */
export const SCENARIOS: Scenario[] = [
  ...BASIC,
  ...BROKERS,
  ...ROUTES,
  ...CONFIGURATION,
  ...BAD_INPUT,
];
