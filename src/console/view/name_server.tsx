import { t } from "../i18n.ts";
import { Badge } from "./badge.tsx";
import { Name } from "./name.tsx";

/** A name server of the group, as /api/v1/name-servers has it. */
export interface NameServer {
  readonly address: string;
  /** Whether it is the one that answers. */
  readonly self: boolean;
  readonly ok: boolean;
  readonly error: string | null;
  readonly millis: number | null;
}

/** The address of a name server, with a mark on the one that this console belongs to. */
export function NameServerAddress({ server: { address, self }, code }: {
  server: NameServer;
  code?: boolean;
}) {
  return (
    <>
      <Name code={code}>{address}</Name> {self && <Badge tone="info">{t("nameServer.self")}</Badge>}
    </>
  );
}
