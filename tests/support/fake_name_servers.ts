import type { Runtime } from "../../src/admin/runtime.ts";
import { runCommand } from "../../src/admin/run.ts";
import {
  ConnectTimeout,
  type Socket,
  type TlsConnect,
  type Transport,
} from "../../src/remoting/transport/transport.ts";
import { concat, text, utf8 } from "./bytes.ts";
import { cutFrames, frame } from "./frames.ts";

/** A request as a name server sees it. */
export interface SeenRequest {
  code: number;
  fields: Map<string, string>;
  body: string;
}

/** A name server's response. */
export interface FakeAnswer {
  code?: number;
  remark?: string;
  fields?: Record<string, string>;
  body?: string;
  version?: number;
  language?: string;
}

/** Behaviour of a fake name server: responds, stays silent, sends raw bytes, or hangs up. */
export type Behaviour = (request: SeenRequest) => FakeAnswer | "silent" | "hang up" | Uint8Array;

/**
 * A transport whose servers are functions, by "host:port". Other addresses refuse the connection.
 */
export class FakeNameServers implements Transport {
  /** The received requests, by server. */
  readonly seen = new Map<string, SeenRequest[]>();
  /** TLS options of the last connection. */
  tls: TlsConnect | undefined;
  connections = 0;

  constructor(readonly servers: ReadonlyMap<string, Behaviour | Error>) {}

  listen(): never {
    throw new Error("commands do not listen");
  }

  connect(hostname: string, port: number, timeout: number, tls?: TlsConnect): Promise<Socket> {
    this.tls = tls;
    this.connections++;
    const address = `${hostname}:${port}`;
    const server = this.servers.get(address);
    if (server === undefined) {
      const error = new Error(`connect ECONNREFUSED ${address}`);
      return Promise.reject(Object.assign(error, { code: "ECONNREFUSED" }));
    }
    if (server instanceof ConnectTimeout) {
      return new Promise((_, reject) => setTimeout(() => reject(server), timeout));
    }
    if (server instanceof Error) return Promise.reject(server);
    const seen = this.seen.get(address) ?? [];
    this.seen.set(address, seen);
    return Promise.resolve(new Peer(server, seen) as Partial<Socket> as Socket);
  }
}

/** The side of a connection that a command writes to. */
class Peer implements Pick<Socket, "start" | "write" | "destroy"> {
  #handler: Parameters<Socket["start"]>[0] | undefined;
  #destroyed = false;

  constructor(readonly behave: Behaviour, readonly seen: SeenRequest[]) {}

  start(handler: Parameters<Socket["start"]>[0]): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    for (const { header, body } of cutFrames(bytes)) {
      const { code, opaque, extFields = {} } = JSON.parse(text(header));
      const request = {
        code,
        fields: new Map<string, string>(Object.entries(extFields)),
        body: text(body),
      };
      this.seen.push(request);
      // Asynchronously, like a network.
      setTimeout(() => this.#answer(opaque, this.behave(request)));
    }
    return true;
  }

  destroy(): void {
    this.#destroyed = true;
  }

  #answer(opaque: number, answer: ReturnType<Behaviour>): void {
    if (this.#destroyed || answer === "silent") return;
    if (answer === "hang up") return this.#handler!.onEnd();
    if (answer instanceof Uint8Array) return this.#handler!.onData(answer);
    const { code = 0, remark, fields, body = "", version = 513, language = "JAVA" } = answer;
    const header = { code, remark, extFields: fields, flag: 1, language, opaque, version };
    this.#handler!.onData(frame(utf8(JSON.stringify(header)), utf8(body)));
  }
}

/** Output and exit code of a command. */
export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Options of a run. */
export interface RunOptions {
  terminal?: boolean;
  noColor?: boolean;
  /** The contents of files. */
  files?: Record<string, string>;
  /** Variables of the environment. */
  env?: Record<string, string>;
  /** Fails each write to the standard output. */
  closed?: boolean;
  /** Fails each write to the standard error. */
  errClosed?: boolean;
}

/** Runs a command with fake servers. */
export async function run(
  servers: FakeNameServers,
  args: readonly string[],
  { terminal = false, noColor = false, files = {}, env = {}, closed = false, errClosed = false }:
    RunOptions = {},
): Promise<Ran> {
  const written = { out: [] as Uint8Array[], err: [] as Uint8Array[] };
  const stream = (chunks: Uint8Array[], fails = false) => ({
    isTerminal: () => terminal,
    write: (bytes: Uint8Array) => {
      if (fails) return Promise.reject(new Deno.errors.BrokenPipe("Broken pipe"));
      // A partial write, as on a pipe.
      const taken = bytes.slice(0, 1000);
      chunks.push(taken);
      return Promise.resolve(taken.length);
    },
  });
  const runtime: Runtime = {
    stdout: stream(written.out, closed),
    stderr: stream(written.err, errClosed),
    stdin: { isTerminal: () => false, setRaw: () => {}, read: () => Promise.resolve(null) },
    noColor,
    env: { get: (name) => env[name] },
    build: { os: "linux" },
    consoleSize: () => ({ columns: 80, rows: 24 }),
    readTextFile: (path) =>
      path in files
        ? Promise.resolve(files[path]!)
        : Promise.reject(new Deno.errors.NotFound("not found")),
    stat: () => Promise.resolve({ isFile: true, mode: 0o600 }),
    addSignalListener: () => {},
    removeSignalListener: () => {},
  };
  const code = await runCommand(args, runtime, servers);
  return { code, out: text(concat(...written.out)), err: text(concat(...written.err)) };
}
