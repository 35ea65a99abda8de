import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { AccessControl } from "../../../src/access/access_control.ts";
import { ACTIONS } from "../../../src/access/actions.ts";
import { AccessCounters } from "../../../src/access/counters.ts";
import { Guard } from "../../../src/access/guard.ts";
import type { Policy } from "../../../src/access/policy.ts";
import { loadPolicy } from "../../../src/access/policy_file.ts";
import { Refusals } from "../../../src/access/refusals.ts";
import { Signatures } from "../../../src/access/signature.ts";
import { AuditLog } from "../../../src/audit/audit_log.ts";
import { defaultOptions } from "../../../src/config/options.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import type { Command } from "../../../src/remoting/wire/command.ts";
import { RecordedLog } from "../../support/recorded_log.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const CODE = RequestCode.GET_ROUTEINFO_BY_TOPIC;
const PEER = { socketAddress: "10.0.0.1:1", closed: false };

async function policyOf(account: string): Promise<Policy> {
  const text = `mode: enforce\naccounts: [{accessKey: AK, secret: ${SECRET}, ${account}}]`;
  const files = {
    readTextFile: () => Promise.resolve(text),
    stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
  };
  return (await loadPolicy("/access.yml", files, () => Promise.resolve())).policy;
}

describe("Guard", () => {
  it("counts remembered decisions like others, and forgets them with the rules and conditions", async () => {
    let now = Date.UTC(2027, 0, 1);
    const store = { policy: await policyOf("may: client, expires: 2027-03-31") };
    const control = new AccessControl({ policy: () => store.policy, now: () => now });
    const counters = new AccessCounters();
    const log = new RecordedLog();
    const guard = new Guard({
      rules: { store, control },
      refusals: new Refusals(() => 10),
      counters,
      audit: await AuditLog.open(defaultOptions(), Deno, log, () => now),
      log,
      now: () => now,
    });
    const fields: [string, string][] = [["topic", "T"]];
    const keys = { accessKey: "AK", secretKey: SECRET };
    const request: Command = {
      code: CODE,
      language: "JAVA",
      version: 0,
      opaque: 1,
      flag: 0,
      remark: null,
      extFields: new Map([...fields, ...new Signatures().sign(fields, undefined, keys)]),
      serializeType: 0,
      body: null,
      notes: {},
    };
    const refused = async () => {
      const checked = guard.check(CODE, ACTIONS.GET_ROUTEINFO_BY_TOPIC, request, PEER);
      // The next request comes in another batch.
      await Promise.resolve();
      return checked !== undefined && "refused" in checked;
    };
    for (let i = 0; i < 3; i++) {
      now += 1000;
      assert.equal(await refused(), false);
    }
    assert.deepEqual(counters.accounts().get("AK"), { requests: 3, lastSeen: now });
    now = Date.UTC(2027, 2, 31);
    assert.equal(await refused(), true);
    now = Date.UTC(2027, 0, 2);
    assert.equal(await refused(), false);
    store.policy = await policyOf("may: broker");
    assert.equal(await refused(), true);
    store.policy = await policyOf("may: client, networks: [10.1.0.0/16]");
    assert.equal(await refused(), true);
    const counts = counters.decisions().map(({ reason, count }) => `${reason} ${count}`);
    assert.deepEqual(counts, ["granted 4", "expired 1", "no_grant 1", "network 1"]);
  });
});
