import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { FakeNameServers, run } from "../../support/fake_name_servers.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const RULES = `mode: enforce
anonymous: [client]
networks: [{from: [10.2.0.0/16], may: [{broker: {cluster: C1, name: broker-a}}]}]
certificates: [{name: old, san: "DNS:*.brokers.example", may: [broker]}]
accounts: [{accessKey: AK-ops, secret: ${SECRET}, requireTls: true, may: [viewer, kv:write: N*]}]
`;
const PLAIN_ACL = `globalWhiteRemoteAddresses:
- 10.10.103.*
accounts:
- {accessKey: RocketMQ, secretKey: "1234:678", whiteRemoteAddress: 10.0.0.1, admin: false,
   defaultTopicPerm: DENY, defaultGroupPerm: SUB, topicPerms: [A=DENY, B=PUB|SUB], groupPerms: [G=DENY]}
- {accessKey: open, secretKey: 12345678, defaultTopicPerm: PUB, topicPerms: [A=DENY]}
- {accessKey: none, secretKey: 12345678}
- {accessKey: rocketmq2, secretKey: 12345678, admin: true}
`;

function access(args: string[], files: Record<string, string> = { "a.yml": RULES }) {
  return run(new FakeNameServers(new Map()), ["access", ...args], { files });
}

describe("access check", () => {
  it("says whether somebody may do something, by which rule, and exits 1 when not", async () => {
    const check = async (...args: string[]) => {
      const { code, out } = await access(["check", "a.yml", ...args]);
      return `${code} ${out.trim()}`;
    };
    assert.equal(await check("route:read", "T"), "0 allowed: anonymous, by route:read");
    assert.equal(await check("105", "T"), "0 allowed: anonymous, by route:read");
    assert.equal(await check("kv:write", "N1"), "1 refused: unsigned");
    assert.equal(await check("100", "N1", "--as", "AK-ops"), "1 refused: tls");
    assert.equal(
      await check("100", "N1", "--as", "AK-ops", "--tls"),
      "0 allowed: account AK-ops, by kv:write N*",
    );
    assert.equal(await check("100", "M", "--as", "AK-ops", "--tls"), "1 refused: no_grant");
    assert.equal(
      await check("103", "C1/broker-a", "--from", "10.2.0.1"),
      "0 allowed: network 10.2.0.0/16, by broker cluster C1 broker-a",
    );
    assert.equal(await check("103", "C1/broker-b", "--from", "10.2.0.1"), "1 refused: unsigned");
    assert.equal(
      await check("322", "C1/b", "--cert-san", "DNS:b.brokers.example"),
      "0 allowed: certificate old, by broker",
    );
  });

  it("without a question, only checks the file, and tells every fault", async () => {
    const good = await access(["check", "a.yml"]);
    assert.equal(good.out, "a.yml: mode enforce, accounts 1, networks 1, certificates 1\n");
    const bad = await access(["check", "a.yml"], { "a.yml": "mode: on\nanonymous: [clint]\n" });
    assert.equal(bad.code, 1);
    assert.equal(
      bad.err,
      'a.yml:1:7: mode must be audit or enforce\na.yml:2:13: "clint" is no role and no permission; ' +
        "did you mean client?\n",
    );
    assert.match((await access(["check", "b.yml"])).err, /^cannot read b.yml: not found\n$/);
  });

  it("does not take what is no permission, code or resource", async () => {
    const strange = await access(["check", "a.yml", "kv:wite"]);
    assert.equal(strange.code, 2);
    assert.match(strange.err, /kv:wite is no permission .* did you mean kv:write\?/);
    assert.equal((await access(["check", "a.yml", "103", "broker-a"])).code, 2);
    assert.equal((await access(["check", "a.yml", "319", "x"])).code, 2);
    assert.equal((await access(["check", "a.yml", "319", "--from", "broker-a"])).code, 2);
  });
});

describe("access import", () => {
  it("writes rules that say what a plain_acl.yml says, and can be read", async () => {
    const { code, out } = await access(["import", "p.yml"], { "p.yml": PLAIN_ACL });
    assert.equal(code, 0);
    assert.equal(
      out,
      `# From p.yml. Each comment is about something that has no equal here.
mode: audit
# globalWhiteRemoteAddresses skipped every check: 10.10.103.*
# A rule in \`networks\` can allow what those addresses need.
accounts:
  - accessKey: "RocketMQ"
    secret: "1234:678"
    # whiteRemoteAddress skipped every check: 10.0.0.1
    may: [{client: ["B", "%RETRY%*", "%DLQ%*"]}]
  - accessKey: "open"
    secret: "12345678"
    # Denied there, and allowed here: A
    may: [client]
  - accessKey: "none"
    secret: "12345678"
    # Nothing was allowed to it.
    may: []
  - accessKey: "rocketmq2"
    secret: "12345678"
    may: [admin]
`,
    );
    const check = await access(
      ["check", "a.yml", "105", "%RETRY%G2", "--as", "RocketMQ"],
      { "a.yml": out },
    );
    assert.match(check.out, /^allowed: account RocketMQ/);
    assert.match(check.err, /warning: a.yml:6:5: the secret of RocketMQ has less than 20/);
  });

  it("says where a file can't be read", async () => {
    const { err } = await access(["import", "p.yml"], { "p.yml": "accounts: [" });
    assert.match(err, /^p.yml:2:1: unexpected end/);
  });
});

describe("access token", () => {
  it("makes a token whose hash the rules take", async () => {
    const { out } = await access(["token", "A"]);
    assert.match(out, /^token: A\.[\w-]{43}\n/);
    const hash = /hash, for tokens in the file: (\S+)\n/.exec(out)![1];
    const file = `mode: audit\naccounts: [{accessKey: A, tokens: ["${hash}"], may: viewer}]`;
    assert.equal((await access(["check", "a.yml"], { "a.yml": file })).code, 0);
  });
});
