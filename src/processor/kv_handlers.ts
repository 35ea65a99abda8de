import { ResponseCode } from "../protocol/codes.ts";
import { encodeKvTable } from "../protocol/route_data.ts";
import type { KvConfig } from "../kv/kv_config.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { RequestError } from "./errors.ts";
import { requiredField } from "./fields.ts";

/** Requests about the KV table. Changes are answered once they are on disk. */
export function kvHandlers(kv: KvConfig) {
  return { put, get, remove, list };

  async function put(request: Command): Promise<Reply> {
    const namespace = request.extFields.get("namespace") ?? "null";
    const key = request.extFields.get("key") ?? "null";
    // A null key once kept brokers from starting. The reference lets the name "null" through.
    if (namespace === "null" || key === "null") {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "namespace or key is null");
    }
    await kv.put(namespace, key, requiredField(request, "value"));
    return { code: ResponseCode.SUCCESS };
  }

  function get(request: Command): Reply {
    const namespace = requiredField(request, "namespace");
    const key = requiredField(request, "key");
    const value = kv.get(namespace, key);
    if (value !== undefined) return { code: ResponseCode.SUCCESS, extFields: [["value", value]] };
    const remark = `No config item, Namespace: ${namespace} Key: ${key}`;
    return { code: ResponseCode.QUERY_NOT_FOUND, remark, extFields: [] };
  }

  async function remove(request: Command): Promise<Reply> {
    await kv.delete(requiredField(request, "namespace"), requiredField(request, "key"));
    return { code: ResponseCode.SUCCESS };
  }

  function list(request: Command): Reply {
    const namespace = requiredField(request, "namespace");
    const table = kv.list(namespace);
    if (table !== undefined) return { code: ResponseCode.SUCCESS, body: encodeKvTable(table) };
    const remark = `No config item, Namespace: ${namespace}`;
    return { code: ResponseCode.QUERY_NOT_FOUND, remark };
  }
}
