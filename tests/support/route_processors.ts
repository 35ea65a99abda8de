import type { Administration } from "../../src/administration/administration.ts";
import { AccessInfo } from "../../src/access/access_info.ts";
import { AccessCounters } from "../../src/access/counters.ts";
import { Refusals } from "../../src/access/refusals.ts";
import { assembleProcessing } from "../../src/assemble.ts";
import { systemClock } from "../../src/clock.ts";
import { LiveConfig } from "../../src/config/live_config.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Options } from "../../src/config/options.ts";
import { DurableFile } from "../../src/durable_file.ts";
import type { KvStore } from "../../src/kv/kv_store.ts";
import type { Dispatcher } from "../../src/processor/dispatcher.ts";
import type { RemotingClient } from "../../src/remoting/client.ts";
import type { Peer } from "../../src/remoting/peer.ts";
import { type Command, type Reply, SerializeType } from "../../src/remoting/wire/command.ts";
import type { RouteCache } from "../../src/route/route_cache.ts";
import type { RouteInfoManager } from "../../src/route/route_info_manager.ts";
import type { RouteAnswers } from "../../src/route/route_answers.ts";
import type { RouteView } from "../../src/route/route_view.ts";
import { WorkSlice } from "../../src/work_slice.ts";
import { environmentWith } from "./config_fixtures.ts";
import { loadKv } from "./kv.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { RecordedLog } from "./recorded_log.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A response in a readable form: the body as text, the fields as an object. */
export interface Answer {
  code: number;
  remark?: string;
  ext?: Record<string, string>;
  body?: string;
}

/** Options of a request; all have defaults. */
export interface Asking {
  body?: string | Uint8Array;
  version?: number;
  connection?: Peer;
}

/** A request as received from the network. */
export function command(
  code: number,
  fields: Record<string, string> = {},
  { body, version = 513 }: Asking = {},
): Command {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return {
    code,
    language: "JAVA",
    version,
    opaque: 1,
    flag: 0,
    remark: null,
    extFields: new Map(Object.entries(fields)),
    serializeType: SerializeType.JSON,
    body: bytes === undefined || bytes.length === 0 ? null : bytes,
  };
}

/** A peer, as handlers see it. */
export function connection(): Peer & { closed: boolean } {
  const address = "10.0.0.9:1";
  return { socketAddress: address, closed: false };
}

/** Makes a response readable. */
export function readable({ code, remark, extFields, body }: Reply): Answer {
  const answer: Answer = { code };
  if (remark !== undefined) answer.remark = remark;
  if (extFields !== undefined) answer.ext = Object.fromEntries(extFields);
  if (body !== undefined) answer.body = new TextDecoder().decode(body);
  return answer;
}

/** All handlers behind a dispatcher, assembled as in the server, with disks in memory. */
export class Processors {
  readonly log = new RecordedLog(false);
  readonly options: Options;
  readonly administration: Administration;
  readonly cache: RouteCache;
  readonly routes: RouteInfoManager;
  readonly tables: RouteView;
  readonly answers: RouteAnswers;
  readonly dispatcher: Dispatcher;
  /** Calls of the product environment's client, and its response. */
  readonly invoked: Parameters<RemotingClient["invoke"]>[] = [];
  invoke: RemotingClient["invoke"] = () => Promise.reject(new Error("nobody there"));
  /** The server's time, where a test sets it. The server started at 0. */
  now: number | undefined = 0;

  private constructor(
    readonly kv: KvStore,
    readonly kvDisk: MemoryDisk,
    /** The log of the KV table. */
    readonly kvLog: RecordedLog,
    readonly config: LiveConfig,
    readonly configDisk: MemoryDisk,
  ) {
    // Tests set options without the checks of a request.
    this.options = config.values as Options;
    const time = () => this.now ?? Date.now();
    const assembled = assembleProcessing({
      config,
      kv,
      client: {
        invoke: (...args) => {
          this.invoked.push(args);
          return this.invoke(...args);
        },
        invokeOneway: () => Promise.resolve(),
      },
      budget: { take: () => true, give: () => {} },
      access: {
        info: new AccessInfo({
          refusals: new Refusals(() => 10),
          counters: new AccessCounters(),
        }),
      },
      slice: new WorkSlice(systemClock.soon),
      lifecycle: { leaving: false, stopping: false },
      log: this.log,
      clock: { ...systemClock, now: time, monotonic: time },
      heapLimit: () => 1e9,
      expire: () => {},
    });
    this.administration = assembled.administration;
    this.cache = assembled.cache;
    this.routes = assembled.routes;
    this.tables = assembled.tables;
    this.answers = assembled.answers;
    this.dispatcher = assembled.dispatcher;
    this.now = undefined;
  }

  static async create(configText = ""): Promise<Processors> {
    const kvDisk = new MemoryDisk();
    const kvLog = new RecordedLog(false);
    const kv = await loadKv("/data/kv.json", kvDisk, kvLog);
    const path = "/conf/namesrv.properties";
    const configDisk = MemoryDisk.with(path, configText);
    const environment = environmentWith({ HOME: "/home/mq" });
    const loaded = await loadConfiguration({ configFile: path }, environment, configDisk);
    const config = new LiveConfig(loaded, new DurableFile(path, configDisk));
    return new Processors(kv, kvDisk, kvLog, config, configDisk);
  }

  /** Handles a request; returns the response or its promise. */
  handle(
    code: number,
    fields: Record<string, string> = {},
    asking: Asking = {},
  ): Reply | Promise<Reply> {
    const request = command(code, fields, asking);
    return this.dispatcher.handle(request, asking.connection ?? connection());
  }

  async ask(code: number, fields?: Record<string, string>, asking?: Asking): Promise<Answer> {
    return readable(await this.handle(code, fields, asking));
  }

  /** Registers a broker with topics of 8 queues. */
  async register(
    fields: Record<string, string> = {},
    topics: readonly string[] = ["T1", "T2"],
    asking: Asking = {},
  ): Promise<Answer> {
    return await this.ask(
      RequestCode.REGISTER_BROKER,
      { ...BROKER, ...fields },
      { body: registration(topics), ...asking },
    );
  }

  /** Forgets the brokers that are to be forgotten in the next turn. */
  settle(): void {
    this.routes.flush();
  }

  /** Names of the registered brokers. */
  brokers(): string[] {
    return Array.from(this.tables.brokers(), (it) => it.brokerName);
  }
}

/** The fields with which a master registers. */
export const BROKER = {
  brokerName: "b-a",
  brokerAddr: "10.0.0.1:10911",
  clusterName: "C",
  haServerAddr: "10.0.0.1:10912",
  brokerId: "0",
};

/** A registration's plain body. */
export function registration(
  topics: readonly string[],
  more: { counter?: number; filterServers?: string[]; mappings?: string } = {},
): string {
  const table = topics.map((name) =>
    `${JSON.stringify(name)}:{"order":false,"perm":6,"readQueueNums":8,"topicFilterType":` +
    `"SINGLE_TAG","topicName":${JSON.stringify(name)},"topicSysFlag":0,"writeQueueNums":8}`
  );
  return `{"filterServerList":${JSON.stringify(more.filterServers ?? [])},` +
    `"topicConfigSerializeWrapper":{"dataVersion":{"counter":${more.counter ?? 1},` +
    `"stateVersion":0,"timestamp":1700000000000},"topicConfigTable":{${table.join(",")}},` +
    `"topicQueueMappingInfoMap":${more.mappings ?? "{}"}}}`;
}
