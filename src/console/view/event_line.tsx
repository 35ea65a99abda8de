import { moment } from "../format.ts";
import { t } from "../i18n.ts";
import type { LiveEvent } from "../live.ts";
import { href } from "../router.ts";
import { Badge, type Tone } from "./badge.tsx";
import { Name } from "./name.tsx";

const TONES: Partial<Record<LiveEvent["name"], Tone>> = {
  brokerUp: "ok",
  brokerConfirmed: "ok",
  brokerDown: "bad",
  gap: "warn",
  permissionWiped: "warn",
  roleChanged: "warn",
};

/** Fields that have a place of their own. */
const PLACED = new Set(["time", "brokerName", "topic"]);

/** An event in a line of a list. */
export function EventLine({ event: { name, time, fields } }: { event: LiveEvent }) {
  const { brokerName, topic } = fields;
  const others = Object.entries(fields)
    .filter(([key, value]) => !PLACED.has(key) && value !== null)
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`);
  return (
    <li>
      <time class="muted" dateTime={time}>{moment(time)}</time>
      <Badge tone={TONES[name] ?? "info"}>{t(`event.${name}`)}</Badge>
      {typeof topic === "string" && (
        <a href={href("topics", topic)}>
          <Name>{topic}</Name>
        </a>
      )}
      {typeof brokerName === "string" && (
        <a href={href("brokers", brokerName)}>
          <Name>{brokerName}</Name>
        </a>
      )}
      <span class="muted name" dir="auto">{others.join(" ")}</span>
    </li>
  );
}
