import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { DIFF_EXIT_CODES, diffKv } from "./diff.ts";
import { ServerFailure, UsageError } from "./failures.ts";
import { NameServer } from "./name_server.ts";
import { type NamespaceOptions, namespacesOf, parseServers, withNamespaces } from "./options.ts";
import { kvTable, kvTables } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

/** Number of concurrent changes of a server. */
const IN_FLIGHT = 32;

interface CopyOptions extends NamespaceOptions {
  from: string;
  delete?: boolean;
}

/** Adds the `kv` command. */
export function addKvCommands(registry: Registry): void {
  const kv = registry.group("kv", "show or change the KV table");
  registry.add("get <namespace> <key>", "print a value", get, kv);
  registry.add("put <namespace> <key> <value>", "set a value, on each name server", put, kv);
  registry.add("delete <namespace> <key>", "delete a key, on each name server", remove, kv);
  registry.add("list <namespace>", "list the keys and values of a namespace", list, kv);
  withNamespaces(
    registry.add<CopyOptions>("copy", "copy a name server's pairs to each name server", copy, kv)
      .requiredOption("--from <host:port>", "the name server to copy from")
      .option("--delete", "also delete the keys that it does not have"),
    "copy",
  );
  const compared = "compare the first name server's pairs with each of the others";
  withNamespaces(registry.add<NamespaceOptions>("diff", compared, diffKv, kv), "compare")
    .addHelpText("after", DIFF_EXIT_CODES);
}

async function get(session: Session, args: readonly string[]): Promise<void> {
  const { out, json } = session;
  const [namespace = "", key = ""] = args;
  const value = await session.first(async (server) => {
    const { code, extFields } = await server.ask(
      { code: RequestCode.GET_KV_CONFIG, extFields: [["namespace", namespace], ["key", key]] },
      [ResponseCode.QUERY_NOT_FOUND],
    );
    const value = extFields.get("value");
    if (code === ResponseCode.SUCCESS && value !== undefined) return value;
    const what = `has no key ${printable(key)} in namespace ${printable(namespace)}`;
    throw new ServerFailure(server.address, what, true);
  });
  if (json) await out.json({ namespace, key, value });
  else await out.line(value);
}

async function put(session: Session, args: readonly string[]): Promise<void> {
  const [namespace = "", key = "", value = ""] = args;
  const extFields = [["namespace", namespace], ["key", key], ["value", value]] as const;
  await session.report(
    (server) => server.ask({ code: RequestCode.PUT_KV_CONFIG, extFields }),
    () => `${namespace} ${key} stored`,
    () => ({ namespace, key, value }),
  );
}

async function remove(session: Session, args: readonly string[]): Promise<void> {
  const [namespace = "", key = ""] = args;
  const extFields = [["namespace", namespace], ["key", key]] as const;
  await session.report(
    async (server) => {
      // Servers report success even when the key never existed.
      const { code } = await server.ask(
        { code: RequestCode.GET_KV_CONFIG, extFields },
        [ResponseCode.QUERY_NOT_FOUND],
      );
      await server.ask({ code: RequestCode.DELETE_KV_CONFIG, extFields });
      return code === ResponseCode.SUCCESS;
    },
    (known) => `${namespace} ${key} ${known ? "deleted" : "did not exist"}`,
    (known) => ({ namespace, key, deleted: known }),
  );
}

async function list(session: Session, args: readonly string[]): Promise<void> {
  const { out, json } = session;
  const [namespace = ""] = args;
  const table = await session.first(async (server) => {
    const table = await kvTable(server, namespace);
    if (table !== undefined) return table;
    throw new ServerFailure(server.address, `has no namespace ${printable(namespace)}`, true);
  });
  const pairs = [...table].sort(([a], [b]) => a < b ? -1 : 1);
  if (json) {
    await out.json({ namespace, pairs: pairs.map(([key, value]) => ({ key, value })) });
  } else {
    await out.table(["KEY", "VALUE"], pairs);
  }
}

async function copy(session: Session, _: readonly string[], options: CopyOptions): Promise<void> {
  const namespaces = namespacesOf(options);
  const [from = "", ...more] = parseServers(options.from, "--from");
  if (more.length > 0) throw new UsageError(`--from ${options.from}: must be one name server`);
  const source = new Map<string, ReadonlyMap<string, string>>();
  const server = new NameServer(from, session.access);
  try {
    for (const namespace of namespaces) {
      const table = await kvTable(server, namespace);
      // It may as well be a typing error, after which --delete would delete everything.
      if (table === undefined) {
        throw new ServerFailure(from, `has no namespace ${printable(namespace)}`, true);
      }
      source.set(namespace, table);
    }
  } finally {
    await server.close();
  }
  await session.report(
    (target) => copyTo(target, source, options.delete === true),
    ({ copied, equal, deleted, more }) =>
      `${copied} copied, ${equal} already equal` + (deleted > 0 ? `, ${deleted} deleted` : "") +
      (more > 0 ? `, ${more} that ${from} does not have (--delete deletes them)` : ""),
    (counts) => counts,
  );
}

/** Makes a server's pairs like those of `source`; returns how many were changed, and how many not. */
async function copyTo(
  target: NameServer,
  source: ReadonlyMap<string, ReadonlyMap<string, string>>,
  withDelete: boolean,
): Promise<{ copied: number; equal: number; deleted: number; more: number }> {
  const tables = await kvTables(target, [...source.keys()]);
  const puts: Pair[] = [];
  const extra: Pair[] = [];
  let equal = 0;
  for (const [namespace, wanted] of source) {
    const present = tables.get(namespace) ?? new Map<string, string>();
    for (const [key, value] of wanted) {
      if (present.get(key) === value) equal++;
      else puts.push([["namespace", namespace], ["key", key], ["value", value]]);
    }
    for (const key of present.keys()) {
      if (!wanted.has(key)) extra.push([["namespace", namespace], ["key", key]]);
    }
  }
  await change(target, RequestCode.PUT_KV_CONFIG, puts);
  if (withDelete) await change(target, RequestCode.DELETE_KV_CONFIG, extra);
  const deleted = withDelete ? extra.length : 0;
  return { copied: puts.length, equal, deleted, more: extra.length - deleted };
}

/** The fields of a request that changes a pair. */
type Pair = readonly (readonly [name: string, value: string])[];

/** Sends changes, several at once: a server writes those together to its disk. */
async function change(target: NameServer, code: number, pairs: readonly Pair[]): Promise<void> {
  for (let at = 0; at < pairs.length; at += IN_FLIGHT) {
    const requests = pairs.slice(at, at + IN_FLIGHT);
    await Promise.all(requests.map((extFields) => target.ask({ code, extFields })));
  }
}
