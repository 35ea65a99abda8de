import { osReason } from "../os_error.ts";
import { type Change, ChangeStream } from "./change_stream.ts";
import { CommandFailure, ServerFailure, UsageError } from "./failures.ts";
import { fetchWith, findHttpPort, parseOrigins } from "./http_port.ts";
import type { NameServer } from "./name_server.ts";
import { parseCount, type ServerOptions } from "./options.ts";
import type { Registry } from "./registry.ts";
import { ExitCode, type Session } from "./session.ts";
import { Stop } from "./stop.ts";

interface WatchOptions extends ServerOptions {
  cluster?: string;
  broker?: string;
  topic?: string;
  since?: string;
  count?: string;
  http?: string;
  tokenFile?: string;
}

const MAX_COUNT = 1_000_000_000;

/** Adds the `watch` command. */
export function addWatch(registry: Registry): void {
  registry
    .add<WatchOptions>("watch", "show changes as they happen: brokers, topics, KV, options", watch)
    .option("--cluster <name>", "only changes of this cluster")
    .option("--broker <name>", "only changes of the brokers with this name")
    .option("--topic <name>", "only changes of this topic")
    .option("--since <id>", "begin after the event with this id, instead of now")
    .option("--count <n>", "number of events; by default until Ctrl-C")
    .option("--token-file <file>", "a bearer token for the HTTP port, in a file")
    .option(
      "--http <host:port[;host:port]>",
      "HTTP addresses of the servers (default: httpPort of each server)",
    );
}

async function watch(
  session: Session,
  _: readonly string[],
  options: WatchOptions,
): Promise<void> {
  const { servers: { all }, err, runtime } = session;
  const { since, http } = options;
  let left = options.count === undefined
    ? Infinity
    : parseCount(options.count, "--count", MAX_COUNT);
  if (since !== undefined && all.length > 1) {
    throw new UsageError(`--since ${since}: an event is of one server, so -n must name one`);
  }
  const origins = http === undefined ? undefined : parseOrigins(http, all);
  const token = options.tokenFile === undefined
    ? undefined
    : await readToken(options.tokenFile, runtime);
  const filter = Object.fromEntries(
    (["cluster", "broker", "topic"] as const).flatMap((name) => {
      const value = options[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

  const stop = new Stop(runtime, { keys: false });
  const follow = async (server: NameServer, given: string | undefined) => {
    const stream = new ChangeStream({
      server: server.address,
      origin: given ?? await originOf(server),
      filter,
      since,
      token,
      timeout: session.access.timeout,
      fetch: fetchWith(session.access.tls),
      signal: stop.signal,
      sleep: (ms) => stop.sleep(ms),
      told: (what) => err.line(`${server.address}: ${what}`),
    });
    for await (const change of stream.changes()) {
      if (left <= 0) return;
      left--;
      await show(session, server.address, change);
      if (left <= 0) stop.stop();
    }
  };
  try {
    await Promise.all(all.map(async (server, i) => {
      try {
        await follow(server, origins?.[i]);
      } catch (error) {
        if (!(error instanceof ServerFailure)) throw error;
        session.exitCode = ExitCode.FAILED;
        await err.line(error.message);
      }
    }));
  } finally {
    stop.stop();
    stop.end();
  }
}

async function originOf(server: NameServer): Promise<string> {
  const found = await findHttpPort(server);
  if ("origin" in found) return found.origin;
  throw new ServerFailure(server.address, found.reason);
}

function show({ out, json }: Session, server: string, { id, event, data }: Change): Promise<void> {
  const { time, ...fields } = data;
  if (json) return out.jsonLine({ time, server, event, id, ...fields });
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${valueText(value)}`);
  return out.line([time, server, event, ...shown].join(" "));
}

/** Quoted where it would not be told from what follows. */
function valueText(value: unknown): string {
  return typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}

async function readToken(path: string, runtime: Session["runtime"]): Promise<string> {
  let text: string;
  try {
    text = await runtime.readTextFile(path);
  } catch (error) {
    const reason = osReason(error, `--allow-read=${path}`);
    throw new CommandFailure(`--token-file ${path}: cannot be read: ${reason}`);
  }
  const token = text.trim();
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token;
  throw new CommandFailure(`--token-file ${path}: has no token, which is a text without blanks`);
}
