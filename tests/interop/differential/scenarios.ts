/**
 * The differential test's data: the frames sent to both name servers, in which states.
 *
 * A scenario starts with two fresh servers. Its steps run in order, each on both servers; responses
 * are compared unless a step says otherwise. The scenarios do not state the expected responses: the
 * reference defines them.
 */

import { BAD_INPUT } from "./scenarios_bad_input.ts";
import { BASIC } from "./scenarios_basic.ts";
import { BROKERS } from "./scenarios_brokers.ts";
import { CONFIGURATION } from "./scenarios_configuration.ts";
import { ROUTES } from "./scenarios_routes.ts";
import type { Scenario } from "./steps.ts";

/** All states in which the two servers are compared. */
export const SCENARIOS: Scenario[] = [
  ...BASIC,
  ...BROKERS,
  ...ROUTES,
  ...CONFIGURATION,
  ...BAD_INPUT,
];
