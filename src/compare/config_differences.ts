import { isOwnOption } from "../config/options.ts";
import { showReported } from "../config/report.ts";

/** An option that not all name servers have the same value of. */
export interface ConfigDifference {
  readonly name: string;
  /** By address; null where the server does not report it. Secrets are hidden. */
  readonly values: ReadonlyMap<string, string | null>;
}

/** An option that every server of this kind reports, and no other. */
const OWN = "httpPort";

/**
 * Finds the options whose values differ. Options that Apache RocketMQ's name server does not have are
 * compared among the servers of this kind only.
 *
 * @param servers the reported options of each server, by its address
 */
export function compareConfigurations(
  servers: ReadonlyMap<string, ReadonlyMap<string, string>>,
): ConfigDifference[] {
  const names = new Set([...servers.values()].flatMap((options) => [...options.keys()]));
  const found: ConfigDifference[] = [];
  for (const name of [...names].sort()) {
    const values = new Map<string, string | null>();
    for (const [address, options] of servers) {
      const value = options.get(name);
      const knows = !isOwnOption(name) || options.has(OWN);
      if (value !== undefined) values.set(address, showReported(name, value));
      else if (knows) values.set(address, null);
    }
    if (new Set(values.values()).size > 1) found.push({ name, values });
  }
  return found;
}
