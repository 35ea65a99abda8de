import { useState } from "preact/hooks";
import { withQuery } from "../api.ts";
import {
  type Comparison,
  type Difference,
  type Finding,
  findingsOf,
  KINDS,
} from "../comparison.ts";
import { moment, number } from "../format.ts";
import { t } from "../i18n.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { Badge } from "../view/badge.tsx";
import { Card } from "../view/card.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { type NameServer, NameServerAddress } from "../view/name_server.tsx";
import { Names } from "../view/names.tsx";
import { Notice } from "../view/notice.tsx";
import { Table } from "../view/table.tsx";

interface ConfigComparison {
  readonly servers: readonly {
    readonly address: string;
    readonly ok: boolean;
    readonly error: string | null;
  }[];
  readonly items: readonly {
    readonly name: string;
    /** By address; null where the server does not report it, nothing where it has no such option. */
    readonly values: Readonly<Record<string, string | null>>;
  }[];
}

interface Brokers {
  readonly items: readonly {
    readonly members: readonly { readonly lastHeartbeat: string | null }[];
  }[];
}

/** Names that a sentence lists; it counts the others. */
const LISTED = 10;
/** Rows that are shown at first, and added each time. */
const STEP = 200;

/** `#/compare`: the name servers of the group; `#/compare/HOST:PORT`: this one beside that one. */
export function ComparePage({ name }: { name: string | undefined }) {
  const servers = useResource<{ items: readonly NameServer[] }>("name-servers");
  return (
    <>
      <h1>{t("compare")}</h1>
      <Loaded resource={servers}>
        {({ items }) => {
          const others = items.filter(({ self }) => !self);
          const other = name ?? others.find(({ ok }) => ok)?.address ?? others[0]?.address;
          return (
            <>
              <Card title={t("compare.servers")} wide>
                <ServerTable servers={items} compared={other} onReload={servers.reload} />
              </Card>
              {other === undefined
                ? <Notice tone="info">{t("compare.alone")}</Notice>
                : <Differences key={other} other={other} />}
              {others.length > 0 && <Configurations />}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function ServerTable({ servers, compared, onReload }: {
  servers: readonly NameServer[];
  compared: string | undefined;
  onReload: () => void;
}) {
  return (
    <>
      <Table
        label={t("compare.servers")}
        rows={servers}
        rowKey={({ address }) => address}
        columns={[
          {
            id: "address",
            title: t("compare.address"),
            cell: (server) => <NameServerAddress server={server} />,
          },
          {
            id: "state",
            title: t("compare.state"),
            cell: ({ ok, error, millis }) =>
              ok
                ? (
                  <Badge tone="ok">
                    {t("compare.answers", { millis: Math.round(millis ?? 0) })}
                  </Badge>
                )
                : (
                  <>
                    <Badge tone="bad">{t("compare.fails")}</Badge> <small dir="auto">{error}</small>
                  </>
                ),
          },
          {
            id: "compare",
            title: t("actions.title"),
            cell: ({ address, self }) => {
              if (self) return "";
              if (address === compared) return t("compare.shown");
              return <a href={href("compare", address)}>{t("compare.with", { address })}</a>;
            },
          },
        ]}
      />
      <p class="bar">
        <button type="button" class="button" onClick={onReload}>{t("compare.again")}</button>
      </p>
    </>
  );
}

function Differences({ other }: { other: string }) {
  const comparison = useResource<Comparison>(withQuery("compare", { with: other }));
  return (
    <Card
      title={t("compare.title", { other })}
      wide
      aside={
        <button type="button" class="button" onClick={comparison.reload}>
          {t("compare.again")}
        </button>
      }
    >
      <Loaded resource={comparison}>
        {(data) => <Compared comparison={data} />}
      </Loaded>
    </Card>
  );
}

function Compared({ comparison }: { comparison: Comparison }) {
  const { left, right, at, differences, total, partial, truncated } = comparison;
  const equal = differences.length === 0;
  return (
    <>
      <p>
        {t("compare.at")} <time dateTime={at}>{moment(at)}</time>
      </p>
      {partial.map(({ server, what, code, remark }) => (
        <Notice
          key={`${server} ${what}`}
          tone="bad"
          title={t("compare.partial", { server, what: t(`compare.what.${what}`) })}
        >
          <p dir="auto">{remark}{code !== null && ` (${t("compare.code", { code })})`}</p>
        </Notice>
      ))}
      {truncated && (
        <Notice tone="warn">
          {t("compare.truncated", { shown: number(differences.length), total: number(total) })}
        </Notice>
      )}
      {equal && partial.length === 0 && (
        <Notice tone="ok">{t("compare.equal", { left, right })}</Notice>
      )}
      {equal && partial.length > 0 && partial.every(({ what }) => what !== "connection") && (
        <Notice tone="warn">{t("compare.equalSoFar")}</Notice>
      )}
      {findingsOf(differences).map((finding) => (
        <FindingNotice
          key={`${finding.about} ${finding.lacking ?? ""}`}
          finding={finding}
          left={left}
          right={right}
        />
      ))}
      {KINDS.map((kind) => (
        <KindTable
          key={kind}
          kind={kind}
          rows={differences.filter((it) => it.kind === kind)}
          left={left}
          right={right}
        />
      ))}
    </>
  );
}

function FindingNotice(
  { finding: { about, lacking, names }, left, right }: {
    finding: Finding;
    left: string;
    right: string;
  },
) {
  const listed = names.slice(0, LISTED);
  const hidden = names.length - listed.length;
  const values = {
    count: number(names.length),
    has: lacking === "left" ? right : left,
    lacks: lacking === "left" ? left : right,
  };
  return (
    <Notice
      tone={lacking !== undefined && about !== "kvLacking" ? "bad" : "warn"}
      title={t(`compare.${about}`, values)}
    >
      <p>
        <Names names={listed} />
        {hidden > 0 && ` ${t("compare.more", { count: number(hidden) })}`}
      </p>
      <p>{t(`compare.${about}.why`, values)}</p>
      {about === "brokerLacking" && lacking === "right" && (
        <ul class="plain">
          {listed.map((broker) => <LastHeartbeat key={broker} broker={broker} />)}
        </ul>
      )}
    </Notice>
  );
}

/** When a broker that only this server knows was heard here. */
function LastHeartbeat({ broker }: { broker: string }) {
  const { data, problem } = useResource<Brokers>(withQuery("brokers", { broker }));
  const heard = data?.items[0]?.members.flatMap(({ lastHeartbeat }) => lastHeartbeat ?? []).sort();
  const last = heard?.at(-1);
  if (problem || last === undefined) return null;
  return (
    <li>
      <Name>{broker}</Name>: {t("compare.heardHere")} <time dateTime={last}>{moment(last)}</time>
    </li>
  );
}

function KindTable({ kind, rows, left, right }: {
  kind: Difference["kind"];
  rows: readonly Difference[];
  left: string;
  right: string;
}) {
  const [shown, setShown] = useState(STEP);
  if (rows.length === 0) return null;
  return (
    <>
      <h3>{t(`compare.kind.${kind}`)} ({number(rows.length)})</h3>
      <Table
        label={t(`compare.kind.${kind}`)}
        rows={rows.slice(0, shown)}
        rowKey={({ path }) => JSON.stringify(path)}
        columns={[
          {
            id: "name",
            title: t("compare.name"),
            cell: ({ path }) => <Names names={path} />,
            sort: ({ path }) => path.join(" "),
          },
          {
            id: "left",
            title: t("compare.here", { left }),
            cell: ({ left }) => <Value text={left} />,
          },
          { id: "right", title: right, cell: ({ right }) => <Value text={right} /> },
        ]}
      />
      {shown < rows.length && (
        <button
          type="button"
          class="button"
          onClick={() => setShown(shown + STEP)}
        >
          {t("compare.showMore", { count: number(rows.length - shown) })}
        </button>
      )}
    </>
  );
}

function Configurations() {
  const comparison = useResource<ConfigComparison>("compare/config");
  return (
    <Card title={t("compare.config")} wide>
      <Loaded resource={comparison}>
        {({ servers, items }) => (
          <>
            {servers.filter(({ ok }) => !ok).map(({ address, error }) => (
              <Notice key={address} tone="bad" title={t("compare.configFails", { address })}>
                {error && <p dir="auto">{error}</p>}
              </Notice>
            ))}
            <Table
              label={t("compare.config")}
              rows={items}
              rowKey={({ name }) => name}
              empty={t(
                servers.every(({ ok }) => ok) ? "compare.configEqual" : "compare.equalSoFar",
              )}
              columns={[
                {
                  id: "name",
                  title: t("config.option"),
                  cell: ({ name }) => <Name code>{name}</Name>,
                  sort: ({ name }) => name,
                },
                ...servers.filter(({ ok }) => ok).map(({ address }) => ({
                  id: address,
                  title: address,
                  cell: ({ values }: ConfigComparison["items"][number]) =>
                    Object.hasOwn(values, address)
                      ? <Value text={values[address] ?? null} />
                      : <span class="muted">{t("compare.noOption")}</span>,
                })),
              ]}
            />
          </>
        )}
      </Loaded>
    </Card>
  );
}

/** A value of a name server, or that it has none. */
function Value({ text }: { text: string | null }) {
  if (text === null) return <Badge tone="bad">{t("compare.none")}</Badge>;
  return <Name code>{text}</Name>;
}
