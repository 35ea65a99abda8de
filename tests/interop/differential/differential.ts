/**
 * The differential test: sends the same frames to the reference name server and to ours. Every
 * difference between the responses must be in the table of known ones.
 */

import type { Launcher, NameServer } from "../cluster.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Scenario } from "./steps.ts";
import { describe, differences, knownAs } from "./difference.ts";
import { KNOWN } from "./known.ts";
import { Side } from "./side.ts";
import { check, type Suite } from "../suite.ts";

const caseName = (scenario: Scenario): string => `differential: ${scenario.name}`;

/**
 * Runs the scenarios whose case's name contains `only`, each with two fresh servers. If all of them
 * ran, every known difference must have occurred.
 */
export async function differential(suite: Suite, launcher: Launcher, only = ""): Promise<void> {
  const used = new Set<string>();
  const ours = launcher.kind;
  let compared = 0;
  const chosen = SCENARIOS.filter((it) => caseName(it).includes(only));
  for (const scenario of chosen) {
    await suite.case(caseName(scenario), async () => {
      const [reference, candidate] = await Promise.all([
        launcher.nameServer("reference", scenario.config ?? {}),
        launcher.nameServer(ours, scenario.config ?? {}),
      ]);
      try {
        const count = await compareScenario(scenario, reference, candidate, used, ours === "ours");
        compared += count;
        return `${count} answers compared`;
      } finally {
        await launcher.processes.end();
      }
    });
  }
  if (chosen.length < SCENARIOS.length) return;
  await suite.case("differential: at least 150 answers were compared", () => {
    check(compared >= 150, `only ${compared}`);
    return Promise.resolve(`${compared} of them`);
  });
  if (ours === "reference") return;
  await suite.case("differential: every known difference still occurs", () => {
    const idle = KNOWN.filter((row) => !used.has(row.name)).map((row) => row.name);
    check(idle.length === 0, `no longer seen, take them out of the table:\n${idle.join("\n")}`);
    return Promise.resolve(`${KNOWN.length} rows`);
  });
}

/** Runs a scenario on both; throws a {@linkcode Failure} that lists the unknown differences. */
async function compareScenario(
  scenario: Scenario,
  reference: NameServer,
  ours: NameServer,
  used: Set<string>,
  useTable: boolean,
): Promise<number> {
  const sides = [new Side(reference), new Side(ours)];
  const unknown: string[] = [];
  let compared = 0;
  try {
    for (const [index, step] of scenario.steps.entries()) {
      const [there, here] = await Promise.all(sides.map((side) => side.take(step)));
      if (there === undefined || here === undefined) continue;
      compared++;
      const where = `${scenario.name} / ${step.name}`;
      for (const difference of differences(where, index + 1, there, here)) {
        const row = useTable ? knownAs(KNOWN, difference) : undefined;
        if (row === undefined) unknown.push(describe(difference));
        else used.add(row.name);
      }
    }
  } finally {
    for (const side of sides) side.close();
  }
  check(unknown.length === 0, `${unknown.length} unknown differences\n${unknown.join("\n")}`);
  return compared;
}
