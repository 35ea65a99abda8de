/** The differential test with random requests: after each round, both servers show the same tables. */

import type { Launcher } from "../cluster.ts";
import { check, type Suite } from "../suite.ts";
import { describe, differences, knownAs } from "./difference.ts";
import { KNOWN } from "./known.ts";
import { KNOWN_RANDOM } from "./known_random.ts";
import { RandomSteps } from "./random_steps.ts";
import { Side } from "./side.ts";

/** Which random requests, and for how long. */
export interface RandomOptions {
  seed: number;
  /** Rounds start for so long. */
  seconds: number;
}

/** Sends the same random requests to the reference and to ours until the time is over. */
export async function randomDifferential(
  suite: Suite,
  launcher: Launcher,
  { seed, seconds }: RandomOptions,
): Promise<void> {
  const table = launcher.kind === "ours" ? [...KNOWN_RANDOM, ...KNOWN] : [];
  await suite.case(`differential: random requests (--seed ${seed})`, async () => {
    const servers = await Promise.all([
      launcher.nameServer("reference", {}),
      launcher.nameServer(launcher.kind, {}),
    ]);
    const end = performance.now() + seconds * 1000;
    const random = new RandomSteps(seed);
    const used = new Map<string, number>();
    let [rounds, compared] = [0, 0];
    try {
      while (performance.now() < end) {
        rounds++;
        const sides = servers.map((server) => new Side(server));
        const steps = random.round();
        const unknown: string[] = [];
        for (const [index, step] of steps.entries()) {
          const [there, here] = await Promise.all(sides.map((side) => side.take(step)));
          if (there === undefined || here === undefined) continue;
          compared++;
          for (const it of differences(`random / ${step.name}`, index + 1, there, here)) {
            const row = knownAs(table, it);
            if (row === undefined) unknown.push(describe(it));
            else used.set(row.name, (used.get(row.name) ?? 0) + 1);
          }
          if (unknown.length > 0) {
            const before = steps.slice(0, index + 1).map(({ name, send }, at) =>
              `${at + 1} ${name} ${JSON.stringify(send?.extFields)} ${
                typeof send?.body === "string" ? send.body : ""
              }`
            );
            check(false, `round ${rounds}\n${before.join("\n")}\n${unknown.join("\n")}`);
          }
        }
        for (const side of sides) side.close();
      }
    } finally {
      await launcher.processes.end();
    }
    const known = [...used].map(([name, count]) => `${name}: ${count}`).join("; ");
    return `${rounds} rounds, ${compared} answers compared (${known})`;
  });
}
