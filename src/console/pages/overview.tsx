import { BROKER_EVENTS } from "../broker_data.ts";
import { bytes, duration, moment, number } from "../format.ts";
import { t } from "../i18n.ts";
import type { TextKey } from "../i18n.ts";
import { liveState } from "../live.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { Badge, type Tone } from "../view/badge.tsx";
import { Card } from "../view/card.tsx";
import { Chart } from "../view/chart.tsx";
import { Fact } from "../view/fact.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { type NameServer, NameServerAddress } from "../view/name_server.tsx";
import { Notice } from "../view/notice.tsx";
import type { ListPage } from "../view/pager.tsx";
import { Story } from "../view/story.tsx";
import { Table } from "../view/table.tsx";

/** The answer of /api/v1/overview. */
interface OverviewData {
  readonly server: {
    readonly address: string;
    readonly version: string;
    readonly startedAt: string;
    readonly uptimeSeconds: number;
    readonly pid: number;
  };
  readonly health: {
    readonly ready: boolean;
    readonly checks: readonly { name: string; ok: boolean; reason?: string }[];
  };
  readonly counts: {
    readonly clusters: number;
    readonly brokers: { master: number; slave: number; actingMaster: number };
    readonly restored: number;
    readonly topics: number;
    readonly connections: number;
    readonly watchers: number;
  };
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly heapLimit: number;
    readonly budgetUsed: number;
    readonly budgetLimit: number;
    readonly tableBytes: number;
    readonly tableLimit: number;
  };
  readonly alerts: readonly { name: string; severity: string; summary: string }[];
}

/** The answer of /api/v1/history. */
interface HistoryData {
  readonly intervalSeconds: number;
  readonly end: string;
  readonly requests: readonly number[];
  readonly busy: readonly number[];
  readonly p50Millis: readonly (number | null)[];
  readonly p99Millis: readonly (number | null)[];
  readonly heapUsed: readonly number[];
  readonly rss: readonly number[];
}

interface Cluster {
  readonly cluster: string;
  readonly brokers: readonly string[];
}

/** How far back the charts go. */
const HISTORY_SECONDS = 15 * 60;
const SEVERITIES: ReadonlyMap<string, { tone: Tone; title: TextKey }> = new Map([
  ["critical", { tone: "bad", title: "severity.critical" }],
  ["warning", { tone: "warn", title: "severity.warning" }],
  ["info", { tone: "info", title: "severity.info" }],
]);
const CHECKS: ReadonlyMap<string, TextKey> = new Map([
  ["listening", "overview.check.listening"],
  ["kvFile", "overview.check.kvFile"],
  ["auditFile", "overview.check.auditFile"],
  ["notStopping", "overview.check.notStopping"],
  ["waitForService", "overview.check.waitForService"],
  ["etcd", "overview.check.etcd"],
  ["controller", "overview.check.controller"],
]);

/** The page with the state of this server and of its cluster. */
export function Overview() {
  const overview = useResource<OverviewData>("overview", {
    events: BROKER_EVENTS,
    everySeconds: 5,
  });
  return (
    <>
      <h1>{t("overview")}</h1>
      <Loaded resource={overview}>
        {({ server, health, counts, memory, alerts }) => (
          <>
            <Figures counts={counts} />
            <div class="grid">
              <Health {...health} />
              <Alerts alerts={alerts} />
              <History />
              <NameServers />
              <Clusters />
              <Memory {...memory} />
              <Server {...server} />
              <Changes />
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Figures({ counts }: { counts: OverviewData["counts"] }) {
  const { brokers } = counts;
  const figures: [TextKey, number][] = [
    ["overview.clusters", counts.clusters],
    ["overview.masters", brokers.master],
    ["overview.slaves", brokers.slave],
    ["overview.actingMasters", brokers.actingMaster],
    ["overview.restored", counts.restored],
    ["overview.topics", counts.topics],
    ["overview.connections", counts.connections],
    ["overview.watchers", counts.watchers],
  ];
  return (
    <dl class="figures">
      {figures.map(([key, value]) => (
        <div key={key}>
          <dt>{t(key)}</dt>
          <dd>{number(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Health({ ready, checks }: OverviewData["health"]) {
  return (
    <Card
      title={t("overview.health")}
      aside={
        <Badge tone={ready ? "ok" : "bad"}>
          {t(ready ? "overview.ready" : "overview.notReady")}
        </Badge>
      }
    >
      <ul class="list">
        {checks.map(({ name, ok, reason }) => {
          const title = CHECKS.get(name);
          return (
            <li key={name}>
              <Badge tone={ok ? "ok" : "bad"}>
                {t(ok ? "overview.check.ok" : "overview.check.failed")}
              </Badge>
              <span>{title ? t(title) : name}</span>
              {reason !== undefined && <span class="muted" dir="auto">{reason}</span>}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Alerts({ alerts }: Pick<OverviewData, "alerts">) {
  return (
    <Card title={t("overview.alerts")}>
      {alerts.length === 0 ? <p class="muted">{t("overview.noAlerts")}</p> : (
        <ul class="list">
          {alerts.map(({ name, severity, summary }) => {
            const { tone, title } = SEVERITIES.get(severity) ?? { tone: "warn" };
            return (
              <li key={name}>
                <Badge tone={tone as Tone}>{title ? t(title) : severity}</Badge>
                <strong>{name}</strong>
                <span class="muted">{summary}</span>
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function History() {
  const history = useResource<HistoryData>("history", { everySeconds: 5 });
  return (
    <Card title={t("overview.history")} wide>
      <Loaded resource={history}>
        {({ intervalSeconds, end, requests, busy, p50Millis, p99Millis, heapUsed, rss }) => {
          if (requests.length === 0) {
            return <p class="muted">{t("overview.noHistory", { seconds: intervalSeconds })}</p>;
          }
          const last = Date.parse(end) / 1000;
          const times = requests.map((_, i) => last - (requests.length - 1 - i) * intervalSeconds);
          return (
            <div class="grid grid-charts">
              <Chart
                title={t("overview.requests")}
                seconds={HISTORY_SECONDS}
                times={times}
                series={[
                  { label: t("overview.requests"), values: requests },
                  { label: "SYSTEM_BUSY", values: busy },
                ]}
                show={number}
              />
              <Chart
                title={t("overview.latency")}
                seconds={HISTORY_SECONDS}
                times={times}
                series={[{ label: "p50", values: p50Millis }, { label: "p99", values: p99Millis }]}
                show={(value) => `${number(value)} ms`}
              />
              <Chart
                title={t("overview.memoryChart")}
                seconds={HISTORY_SECONDS}
                times={times}
                series={[
                  { label: t("overview.rss"), values: rss },
                  { label: t("overview.heap"), values: heapUsed },
                ]}
                show={bytes}
              />
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

function NameServers() {
  const servers = useResource<{ items: NameServer[] }>("name-servers", { everySeconds: 30 });
  return (
    <Card title={t("overview.nameServers")}>
      <Loaded resource={servers}>
        {({ items }) => (
          <Table
            label={t("overview.nameServers")}
            rows={items}
            rowKey={({ address }) => address}
            columns={[
              {
                id: "address",
                title: t("overview.address"),
                cell: (server) => <NameServerAddress server={server} code />,
              },
              {
                id: "state",
                title: t("overview.state"),
                cell: ({ ok, error }) => (
                  <>
                    <Badge tone={ok ? "ok" : "bad"}>
                      {t(ok ? "overview.reached" : "overview.notReached")}
                    </Badge>
                    {error !== null && <p class="muted" dir="auto">{error}</p>}
                  </>
                ),
              },
              {
                id: "time",
                title: t("overview.time"),
                numeric: true,
                cell: ({ millis }) => millis === null ? "" : `${number(millis)} ms`,
              },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}

function Clusters() {
  const clusters = useResource<ListPage<Cluster>>("clusters?limit=1000", { events: BROKER_EVENTS });
  return (
    <Card title={t("overview.clusters")}>
      <Loaded resource={clusters}>
        {({ items }) => (
          <Table
            label={t("overview.clusters")}
            rows={items}
            rowKey={({ cluster }) => cluster}
            empty={t("overview.noClusters")}
            columns={[
              {
                id: "cluster",
                title: t("overview.cluster"),
                cell: ({ cluster }) => <Name>{cluster}</Name>,
                sort: ({ cluster }) => cluster,
              },
              {
                id: "groups",
                title: t("overview.groups"),
                numeric: true,
                cell: ({ brokers }) => <a href={href("brokers")}>{number(brokers.length)}</a>,
                sort: ({ brokers }) => brokers.length,
              },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}

function Memory(memory: OverviewData["memory"]) {
  const { rss, heapUsed, heapLimit, budgetUsed, budgetLimit, tableBytes, tableLimit } = memory;
  return (
    <Card title={t("overview.memory")}>
      <dl class="facts">
        <Fact title={t("overview.rss")}>{bytes(rss)}</Fact>
        <Share title={t("overview.heap")} used={heapUsed} limit={heapLimit} />
        <Share title={t("overview.budget")} used={budgetUsed} limit={budgetLimit} />
        <Share title={t("overview.tables")} used={tableBytes} limit={tableLimit} />
      </dl>
    </Card>
  );
}

/** How much of a limit is used; a limit of 0 is none. */
function Share({ title, used, limit }: { title: string; used: number; limit: number }) {
  return (
    <Fact title={title}>
      {limit > 0
        ? (
          <>
            {t("overview.of", { used: bytes(used), limit: bytes(limit) })}
            <meter min={0} max={limit} high={limit * 0.8} value={used} aria-label={title} />
          </>
        )
        : bytes(used)}
    </Fact>
  );
}

function Server(server: OverviewData["server"]) {
  return (
    <Card title={t("overview.server")}>
      <dl class="facts">
        <Fact title={t("overview.address")}>
          <Name code>{server.address}</Name>
        </Fact>
        <Fact title={t("overview.version")}>{server.version}</Fact>
        <Fact title={t("overview.started")}>{moment(server.startedAt)}</Fact>
        <Fact title={t("overview.uptime")}>{duration(server.uptimeSeconds)}</Fact>
        <Fact title={t("overview.pid")}>{server.pid}</Fact>
      </dl>
    </Card>
  );
}

function Changes() {
  return (
    <Card title={t("overview.changes")} wide>
      {liveState.value === "refused" && <Notice tone="warn" title={t("overview.noStream")} />}
      <Story filter={{}} label={t("overview.changes")} empty={t("overview.noChanges")} />
    </Card>
  );
}
