/** The columns that tables share about a broker of a group. */

import type { Member } from "../broker_data.ts";
import { duration, moment } from "../format.ts";
import { t } from "../i18n.ts";
import { Badge } from "./badge.tsx";
import { Name } from "./name.tsx";
import type { Column } from "./table.tsx";

/** Columns about a broker; `memberOf` finds it in a row, which may have none. */
export function memberColumns<T>(memberOf: (row: T) => Member | undefined): Column<T>[] {
  return [
    {
      id: "version",
      title: t("brokers.version"),
      cell: (row) => versionOf(memberOf(row)),
      sort: (row) => versionOf(memberOf(row)),
    },
    {
      id: "heartbeat",
      title: t("brokers.heartbeat"),
      cell: (row) => <Heartbeat member={memberOf(row)} />,
      sort: (row) => memberOf(row)?.lastHeartbeat ?? "",
    },
    {
      id: "dataVersion",
      title: t("brokers.dataVersion"),
      cell: (row) => <DataVersion member={memberOf(row)} />,
    },
    {
      id: "state",
      title: t("brokers.state"),
      cell: (row) => <State member={memberOf(row)} />,
      sort: (row) => String(memberOf(row)?.restored),
    },
    {
      id: "identity",
      title: t("brokers.identity"),
      cell: (row) => <Identity member={memberOf(row)} />,
    },
  ];
}

function versionOf(member: Member | undefined): string {
  const software = member?.connection?.software;
  if (software == null) return "";
  const { name, ordinal } = software.version;
  return `${name?.replace(/^V/, "").replaceAll("_", ".") ?? ordinal} ${software.language}`;
}

function Heartbeat({ member }: { member: Member | undefined }) {
  if (member?.lastHeartbeat == null) return null;
  const { lastHeartbeat, heartbeatTimeoutMillis } = member;
  return (
    <time
      dateTime={lastHeartbeat}
      title={heartbeatTimeoutMillis === null
        ? undefined
        : t("brokers.timeout", { time: duration(Number(heartbeatTimeoutMillis) / 1000) })}
    >
      {moment(lastHeartbeat)}
    </time>
  );
}

function DataVersion({ member }: { member: Member | undefined }) {
  if (member?.dataVersion == null) return null;
  const { timestamp, counter } = member.dataVersion;
  return (
    <>
      {moment(Number(timestamp))} <span class="muted">{t("brokers.counter", { counter })}</span>
    </>
  );
}

function State({ member }: { member: Member | undefined }) {
  if (member === undefined) return <Badge tone="bad">{t("brokers.noMembers")}</Badge>;
  if (member.restored) return <Badge tone="warn">{t("brokers.restored")}</Badge>;
  if (member.lastHeartbeat === null) return <Badge tone="bad">{t("brokers.notLive")}</Badge>;
  return <Badge tone="ok">{t("brokers.confirmed")}</Badge>;
}

function Identity({ member }: { member: Member | undefined }) {
  const connection = member?.connection;
  if (connection == null) return null;
  const account = member?.account ?? connection.account;
  const certificate = connection.tls?.certificate;
  return (
    <>
      {account && <Name>{account}</Name>} {connection.tls === null
        ? <span class="muted">{t("brokers.noTls")}</span>
        : certificate == null
        ? <span class="muted">{t("brokers.noCertificate")}</span>
        : (
          <>
            <Name>{certificate.subject}</Name>{" "}
            {!certificate.verified && <Badge tone="warn">{t("brokers.notVerified")}</Badge>}
          </>
        )}
    </>
  );
}
