import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { selfSigned } from "../../../src/tls/certificate.ts";
import { remotingTls, type TlsOptions } from "../../../src/remoting/tls/settings.ts";
import type { TlsFiles } from "../../../src/tls/context.ts";
import { type TlsFileSystem, TlsStore } from "../../../src/tls/store.ts";
import type { FolderWatch } from "../../../src/file_watch.ts";
import type { TlsSession } from "../../../src/tls/session.ts";
import { RecordedLog } from "../../support/recorded_log.ts";

const NOW = Date.parse("2026-01-01");
const DAY = 24 * 3_600_000;
const OPTIONS: TlsOptions = {
  "tls.server.mode": "permissive",
  "tls.test.mode.enable": false,
  "tls.server.need.client.auth": "require",
  "tls.server.keyPath": "/tls/a.key",
  "tls.server.keyPassword": "",
  "tls.server.certPath": "/tls/a.pem",
  "tls.server.authClient": true,
  "tls.server.trustCertPath": "/trust/ca.pem",
  "tls.ciphers": "",
  "tls.protocols": "",
};

/** Files in folders that can be watched, removed and recreated. */
class FakeFiles implements TlsFileSystem {
  readonly contents = new Map<string, string>();
  /** Identity of the folder under each name. */
  readonly inodes = new Map([["/tls", 1], ["/trust", 2]]);
  readonly watches = new Map<string, FakeWatch>();
  reads = 0;

  readTextFile(path: string): Promise<string> {
    this.reads++;
    const text = this.contents.get(path);
    if (text === undefined) return Promise.reject(new Deno.errors.NotFound("No such file"));
    return Promise.resolve(text);
  }

  realPath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  stat(path: string): Promise<{ isFile: boolean; dev: number; ino: number }> {
    const ino = this.contents.has(path) ? 0 : this.inodes.get(path);
    if (ino === undefined) return Promise.reject(new Deno.errors.NotFound("No such file"));
    return Promise.resolve({ isFile: this.contents.has(path), dev: 1, ino });
  }

  watchFs(path: string): FolderWatch {
    const watch = new FakeWatch();
    this.watches.set(path, watch);
    return watch;
  }
}

class FakeWatch implements FolderWatch {
  closed = false;
  #next = Promise.withResolvers<void>();

  /** Reports an event in the folder. */
  report(): void {
    this.#next.resolve();
  }

  close(): void {
    this.closed = true;
    this.#next.resolve();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      await this.#next.promise;
      if (this.closed) return;
      this.#next = Promise.withResolvers();
      yield { kind: "modify" };
    }
  }
}

let one: TlsFiles;
let two: TlsFiles;
let expired: TlsFiles;
let time: FakeTime;
let files: FakeFiles;
let log: RecordedLog;
let store: TlsStore;

function write({ key, cert }: TlsFiles): void {
  files.contents.set("/tls/a.key", key);
  files.contents.set("/tls/a.pem", cert);
}

/** Lets the quiet period after a change pass, and the reload after it finish. */
async function settle(ms = 300): Promise<void> {
  await time.tickAsync(ms);
  await store.reload();
}

const reloads = () => log.at("INFO").filter(({ event }) => event === "TLS certificate reloaded");

/** The reasons of the errors since the last call. */
function problems(): string[] {
  return log.events.splice(0).filter(({ level }) => level === "ERROR")
    .map(({ fields }) => String(fields.reason));
}

describe("TlsStore", () => {
  beforeEach(async () => {
    [one, two] = [await selfSigned(NOW), await selfSigned(NOW)];
    expired = await selfSigned(NOW - 11 * 365 * DAY);
    time = new FakeTime(NOW);
    files = new FakeFiles();
    log = new RecordedLog();
    write(one);
    files.contents.set("/trust/ca.pem", one.cert);
    store = await TlsStore.load(remotingTls(OPTIONS), files, log);
    store.watch();
    await time.tickAsync(0);
    log.events.length = 0;
  });

  afterEach(() => {
    store.close();
    time.restore();
  });

  it("takes many writes in a short time as one reload", async () => {
    const before = store.current();
    const reads = files.reads;
    for (let i = 0; i < 20; i++) {
      write(i % 2 === 0 ? two : one);
      files.watches.get("/tls")!.report();
      await time.tickAsync(50);
    }
    assert.deepEqual([reloads().length, files.reads], [0, reads]);
    write(two);
    files.watches.get("/tls")!.report();
    await settle();
    assert.equal(reloads().length, 1);
    assert.notEqual(store.current(), before);
  });

  it("keeps the pair before a bad one, says why once, and takes the next good one", async () => {
    const before = store.current();
    const bad: [() => void, RegExp][] = [
      [() => files.contents.set("/tls/a.key", two.key), /is not the key of the certificate/],
      [() => write(expired), /a\.pem \(tls\.server\.certPath\) has expired/],
      [() => files.contents.set("/tls/a.pem", "nonsense"), /contains no certificate/],
      [() => files.contents.delete("/tls/a.key"), /cannot read \/tls\/a\.key: No such file/],
      [() => (write(one), files.contents.delete("/trust/ca.pem")), /cannot read \/trust\/ca\.pem/],
    ];
    for (const [spoil, reason] of bad) {
      spoil();
      // Checked repeatedly, and also signalled.
      await settle(60_000);
      await store.reload();
      const said = problems();
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0]!, reason);
      assert.equal(store.current(), before);
    }
    write(two);
    files.contents.set("/trust/ca.pem", one.cert);
    await settle(6000);
    assert.equal(reloads().length, 1);
    assert.notEqual(store.current(), before);
  });

  it("starts with an expired certificate unless plain connections are refused", async () => {
    write(expired);
    const load = (mode: TlsOptions["tls.server.mode"]) =>
      TlsStore.load(remotingTls({ ...OPTIONS, "tls.server.mode": mode }), files, log);
    await assert.rejects(load("enforcing"), /a\.pem \(tls\.server\.certPath\) has expired/);
    const late = await load("permissive");
    assert.deepEqual(log.at("WARN").map(({ event }) => event), ["TLS certificate has expired"]);
    // The trusted authorities may still change, and a good certificate is taken.
    files.contents.set("/trust/ca.pem", two.cert);
    await late.reload();
    write(two);
    await late.reload();
    assert.deepEqual([reloads().length, problems()], [2, []]);
    assert.ok(late.expires! > NOW);
  });

  it("makes the test certificate again after it failed", async () => {
    let attempts = 0;
    const make = (now: number) =>
      ++attempts === 1 ? Promise.reject(new Error("no entropy")) : selfSigned(now);
    const options = { ...OPTIONS, "tls.test.mode.enable": true };
    const test = await TlsStore.load(remotingTls(options), files, log, make);
    await assert.rejects(async () => await test.current(), /no entropy/);
    const context = await test.current();
    assert.equal(await test.current(), context);
    assert.equal(attempts, 2);
  });

  it("finds out what no watch reported, and watches a folder that was made again", async () => {
    const lost = files.watches.get("/tls")!;
    files.inodes.set("/tls", 7);
    write(two);
    await settle(6000);
    assert.equal(reloads().length, 1);
    assert.ok(lost.closed);
    write(one);
    files.watches.get("/tls")!.report();
    await settle();
    assert.equal(reloads().length, 2);
  });

  it("verifies clients anew when the authorities change, and only then", async () => {
    const certificate = new X509Certificate(two.cert);
    const session: TlsSession = { protocol: "TLSv1.3", cipher: "x", resumed: false, certificate };
    const check = async (change: Partial<TlsSession>) =>
      (await store.current()).check({ ...session, ...change }, NOW).certificate!.verified;
    assert.ok(await check({}));
    write(two);
    await settle(6000);
    assert.ok(await check({ resumed: true }));
    files.contents.set("/trust/ca.pem", two.cert);
    files.watches.get("/trust")!.report();
    await settle();
    assert.equal(reloads().length, 2);
    await assert.rejects(check({ resumed: true }), /was not verified in this session/);
  });

  it("reads nothing any more when it is closed", async () => {
    store.close();
    const reads = files.reads;
    write(two);
    await time.tickAsync(60_000);
    assert.equal(files.reads, reads);
  });
});
