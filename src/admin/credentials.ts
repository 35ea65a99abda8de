import { join } from "node:path";
import { Document, DocumentError } from "../access/document.ts";
import type { Credentials } from "../access/signature.ts";
import { osReason } from "../os_error.ts";
import { CommandFailure } from "./failures.ts";
import type { ServerOptions } from "./options.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Reads the account that signs a command's requests: from the file of --credentials, or from the one
 * that mqadmin reads. Returns `undefined` when there is neither, or no access key in it.
 *
 * @throws {CommandFailure} when the file can't be used
 */
export async function readCredentials(
  { credentials }: Pick<ServerOptions, "credentials">,
  runtime: Pick<Runtime, "env" | "readTextFile">,
): Promise<Credentials | undefined> {
  const path = credentials ?? toolsFile(runtime);
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = await runtime.readTextFile(path);
  } catch (error) {
    if (credentials === undefined && error instanceof Deno.errors.NotFound) return undefined;
    const reason = osReason(error, `--allow-read=${path}`);
    throw new CommandFailure(`credentials: cannot read ${path}: ${reason}`);
  }
  return parse(text, path);
}

/** `$ROCKETMQ_HOME/conf/tools.yml`. */
function toolsFile({ env }: Pick<Runtime, "env">): string | undefined {
  try {
    const home = env.get("ROCKETMQ_HOME");
    return home ? join(home, "conf", "tools.yml") : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function parse(text: string, path: string): Credentials | undefined {
  let root: unknown;
  try {
    ({ root } = new Document(text));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const { line, column, message } = error.fault;
    throw new CommandFailure(`credentials: ${path}:${line}:${column}: ${message}`);
  }
  if (root === null) return undefined;
  const { accessKey, secretKey, securityToken } = root as Record<string, unknown>;
  // As in mqadmin: a file without them signs nothing.
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (!isText(accessKey) || !isText(secretKey)) {
    throw new CommandFailure(`credentials: ${path} needs accessKey and secretKey, a value each`);
  }
  return { accessKey, secretKey, ...(isText(securityToken) && { securityToken }) };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
