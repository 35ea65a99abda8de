import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  AccessFileError,
  type AccessFileSystem,
  type LoadedPolicy,
  loadPolicy,
} from "../../../src/access/policy_file.ts";
import { hashSecret } from "../../../src/access/secret_hash.ts";

const SECRET = "a-secret-of-more-than-20-characters";

/** Files in memory, by path; those of `open` may be read by others than their owner. */
function filesOf(texts: Record<string, string>, open: string[] = []): AccessFileSystem {
  const files = new Map(Object.entries(texts));
  return {
    readTextFile: (path) => {
      const text = files.get(path);
      return text === undefined
        ? Promise.reject(new Deno.errors.NotFound("No such file or directory (os error 2)"))
        : Promise.resolve(text);
    },
    stat: (path) =>
      Promise.resolve({ isFile: path !== "/pipe", mode: open.includes(path) ? 0o644 : 0o600 }),
  };
}

function load(text: string, others: Record<string, string> = {}): Promise<LoadedPolicy> {
  return loadPolicy(
    "/etc/a.yml",
    filesOf({ "/etc/a.yml": text, ...others }),
    () => Promise.resolve(),
  );
}

async function faults(
  text: string,
  others: Record<string, string> = {},
): Promise<readonly string[]> {
  try {
    await load(text, others);
  } catch (error) {
    if (error instanceof AccessFileError) return error.lines;
    throw error;
  }
  return [];
}

const WHOLE = `
mode: enforce
trustedProxies: [10.0.9.1/32]
anonymous: [client, cluster:read]
networks:
  - from: [10.1.2.0/24]
    may: [{broker: {cluster: DefaultCluster, name: [broker-a, "broker-b*"]}}]
certificates:
  - name: old-brokers
    san: "DNS:*.brokers.example"
    may: [broker]
accounts:
  - accessKey: AK-broker
    secretFile: secrets/broker
    networks: [10.1.0.0/16]
    requireTls: true
    may: [broker]
  - accessKey: AK-ops
    secret: [${SECRET}, ${SECRET}-old]
    disabled: false
    expires: 2027-03-31
    may: [viewer, perm:write, kv:write: ORDER_TOPIC_CONFIG]
outgoing: {accessKey: AK-namesrv, secret: ${SECRET}}
`;

describe("a file of rules", () => {
  it("is read whole", async () => {
    const { policy, warnings, paths } = await load(WHOLE, { "/etc/secrets/broker": `${SECRET}\n` });
    assert.equal(policy.mode, "enforce");
    assert.deepEqual(warnings, []);
    assert.deepEqual(paths, ["/etc/a.yml", "/etc/secrets/broker"]);
    assert.deepEqual(policy.anonymous.describe(), ["route:read", "cluster:read"]);
    assert.deepEqual(policy.networks[0]!.grants.describe(), [
      "broker cluster DefaultCluster broker-a,broker-b*",
      "cluster:read",
      "route:read rmq_sys_SYNC_BROKER_MEMBER_broker-a,rmq_sys_SYNC_BROKER_MEMBER_broker-b*",
    ]);
    assert.equal(policy.certificates[0]!.name, "old-brokers");
    const ops = policy.accounts.get("AK-ops")!;
    assert.equal(ops.expires, Date.UTC(2027, 2, 31));
    assert.equal(ops.keys.length, 2);
    assert.ok(ops.grants.describe().includes("kv:write ORDER_TOPIC_CONFIG"));
    assert.ok(policy.accounts.get("AK-broker")!.requireTls);
    assert.equal(policy.outgoing!.secretKey, SECRET);
  });

  it("is read from JSON as well", async () => {
    const { policy } = await load(JSON.stringify(
      {
        mode: "audit",
        accounts: [{ accessKey: "AK", secret: SECRET, may: ["client", { "kv:read": ["N*"] }] }],
      },
      null,
      "\t",
    ));
    assert.deepEqual(policy.accounts.get("AK")!.grants.describe(), ["route:read", "kv:read N*"]);
  });

  it("shows no secret, whatever is done with it", async () => {
    const { policy } = await load(WHOLE, { "/etc/secrets/broker": SECRET });
    const { outgoing: _, ...rest } = policy;
    const shown = JSON.stringify([...policy.accounts]) + Deno.inspect(rest, { depth: 20 });
    assert.ok(!shown.includes(SECRET));
  });

  it("has all its faults told with line and column, and no secret with them", async () => {
    const text = `mode: enfroce
anonymuos: [client]
networks:
  - from: [10.1.2.0/33]
    may: [{broker: {cluster: "*x"}}]
  - may: [clinet]
certificates:
  - {san: broker-a, may: []}
accounts:
  - accessKey: AK
    secret: ${SECRET}
    secretFile: /nowhere
    expires: tomorrow
    requireTls: yes
    may: [route:raed, {config:read: x}, {kv:write: []}]
  - accessKey: AK
    secret: {a: ${SECRET}}
    may: client
  - accessKey: "A K"
`;
    assert.deepEqual(await faults(text), [
      "/etc/a.yml:1:7: mode must be audit or enforce",
      "/etc/a.yml:2:1: unknown key anonymuos; did you mean anonymous?",
      "/etc/a.yml:4:11: 10.1.2.0/33 is neither an address nor a block such as 10.1.0.0/16",
      '/etc/a.yml:5:30: "*x" can match nothing: a * only stands at the end',
      "/etc/a.yml:6:5: from is missing: addresses or blocks of them",
      '/etc/a.yml:6:11: "clinet" is no role and no permission; did you mean client?',
      "/etc/a.yml:8:11: must begin with DNS:, URI: or IP Address:",
      "/etc/a.yml:10:5: secret and secretFile exclude each other",
      "/etc/a.yml:12:17: cannot read /nowhere: No such file or directory (os error 2)",
      '/etc/a.yml:13:14: must be as in 2027-03-31 or 2027-03-31T12:00:00Z: "tomorrow"',
      "/etc/a.yml:14:17: requireTls must be true or false",
      '/etc/a.yml:15:11: "route:raed" is no role and no permission; did you mean route:read?',
      "/etc/a.yml:15:37: config:read can't be limited: it is allowed as a whole",
      "/etc/a.yml:15:52: kv:write is empty: it would allow nothing",
      "/etc/a.yml:16:16: accessKey AK is there twice",
      "/etc/a.yml:17:13: secret must be a value or a list of them",
      "/etc/a.yml:19:5: an account needs secret, secretFile or tokens",
      "/etc/a.yml:19:5: may is missing: what this account may do",
      "/etc/a.yml:19:16: accessKey must have 1 to 128 printable characters without blanks",
    ]);
  });

  it("is refused when it is no YAML, and the error names the place", async () => {
    assert.deepEqual(await faults("mode: audit\nnetworks: [\n"), [
      "/etc/a.yml:3:1: unexpected end of the stream within a flow collection",
    ]);
    assert.deepEqual(await faults("mode: audit\nmode: enforce\n"), [
      "/etc/a.yml:2:1: duplicated mapping key",
    ]);
    assert.deepEqual(await faults(`mode: *${SECRET}`), ["/etc/a.yml:1:43: unidentified alias"]);
    assert.deepEqual(await faults(`outgoing: {secret:${SECRET}}`), [
      "/etc/a.yml:1:1: mode is missing: audit or enforce",
      "/etc/a.yml:1:11: accessKey is missing",
      "/etc/a.yml:1:11: outgoing needs secret or secretFile",
      "/etc/a.yml:1:12: unknown key; did you mean secret?",
    ]);
    assert.deepEqual(await faults(""), [
      "/etc/a.yml:1:1: the file must hold keys and values, such as mode",
      "/etc/a.yml:1:1: mode is missing: audit or enforce",
    ]);
  });

  it("must be a file, as those of its secrets: a pipe would be waited for", async () => {
    await assert.rejects(
      loadPolicy("/pipe", filesOf({ "/pipe": WHOLE }), () => Promise.resolve()),
      /cannot read \/pipe: it is not a regular file/,
    );
    const text = "mode: audit\naccounts: [{accessKey: AK, secretFile: /pipe, may: client}]";
    assert.match((await faults(text, { "/pipe": SECRET }))[0]!, /cannot read \/pipe: it is not a/);
  });

  it("must be there, as the files of its secrets", async () => {
    await assert.rejects(
      loadPolicy("/none.yml", filesOf({}), () => Promise.resolve()),
      /cannot read \/none.yml: No such file/,
    );
  });

  it("warns of short secrets, and of files that others can read", async () => {
    const files = filesOf({
      "/a.yml": "mode: audit\naccounts: [{accessKey: AK, secretFile: s, may: client}]",
      "/s": "short",
    }, ["/a.yml", "/s"]);
    const { warnings } = await loadPolicy("/a.yml", files, () => Promise.resolve());
    assert.deepEqual(warnings, [
      "/a.yml holds secrets and has mode 0644: chmod 600 keeps others out",
      "/s holds secrets and has mode 0644: chmod 600 keeps others out",
      "/a.yml:2:12: the secret of AK has less than 20 characters: who sees one of its requests can " +
      "guess it offline",
    ]);
  });

  it("takes hashes of tokens, and nothing else for one", async () => {
    const account = (token: string) =>
      `mode: audit\naccounts: [{accessKey: AK, tokens: ["${token}"], may: viewer}]`;
    assert.deepEqual(await faults(account(await hashSecret("token"))), []);
    assert.deepEqual(await faults(account("token")), [
      "/etc/a.yml:2:37: not the hash of a token: `access token` makes one",
    ]);
  });

  it("of ten thousand accounts lets others have their turn, and shares what is the same", async () => {
    const accounts = Array.from(
      { length: 10_000 },
      (_, i) =>
        `  - {accessKey: AK-${i}, secret: ${SECRET}-${i}, networks: [10.0.0.0/8], may: [client]}`,
    );
    let turns = 0;
    const { policy } = await loadPolicy(
      "/a.yml",
      filesOf({ "/a.yml": ["mode: audit", "accounts:", ...accounts].join("\n") }),
      () => Promise.resolve(void turns++),
    );
    assert.equal(policy.accounts.size, 10_000);
    assert.ok(turns > 0);
    assert.equal(policy.accounts.get("AK-1")!.grants, policy.accounts.get("AK-9999")!.grants);
  });
});
