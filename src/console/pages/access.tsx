import { useState } from "preact/hooks";
import { withQuery } from "../api.ts";
import { moment, number } from "../format.ts";
import { t } from "../i18n.ts";
import { useResource } from "../resource.ts";
import { Badge, type Tone } from "../view/badge.tsx";
import { Card } from "../view/card.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { Notice } from "../view/notice.tsx";
import { SearchBox } from "../view/search_box.tsx";
import { Table } from "../view/table.tsx";

interface Accounts {
  readonly mode: "off" | "audit" | "enforce";
  readonly accounts: readonly Account[];
}

interface Account {
  readonly accessKey: string;
  readonly may: readonly string[];
  readonly disabled: boolean;
  readonly requireTls: boolean;
  readonly expires?: string;
  readonly networks?: string;
  readonly requests: number;
  readonly lastSeen?: string;
}

interface Refusals {
  readonly items: readonly Refusal[];
  readonly total: number;
  readonly forgotten: number;
}

interface Refusal {
  readonly who: string;
  readonly permission: string;
  readonly resource: string;
  readonly reason: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

type Outcome = "done" | "failed" | "denied" | "would_deny";

/** A line of the audit log, as far as the page shows it. */
interface AuditRecord {
  readonly time: string;
  readonly outcome: Outcome;
  readonly action: string;
  readonly request: number | string;
  readonly resource: string;
  readonly account?: string;
  readonly authenticated: string;
  readonly peer: string;
  readonly proxied?: string;
  readonly reason?: string;
  readonly change?: object;
}

const OUTCOMES: readonly Outcome[] = ["done", "failed", "denied", "would_deny"];

const TONES: Readonly<Record<Outcome, Tone>> = {
  done: "ok",
  failed: "bad",
  denied: "bad",
  would_deny: "warn",
};

const SHOWN_RECORDS = "200";
const REFRESH_SECONDS = 30;

/** `#/access`: accounts, refusals and the audit log. */
export function AccessPage() {
  const accounts = useResource<Accounts>("access/accounts", { everySeconds: REFRESH_SECONDS });
  const mode = accounts.data?.mode;
  return (
    <>
      <h1>{t("access")}</h1>
      {mode && <Notice tone={mode === "enforce" ? "ok" : "warn"}>{t(`access.mode.${mode}`)}
      </Notice>}
      <Card title={t("access.accounts")} wide>
        <Loaded resource={accounts}>
          {({ accounts }) => <AccountTable accounts={accounts} />}
        </Loaded>
      </Card>
      <Card title={t(mode === "enforce" ? "access.refused" : "access.wouldRefuse")} wide>
        <RefusalTable />
      </Card>
      <Card title={t("access.audit")} wide>
        <Audit />
      </Card>
    </>
  );
}

function AccountTable({ accounts }: { accounts: readonly Account[] }) {
  return (
    <Table
      label={t("access.accounts")}
      rows={accounts}
      rowKey={({ accessKey }) => accessKey}
      empty={t("access.noAccounts")}
      columns={[
        {
          id: "account",
          title: t("access.account"),
          cell: ({ accessKey }) => <Name>{accessKey}</Name>,
          sort: ({ accessKey }) => accessKey,
        },
        { id: "may", title: t("access.may"), cell: ({ may }) => <Lines texts={may} /> },
        { id: "limits", title: t("access.limits"), cell: AccountLimits },
        {
          id: "requests",
          title: t("access.requests"),
          numeric: true,
          cell: ({ requests }) => number(requests),
          sort: ({ requests }) => requests,
        },
        {
          id: "lastSeen",
          title: t("access.lastSeen"),
          cell: ({ lastSeen }) => lastSeen ? <Moment iso={lastSeen} /> : t("access.neverSeen"),
          sort: ({ lastSeen }) => lastSeen ?? "",
        },
      ]}
    />
  );
}

function AccountLimits({ disabled, requireTls, expires, networks }: Account) {
  return (
    <>
      {disabled && <Badge tone="bad">{t("access.disabled")}</Badge>}
      {requireTls && <Badge tone="info">{t("access.requireTls")}</Badge>}
      {expires && (
        <small>
          {t("access.expires")} <Moment iso={expires} />
        </small>
      )}
      {networks && (
        <small>
          {t("access.networks")} <Name>{networks}</Name>
        </small>
      )}
    </>
  );
}

function RefusalTable() {
  const refusals = useResource<Refusals>("access/refusals?limit=1000", {
    everySeconds: REFRESH_SECONDS,
  });
  return (
    <Loaded resource={refusals}>
      {({ items, total, forgotten }) => (
        <>
          {items.length < total && (
            <Notice tone="info">
              {t("access.someRefusals", { shown: number(items.length), total: number(total) })}
            </Notice>
          )}
          {forgotten > 0 && (
            <Notice tone="warn">{t("access.forgotten", { forgotten: number(forgotten) })}</Notice>
          )}
          <Table
            label={t("access.refusals")}
            rows={items}
            rowKey={({ who, permission, resource }) => JSON.stringify([who, permission, resource])}
            empty={t("access.noRefusals")}
            columns={[
              {
                id: "who",
                title: t("access.who"),
                cell: ({ who }) => <Name>{who}</Name>,
                sort: ({ who }) => who,
              },
              {
                id: "permission",
                title: t("access.permission"),
                cell: ({ permission }) => <code>{permission}</code>,
                sort: ({ permission }) => permission,
              },
              {
                id: "resource",
                title: t("access.resource"),
                cell: ({ resource }) => <Name>{resource}</Name>,
                sort: ({ resource }) => resource,
              },
              {
                id: "reason",
                title: t("access.reason"),
                cell: ({ reason }) => <code>{reason}</code>,
                sort: ({ reason }) => reason,
              },
              {
                id: "count",
                title: t("access.count"),
                numeric: true,
                cell: ({ count }) => number(count),
                sort: ({ count }) => count,
              },
              {
                id: "first",
                title: t("access.first"),
                cell: ({ first }) => <Moment iso={first} />,
                sort: ({ first }) => first,
              },
              {
                id: "last",
                title: t("access.last"),
                cell: ({ last }) => <Moment iso={last} />,
                sort: ({ last }) => last,
              },
            ]}
          />
        </>
      )}
    </Loaded>
  );
}

function Audit() {
  const [outcome, setOutcome] = useState("");
  const [account, setAccount] = useState("");
  const [action, setAction] = useState("");
  const records = useResource<{ items: readonly AuditRecord[] }>(
    withQuery("audit", { outcome, account, action, limit: SHOWN_RECORDS }),
    { everySeconds: REFRESH_SECONDS, keep: true },
  );
  return (
    <>
      <p>{t("access.auditAbout", { shown: SHOWN_RECORDS })}</p>
      <div class="bar">
        <label class="field">
          {t("access.outcome")}
          <select value={outcome} onChange={(event) => setOutcome(event.currentTarget.value)}>
            <option value="">{t("access.anyOutcome")}</option>
            {OUTCOMES.map((it) => <option key={it} value={it}>{t(`access.outcome.${it}`)}</option>)}
          </select>
        </label>
        <SearchBox label={t("access.byAccount")} value="" onSearch={setAccount} />
        <SearchBox label={t("access.byAction")} value="" onSearch={setAction} />
      </div>
      <Loaded resource={records}>
        {({ items }) => (
          <Table
            label={t("access.audit")}
            rows={items}
            rowKey={(record) => JSON.stringify(record)}
            empty={t("access.noRecords")}
            columns={[
              {
                id: "time",
                title: t("access.time"),
                cell: ({ time }) => <Moment iso={time} />,
                sort: ({ time }) => time,
              },
              {
                id: "outcome",
                title: t("access.outcome"),
                cell: ({ outcome, reason }) => (
                  <>
                    <Badge tone={TONES[outcome]}>{t(`access.outcome.${outcome}`)}</Badge>
                    {reason && <small dir="auto">{reason}</small>}
                  </>
                ),
                sort: ({ outcome }) => outcome,
              },
              {
                id: "action",
                title: t("access.action"),
                cell: ({ action, request }) => (
                  <>
                    <code>{action}</code> <small>{request}</small>
                  </>
                ),
                sort: ({ action }) => action,
              },
              {
                id: "resource",
                title: t("access.resource"),
                cell: ({ resource, change }) => (
                  <>
                    <Name>{resource}</Name>
                    {change && <small dir="auto">{JSON.stringify(change)}</small>}
                  </>
                ),
                sort: ({ resource }) => resource,
              },
              {
                id: "account",
                title: t("access.account"),
                cell: ({ account, authenticated }) => (
                  <>
                    {account && <Name>{account}</Name>} <small>{authenticated}</small>
                  </>
                ),
                sort: ({ account }) => account ?? "",
              },
              {
                id: "peer",
                title: t("access.peer"),
                cell: ({ peer, proxied }) => <Name>{proxied ? `${peer} (${proxied})` : peer}</Name>,
                sort: ({ peer }) => peer,
              },
            ]}
          />
        )}
      </Loaded>
    </>
  );
}

function Lines({ texts }: { texts: readonly string[] }) {
  return (
    <ul class="plain">
      {texts.map((text) => (
        <li key={text}>
          <Name code>{text}</Name>
        </li>
      ))}
    </ul>
  );
}

function Moment({ iso }: { iso: string }) {
  return <time dateTime={iso}>{moment(iso)}</time>;
}
