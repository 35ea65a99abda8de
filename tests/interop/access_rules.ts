/** A guarded name server's rules, the accounts in them, and its audit log. */

import type { AuditRecord } from "../../src/audit/record.ts";
import { type Credentials, HOMES } from "./cluster.ts";
import type { Cluster } from "./setup.ts";
import { check, eventually } from "./suite.ts";

const SECRET = "an-interop-secret-of-40-characters-or-so";

/** Credentials of an account, the right ones unless a secret is given. */
export function account(accessKey: string, secretKey = SECRET): Credentials {
  return { accessKey, secretKey };
}

export const OPS = account("AK-ops");
export const APP = account("AK-app");
export const BROKER = account("AK-broker");
export const PROXY = account("AK-proxy");
/** The topic that AK-app may use. */
export const TOPIC = "AccessTopic";
/** Time for a broker to start and register. */
export const START_MS = 180_000;
/** More than a registration period of the suite's brokers, which is 10 s. */
export const PERIOD_MS = 25_000;

/** The accounts of all rules here, as they stand in the file. */
export const ACCOUNTS = `accounts:
  - {accessKey: AK-ops, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-app, secret: ${SECRET}, may: [{client: [${TOPIC}, "%RETRY%*", TBW102]}]}
  - {accessKey: AK-broker, secret: ${SECRET}, may: [{broker: {cluster: DefaultCluster, name: [broker-a, broker-b]}}]}
  - {accessKey: AK-proxy, secret: ${SECRET}, may: [client]}
`;

/** The files of a guarded name server. */
export class Rules {
  private constructor(readonly folder: string) {}

  static async make(text: string): Promise<Rules> {
    await Deno.mkdir(HOMES, { recursive: true });
    const rules = new Rules(await Deno.makeTempDir({ dir: HOMES, prefix: "access-" }));
    await rules.write(text);
    return rules;
  }

  get config(): Record<string, string> {
    return { accessFile: `${this.folder}/access.yml`, auditFile: `${this.folder}/audit.log` };
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/access.yml`, text, { mode: 0o600 });
  }

  /** The records of both audit files. */
  async audit(): Promise<AuditRecord[]> {
    const paths = ["audit.log", "audit.log.refused"].map((name) => `${this.folder}/${name}`);
    const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
    return texts.flatMap((text) => text.split("\n").slice(0, -1).map((line) => JSON.parse(line)));
  }
}

/** Waits until clusterList shows a broker; resolves with the milliseconds that it took. */
export async function listed(cluster: Cluster, name: string, ms: number): Promise<number> {
  const { after } = await eventually(ms, async () => {
    const list = await cluster.admin.attempt("clusterList");
    check(list.includes(` ${name} `), `clusterList says ${list.slice(0, 500)}`);
  });
  return after;
}
