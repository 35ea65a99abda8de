import { ResponseCode } from "../protocol/codes.ts";
import { type Administration, kvChange } from "../administration/administration.ts";
import type { KvStore } from "../kv/kv_store.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import { RequestError } from "./errors.ts";
import { requiredField } from "./fields.ts";

/** Bytes of a body with which an answer has at most 16 MiB, the most that peers take. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024 - 64 * 1024;

/** Requests about the KV table. Changes are answered once they are on disk. */
export function kvHandlers(kv: KvStore, administration: Administration) {
  return { put, get, remove, list };

  async function put(request: Command, peer: Peer): Promise<Reply> {
    const namespace = request.extFields.get("namespace") ?? "null";
    const key = request.extFields.get("key") ?? "null";
    // A missing name is refused before a missing value is.
    const value = namespace === "null" || key === "null" ? "" : requiredField(request, "value");
    const before = await administration.putKv(namespace, key, value, addressesOf(peer));
    return { code: ResponseCode.SUCCESS, change: kvChange(key, before, value) };
  }

  function get(request: Command): Reply {
    const namespace = requiredField(request, "namespace");
    const key = requiredField(request, "key");
    const value = kv.get(namespace, key);
    // Only a file that was made elsewhere can hold so much; a character has up to six bytes.
    if (value !== undefined && value.length * 6 > MAX_BODY_BYTES) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "value is too large (maxKvValueBytes)");
    }
    if (value !== undefined) return { code: ResponseCode.SUCCESS, extFields: [["value", value]] };
    const remark = `No config item, Namespace: ${namespace} Key: ${key}`;
    return { code: ResponseCode.QUERY_NOT_FOUND, remark, extFields: [] };
  }

  async function remove(request: Command, peer: Peer): Promise<Reply> {
    const namespace = requiredField(request, "namespace");
    const key = requiredField(request, "key");
    const before = await administration.deleteKv(namespace, key, addressesOf(peer));
    return { code: ResponseCode.SUCCESS, change: kvChange(key, before, undefined) };
  }

  function list(request: Command): Reply {
    const namespace = requiredField(request, "namespace");
    const table = kv.list(namespace);
    if (table !== undefined && table.bytes > MAX_BODY_BYTES) {
      const remark = `namespace is too large: ${table.bytes} bytes (maxKvNamespaceBytes)`;
      throw new RequestError(ResponseCode.SYSTEM_ERROR, remark);
    }
    if (table !== undefined) return { code: ResponseCode.SUCCESS, body: table.list() };
    const remark = `No config item, Namespace: ${namespace}`;
    return { code: ResponseCode.QUERY_NOT_FOUND, remark };
  }
}
