import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, it } from "@std/testing/bdd";
import { defaultOptions, type Options } from "../../../src/config/options.ts";
import { EtcdClient, EtcdError, type EtcdEvent } from "../../../src/etcd/client.ts";
import { FakeEtcd, fault } from "../../support/fake_etcd.ts";
import { pause, until, withLimit } from "../../support/wait.ts";

/** An address where nobody listens. */
const NOBODY = closedPort("127.0.0.1");

/** Runs a test with a client; its options may be changed. */
async function withClient(
  endpoints: string,
  body: (client: EtcdClient, options: Options) => Promise<void>,
  given: Partial<Options> = {},
): Promise<void> {
  const options = { ...defaultOptions(), etcdEndpoints: endpoints, ...given };
  const client = await EtcdClient.open({ options, files: Deno });
  try {
    await body(client, options);
  } finally {
    client.close();
  }
}

/** The error of a request that must fail. */
async function errorOf(request: Promise<unknown>): Promise<EtcdError> {
  const error = await withLimit(
    request.then(() => undefined, (error) => error),
    "neither success nor failure",
  );
  assert.ok(error instanceof EtcdError, `no EtcdError: ${error}`);
  return error;
}

async function entriesOf(client: EtcdClient, prefix: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { entries } of client.scan(prefix)) {
    found.push(...entries.map(({ key, value }): [string, string] => [key, value]));
  }
  return found;
}

describe("EtcdClient", () => {
  it("puts, reads and deletes keys and values of any text", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const revision = await client.put("/a/ключ\u0000", "värde\n\ufeff");
      assert.deepEqual(await client.get("/a/ключ\u0000"), {
        key: "/a/ключ\u0000",
        value: "värde\n\ufeff",
        utf8: true,
        createRevision: revision,
        modRevision: revision,
        lease: "0",
      });
      assert.equal(await client.get("/a"), undefined);
      await client.deletePrefix("/a/");
      assert.deepEqual(etcd.keys(), []);
    });
  });

  it("reads a prefix in pages at one revision, smaller ones where values are large", async () => {
    await using etcd = new FakeEtcd();
    const keys = Array.from({ length: 300 }, (_, i) => `/p/${String(i).padStart(3, "0")}`);
    etcd.set(...keys.map((key) => [key, "x".repeat(20_000)] as const), ["/q", "other"]);
    await withClient(etcd.url, async (client, options) => {
      // Below the table's range, so that a page of the first size is too large.
      options.etcdMaxAnswerBytes = 500_000;
      const found = await entriesOf(client, "/p/");
      assert.deepEqual(found.map(([key]) => key), keys);
    });
    const asked = etcd.requests.map(({ body }) => body);
    assert.deepEqual(new Set(asked.slice(2).map(({ revision }) => revision)), new Set(["2"]));
    assert.equal(asked[0]?.limit, "64");
    assert.equal(asked[1]?.limit, "8");
  });

  it("says which value is too large", async () => {
    await using etcd = new FakeEtcd();
    etcd.set(["/p/a", "x".repeat(500_000)]);
    await withClient(etcd.url, async (client, options) => {
      options.etcdMaxAnswerBytes = 1000;
      const { fault, message } = await errorOf(client.get("/p/a"));
      assert.equal(fault, "tooLarge");
      assert.match(message, /more than 1000 bytes \(etcdMaxAnswerBytes\)/);
    });
  });

  it("marks entries that are not UTF-8", async () => {
    await using etcd = new FakeEtcd();
    etcd.set(["/p/a", new Uint8Array([0xff])]);
    await withClient(etcd.url, async (client) => {
      const entry = await client.get("/p/a");
      assert.deepEqual([entry?.value, entry?.utf8], ["\ufffd", false]);
    });
  });

  it("carries out a transaction only if its conditions hold", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const step = (modRevision: number, value: string) =>
        client.transact({
          compare: [{ key: "/a", modRevision }],
          success: [{ type: "put", key: "/a", value }],
          failure: [{ type: "get", key: "/a" }, { type: "get", key: "/b" }],
        });
      const first = await step(0, "1");
      assert.equal(first.succeeded, true);
      const late = await step(0, "2");
      assert.equal(late.succeeded, false);
      assert.deepEqual(
        late.found.map((entry) => entry && [entry.value, entry.modRevision]),
        [["1", first.revision], undefined],
      );
      assert.equal((await step(first.revision, "3")).succeeded, true);
      assert.equal(etcd.value("/a"), "3");
      const removed = await client.transact({
        compare: [{ key: "/a", value: "3" }, { key: "/b", createRevision: 0 }],
        success: [{ type: "delete", key: "/a" }],
      });
      assert.equal(removed.succeeded, true);
      assert.deepEqual(etcd.keys(), []);
    });
  });

  it("keeps ids of leases exact, and says when a lease has ended", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const { id, ttlSeconds } = await client.grantLease(5);
      assert.deepEqual([id, ttlSeconds], ["9007199254740993", 5]);
      await client.put("/leader", "me", id);
      assert.equal((await client.get("/leader"))?.lease, id);
      assert.equal(await client.keepLeaseAlive(id), 5);
      await client.revokeLease(id);
      await client.revokeLease(id);
      assert.equal((await errorOf(client.keepLeaseAlive(id))).fault, "noLease");
    });
  });

  it("asks the next endpoint for a change that cannot have arrived", async () => {
    await using etcd = new FakeEtcd();
    await withClient(`${NOBODY}; ${etcd.url}`, async (client) => {
      await client.put("/a", "1");
      await client.put("/b", "2");
      assert.deepEqual(etcd.keys(), ["/a", "/b"]);
    });
  });

  it("names all endpoints when none can be reached, and that nothing was changed", async () => {
    const other = closedPort("[::1]");
    await withClient(`${NOBODY},${other}`, async (client) => {
      const { fault, message, maybeDone } = await errorOf(client.put("/a", "1"));
      assert.deepEqual([fault, maybeDone], ["unavailable", false]);
      const [one = "", two = "", ...rest] = message.split("; ");
      assert.deepEqual(rest, []);
      assert.match(one, /refused/);
      assert.ok(one.startsWith(`${NOBODY}: `), one);
      assert.ok(two.startsWith(`${other}: `), two);
    });
  });

  it("repeats a read, but not a change, of unknown outcome", async () => {
    await using silent = new FakeEtcd();
    await using etcd = new FakeEtcd();
    const hang = Promise.withResolvers<Response>();
    silent.answer = () => hang.promise;
    await withClient(`${silent.url},${etcd.url}`, async (client) => {
      const { fault, message, maybeDone } = await errorOf(client.put("/a", "1"));
      assert.deepEqual([fault, maybeDone], ["unavailable", true]);
      assert.equal(message, `${silent.url}: no answer within 300 ms`);
      assert.equal(etcd.requests.length, 0);
      // The one that did not answer is now asked last.
      await client.put("/a", "2");
      etcd.answer = () => fault503();
      const failed = await errorOf(client.put("/a", "3"));
      assert.deepEqual([failed.fault, failed.maybeDone], ["unavailable", true]);
      const read = await errorOf(client.get("/a"));
      assert.equal(read.maybeDone, false);
      assert.match(read.message, /no answer within 300 ms; .*request timed out/);
    }, { etcdRequestTimeoutMillis: 300 });
    hang.resolve(new Response("{}"));
  });

  it("gives up when the caller does", async () => {
    await using etcd = new FakeEtcd();
    const hang = Promise.withResolvers<Response>();
    etcd.answer = () => hang.promise;
    await withClient(etcd.url, async (client) => {
      const giving = new AbortController();
      const request = errorOf(client.get("/a", { signal: giving.signal }));
      giving.abort();
      assert.equal((await request).fault, "closed");
      const other = errorOf(client.put("/a", "1"));
      await until(() => etcd.requests.some(({ path }) => path === "kv/put"));
      client.close();
      assert.equal((await other).fault, "closed");
    });
    hang.resolve(new Response("{}"));
  });

  it("ends in time although the runtime does not end a request", async () => {
    const options = {
      ...defaultOptions(),
      etcdEndpoints: "http://127.0.0.1:2379",
      etcdRequestTimeoutMillis: 50,
    };
    const never = new ReadableStream<Uint8Array>();
    const answers = [
      () => new Promise<Response>(() => {}),
      () => Promise.resolve(new Response(never)),
    ];
    for (const answer of answers) {
      const client = await EtcdClient.open({ options, files: Deno, fetch: answer });
      assert.match((await errorOf(client.get("/a"))).message, /no answer within 50 ms/);
      const end = new AbortController();
      const next = client.watch({ prefix: "/p/", fromRevision: 1, signal: end.signal }).next();
      end.abort();
      assert.equal((await withLimit(next, "the watch has not ended")).done, true);
      client.close();
    }
  });

  it("refuses endpoints of another cluster", async () => {
    await using one = new FakeEtcd();
    await using other = new FakeEtcd();
    other.cluster = "78";
    await withClient(`${one.url},${other.url}`, async (client) => {
      await client.get("/a");
      one.answer = () => fault503();
      const { fault, message } = await errorOf(client.get("/a"));
      assert.equal(fault, "otherCluster");
      assert.match(message, /etcd cluster 78, but the first answer came from 77/);
    });
  });

  for (
    const [what, answer, kind, words] of [
      ["a page", () => new Response("<html>"), "unreadable", /not an object of JSON/],
      [
        "a proxy's error",
        () => new Response("oops", { status: 502 }),
        "unavailable",
        /HTTP status 502/,
      ],
      [
        "an old etcd",
        () => new Response("Not Found", { status: 404 }),
        "refused",
        /etcd 3\.4 or newer/,
      ],
      [
        "wrong types",
        () => Response.json({ kvs: [{ key: 7 }] }),
        "unreadable",
        /where text belongs/,
      ],
      [
        "a full disk",
        () => fault(429, 8, "etcdserver: mvcc: database space exceeded"),
        "refused",
        /space exceeded/,
      ],
      ["no permission", () => fault(403, 7, "etcdserver: permission denied"), "denied", /etcdUser/],
      [
        "a CommonName",
        () => {
          const text = "CommonName of client sending a request against gateway will be ignored\n";
          return new Response(text, { status: 400 });
        },
        "denied",
        /etcdCertFile\) without a CommonName/,
      ],
    ] as const
  ) {
    it(`says why it can't use ${what}`, async () => {
      await using etcd = new FakeEtcd();
      etcd.answer = () => answer();
      await withClient(etcd.url, async (client) => {
        const error = await errorOf(client.get("/a"));
        assert.equal(error.fault, kind);
        assert.match(error.message, words);
        assert.equal(error.message.includes("\n"), false);
      });
    });
  }
});

describe("EtcdClient with a user", () => {
  async function withUser(
    etcd: FakeEtcd,
    password: string,
    body: (client: EtcdClient, file: string) => Promise<void>,
  ): Promise<void> {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, `${password}\n`);
      await withClient(etcd.url, (client) => body(client, file), {
        etcdUser: "namesrv",
        etcdPasswordFile: file,
      });
    } finally {
      await Deno.remove(file);
    }
  }

  it("logs in once, and again when the token has ended", async () => {
    await using etcd = new FakeEtcd();
    etcd.users.set("namesrv", "secret");
    await withUser(etcd, "secret", async (client) => {
      await Promise.all([client.put("/a", "1"), client.get("/a")]);
      const logins = () => etcd.requests.filter(({ path }) => path === "auth/authenticate").length;
      assert.equal(logins(), 1);
      etcd.tokens.clear();
      await client.put("/a", "2");
      assert.equal(logins(), 2);
      assert.equal(etcd.value("/a"), "2");
    });
  });

  it("does not repeat more than once", async () => {
    await using etcd = new FakeEtcd();
    etcd.answer = (path) =>
      path === "kv/put" ? fault(401, 16, "etcdserver: invalid auth token") : undefined;
    etcd.users.set("namesrv", "secret");
    await withUser(etcd, "secret", async (client) => {
      const { fault, maybeDone } = await errorOf(client.put("/a", "1"));
      assert.deepEqual([fault, maybeDone], ["denied", false]);
      assert.equal(etcd.requests.filter(({ path }) => path === "kv/put").length, 2);
    });
  });

  it("works before authentication is enabled, and after", async () => {
    await using etcd = new FakeEtcd();
    await withUser(etcd, "secret", async (client) => {
      await client.put("/a", "1");
      etcd.users.set("namesrv", "secret");
      await client.put("/a", "2");
      assert.equal(etcd.value("/a"), "2");
    });
  });

  it("names the options when the password is wrong, or there is no user", async () => {
    await using etcd = new FakeEtcd();
    etcd.users.set("namesrv", "secret");
    await withUser(etcd, "other", async (client) => {
      const { fault, message } = await errorOf(client.get("/a"));
      assert.equal(fault, "denied");
      assert.match(message, /invalid user ID or password \(etcdUser, etcdPasswordFile\)/);
    });
    await withClient(etcd.url, async (client) => {
      assert.match((await errorOf(client.get("/a"))).message, /set etcdUser/);
    });
  });

  it("reads the files again on request", async () => {
    await using etcd = new FakeEtcd();
    etcd.users.set("namesrv", "new");
    await withUser(etcd, "old", async (client, file) => {
      await errorOf(client.get("/a"));
      await Deno.writeTextFile(file, "new");
      await client.reload();
      await client.put("/a", "1");
      await Deno.remove(file);
      await assert.rejects(client.reload(), {
        name: "EtcdFileError",
        message: /^etcdPasswordFile: cannot read .*: No such file/,
      });
      await client.put("/a", "2");
      await Deno.writeTextFile(file, "");
    });
  });

  it("takes changed files, and says once that one can't be used", async () => {
    await using etcd = new FakeEtcd();
    etcd.users.set("namesrv", "new");
    await withUser(etcd, "old", async (client, file) => {
      const outcomes: unknown[] = [];
      client.watchFiles((error) => void outcomes.push(error));
      await errorOf(client.get("/a"));
      await Deno.writeTextFile(file, "new");
      await until(() => outcomes.length === 1, "the new password is in use");
      assert.deepEqual(outcomes, [undefined]);
      await client.put("/a", "1");
      await Deno.writeTextFile(file, "");
      await until(() => outcomes.length === 2, "the empty file is refused");
      assert.match(String(outcomes[1]), /etcdPasswordFile: .* is empty/);
      await client.put("/a", "2");
    });
  });
});

describe("EtcdClient.watch", () => {
  /** Collects what a watch brings. */
  function watching(client: EtcdClient, fromRevision: number) {
    const events: EtcdEvent[] = [];
    const states: string[] = [];
    const end = new AbortController();
    const done = (async () => {
      const request = {
        prefix: "/p/",
        fromRevision,
        signal: end.signal,
        onState: (failure?: EtcdError) => void states.push(failure?.fault ?? "open"),
      };
      for await (const batch of client.watch(request)) {
        assert.equal(batch.revision, batch.events.at(-1)?.modRevision);
        events.push(...batch.events);
      }
    })();
    const seen = () => events.map(({ type, key, value }) => `${type} ${key} ${value}`);
    return {
      states,
      seen,
      done,
      /** Resolves when these events have come. */
      has: (...expected: string[]) =>
        until(() => seen().length >= expected.length, "the events have come")
          .then(() => assert.deepEqual(seen(), expected)),
      stop: () => {
        end.abort();
        return withLimit(done, "the watch has not ended");
      },
    };
  }

  it("brings changes since a revision and later ones, in order", async () => {
    await using etcd = new FakeEtcd();
    etcd.set(["/p/a", "1"]);
    etcd.set(["/p/a", "2"], ["/q", "other"]);
    await withClient(etcd.url, async (client) => {
      const watch = watching(client, 3);
      await watch.has("put /p/a 2");
      etcd.set(["/p/b", "3"], ["/p/a", undefined]);
      await watch.has("put /p/a 2", "put /p/b 3", "delete /p/a ");
      await watch.stop();
    });
    await until(() => etcd.watchers === 0);
  });

  it("ends when it is told to, after garbage collections", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const watch = watching(client, 2);
      await until(() => watch.states.length > 0);
      for (let i = 0; i < 3; i++) {
        collectGarbage();
        await pause(10);
      }
      await withLimit(watch.stop(), "the watch has not ended");
    });
  });

  it("goes on where a broken stream has ended, at another endpoint if need be", async () => {
    await using etcd = new FakeEtcd();
    await withClient(`${etcd.url},${NOBODY}`, async (client) => {
      const watch = watching(client, 2);
      etcd.set(["/p/a", "1"]);
      await watch.has("put /p/a 1");
      etcd.answer = (path) => path === "watch" ? fault503() : undefined;
      etcd.dropWatchers();
      etcd.set(["/p/a", "2"]);
      await until(() => watch.states.length >= 3);
      etcd.answer = () => undefined;
      await watch.has("put /p/a 1", "put /p/a 2");
      assert.deepEqual(watch.states.slice(0, 3), ["open", "unavailable", "unavailable"]);
      assert.equal(watch.states.at(-1), "open");
      await watch.stop();
    });
  });

  it("follows progress, so that a later compaction does no harm", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const watch = watching(client, 2);
      await until(() => etcd.watchers === 1);
      etcd.revision = 50;
      etcd.tell({});
      etcd.set(["/q", "other"]);
      await until(() => client.counters.watches === 1);
      etcd.dropWatchers();
      await until(() => etcd.watchers === 1);
      const { body } = etcd.requests.findLast(({ path }) => path === "watch")!;
      assert.equal((body.create_request as { start_revision: string }).start_revision, "51");
      await watch.stop();
    });
  });

  it("ends when the changes are no longer kept", async () => {
    await using etcd = new FakeEtcd();
    etcd.compacted = 10;
    await withClient(etcd.url, async (client) => {
      assert.equal((await errorOf(watching(client, 3).done)).fault, "compacted");
    });
  });

  it("leaves an endpoint that no longer answers", async () => {
    await using etcd = new FakeEtcd();
    await using other = new FakeEtcd();
    await withClient(`${etcd.url},${other.url}`, async (client) => {
      const watch = watching(client, 2);
      await until(() => etcd.watchers === 1);
      etcd.answer = () => fault503();
      await until(() => other.watchers === 1);
      await watch.stop();
    }, { etcdWatchCheckMillis: 50 });
  });

  it("opens a silent stream anew when the store has changed", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const watch = watching(client, 2);
      await until(() => etcd.watchers === 1);
      etcd.revision = 9;
      await until(() => client.counters.watches >= 2);
      await watch.stop();
      // Others may have changed other keys only: this is no failure.
      assert.deepEqual(new Set(watch.states), new Set(["open"]));
    }, { etcdWatchCheckMillis: 20 });
  });

  it("opens streams that fail at once less and less often", async () => {
    await using etcd = new FakeEtcd();
    etcd.after = (path) =>
      path === "watch" ? new Response('{"result":{"created":true}}\n') : undefined;
    await withClient(etcd.url, async (client) => {
      const start = performance.now();
      const watch = watching(client, 2);
      await until(() => client.counters.watches >= 5);
      const millis = performance.now() - start;
      await watch.stop();
      assert.ok(millis > 700, `${millis} ms`);
    });
  });

  it("ends when changes are larger than an answer may be", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client, options) => {
      options.etcdMaxAnswerBytes = 1000;
      const watch = watching(client, 2);
      await until(() => etcd.watchers === 1);
      etcd.set(["/p/a", "x".repeat(500_000)]);
      assert.equal((await errorOf(watch.done)).fault, "tooLarge");
    });
  });

  it("takes all changes of a revision together when they come in fragments", async () => {
    await using etcd = new FakeEtcd();
    await withClient(etcd.url, async (client) => {
      const batches: string[][] = [];
      const end = new AbortController();
      const done = (async () => {
        const request = { prefix: "/p/", fromRevision: 2, signal: end.signal };
        for await (const { events } of client.watch(request)) {
          batches.push(events.map(({ value, modRevision }) => `${value}@${modRevision}`));
        }
      })();
      await until(() => etcd.watchers === 1);
      const event = (value: string, revision: number) => ({
        kv: { key: btoa(`/p/${value}`), value: btoa(value), mod_revision: String(revision) },
      });
      etcd.tell({ fragment: true, events: [event("a", 2), event("b", 3)] });
      etcd.tell({ fragment: true, events: [event("c", 3)] });
      etcd.tell({ events: [event("d", 3), event("e", 4)] });
      await until(() => batches.length === 2);
      assert.deepEqual(batches, [["a@2"], ["b@3", "c@3", "d@3", "e@4"]]);
      end.abort();
      await withLimit(done, "the watch has not ended");
    });
  });

  it("logs in again for a stream whose token has ended", async () => {
    await using etcd = new FakeEtcd();
    etcd.users.set("namesrv", "secret");
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "secret");
    await withClient(etcd.url, async (client) => {
      const watch = watching(client, 2);
      await until(() => etcd.watchers === 1);
      etcd.tokens.clear();
      etcd.dropWatchers();
      etcd.set(["/p/a", "1"]);
      await watch.has("put /p/a 1");
      await watch.stop();
    }, { etcdUser: "namesrv", etcdPasswordFile: file });
    await Deno.remove(file);
  });
});

function closedPort(host: string): string {
  const hostname = host.replaceAll(/[[\]]/g, "");
  using listener = Deno.listen({ hostname, port: 0 });
  return `http://${host}:${listener.addr.port}`;
}

function fault503(): Response {
  return fault(503, 14, "etcdserver: request timed out");
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
