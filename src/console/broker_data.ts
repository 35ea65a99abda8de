/** The shapes of /api/v1/brokers and /api/v1/connections. */

import type { EventName } from "./live.ts";

/** Software, as a connection told it. */
export interface Software {
  readonly language: string;
  readonly version: { readonly ordinal: number; readonly name: string | null };
}

/** A connection to the remoting port. */
export interface Connection {
  readonly id: number;
  readonly peer: string;
  readonly proxied: string | null;
  readonly since: string;
  readonly account?: string | null;
  readonly software: Software | null;
  readonly tls: {
    readonly protocol: string;
    readonly cipher: string;
    readonly certificate: { readonly subject: string; readonly verified: boolean } | null;
  } | null;
}

export type Role = "master" | "slave" | "actingMaster";

/** A broker of a group. */
export interface Member {
  readonly brokerId: number | string;
  readonly role: Role;
  readonly address: string;
  readonly haServerAddress: string | null;
  readonly filterServers: readonly string[];
  readonly lastHeartbeat: string | null;
  readonly heartbeatTimeoutMillis: number | string | null;
  readonly dataVersion: {
    readonly stateVersion: number | string;
    readonly timestamp: number | string;
    readonly counter: number | string;
  } | null;
  readonly restored: boolean;
  readonly account?: string | null;
  readonly connection: Connection | null;
}

/** A broker group: a master and its slaves, which share a name. */
export interface Group {
  readonly brokerName: string;
  readonly cluster: string;
  readonly zone: string | null;
  readonly enableActingMaster: boolean;
  readonly members: readonly Member[];
}

/** Events after which brokers may be others. */
export const BROKER_EVENTS: readonly EventName[] = [
  "brokerUp",
  "brokerDown",
  "brokerRestored",
  "brokerConfirmed",
  "roleChanged",
];

/** Events after which topics may be others. */
export const TOPIC_EVENTS: readonly EventName[] = [
  "topicAdded",
  "topicChanged",
  "topicRemoved",
  "topicsChanged",
  "permissionWiped",
  "permissionGranted",
  "brokerUp",
  "brokerDown",
];
