/** The traffic of honest peers in a soak: brokers, clients, admin tools and scrapers. */

import { RequestCode } from "../../src/protocol/codes.ts";
import { kvPut, registration, routeQuery } from "../support/brokers.ts";
import type { Request } from "../support/frames.ts";
import type { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import type { Soak } from "./soak.ts";

const TOPICS = 100;
const BEAT_MS = 10_000;
const CLIENT_MS = 10_000;

/** A broker that registers, beats, goes in one of three ways, and comes back. */
export async function broker(soak: Soak, port: number, index: number): Promise<void> {
  const name = `broker-${index >> 1}`;
  const id = index & 1;
  const addr = `10.0.0.${index}:10911`;
  const fields = { clusterName: "DefaultCluster", brokerName: name, brokerAddr: addr };
  for (let counter = 1; soak.running;) {
    await using peer = await Peer.connect(port);
    for (let beats = 3 + soak.below(20); soak.running && beats > 0; beats--) {
      if (soak.below(3) === 0) counter++;
      const topics = Array.from({ length: TOPICS }, (_, i) => ({
        name: `topic-${(index * 50 + i + counter) % 2000}`,
      }));
      await soak.call(
        peer,
        soak.below(2) === 0
          ? registration({ name, id, addr, topics, counter })
          : { code: RequestCode.BROKER_HEARTBEAT, extFields: { ...fields, brokerId: `${id}` } },
      );
      await soak.rest(BEAT_MS);
    }
    // Otherwise its connection breaks.
    if (!soak.running || soak.below(2) === 0) {
      const extFields = { ...fields, brokerId: `${id}` };
      await soak.call(peer, { code: RequestCode.UNREGISTER_BROKER, extFields });
    } else if (soak.below(3) === 0) await soak.rest(3 * BEAT_MS);
  }
}

/** A client that asks for its routes as real ones do, and is started anew now and then. */
export async function client(soak: Soak, port: number): Promise<void> {
  while (soak.running) {
    await using peer = await Peer.connect(port);
    const topics = Array.from({ length: 3 }, () => `topic-${soak.below(2200)}`);
    for (let rounds = 1 + soak.below(60); soak.running && rounds > 0; rounds--) {
      for (const topic of topics) await soak.call(peer, routeQuery(topic));
      await soak.rest(CLIENT_MS);
    }
  }
}

/** Administration: lists, KV values and options that change. */
export async function admin(soak: Soak, port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  while (soak.running) {
    const key = `key-${soak.below(300)}`;
    const commands: Request[] = [
      { code: RequestCode.GET_BROKER_CLUSTER_INFO },
      { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER },
      { code: RequestCode.GET_TOPICS_BY_CLUSTER, extFields: { cluster: "DefaultCluster" } },
      { code: RequestCode.GET_NAMESRV_CONFIG },
      { code: RequestCode.GET_KVLIST_BY_NAMESPACE, extFields: { namespace: "soak" } },
      kvPut("soak", key, "v".repeat(soak.below(2000))),
      kvPut("ORDER_TOPIC_CONFIG", `topic-${soak.below(50)}`, "broker-1:4"),
      { code: RequestCode.DELETE_KV_CONFIG, extFields: { namespace: "soak", key } },
      {
        code: RequestCode.UPDATE_NAMESRV_CONFIG,
        body: `accessRefusalRows=${1000 + soak.below(1000)}`,
      },
      {
        code: RequestCode.DELETE_TOPIC_IN_NAMESRV,
        extFields: { topic: `topic-${soak.below(2000)}` },
      },
      {
        code: RequestCode.WIPE_WRITE_PERM_OF_BROKER,
        extFields: { brokerName: `broker-${soak.below(20)}` },
      },
      {
        code: RequestCode.ADD_WRITE_PERM_OF_BROKER,
        extFields: { brokerName: `broker-${soak.below(20)}` },
      },
    ];
    await soak.call(peer, commands[soak.below(commands.length)] as Request);
    await soak.rest(200);
  }
}

const PATHS = ["/metrics", "/livez", "/readyz", "/api/v1/brokers", "/api/v1/topics", "/not-there"];

/** Scrapes and requests to the HTTP port. */
export async function scraper(soak: Soak, http: HttpServerProcess): Promise<void> {
  while (soak.running) {
    const response = await http.get(PATHS[soak.below(PATHS.length)] as string);
    await response.arrayBuffer();
    await soak.rest(2000);
  }
}
