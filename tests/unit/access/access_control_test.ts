import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { AccessControl, type AccessPeer } from "../../../src/access/access_control.ts";
import { ACTIONS, RequestAction } from "../../../src/access/actions.ts";
import type { NamesReader } from "../../../src/access/certificates.ts";
import { type Decision, refusalRemark } from "../../../src/access/decision.ts";
import type { Action, Permission } from "../../../src/access/permissions.ts";
import { loadPolicy } from "../../../src/access/policy_file.ts";
import { Signatures, type Signed } from "../../../src/access/signature.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const signatures = new Signatures();

/** A request that carries a topic, signed when an account is named. */
function request(
  account?: string,
  fields: [string, string][] = [["topic", "T"]],
  { secret = SECRET, body = null }: { secret?: string; body?: Uint8Array | null } = {},
): Signed {
  if (account === undefined) return { extFields: new Map(fields), body };
  const credentials = { accessKey: account, secretKey: secret };
  const added = signatures.sign(fields, body ?? undefined, credentials);
  return { extFields: new Map([...fields, ...added]), body };
}

/** Access control by the rules of a file. */
async function control(
  rules: string,
  parts: { now?: () => number; names?: NamesReader; signatures?: Signatures } = {},
) {
  const load = async (text: string) => {
    const files = {
      readTextFile: () => Promise.resolve(text),
      stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
    };
    return (await loadPolicy("/access.yml", files, () => Promise.resolve())).policy;
  };
  let policy = await load(`mode: enforce\n${rules}`);
  const access = new AccessControl({ policy: () => policy, now: Date.now, ...parts });
  const change = async (text: string) => void (policy = await load(`mode: enforce\n${text}`));
  return { access, change, policy: () => policy };
}

const account = (name: string, rest: string) => `{accessKey: ${name}, secret: ${SECRET}, ${rest}}`;
const peer = (socketAddress = "10.1.0.1:50000", more: Partial<AccessPeer> = {}): AccessPeer => ({
  socketAddress,
  ...more,
});
const READ: Action = { permission: "route:read", names: ["T"] };

/** Allowed and by whom, or why not. */
function outcome({ allowed, identity, reason }: Decision): string | undefined {
  return allowed ? identity : reason;
}

describe("AccessControl", () => {
  it("allows what any identity of the sender may: anonymous, network, account", async () => {
    const { access } = await control(`
anonymous: [{route:read: [PUBLIC*]}]
networks: [{from: [10.2.0.0/16], may: [cluster:read]}]
accounts: [${account("AK", "may: [{route:read: T}, {kv:write: [N]}]")}]`);
    const decide = (action: Action, signed?: Signed, from?: string) =>
      outcome(access.decide(action, signed ?? request(), peer(from)));
    assert.equal(decide({ permission: "route:read", names: ["PUBLIC_T"] }), "anonymous");
    assert.equal(decide(READ), "unsigned");
    assert.equal(decide(READ, request("AK")), "account AK");
    assert.equal(decide({ permission: "cluster:read" }), "unsigned");
    assert.equal(
      decide({ permission: "cluster:read" }, undefined, "10.2.3.4:1"),
      "network 10.2.0.0/16",
    );
    assert.equal(decide({ permission: "cluster:read" }, request("AK")), "no_grant");
    assert.equal(decide({ permission: "kv:write", names: ["N"] }, request("AK")), "account AK");
    assert.equal(decide({ permission: "kv:write", names: ["N2"] }, request("AK")), "no_grant");
  });

  it("knows whether a client of the HTTP port has a permission for anything", async () => {
    const { access, policy } = await control(`
anonymous: [{route:read: [PUBLIC*]}]
accounts: [${account("AK", "may: [{kv:read: [N]}]")}, ${
      account("AK-off", "disabled: true, may: [config:read]")
    }]`);
    const mayAny = (permission: Permission, name = "") =>
      access.mayAny(permission, peer(), policy().accounts.get(name));
    assert.deepEqual([mayAny("route:read"), mayAny("kv:read")], [true, false]);
    assert.deepEqual([mayAny("route:read", "AK"), mayAny("kv:read", "AK")], [true, true]);
    assert.equal(mayAny("config:read", "AK-off"), false);
  });

  it("takes an account's conditions, each alone, and its signature", async () => {
    let now = Date.UTC(2027, 2, 30);
    const { access } = await control(
      `
accounts:
  - ${account("AK-net", "may: client, networks: [10.1.0.0/16]")}
  - ${account("AK-tls", "may: client, requireTls: true")}
  - ${account("AK-off", "may: client, disabled: true")}
  - ${account("AK-old", "may: client, expires: 2027-03-31")}`,
      { now: () => now },
    );
    const decide = (signed: Signed, from = peer()) => outcome(access.decide(READ, signed, from));
    assert.equal(decide(request("AK-net")), "account AK-net");
    assert.equal(decide(request("AK-net"), peer("10.2.0.1:1")), "network");
    assert.equal(decide(request("AK-tls")), "tls");
    assert.equal(decide(request("AK-tls"), peer("10.1.0.1:1", { tls: {} })), "account AK-tls");
    assert.equal(decide(request("AK-off")), "disabled");
    assert.equal(decide(request("AK-old")), "account AK-old");
    now = Date.UTC(2027, 2, 31);
    assert.equal(decide(request("AK-old")), "expired");
    assert.equal(decide(request("AK-none")), "unknown_account");
    assert.equal(decide(request("AK-net", undefined, { secret: "wrong" })), "bad_signature");
    // The signature of one account with the name of another, which has the same secret.
    const stolen = new Map(request("AK-net").extFields).set("AccessKey", "AK-old");
    assert.equal(decide({ extFields: stolen, body: null }, peer()), "expired");
  });

  it("a wrong signature never is worse than none", async () => {
    const { access } = await control("anonymous: [client]");
    const decision = access.decide(READ, request("AK-none"), peer());
    assert.equal(outcome(decision), "anonymous");
    assert.equal(decision.account, "?AK-none");
    assert.equal(decision.authenticated, "no");
  });

  it("caches the signature of a header that repeats, and only for the account that it was checked for", async () => {
    let checks = 0;
    class Counting extends Signatures {
      override verify(...args: Parameters<Signatures["verify"]>): boolean {
        checks++;
        return super.verify(...args);
      }
    }
    const rules = (secret: string) => `accounts: [{accessKey: AK, secret: ${secret}, may: client}]`;
    const { access, change } = await control(rules(SECRET), { signatures: new Counting() });
    const signed = { ...request("AK"), notes: {} };
    for (let i = 0; i < 5; i++) assert.ok(access.decide(READ, signed, peer()).allowed);
    assert.equal(checks, 1);
    const withBody = { ...request("AK", undefined, { body: new Uint8Array(3) }), notes: {} };
    for (let i = 0; i < 5; i++) assert.ok(access.decide(READ, withBody, peer()).allowed);
    assert.equal(checks, 6);
    const once = request("AK");
    for (let i = 0; i < 5; i++) assert.ok(access.decide(READ, once, peer()).allowed);
    assert.equal(checks, 11);
    // The same fields with another body are another request.
    const extFields = withBody.extFields;
    const other = { extFields, body: new Uint8Array(4), notes: {} };
    assert.ok(!access.decide(READ, other, peer()).allowed);
    await change(rules("another-secret-of-20-characters"));
    assert.equal(outcome(access.decide(READ, signed, peer())), "bad_signature");
  });

  it("checks the conditions of a remembered signature each time", async () => {
    const { access } = await control(
      `accounts: [${account("AK", "may: client, networks: [10.1.0.0/16]")}]`,
    );
    const signed = { ...request("AK"), notes: {} };
    assert.ok(access.decide(READ, signed, peer()).allowed);
    assert.equal(outcome(access.decide(READ, signed, peer("10.9.0.1:1"))), "network");
  });

  it("decides anew when a controller has learnt the cluster of a broker set", async () => {
    const { access } = await control(
      `accounts: [${account("AK", "may: [{controller:write: {cluster: [Mine]}}]")}]`,
    );
    const signed = {
      ...request("AK", [["clusterName", "Mine"], ["brokerName", "s"]]),
      notes: {},
    };
    const unknownSet = ACTIONS.CLEAN_BROKER_DATA;
    const by = (row: typeof unknownSet) =>
      outcome(access.decide(new RequestAction(row, signed), signed, peer(), row));
    assert.equal(by(unknownSet), "account AK");
    assert.equal(access.recall(signed, peer(), unknownSet)?.decision.allowed, true);
    const setOfOthers = { ...unknownSet, clusterName: "Other" };
    assert.equal(access.recall(signed, peer(), setOfOthers), undefined);
    assert.equal(by(setOfOthers), "no_grant");
  });

  it("believes a PROXY header only when it comes from a trusted proxy", async () => {
    const { access } = await control(`
trustedProxies: [10.0.9.1]
networks: [{from: [10.2.0.0/16], may: [client]}]`);
    const from = (socketAddress: string, proxiedAddress: string) =>
      outcome(access.decide(READ, request(), peer(socketAddress, { proxiedAddress })));
    assert.equal(from("10.0.9.1:1", "10.2.0.1:1"), "network 10.2.0.0/16");
    assert.equal(from("10.0.9.2:1", "10.2.0.1:1"), "unsigned");
    assert.equal(from("10.2.0.1:1", "10.9.9.9:1"), "network 10.2.0.0/16");
    assert.equal(from("10.0.9.1:1", "garbage"), "unsigned");
  });

  it("knows certificates by subject, alternative name and fingerprint, if they are verified", async () => {
    const names: NamesReader = (der) => ({
      commonNames: [`broker-${der[0]}`],
      altNames: [`DNS:b${der[0]}.brokers.example`, "URI:spiffe://x/b"],
    });
    const { access } = await control(
      `
certificates:
  - {name: by-cn, subjectCN: broker-1, may: [client]}
  - {name: by-san, san: "DNS:*.brokers.example", subjectCN: broker-2, may: [client]}
  - {name: by-fingerprint, fingerprint: "${"aB:".repeat(31)}AB", may: [client]}
  - {name: none, san: "DNS:*.example", may: [client]}`,
      { names },
    );
    const by = (serial: number, verified = true, fingerprint = "") => {
      const certificate = { raw: Uint8Array.of(serial), verified, fingerprint };
      return outcome(access.decide(READ, request(), peer(undefined, { tls: { certificate } })));
    };
    assert.equal(by(1), "certificate by-cn");
    assert.equal(by(2), "certificate by-san");
    assert.equal(by(3), "unsigned");
    assert.equal(by(3, true, `${"AB:".repeat(31)}AB`), "certificate by-fingerprint");
    assert.equal(by(1, false), "unsigned");
  });

  it("wants each of several resources to be allowed, and all of a pair", async () => {
    const { access } = await control(`
anonymous: [{broker: {cluster: C1, name: [broker-a, broker-b*]}}]`);
    const decide = (cluster: string | undefined, ...names: string[]) =>
      access.decide({ permission: "broker", cluster, names }, request(), peer()).allowed;
    assert.ok(decide("C1", "broker-a"));
    assert.ok(decide("C1", "broker-a", "broker-b2"));
    assert.ok(!decide("C1", "broker-a", "broker-c"));
    assert.ok(!decide("C2", "broker-a"));
    assert.ok(!decide(undefined, "broker-a"));
    assert.ok(!decide("C1"));
  });

  it("refuses fields that a code does not know in a signed request", async () => {
    const { access } = await control(`accounts: [${account("AK", "may: client")}]`);
    const fields = new Set(["topic"]);
    const signed = (name: string) => request("AK", [["topic", "T"], [name, "x"]]);
    const by = (name: string) => outcome(access.decide(READ, signed(name), peer(), { fields }));
    assert.equal(by("brokerName"), "field");
    for (const known of ["__ZONE_NAME", "acceptStandardJsonOnly", "OnsChannel"]) {
      assert.equal(by(known), "account AK");
    }
  });

  it("the same signature on another request is only worth what the account may do", async () => {
    const { access } = await control(`accounts: [
  ${account("AK-app", "may: client")},
  ${account("AK-admin", "may: admin")}]`);
    const remove: Action = { permission: "topic:write", names: ["T"] };
    assert.equal(outcome(access.decide(remove, request("AK-app"), peer())), "no_grant");
    assert.equal(outcome(access.decide(remove, request("AK-admin"), peer())), "account AK-admin");
  });
});

describe("RequestAction", () => {
  it("reads the names of a configuration change within the limits of the change itself", () => {
    const names = (text: string) => {
      const body = new TextEncoder().encode(text);
      return new RequestAction(ACTIONS.UPDATE_NAMESRV_CONFIG, { extFields: new Map(), body }).names;
    };
    assert.deepEqual(names("logLevel=INFO\nclusterTest=true\n"), ["logLevel", "clusterTest"]);
    assert.deepEqual(names("x=\n".repeat(50_000)), []);
  });
});

describe("refusalRemark", () => {
  it("tells a proven account what it may not do, and nobody else what was wrong", async () => {
    const { access } = await control(`accounts: [${account("AK", "may: client")}]`);
    const action: Action = { permission: "kv:write", names: ["N"] };
    const remark = (signed: Signed) => refusalRemark(action, access.decide(action, signed, peer()));
    assert.equal(remark(request("AK")), "access denied: AK may not kv:write on N");
    const generic = "access denied: kv:write on N needs an account that may do it";
    assert.equal(remark(request()), generic);
    assert.equal(remark(request("AK-none")), generic);
    assert.equal(remark(request("AK", undefined, { secret: "wrong" })), generic);
    // A long body is not hashed if its sender would be refused anyway.
    assert.equal(remark(request("AK", undefined, { body: new Uint8Array(100_000) })), generic);
  });

  it("has 200 printable characters at the most", () => {
    const action: Action = { permission: "route:read", names: ["\u202e\n" + "x".repeat(1000)] };
    const remark = refusalRemark(action, { allowed: false, authenticated: "no" });
    assert.equal(remark.length, 200);
    assert.match(remark, /^access denied: route:read on \?\?x+$/);
  });
});
