/** Random sequences of requests for the differential test; a seed always gives the same ones. */

import { compressedBody, oldBody, plainBody, type Registration } from "../../support/bodies.ts";
import { chance } from "../../support/chance.ts";
import { bodyCrc32 } from "../../support/frames.ts";
import {
  ask,
  binary,
  type Broker,
  clusterInfo,
  config,
  fieldsOf,
  goneFromCluster,
  identity,
  list,
  mapping,
  named,
  on,
  put,
  queueData,
  queueDatas,
  registerTopic,
  route,
  type Step,
  unregister,
  V,
  version,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { nth } from "../../support/lists.ts";

/** Steps of a round before the tables are compared. */
const STEPS = 30;
const BROKERS = 3;
const TOPICS = 6;
const IDS = ["0", "0", "1", "2"];
/** Older than 3.0.11, the last 4.x, before and after GO_AWAY, and 5.5.0. */
const VERSIONS = [36, 401, 413, 475, 513];
const WRONG_CRC = "1";
const WRAPPER = `{"dataVersion":${JSON.stringify(V(1))}}`;
const SMALL_BODIES = [
  "",
  `{"topicConfigSerializeWrapper":${WRAPPER}}`,
  `{"filterServerList":null,"topicConfigSerializeWrapper":${WRAPPER}}`,
];
const OLD_SMALL_BODIES = ["", WRAPPER];

/** A broker that is registered. */
interface Registered {
  broker: Broker;
  stateVersion: number;
}

/**
 * Makes rounds of steps. Brokers and topics of a round have names of their own, and its brokers are
 * gone at its end, so that a round can be read by itself.
 *
 * Left out is what is known to leave other tables behind (differences.md): first registrations with a
 * single topic, stale ones that change an id, a zone or a flag, addresses shared by names, and names
 * shared by clusters.
 */
export class RandomSteps {
  readonly #below: (n: number) => number;
  #round = 0;
  /** By name and address. */
  #registered = new Map<string, Registered>();
  /** The flags that each name registered last. */
  readonly #flags = new Map<string, Pick<Broker, "acting" | "zone">>();
  #brokers: readonly Broker[] = [];
  #topics: readonly string[] = [];

  constructor(seed: number) {
    this.#below = chance(seed);
  }

  /** The steps of the next round. */
  round(): Step[] {
    const round = ++this.#round;
    this.#registered.clear();
    this.#topics = Array.from({ length: TOPICS }, (_, i) => `r${round}-topic${i}`);
    const cluster = `r${round}-cluster`;
    this.#brokers = Array.from({ length: BROKERS }, (_, i) => ({
      name: `r${round}-broker${i}`,
      addr: `10.${round % 250}.${i}.1:1`,
      cluster: this.#one([cluster, `${cluster}2`]),
      id: "0",
    }));
    const steps = [
      config(
        "options",
        ["supportActingMaster", "orderMessageEnable", "deleteTopicWithBrokerRegistration"]
          .map((name) => `${name}=${this.#odds(2)}\n`).join(""),
      ),
    ];
    for (let i = 0; i < STEPS; i++) steps.push(...this.#step());
    return [...steps, ...this.#tables(), ...this.#leave()];
  }

  #one<T>(of: readonly T[]): T {
    return nth(of, this.#below(of.length));
  }

  /** True once in so many times. */
  #odds(times: number): boolean {
    return this.#below(times) === 0;
  }

  #some(of: readonly string[]): string[] {
    return of.filter(() => this.#odds(2));
  }

  #step(): Step[] {
    const name = this.#one(this.#brokers).name;
    const topic = this.#one(this.#topics);
    const someone = this.#someone();
    switch (this.#below(16)) {
      case 0:
        return this.#registered.size === 0
          ? []
          : this.#gone(this.#one([...this.#registered.keys()]));
      case 1:
        return [
          ask(`heartbeat of ${someone.addr}`, RequestCode.BROKER_HEARTBEAT, identity(someone)),
        ];
      case 2:
        return [ask(`wipe ${name}`, RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: name })];
      case 3:
        return [ask(`add ${name}`, RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: name })];
      case 4: {
        const datas = this.#some(this.#brokers.map((it) => it.name))
          .filter((it) => this.#knows(it))
          .map((it) => queueData(it, this.#below(4)));
        return [registerTopic(`register ${topic}`, topic, queueDatas(...datas))];
      }
      case 5: {
        const { cluster } = this.#one(this.#brokers);
        return [
          this.#odds(2)
            ? ask(`delete ${topic}`, RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic })
            : ask(`delete ${topic} of ${cluster}`, RequestCode.DELETE_TOPIC_IN_NAMESRV, {
              topic,
              clusterName: cluster,
            }),
        ];
      }
      case 6:
        return this.#odds(2) ? [put("ORDER_TOPIC_CONFIG", topic, `${name}:${this.#below(9)}`)] : [
          ask(`delete KV ${topic}`, RequestCode.DELETE_KV_CONFIG, {
            namespace: "ORDER_TOPIC_CONFIG",
            key: topic,
          }),
        ];
      case 7:
        return [named(`data version of ${someone.addr}`, {
          name: "",
          send: version(someone, this.#odds(3) ? undefined : JSON.stringify(V(this.#below(3)))),
        })];
      case 8:
        return [this.#route(topic)];
      default:
        return this.#register();
    }
  }

  #knows(name: string): boolean {
    return [...this.#registered.values()].some(({ broker }) => broker.name === name);
  }

  /** A broker as it might register: one of three addresses of a name, with some id. */
  #someone(): Broker {
    const broker = this.#one(this.#brokers);
    return { ...broker, addr: `${broker.addr}${this.#below(3)}`, id: this.#one(IDS) };
  }

  #register(): Step[] {
    let broker: Broker = {
      ...this.#someone(),
      acting: this.#one([undefined, "true", "true", "false"]),
      zone: this.#one([undefined, undefined, "z1", "Z1", "z2"]),
    };
    const small = this.#odds(8);
    const stateVersion = small ? 0 : this.#below(2);
    const group = [...this.#registered.values()].filter((it) => it.broker.name === broker.name);
    const holder = group.find((it) => it.broker.id === broker.id);
    const own = group.find((it) => it.broker.addr === broker.addr);
    const stale = holder !== undefined && holder.broker.addr !== broker.addr &&
      holder.stateVersion > stateVersion;
    if (stale && own !== undefined) return [];
    if (stale) broker = { ...broker, ...this.#flags.get(broker.name) };
    let names = this.#some(this.#topics);
    if (names.length === 1 && holder === undefined) names = [];
    const content: Registration = {
      version: V(this.#below(3), stateVersion),
      topics: names.map((name) => ({
        name,
        read: 1 + this.#below(3),
        write: 1 + this.#below(3),
        perm: this.#one([6, 6, 4, 2]),
        sysFlag: this.#below(4),
      })),
      filterServers: this.#one([[], ["f:1"], ["f:1", "f:2"]]),
      mappings: this.#odds(4) && names.length > 0
        ? [mapping(names[0]!, broker.name, `${this.#below(3)}`)]
        : undefined,
    };
    const send = this.#request(broker, content, small);
    if (!stale && send.extFields.bodyCrc32 !== WRONG_CRC) {
      if (holder !== undefined) this.#registered.delete(keyOf(holder.broker));
      this.#registered.set(keyOf(broker), { broker, stateVersion });
      this.#flags.set(broker.name, { acting: broker.acting, zone: broker.zone });
    }
    const step = { name: `register ${broker.addr} as ${broker.name} ${broker.id}`, send };
    return [on(keyOf(broker), step)];
  }

  /** A registration in one of the forms that brokers send, or that are wrong in a small way. */
  #request(broker: Broker, content: Registration, small: boolean) {
    const release = this.#one(VERSIONS);
    const compressed = !small && release >= 401 && this.#odds(4);
    const extFields: Record<string, string> = { ...fieldsOf(broker), compressed: `${compressed}` };
    let body: string | Uint8Array = release < 37 ? oldBody(content) : plainBody(content);
    if (small) body = this.#one(release < 37 ? OLD_SMALL_BODIES : SMALL_BODIES);
    else if (compressed) body = compressedBody(content, release >= 413);
    else if (this.#odds(8)) body = `${body}`.replace('"filterServerList":', '"unknown":');
    if (this.#odds(10)) delete extFields.haServerAddr;
    extFields.heartbeatTimeoutMillis = this.#one(["120000", "120000", "", "x", "300000"]);
    const crc = body.length === 0 ? "0" : bodyCrc32(body);
    extFields.bodyCrc32 = this.#one([crc, crc, crc, "0", "4294967295", "", WRONG_CRC]);
    return {
      code: RequestCode.REGISTER_BROKER,
      version: release,
      extFields,
      body,
      ...(this.#odds(4) ? binary : {}),
    };
  }

  #gone(key: string): Step[] {
    // Each address has a connection: the reference forgets one broker of a connection that closes.
    const { broker } = this.#registered.get(key)!;
    this.#registered.delete(key);
    const leaving: Step = this.#odds(2)
      ? unregister(broker)
      : { name: `close ${broker.addr}`, on: key, close: true };
    return [leaving, goneFromCluster(broker.addr)];
  }

  #route(topic: string): Step {
    const zone = this.#odds(4) ? { __ZONE_MODE: "true", __ZONE_NAME: "z1" } : {};
    return route(topic, zone as Record<string, string>, { version: this.#one([400, 401, 513]) });
  }

  /** Everything that can be asked about the round. */
  #tables(): Step[] {
    return [
      clusterInfo(),
      list("ORDER_TOPIC_CONFIG"),
      ask("all topics", RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER),
      ...this.#topics.map((topic) => route(topic)),
      ...this.#brokers.flatMap(({ name, cluster }) => [
        ask(`group ${name}`, RequestCode.GET_BROKER_MEMBER_GROUP, {
          clusterName: cluster,
          brokerName: name,
        }),
        ask(`topics of ${cluster}`, RequestCode.GET_TOPICS_BY_CLUSTER, { cluster }),
      ]),
    ];
  }

  #leave(): Step[] {
    return [...this.#registered.keys()].flatMap((key) => this.#gone(key));
  }
}

function keyOf({ name, addr }: Broker): string {
  return `${name} ${addr}`;
}
