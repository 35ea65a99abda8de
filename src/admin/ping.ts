import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { mqVersionName } from "../protocol/mq_version.ts";
import type { NameServer } from "./name_server.ts";
import { parseCount, type ServerOptions } from "./options.ts";
import { type Cell, styled } from "./output.ts";
import type { Registry } from "./registry.ts";
import { ExitCode, outcomeFields, type Session } from "./session.ts";

interface PingOptions extends ServerOptions {
  count: string;
}

/** The result of pinging a name server. Times are in milliseconds. */
export interface Pong {
  connectMillis: number;
  /** One entry for each probe. */
  answerMillis: number[];
  /** The protocol version, e.g. "V5_5_0"; "version 37" if it has no name. */
  version: string;
  /** The server's programming language, as it states it. */
  language: string;
}

const MAX_COUNT = 1000;

/** Adds the `ping` command. */
export function addPing(registry: Registry): void {
  registry
    .add<PingOptions>("ping", "check that each name server answers, and measure how fast", ping)
    .option("--count <n>", "number of probes", "1");
}

/**
 * Asks for a KV pair that does not exist: only name servers answer that, at no cost and even before
 * they are ready for clients.
 */
export async function probe(server: NameServer): Promise<Pick<Pong, "version" | "language">> {
  const { version, language } = await server.ask({
    code: RequestCode.GET_KV_CONFIG,
    extFields: [["namespace", "rocketmq-namesrv"], ["key", "ping"]],
  }, [ResponseCode.QUERY_NOT_FOUND]);
  return { version: mqVersionName(version) ?? `version ${version}`, language };
}

async function ping(session: Session, _: readonly string[], options: PingOptions): Promise<void> {
  const { servers, out, err, json } = session;
  const count = parseCount(options.count, "--count", MAX_COUNT);
  const outcomes = await servers.each((server) => pong(server, count));
  if (outcomes.some(({ failure }) => failure)) session.exitCode = ExitCode.FAILED;
  if (json) {
    await out.json(outcomes.map((outcome) => outcomeFields(outcome, (value) => value)));
    return;
  }
  const rows = outcomes.map(({ server, value }): Cell[] => {
    if (value === undefined) return [server.address, styled("red", "down"), "", "", "", ""];
    const { connectMillis, answerMillis, version, language } = value;
    const up = styled("green", "up");
    return [server.address, up, millis(connectMillis), times(answerMillis), version, language];
  });
  await out.table(["SERVER", "STATE", "CONNECT", "ANSWER", "VERSION", "LANGUAGE"], rows);
  for (const { failure } of outcomes) if (failure) await err.line(failure.message);
}

async function pong(server: NameServer, count: number): Promise<Pong> {
  const start = performance.now();
  await server.connect();
  const connectMillis = rounded(performance.now() - start);
  const answerMillis: number[] = [];
  for (let i = 1;; i++) {
    const asked = performance.now();
    const { version, language } = await probe(server);
    answerMillis.push(rounded(performance.now() - asked));
    if (i === count) return { connectMillis, answerMillis, version, language };
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** E.g. "0.43 ms". */
export function millis(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

function times(list: readonly number[]): string {
  const [first, ...others] = list;
  if (first !== undefined && others.length === 0) return millis(first);
  const mean = list.reduce((sum, ms) => sum + ms, 0) / list.length;
  return `min ${millis(Math.min(...list))}, mean ${millis(mean)}, max ${millis(Math.max(...list))}`;
}
