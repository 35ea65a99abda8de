import { bytes, moment } from "../format.ts";
import { t } from "../i18n.ts";
import { Name } from "../view/name.tsx";
import { PagedTable } from "../view/paged_table.tsx";
import type { Column } from "../view/table.tsx";

/** A row of `/api/v1/connections`. */
interface Connection {
  readonly id: number;
  readonly peer: string;
  readonly proxied: string | null;
  readonly since: string;
  readonly software: {
    readonly language: string;
    readonly version: { readonly ordinal: number; readonly name: string | null };
  } | null;
  readonly tls: {
    readonly protocol: string;
    readonly cipher: string;
    readonly certificate: { readonly subject: string; readonly verified: boolean } | null;
  } | null;
  readonly account?: string | null;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
}

/** `#/connections`: the connections to the remoting port. */
export function ConnectionsPage() {
  const columns: Column<Connection>[] = [
    { id: "peer", title: t("connections.peer"), cell: Peer, sort: ({ peer }) => peer },
    {
      id: "since",
      title: t("connections.since"),
      cell: ({ since }) => <time dateTime={since}>{moment(since)}</time>,
      sort: ({ since }) => since,
    },
    {
      id: "software",
      title: t("connections.software"),
      cell: ({ software }) =>
        software ? <Name>{software.language}</Name> : t("connections.unknown"),
      sort: ({ software }) => software?.language ?? "",
    },
    {
      id: "version",
      title: t("connections.version"),
      cell: ({ software }) => software ? versionOf(software.version) : "",
      sort: ({ software }) => software?.version.ordinal ?? -1,
    },
    { id: "tls", title: "TLS", cell: Tls, sort: ({ tls }) => tls?.protocol ?? "" },
    {
      id: "account",
      title: t("connections.account"),
      cell: ({ account }) => account ? <Name>{account}</Name> : t("connections.noAccount"),
      sort: ({ account }) => account ?? "",
    },
    {
      id: "bytesIn",
      title: t("connections.bytesIn"),
      numeric: true,
      cell: ({ bytesIn }) => bytesIn === undefined ? t("connections.unknown") : bytes(bytesIn),
      sort: ({ bytesIn }) => bytesIn ?? -1,
    },
    {
      id: "bytesOut",
      title: t("connections.bytesOut"),
      numeric: true,
      cell: ({ bytesOut }) => bytesOut === undefined ? t("connections.unknown") : bytes(bytesOut),
      sort: ({ bytesOut }) => bytesOut ?? -1,
    },
  ];
  return (
    <>
      <h1>{t("connections")}</h1>
      <p>{t("connections.about")}</p>
      <PagedTable
        path="connections"
        events={["brokerUp", "brokerDown"]}
        label={t("connections")}
        searchLabel={t("connections.search")}
        columns={columns}
        rowKey={({ id }) => String(id)}
        empty={t("connections.empty")}
      />
    </>
  );
}

function Peer({ peer, proxied }: Connection) {
  return (
    <>
      <Name>{peer}</Name>
      {proxied !== null && (
        <small>
          {t("connections.proxied")} <Name>{proxied}</Name>
        </small>
      )}
    </>
  );
}

function Tls({ tls }: Connection) {
  if (tls === null) return <>{t("connections.plain")}</>;
  const { protocol, cipher, certificate } = tls;
  return (
    <>
      {protocol} <small>{cipher}</small>
      {certificate && (
        <small>
          <Name>{certificate.subject}</Name>{" "}
          {t(certificate.verified ? "connections.verified" : "connections.notVerified")}
        </small>
      )}
    </>
  );
}

function versionOf({ ordinal, name }: { ordinal: number; name: string | null }): string {
  return name?.replace(/^V/, "").replaceAll("_", ".") ?? String(ordinal);
}
