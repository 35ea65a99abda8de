import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { PolicyStore } from "../../../src/access/policy_store.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { pause, until } from "../../support/wait.ts";

const SECRET = "a-secret-of-more-than-20-characters";
const rules = (mode: string, ...accounts: string[]) =>
  `mode: ${mode}\naccounts:\n` +
  accounts.map((key) => `  - {accessKey: ${key}, secretFile: secret, may: client}\n`).join("");

describe("PolicyStore", () => {
  let folder: string;
  let path: string;
  let log: RecordedLog;
  let store: PolicyStore | undefined;

  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "namesrv-access-" });
    path = `${folder}/access.yml`;
    log = new RecordedLog();
    await write("secret", SECRET);
    await write("access.yml", rules("audit", "AK-1"));
  });

  afterEach(async () => {
    store?.close();
    store = undefined;
    await Deno.remove(folder, { recursive: true });
  });

  const write = (name: string, text: string) =>
    Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
  const load = async () =>
    store = await PolicyStore.load(path, Deno, log, () => new Promise((done) => setTimeout(done)));

  async function generation(store: PolicyStore, wanted: number): Promise<void> {
    await until(() => store.generation >= wanted);
    assert.equal(store.generation, wanted);
  }

  it("takes a changed file, and a changed secret, when it notices", async () => {
    const store = await load();
    const before = store.policy;
    store.watch();
    await write("access.yml", rules("enforce", "AK-2", "AK-3"));
    await generation(store, 2);
    assert.equal(before.mode, "audit");
    assert.equal(store.policy.mode, "enforce");
    assert.deepEqual([...store.policy.accounts.keys()], ["AK-2", "AK-3"]);
    assert.deepEqual(log.at("INFO").at(-1)!.fields, {
      file: path,
      generation: 2,
      mode: "enforce",
      accounts: 2,
      networks: 0,
      certificates: 0,
      before: "audit",
      added: "AK-2,AK-3",
      removed: "AK-1",
    });
    await write("secret", `${SECRET}-2`);
    await generation(store, 3);
    assert.deepEqual(log.at("WARN"), []);
  });

  it("keeps its rules when the file has a fault or is gone, and says so once", async () => {
    const store = await load();
    const { policy } = store;
    await write("access.yml", "mode: enfroce\n");
    await store.reload();
    await store.reload();
    assert.equal(store.policy, policy);
    assert.equal(store.failedReloads, 1);
    assert.deepEqual(log.at("ERROR"), [{
      level: "ERROR",
      event: "access rules refused",
      fields: { file: path, reason: `${path}:1:7: mode must be audit or enforce` },
    }]);
    await Deno.remove(path);
    await store.reload();
    assert.equal(store.policy, policy);
    assert.equal(store.failedReloads, 2);
    await write("access.yml", rules("enforce", "AK-1"));
    await store.reload();
    assert.equal(store.policy.mode, "enforce");
  });

  it("does not take what it has again", async () => {
    const store = await load();
    const { policy } = store;
    await store.reload();
    assert.equal(store.policy, policy);
    assert.equal(store.generation, 1);
  });

  it("does not take a file that is still being written", async () => {
    const store = await load();
    const accounts = Array.from({ length: 30 }, (_, i) => `AK-${i}`);
    const text = rules("audit", ...accounts);
    const file = await Deno.open(path, { write: true, truncate: true });
    let reloaded: Promise<void> | undefined;
    for (const line of text.split(/(?<=\n)/)) {
      await file.write(new TextEncoder().encode(line));
      reloaded ??= store.reload();
      await pause(10);
    }
    file.close();
    await reloaded;
    assert.equal(store.policy.accounts.size, 30);
    assert.equal(store.generation, 2);
  });

  it("does not start with a fault", async () => {
    await write("access.yml", rules("on", "AK-1"));
    await assert.rejects(load(), /access.yml:1:7: mode must be audit or enforce/);
  });
});
