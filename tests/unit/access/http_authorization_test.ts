import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { AccessControl, type HttpSender } from "../../../src/access/access_control.ts";
import { HttpAuthorization } from "../../../src/access/http_authorization.ts";
import { LoginLimit } from "../../../src/access/login_limit.ts";
import type { Policy } from "../../../src/access/policy.ts";
import { loadPolicy } from "../../../src/access/policy_file.ts";
import { hashSecret } from "../../../src/access/secret_hash.ts";

const PEER = { socketAddress: "10.0.0.1:1" };
const ACTION = { permission: "cluster:read" } as const;

/** Rules in which AK-view has the token `AK-view.right`. */
async function rulesWithToken(): Promise<Policy> {
  const hash = await hashSecret("AK-view.right");
  const rules =
    `mode: enforce\naccounts: [{accessKey: AK-view, tokens: ["${hash}"], may: [viewer]}]`;
  const files = {
    readTextFile: () => Promise.resolve(rules),
    stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
  };
  return (await loadPolicy("/access.yml", files, () => Promise.resolve())).policy;
}

describe("HttpAuthorization", () => {
  it("tells a token that proves nothing from a request without one", async () => {
    const policy = await rulesWithToken();
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
    const limit = new LoginLimit(() => 20, () => 0);
    const authorization = new HttpAuthorization(
      { store: { policy }, control },
      guard,
      limit,
      { httpMaxOpenRequests: 256 },
    );
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

  describe("of an address that has shown too many wrong tokens", () => {
    const GUESSER = "[2001:db8::1]:1";
    let now: number;
    let store: { policy: Policy };
    let options: { httpMaxOpenRequests: number };
    let authorization: HttpAuthorization;

    /** The status that a request gets before anything is decided. */
    async function prove(header: string | null, socketAddress = GUESSER) {
      const refusal = await authorization.prove(
        { socketAddress },
        { authorization: header },
        false,
      );
      return refusal?.status;
    }

    async function logIn(token: string) {
      const outcome = await authorization.login({ token }, { socketAddress: GUESSER }, "POST /");
      return "status" in outcome ? outcome.status : outcome.accessKey;
    }

    beforeEach(async () => {
      now = 0;
      store = { policy: await rulesWithToken() };
      const control = new AccessControl({ policy: () => store.policy, now: () => 0 });
      const guard = {
        checkHttp: () => assert.fail(),
        checkHttpChange: () => assert.fail(),
        record: () => assert.fail(),
        recordLogin: () => {},
      };
      authorization = new HttpAuthorization(
        { store, control },
        guard,
        new LoginLimit(() => 3, () => now),
        options = { httpMaxOpenRequests: 256 },
      );
    });

    it("refuses tokens that it does not know, even the right one, until the minute is over", async () => {
      // At once: none may be looked at before the earlier ones are counted.
      const guesses = [
        "Bearer AK-view.1",
        "Bearer AK-none.2",
        `Basic ${btoa("AK-view:AK-view.3")}`,
      ];
      const more = ["Bearer AK-view.4", "Bearer AK-none.5", "Bearer AK-view.right"];
      const statuses = await Promise.all([...guesses, ...more].map((header) => prove(header)));
      assert.deepEqual(statuses, [undefined, undefined, undefined, 429, 429, 429]);
      const peer = { socketAddress: "[2001:db8::2]:2" };
      const credentials = { authorization: "Bearer AK-view.6" };
      assert.deepEqual(await authorization.describe(peer, credentials), {
        status: 429,
        detail: "too many wrong tokens from this address (httpMaxLoginsPerMinute)",
        limit: "logins",
        wait: 60,
      });
      assert.equal(await logIn("AK-view.right"), 429);
      assert.equal(await prove("Bearer AK-view.7", "[2001:db8:0:1::1]:1"), undefined);
      now = 60_000;
      assert.equal(await prove("Bearer AK-view.8"), undefined);
    });

    it("still takes a proven token, a session, and a request without a token", async () => {
      assert.equal(await prove("Bearer AK-view.right", "10.0.0.1:1"), undefined);
      for (const guess of ["1", "2", "3"]) await prove(`Bearer AK-view.${guess}`);
      assert.equal(await prove("Bearer AK-view.4"), 429);
      assert.equal(await prove("Bearer AK-view.right"), undefined);
      assert.equal(await prove(null), undefined);
      const session = () => store.policy.accounts.get("AK-view");
      const peer = { socketAddress: GUESSER };
      const credentials = { authorization: "Bearer AK-view.4", session };
      assert.equal((await authorization.prove(peer, credentials, false))?.status, undefined);
      // For a change, Basic is no credential.
      const basic = { authorization: `Basic ${btoa("AK-view:AK-view.5")}` };
      assert.equal(await authorization.prove(peer, basic, true), undefined);
      // With other rules, it has to be proven again.
      store.policy = await rulesWithToken();
      assert.equal(await prove("Bearer AK-view.right"), 429);
    });

    it("verifies few tokens at a time, from whatever addresses, and takes known ones meanwhile", async () => {
      options.httpMaxOpenRequests = 16;
      assert.equal(await prove("Bearer AK-view.right", "10.0.0.1:1"), undefined);
      const guesses = [1, 2, 3].map((host) => prove(`Bearer AK-view.${host}`, `10.0.1.${host}:1`));
      assert.equal(await logIn("AK-view.4"), 503);
      assert.equal(await prove("Bearer AK-view.right", "10.0.0.2:1"), undefined);
      assert.equal(await prove(null, "10.0.0.2:1"), undefined);
      assert.deepEqual(await Promise.all(guesses), [undefined, undefined, 503]);
      assert.equal(await prove("Bearer AK-view.3", "10.0.1.3:1"), undefined);
    });

    it("takes a proven token as long as the rules have its hash", async () => {
      assert.equal(await prove("Bearer AK-view.right", "10.0.0.1:1"), undefined);
      for (const guess of ["1", "2", "3"]) await prove(`Bearer AK-view.${guess}`);
      const { accounts, ...others } = store.policy;
      const copies = [...accounts].map(([name, account]) => [name, { ...account }] as const);
      store.policy = { ...others, accounts: new Map(copies) };
      assert.equal(await prove("Bearer AK-view.right"), undefined);
      store.policy = { ...others, accounts: new Map() };
      assert.equal(await prove("Bearer AK-view.right"), 429);
    });

    it("counts the same wrong token once, right ones never, and each login", async () => {
      for (let i = 0; i < 5; i++) {
        assert.equal(await prove("Bearer AK-view.right"), undefined);
        assert.equal(await prove("Bearer AK-view.1"), undefined);
      }
      assert.equal(await logIn("AK-view.right"), "AK-view");
      assert.equal(await logIn("AK-view.2"), 401);
      assert.equal(await prove("Bearer AK-view.3"), 429);
      assert.equal(await prove("Bearer AK-view.1"), undefined);
    });
  });
});
