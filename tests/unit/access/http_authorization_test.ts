import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { AccessControl, type HttpSender } from "../../../src/access/access_control.ts";
import { HttpAuthorization } from "../../../src/access/http_authorization.ts";
import { loadPolicy } from "../../../src/access/policy_file.ts";
import { hashSecret } from "../../../src/access/secret_hash.ts";

const PEER = { socketAddress: "10.0.0.1:1" };
const ACTION = { permission: "cluster:read" } as const;

describe("HttpAuthorization", () => {
  it("tells a token that proves nothing from a request without one", async () => {
    const hash = await hashSecret("AK-view.right");
    const rules =
      `mode: enforce\naccounts: [{accessKey: AK-view, tokens: ["${hash}"], may: [viewer]}]`;
    const files = {
      readTextFile: () => Promise.resolve(rules),
      stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
    };
    const { policy } = await loadPolicy("/access.yml", files, () => Promise.resolve());
    const control = new AccessControl({ policy: () => policy, now: Date.now });
    const decisions: string[] = [];
    const guard = {
      checkHttp: (_action: unknown, _peer: unknown, sender: HttpSender) => {
        const decision = control.decideHttp(ACTION, PEER, sender);
        decisions.push(`${decision.reason} ${decision.account}`);
        return decision.allowed ? undefined : decision;
      },
      checkHttpChange: () => assert.fail(),
      record: () => assert.fail(),
      recordLogin: () => assert.fail(),
    };
    const authorization = new HttpAuthorization({ store: { policy }, control }, guard);
    const ask = async (header: string | null) => {
      const credentials = { authorization: header };
      return (await authorization.check(ACTION, PEER, credentials, "GET /"))?.status;
    };
    for (
      const header of [
        null,
        "Bearer AK-view.wrong",
        "Bearer AK-none.x",
        "Bearer no-account",
        "Digest x",
      ]
    ) {
      assert.equal(await ask(header), 401);
    }
    assert.equal(await ask("Bearer AK-view.right"), undefined);
    assert.deepEqual(decisions, [
      "unsigned undefined",
      "bad_credentials ?AK-view",
      "unknown_account ?AK-none",
      "unknown_account undefined",
      "bad_credentials undefined",
      "undefined AK-view",
    ]);
  });
});
