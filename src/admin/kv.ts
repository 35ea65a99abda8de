import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { ServerFailure } from "./failures.ts";
import { kvTable } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

/** Adds the `kv` command. */
export function addKvCommands(registry: Registry): void {
  const kv = registry.group("kv", "show or change the KV table");
  registry.add("get <namespace> <key>", "print a value", get, kv);
  registry.add("put <namespace> <key> <value>", "set a value, on each name server", put, kv);
  registry.add("delete <namespace> <key>", "delete a key, on each name server", remove, kv);
  registry.add("list <namespace>", "list the keys and values of a namespace", list, kv);
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
