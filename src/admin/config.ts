import { nearestName } from "../config/nearest.ts";
import { formatProperty } from "../config/properties.ts";
import { RequestCode } from "../protocol/codes.ts";
import { CommandFailure, ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import { reportedOptions } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

/** Adds the `config` command. */
export function addConfigCommands(registry: Registry): void {
  const config = registry.group("config", "show or change the configuration");
  registry.add(
    "get [keys...]",
    "print options and their values; without keys, all of them",
    get,
    config,
  );
  registry.add(
    "set <key> <value>",
    "change an option at runtime, on each name server, and check that it took effect",
    set,
    config,
  );
}

async function get(session: Session, keys: readonly string[]): Promise<void> {
  const { out, json } = session;
  const options = await session.first(async (server) => {
    const all = await reportedOptions(server);
    const missing = keys.find((key) => !all.has(key));
    if (missing !== undefined) throw unknownOption(server, missing, all);
    return [...all].filter(([key]) => keys.length === 0 || keys.includes(key));
  });
  if (json) {
    return await out.json(options.map(([key, value]) => ({ key, value })));
  }
  await out.table(["OPTION", "VALUE"], options);
}

async function set(session: Session, args: readonly string[]): Promise<void> {
  const [key, value] = args as [string, string];
  if (key === "") throw new CommandFailure("config set: the key is empty");
  await session.report(
    async (server) => {
      const before = await reportedOptions(server);
      const body = new TextEncoder().encode(`${formatProperty(key, value)}\n`);
      await server.ask({ code: RequestCode.UPDATE_NAMESRV_CONFIG, extFields: [], body });
      // The reference reports success even when it has ignored the change.
      const after = await reportedOptions(server);
      const now = after.get(key);
      if (now === undefined) throw unknownOption(server, key, after);
      if (now === before.get(key) && !sameValue(now, value)) {
        const what = `${printable(key)} is still ${printable(now)}: the server ignored the change`;
        throw new ServerFailure(server.address, what, true);
      }
      return { before: before.get(key) ?? null, now };
    },
    ({ now }) => `${key} is ${now}`,
    ({ before, now }) => ({ key, value: now, before }),
  );
}

/** Servers may format a value differently. */
function sameValue(stated: string, wanted: string): boolean {
  const [a, b] = [stated, wanted].map((text) => text.trim().toLowerCase()) as [string, string];
  return a === b || (a !== "" && b !== "" && Number(a) === Number(b));
}

function unknownOption(
  server: NameServer,
  key: string,
  options: ReadonlyMap<string, string>,
): ServerFailure {
  const nearest = nearestName(key, [...options.keys()]);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return new ServerFailure(server.address, printable(`has no option ${key}${hint}`), true);
}
