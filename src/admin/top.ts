import type { NameServer } from "./name_server.ts";
import { fetchWith, findHttpPort, parseOrigins } from "./http_port.ts";
import { CommandFailure } from "./failures.ts";
import { parseCount, parseDuration, type ServerOptions } from "./options.ts";
import { type Cell, type Output, styled } from "./output.ts";
import { millis } from "./ping.ts";
import type { Registry } from "./registry.ts";
import { RequestCounter } from "./request_counter.ts";
import type { Runtime } from "./runtime.ts";
import type { Session } from "./session.ts";
import { Stop } from "./stop.ts";
import { printable } from "./text.ts";
import { Poller, type Sight } from "./poller.ts";
import type { TlsConnect } from "../remoting/transport/transport.ts";

interface TopOptions extends ServerOptions {
  interval: string;
  count?: string;
  http?: string;
}

/** Milliseconds to wait for metrics in each round. */
const HTTP_TIMEOUT = 1000;
const MAX_COUNT = 1_000_000;
/** How many changes the screen keeps. */
const KEPT_CHANGES = 100;

const ENTER_SCREEN = "\x1b[?1049h\x1b[?25l";
const LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Adds the `top` command. */
export function addTop(registry: Registry): void {
  registry
    .add<TopOptions>("top", "watch name servers: latency, requests, brokers, changes", top)
    .option("--interval <s>", "seconds between updates", "1")
    .option("--count <n>", "number of updates; by default until q or Ctrl-C")
    .option(
      "--http <host:port[;host:port]>",
      "HTTP addresses of the servers, for metrics; https://host:port for TLS (default: httpPort of each server)",
    );
}

async function top(session: Session, _: readonly string[], options: TopOptions): Promise<void> {
  const { servers, out, json, runtime, access } = session;
  const interval = parseDuration(options.interval, "--interval", "s", { min: 100 });
  const count = options.count === undefined
    ? Infinity
    : parseCount(options.count, "--count", MAX_COUNT);
  const pollers = pollersOf(servers.all, options.http, access.tls);
  const view = json ? new JsonView(out) : out.terminal ? new Screen(out, runtime) : new Lines(out);

  const stop = new Stop(runtime, { keys: true });
  let entered = false;
  try {
    for (let i = 0; i < count && !stop.stopped; i++) {
      const sights = await Promise.all(pollers.map((poller) => poller.look()));
      if (i === 0) {
        const failures = sights.flatMap(({ failure }) => failure ?? []);
        if (failures.length === sights.length) {
          throw new CommandFailure(failures.map(({ message }) => message).join("; "));
        }
        entered = true;
        await view.enter();
      }
      await view.show(sights);
      if (i + 1 < count) await stop.sleep(interval);
    }
  } finally {
    stop.end();
    if (entered) await view.leave();
  }
}

function pollersOf(
  servers: readonly NameServer[],
  http: string | undefined,
  tls: TlsConnect | undefined,
): Poller[] {
  const given = http === undefined ? undefined : parseOrigins(http, servers);
  const get = fetchWith(tls);
  return servers.map((server, i) => {
    const origin = given?.[i];
    return new Poller(server, {
      find: () => origin === undefined ? findHttpPort(server) : Promise.resolve({ origin }),
      counter: (origin) => new RequestCounter(origin, HTTP_TIMEOUT, get),
    }, Date.now);
  });
}

/** Shows the results of each round. */
interface View {
  enter(): Promise<void>;
  show(sights: readonly Sight[]): Promise<void>;
  leave(): Promise<void>;
}

/** One JSON object per line, for each server and round. */
class JsonView implements View {
  constructor(readonly out: Output) {}

  async enter(): Promise<void> {}

  async show(sights: readonly Sight[]): Promise<void> {
    for (const { time, failure, ...sight } of sights) {
      const fields = { time: new Date(time).toISOString(), ...sight, error: failure?.what ?? null };
      await this.out.jsonLine(fields);
    }
  }

  async leave(): Promise<void> {}
}

/** One line for each server and round, and one for each change. */
class Lines implements View {
  /** The reasons shown last, by server. */
  readonly #reasons = new Map<string, string | null>();

  constructor(readonly out: Output) {}

  async enter(): Promise<void> {}

  async show(sights: readonly Sight[]): Promise<void> {
    for (const sight of sights) {
      const start = `${new Date(sight.time).toISOString()} ${sight.server}`;
      await this.out.line(`${start} ${summary(sight)}`);
      for (const change of sight.changes) await this.out.line(`${start} ${change}`);
      const { server, noMetrics } = sight;
      if (noMetrics !== null && this.#reasons.get(server) !== noMetrics) {
        await this.out.line(`${start} no requests/s: ${noMetrics}`);
      }
      this.#reasons.set(server, noMetrics);
    }
  }

  async leave(): Promise<void> {}
}

function latency({ latencyMillis }: Sight): string {
  return latencyMillis === null ? "-" : millis(latencyMillis);
}

function summary(sight: Sight): string {
  if (sight.failure !== null) return `down: ${sight.failure.what}`;
  return `up latency=${latency(sight).replace(" ", "")} ` +
    `requests/s=${sight.requestsPerSecond ?? "-"} brokers=${sight.brokers} ` +
    (sight.restored ? `restored=${sight.restored} ` : "") +
    `topics=${sight.topics ?? "-"}`;
}

/** The whole terminal, redrawn in each round. */
class Screen implements View {
  #changes: string[] = [];

  constructor(readonly out: Output, readonly runtime: Runtime) {}

  enter(): Promise<void> {
    return this.out.write(ENTER_SCREEN);
  }

  async show(sights: readonly Sight[]): Promise<void> {
    for (const { server, time, changes } of sights) {
      const start = `${new Date(time).toLocaleTimeString("sv")} ${server}`;
      const latest = changes.slice(0, KEPT_CHANGES).map((change) => `${start} ${change}`);
      this.#changes = [...latest, ...this.#changes].slice(0, KEPT_CHANGES);
    }
    const table = await this.out.tableLines(
      ["SERVER", "STATE", "LATENCY", "REQUESTS/S", "BROKERS", "TOPICS"],
      sights.map(row),
    );
    const { columns, rows } = this.runtime.consoleSize();
    const changes = this.#changes.map((change) => {
      const text = printable(change).slice(0, columns - 1);
      return this.out.styled(change.includes(" + ") ? "green" : "red", text);
    });
    const lines = [
      this.out.styled("dim", "rocketmq-namesrv top; press q to quit"),
      "",
      ...table,
      ...sights.flatMap(({ failure }) =>
        failure === null ? [] : this.out.styled("red", failure.message.slice(0, columns - 1))
      ),
      ...sights.flatMap(({ server, failure, noMetrics }) => {
        if (noMetrics === null || failure !== null) return [];
        const text = `${printable(server)}: no requests/s: ${noMetrics}`;
        return this.out.styled("dim", text.slice(0, columns - 1));
      }),
      "",
      this.out.styled("bold", "CHANGES"),
      ...changes,
    ].slice(0, rows - 1);
    await this.out.write(
      HOME + lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join("") + CLEAR_BELOW,
    );
  }

  leave(): Promise<void> {
    return this.out.write(LEAVE_SCREEN);
  }
}

function row(sight: Sight): Cell[] {
  if (sight.failure !== null) {
    return [sight.server, styled("red", "down"), "-", "-", "-", "-"];
  }
  return [
    sight.server,
    styled("green", "up"),
    latency(sight),
    sight.requestsPerSecond ?? "-",
    sight.restored ? `${sight.brokers} (${sight.restored} restored)` : sight.brokers ?? "-",
    sight.topics ?? "-",
  ];
}
