import { Buffer } from "node:buffer";
import { withLimit } from "./wait.ts";

type Body = Record<string, unknown>;

interface Stored {
  key: string;
  value: string;
  create_revision: string;
  mod_revision: string;
  lease: string;
}

interface Watcher {
  key: string;
  end: string;
  send(message: Body): void;
  close(): void;
}

const CLUSTER = "77";

/**
 * A member of etcd with its JSON gateway, on a port of 127.0.0.1: keys, transactions, leases without
 * time, watches and users. Tests look into it, and change what it answers.
 */
export class FakeEtcd implements AsyncDisposable {
  /** Path below /v3 and body of each request. */
  readonly requests: { path: string; body: Body; token: string | null }[] = [];
  /** Answers instead of the store when it returns something. */
  answer: (path: string, body: Body) => Response | undefined | Promise<Response | undefined> = () =>
    undefined;
  /** Called when a request was carried out; an answer from it replaces the real one. */
  after: (path: string) => Response | Promise<Response> | undefined = () => undefined;
  revision = 1;
  cluster = CLUSTER;
  /** Revisions below it are gone. */
  compacted = 0;
  /** Password by user; authentication is on when there is one. */
  readonly users = new Map<string, string>();
  readonly tokens = new Set<string>();
  /** Leases that have not ended. */
  readonly leases = new Set<string>();
  readonly #keys = new Map<string, Stored>();
  readonly #events: { key: string; revision: number; event: Body }[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      onError: () => new Response("", { status: 500 }),
    },
    (request) => this.#serve(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Watches that are open. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** The value of a key. */
  value(key: string): string | undefined {
    const stored = this.#keys.get(encode(key));
    return stored && decode(stored.value);
  }

  /** All keys, sorted. */
  keys(): string[] {
    return [...this.#keys.keys()].map(decode).sort();
  }

  /** Sets keys as another client would, in one revision; `undefined` deletes. */
  set(...changes: (readonly [key: string, value: string | Uint8Array | undefined])[]): void {
    this.revision++;
    for (const [key, value] of changes) {
      if (value === undefined) this.#delete(encode(key));
      else this.#put(encode(key), Buffer.from(value as string).toString("base64"), "0");
    }
    this.#flush();
  }

  /** Sets a key with a lease of another client. */
  setLeased(key: string, value: string): void {
    this.revision++;
    this.#put(encode(key), Buffer.from(value).toString("base64"), "7");
    this.#flush();
  }

  /** Ends a lease, and removes its keys. Returns whether there was one. */
  endLease(id: string): boolean {
    const found = this.leases.delete(id);
    const keys = [...this.#keys.values()].filter(({ lease }) => lease === id);
    if (keys.length > 0) this.revision++;
    for (const { key } of keys) this.#delete(key);
    this.#flush();
    return found;
  }

  /** Sends a message to all watchers. */
  tell(message: Body): void {
    for (const watcher of this.#watchers) watcher.send(message);
  }

  /** Ends all streams. */
  dropWatchers(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropWatchers();
    await withLimit(this.#server.shutdown(), "a request to etcd has not ended");
  }

  async #serve(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname.replace(/^\/v3\//, "");
    const body = await request.json() as Body;
    const token = request.headers.get("authorization");
    this.requests.push({ path, body, token });
    const instead = await this.answer(path, body);
    if (instead !== undefined) return instead;
    if (this.users.size > 0 && path !== "auth/authenticate") {
      if (token === null) return fault(400, 3, "etcdserver: user name is empty");
      if (!this.tokens.has(token)) return fault(401, 16, "etcdserver: invalid auth token");
    }
    const answer = this.#carryOut(path, body);
    return await this.after(path) ?? answer;
  }

  #carryOut(path: string, body: Body): Response {
    switch (path) {
      case "kv/range":
        return this.#rangeAnswer(body);
      case "kv/put":
        this.revision++;
        this.#put(text(body.key), text(body.value), text(body.lease) || "0");
        this.#flush();
        return this.#json({});
      case "kv/deleterange":
        this.revision++;
        for (const { key } of this.#select(body)) this.#delete(key);
        this.#flush();
        return this.#json({});
      case "kv/txn":
        return this.#transact(body);
      case "lease/grant": {
        const ID = String(9_007_199_254_740_993n + BigInt(this.leases.size));
        this.leases.add(ID);
        return this.#json({ ID, TTL: text(body.TTL) });
      }
      case "lease/keepalive":
        return this.#json({
          result: { ID: body.ID, ...(this.leases.has(text(body.ID)) && { TTL: "5" }) },
        });
      case "lease/revoke":
        if (this.endLease(text(body.ID))) return this.#json({});
        return fault(404, 5, "etcdserver: requested lease not found");
      case "auth/authenticate":
        return this.#authenticate(body);
      case "watch":
        return this.#watch((body.create_request ?? {}) as Body);
      default:
        return new Response("Not Found\n", { status: 404 });
    }
  }

  #authenticate({ name, password }: Body): Response {
    if (this.users.size === 0) {
      return fault(412, 9, "etcdserver: authentication is not enabled");
    }
    if (this.users.get(text(name)) !== password) {
      return fault(400, 3, "etcdserver: authentication failed, invalid user ID or password");
    }
    const token = `token.${this.requests.length}`;
    this.tokens.add(token);
    return this.#json({ token });
  }

  #rangeAnswer(body: Body): Response {
    if (Number(body.revision ?? 0) > 0 && Number(body.revision) < this.compacted) {
      return fault(400, 11, "etcdserver: mvcc: required revision has been compacted");
    }
    const found = this.#select(body);
    const limit = Number(body.limit ?? 0) || Infinity;
    const kvs = found.slice(0, limit);
    return this.#json({ kvs, ...(kvs.length < found.length && { more: true }) });
  }

  #transact(body: Body): Response {
    const compares = body.compare as Body[];
    const succeeded = compares.every(({ key, target, ...wanted }) => {
      const stored = this.#keys.get(text(key));
      if (target === "VALUE") return stored?.value === wanted.value;
      const field = target === "MOD" ? "mod_revision" : "create_revision";
      return (stored?.[field] ?? "0") === wanted[field];
    });
    const steps = (succeeded ? body.success : body.failure) as Body[];
    const changes = steps.some((step) => step.request_range === undefined);
    if (changes) this.revision++;
    const responses = steps.map((step) => {
      if (step.request_range !== undefined) {
        return { response_range: { kvs: this.#select(step.request_range as Body) } };
      }
      const put = step.request_put as Body | undefined;
      if (put !== undefined) this.#put(text(put.key), text(put.value), text(put.lease) || "0");
      else this.#delete(text((step.request_delete_range as Body).key));
      return {};
    });
    this.#flush();
    return this.#json({ ...(succeeded && { succeeded }), responses });
  }

  #watch({ key, range_end, start_revision }: Body): Response {
    const from = Number(start_revision ?? 0);
    let watcher: Watcher;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        watcher = {
          key: text(key),
          end: text(range_end),
          send: (result) => {
            const message = "error" in result
              ? result
              : { result: { header: this.#header(), ...result } };
            controller.enqueue(new TextEncoder().encode(JSON.stringify(message) + "\n"));
          },
          close: () => {
            if (this.#watchers.delete(watcher)) controller.close();
          },
        };
        this.#watchers.add(watcher);
        watcher.send({ created: true });
        if (from > 0 && from < this.compacted) {
          watcher.send({ canceled: true, compact_revision: String(this.compacted) });
          return;
        }
        const missed = this.#events.filter(({ key, revision }) => {
          return from > 0 && revision >= from && isWithin(key, watcher);
        });
        if (missed.length > 0) watcher.send({ events: missed.map(({ event }) => event) });
      },
      cancel: () => void this.#watchers.delete(watcher),
    });
    return new Response(stream);
  }

  #select({ key, range_end }: Body): Stored[] {
    const range = { key: text(key), end: text(range_end) };
    return [...this.#keys.values()].filter(({ key }) => isWithin(key, range))
      .sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key)));
  }

  #put(key: string, value: string, lease: string): void {
    const mod_revision = String(this.revision);
    const create_revision = this.#keys.get(key)?.create_revision ?? mod_revision;
    const stored = { key, value, create_revision, mod_revision, lease };
    this.#keys.set(key, stored);
    this.#pending.push({ key, revision: this.revision, event: { kv: stored } });
  }

  #delete(key: string): void {
    if (!this.#keys.delete(key)) return;
    const kv = { key, mod_revision: String(this.revision) };
    this.#pending.push({ key, revision: this.revision, event: { type: "DELETE", kv } });
  }

  #pending: { key: string; revision: number; event: Body }[] = [];

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#events.push(...pending);
    for (const watcher of this.#watchers) {
      const seen = pending.filter(({ key }) => isWithin(key, watcher));
      if (seen.length > 0) watcher.send({ events: seen.map(({ event }) => event) });
    }
  }

  #header(): Body {
    return { cluster_id: this.cluster, revision: String(this.revision) };
  }

  #json(answer: Body): Response {
    return Response.json("result" in answer ? answer : { header: this.#header(), ...answer });
  }
}

/** An error as the gateway answers it. */
export function fault(status: number, code: number, message: string): Response {
  return Response.json({ error: message, message, code }, { status });
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(base64: string): string {
  return bytes(base64).toString();
}

function isWithin(key: string, { key: from, end }: { key: string; end: string }): boolean {
  if (end === "") return key === from;
  return Buffer.compare(bytes(key), bytes(from)) >= 0 &&
    Buffer.compare(bytes(key), bytes(end)) < 0;
}
