import type { AccessCounters } from "../access/counters.ts";
import type { PolicyStore } from "../access/policy_store.ts";
import type { AuditLog } from "../audit/audit_log.ts";
import type { Controller } from "../controller/controller.ts";
import type { Liveness } from "../controller/liveness.ts";
import type { EtcdCounters } from "../etcd/counters.ts";
import type { Group } from "../group/group.ts";
import type { Histogram } from "../histogram.ts";
import type { HttpCounters } from "../http/server/http_counters.ts";
import type { KvStore } from "../kv/kv_store.ts";
import type { BrokerRoleNotifier } from "../outgoing/broker_role_notifier.ts";
import type { RegistrationDecoder } from "../processor/registration_decoder.ts";
import type { RequestQueue } from "../processor/request_queue.ts";
import type { ByteBudget } from "../remoting/memory_budget.ts";
import type { RemotingCounters } from "../remoting/remoting_counters.ts";
import type { RemotingServer } from "../remoting/server.ts";
import type { TlsAcceptor } from "../remoting/tls/acceptor.ts";
import type { RouteCache } from "../route/route_cache.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import type { RouteView } from "../route/route_view.ts";
import type { TableLimits } from "../route/table_limits.ts";
import type { RouteSnapshot } from "../snapshot/route_snapshot.ts";
import type { TlsStore } from "../tls/store.ts";
import type { ChangeFeed } from "../watch/change_feed.ts";

/** Resource usage and versions of the process and its engine. */
export interface Runtime {
  /** Bytes. */
  memory(): { resident: number; heapUsed: number; heapTotal: number; external: number };
  /** Bytes. */
  heapLimit(): number;
  /** Seconds of CPU time of all threads. */
  cpu(): { user: number; system: number };
  /** Milliseconds since 1970. */
  startTime: number;
  /** Versions of this program, of its protocol, of Deno and of V8. */
  versions: { version: string; protocol: string; deno: string; v8: string };
}

/** The parts of a name server that are measured. Each owns its numbers. */
export interface Sources {
  remoting: RemotingCounters;
  server: Pick<RemotingServer, "connections">;
  budget: Pick<ByteBudget, "used">;
  /** The request queues. Thread pools of the reference gave the first two their names. */
  classes: Readonly<
    Record<
      "client_request" | "default" | "registration" | "disk",
      Pick<RequestQueue, "waiting" | "running" | "refused">
    >
  >;
  tables: RouteView;
  limits: Pick<TableLimits, "used" | "refused">;
  routes: Pick<RouteInfoManager, "counters">;
  /** Absent without routeSnapshotPath. */
  snapshot?: Pick<RouteSnapshot, "counters">;
  decoder: Pick<RegistrationDecoder, "seconds">;
  cache: Pick<RouteCache, "hits" | "misses" | "size" | "topics">;
  kv: Pick<KvStore, "valueCount" | "bytes" | "writes" | "failedWrites" | "syncSeconds" | "etcd">;
  /** Absent when nothing is kept in etcd. */
  etcd?: Readonly<EtcdCounters>;
  /** Absent when TLS is disabled. */
  tls?: {
    acceptor: Pick<TlsAcceptor, "handshakes" | "succeeded" | "failed">;
    store: Pick<TlsStore, "expires" | "reloads" | "failedReloads">;
  };
  /** Absent without enableControllerInNamesrv. */
  controller?: {
    readonly controller:
      & Pick<Controller, "leading" | "problem" | "figures" | "counters">
      & { readonly liveness: Pick<Liveness, "size" | "refused"> };
    readonly server: Pick<RemotingServer, "connections">;
    readonly queues: Readonly<Record<"reads" | "writes", Pick<RequestQueue, "refused">>>;
    readonly notifier: Pick<BrokerRoleNotifier, "sent" | "failed">;
  };
  access: {
    /** Absent when access control is off. */
    readonly rules?: {
      readonly store: Pick<PolicyStore, "policy" | "generation" | "failedReloads">;
    };
    readonly counters: Pick<AccessCounters, "decisions" | "accounts">;
    readonly audit: Pick<AuditLog, "records" | "lost" | "failures" | "failure" | "waitingBytes">;
  };
  http: {
    readonly counters: Readonly<HttpCounters>;
    /** Absent without httpTlsEnable. */
    readonly tls?: Pick<TlsStore, "expires" | "reloads" | "failedReloads">;
  };
  group: Pick<Group, "comparisons">;
  feed: Pick<ChangeFeed, "watchers" | "events" | "gaps" | "historyBytes">;
  /** Seconds. */
  loopLag: Histogram;
  options: Readonly<{ metricsPerBroker: boolean; metricsPerAccount: boolean }>;
  runtime: Runtime;
}
