import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { AccessControl, type AccessPeer } from "../access/access_control.ts";
import { actionOfCode } from "../access/actions.ts";
import {
  type Action,
  isPermission,
  type Permission,
  PERMISSIONS,
  resourceOf,
} from "../access/permissions.ts";
import { importPlainAcl, PlainAclError } from "../access/plain_acl.ts";
import type { Policy } from "../access/policy.ts";
import { AccessFileError, type LoadedPolicy, loadPolicy } from "../access/policy_file.ts";
import { hashSecret } from "../access/secret_hash.ts";
import { Signatures } from "../access/signature.ts";
import { nearestName } from "../config/nearest.ts";
import type { AccessInfo, AccountView } from "../access/access_info.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { NameServer } from "./name_server.ts";
import { CommandFailure, ServerFailure, UsageError } from "./failures.ts";
import type { LocalSession, Registry } from "./registry.ts";
import { ExitCode, outcomeFields, type Session } from "./session.ts";

interface CheckOptions {
  as?: string;
  from?: string;
  tls?: boolean;
  certCn?: string;
  certSan?: string;
  certFingerprint?: string;
  json?: boolean;
}

/** Adds `access`. */
export function addAccessCommands(registry: Registry): void {
  const access = registry.group("access", "check, list and convert the rules of access control");
  registry.addLocal(
    "check <file> [permission] [resource]",
    "check a file of rules; with a permission or a request code, also whether somebody may do it",
    check,
    access,
  )
    .option("--as <accessKey>", "the account that signs the request")
    .option("--from <address>", "the IP address that it comes from")
    .option("--tls", "it comes over TLS")
    .option("--cert-cn <name>", "common name of its verified certificate")
    .option("--cert-san <name>", "alternative name of its certificate, as in DNS:broker.example")
    .option("--cert-fingerprint <sha256>", "fingerprint of its certificate")
    .option("--json", "write JSON, for programs");
  registry.addLocal(
    "import <file>",
    "write rules that do what a broker's plain_acl.yml does",
    convert,
    access,
  );
  registry.addLocal(
    "token <accessKey>",
    "make a bearer token of an account for the HTTP port, and its hash",
    token,
    access,
  );
  registry.add("whoami", "show who the server takes you for, and what you may do", whoAmI, access);
  registry.add("list", "list the accounts of a server and when they were last used", list, access);
  registry.add(
    "report",
    "list what was refused, or would be with mode: enforce; exit code 1 if there is anything",
    report,
    access,
  );
}

async function check(
  { out, err, runtime, done }: LocalSession,
  args: readonly string[],
  options: CheckOptions,
): Promise<void> {
  const [file, what, resource] = args as [string, string | undefined, string | undefined];
  const loaded = await load(file, runtime, err);
  for (const warning of loaded.warnings) await err.line(`warning: ${warning}`);
  if (what === undefined) {
    const { mode, accounts, networks, certificates } = loaded.policy;
    const counts = { accounts: accounts.size, networks: networks.length };
    const found = { mode, ...counts, certificates: certificates.length };
    if (options.json) return await out.json(found);
    const text = Object.entries(found).map(([name, value]) => `${name} ${value}`).join(", ");
    return await out.line(`${file}: ${text}`);
  }
  const action = actionOf(what, resource);
  const { allowed, identity, rule, reason } = decide(loaded.policy, action, options);
  if (!allowed) done(ExitCode.FAILED);
  if (options.json) {
    const asked = { permission: action.permission, resource: resource ?? null };
    return await out.json({ ...asked, allowed, identity, rule: rule && `${rule}`, reason });
  }
  await out.line(allowed ? `allowed: ${identity}, by ${rule}` : `refused: ${reason}`);
}

async function load(
  file: string,
  runtime: LocalSession["runtime"],
  err: LocalSession["err"],
): Promise<LoadedPolicy> {
  try {
    return await loadPolicy(file, runtime, () => Promise.resolve());
  } catch (error) {
    if (!(error instanceof AccessFileError)) throw error;
    for (const line of error.lines.slice(0, -1)) await err.line(line);
    throw new CommandFailure(error.lines.at(-1));
  }
}

/** @throws {UsageError} */
function actionOf(what: string, resource: string | undefined): Action {
  const permission = isPermission(what) ? what : actionOfCode(Number(what))?.permission;
  if (permission === undefined) {
    const nearest = nearestName(what, PERMISSIONS);
    throw new UsageError(`${what} is no permission and no request code; did you mean ${nearest}?`);
  }
  return { permission, ...resourceIn(permission, resource) };
}

function resourceIn(permission: Permission, text: string | undefined): Partial<Action> {
  if (text === undefined) return {};
  switch (resourceOf(permission)) {
    case undefined:
      throw new UsageError(`${permission} has no resource`);
    case "cluster":
      return { cluster: text };
    case "broker": {
      const [, cluster, name] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
      if (name === undefined) {
        throw new UsageError(`${permission} wants a resource as in DefaultCluster/broker-a`);
      }
      return { cluster, names: [name] };
    }
    default:
      return { names: [text] };
  }
}

/** Accepts every signature: the command asks what a signed request would be allowed. */
class Proven extends Signatures {
  override verify(): boolean {
    return true;
  }
}

function decide(policy: Policy, action: Action, options: CheckOptions) {
  const { as, from = "192.0.2.1", tls, certCn, certSan, certFingerprint: fingerprint = "" } =
    options;
  if (isIP(from) === 0) throw new UsageError(`--from ${from}: must be an IP address`);
  const shown = certCn !== undefined || certSan !== undefined || fingerprint !== "";
  const certificate = shown ? { fingerprint, verified: true, raw: new Uint8Array() } : undefined;
  const peer: AccessPeer = {
    socketAddress: from.includes(":") ? `[${from}]:0` : `${from}:0`,
    tls: tls || shown ? { certificate } : undefined,
  };
  const names = {
    commonNames: certCn === undefined ? [] : [certCn],
    altNames: certSan === undefined ? [] : [certSan],
  };
  const control = new AccessControl({
    policy: () => policy,
    names: () => names,
    signatures: new Proven(),
    now: Date.now,
  });
  const extFields = new Map(as === undefined ? [] : [["AccessKey", as]]);
  return control.decide(action, { extFields, body: null }, peer);
}

async function convert({ out, runtime }: LocalSession, args: readonly string[]): Promise<void> {
  const [file = ""] = args;
  let text: string;
  try {
    text = await runtime.readTextFile(file);
  } catch (error) {
    throw new CommandFailure(`cannot read ${file}: ${(error as Error).message}`);
  }
  try {
    await out.write(importPlainAcl(text, file));
  } catch (error) {
    if (error instanceof PlainAclError) throw new CommandFailure(error.message);
    throw error;
  }
}

async function token({ out }: LocalSession, args: readonly string[]): Promise<void> {
  // The account comes first, so that only its hashes have to be compared.
  const [account = ""] = args;
  const secret = `${account}.${randomBytes(32).toString("base64url")}`;
  await out.line(`token: ${secret}`);
  await out.line(`hash, for tokens in the file: ${await hashSecret(secret)}`);
}

/** Answers of name servers that do not know our requests. */
const UNKNOWN = "has no access control that could be asked: another kind of name server";

async function ask<T>(server: NameServer, code: number): Promise<T> {
  const { code: answered, body } = await server.ask(
    { code, extFields: [] },
    [ResponseCode.REQUEST_CODE_NOT_SUPPORTED],
  );
  if (answered !== ResponseCode.SUCCESS) throw new ServerFailure(server.address, UNKNOWN, true);
  return server.decode(body, (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T);
}

async function whoAmI(session: Session): Promise<void> {
  await session.report(
    (server) => ask<ReturnType<AccessInfo["whoAmI"]>>(server, RequestCode.WHO_AM_I),
    ({ mode, identities }) => {
      const known = identities.map(({ identity, may }) =>
        `${identity}: ${may.length === 0 ? "nothing" : may.join(", ")}`
      );
      return [`mode ${mode}`, ...known].join("; ");
    },
    (value) => value,
  );
}

async function list(session: Session): Promise<void> {
  const { mode, accounts } = await session.first((server) =>
    ask<ReturnType<AccessInfo["accounts"]>>(server, RequestCode.LIST_ACCESS_ACCOUNTS)
  );
  if (session.json) return await session.out.json({ mode, accounts });
  await session.out.line(`mode ${mode}`);
  const rows = accounts.map((account) => [
    account.accessKey,
    account.may.join(", "),
    conditionsOf(account),
    account.requests,
    account.lastSeen ?? "-",
  ]);
  await session.out.table(["ACCOUNT", "MAY", "CONDITIONS", "REQUESTS", "LAST SEEN"], rows);
}

function conditionsOf({ disabled, requireTls, expires, networks }: AccountView): string {
  const conditions = [
    ...(disabled ? ["disabled"] : []),
    ...(requireTls ? ["TLS"] : []),
    ...(networks === undefined ? [] : [`from ${networks}`]),
    ...(expires === undefined ? [] : [`until ${expires}`]),
  ];
  return conditions.length === 0 ? "-" : conditions.join(", ");
}

async function report(session: Session): Promise<void> {
  const { out, servers } = session;
  const outcomes = await servers.each((server) =>
    ask<ReturnType<AccessInfo["refusals"]>>(server, RequestCode.LIST_ACCESS_REFUSALS)
  );
  if (outcomes.some(({ failure, value }) => failure || value.refusals.length > 0)) {
    session.exitCode = ExitCode.FAILED;
  }
  if (session.json) {
    return await out.json(outcomes.map((outcome) => outcomeFields(outcome, (value) => value)));
  }
  const rows = outcomes.flatMap(({ server, value }) =>
    (value?.refusals ?? []).map((
      { who, permission, resource, reason, count, last },
    ) => [server.address, who, permission, resource, reason, count, new Date(last).toISOString()])
  );
  for (const { failure } of outcomes) if (failure) await session.err.line(failure.message);
  if (rows.length === 0) return;
  await out.table(["SERVER", "WHO", "PERMISSION", "RESOURCE", "REASON", "COUNT", "LAST"], rows);
}
