import { LOG_EVENT_GROUPS } from "../src/log/events.ts";
import { table } from "./table.ts";

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->
<!-- Generated from src/log/events.ts by \`deno task docs\`. -->

# Log events

Every event that the server logs, with its levels, its fields and its meaning. [logs.md](logs.md) describes the lines, the files and the options.

- An alert or a search should look for the event: the words between the level and the first field, or the member \`event\` with \`logFormat=json\`.
- A field without a value is left out.
- Two lines are not in the tables: \`The Name Server boot success. serializeType=JSON, address ...\` (INFO) follows \`started\`, and a start that fails ends with an ERROR line whose event is the reason.

Fields that many events have:

| Field | Meaning |
| --- | --- |
| \`peer\` | Address and port of the other end of the connection; for a connection of a proxy, those of the proxy. |
| \`proxied\` | Address and port of the client, as a PROXY protocol header names it: see \`trustedProxies\` in [configuration.md](configuration.md). |
| \`cluster\`, \`broker\`, \`id\`, \`addr\` | Cluster, name, id and address of a broker. |
| \`file\` | Path of the file. |
| \`reason\` | Why, in words. |
| \`error\` | The message of an error. At DEBUG, \`error.stack\` follows. |
`;

/** docs/log-events.md. */
export function logEventsPage(): string {
  const groups = LOG_EVENT_GROUPS.map(({ title, events }) =>
    `\n## ${title}\n\n` + table(
      ["Event", "Level", "Fields", "Meaning"],
      Object.entries(events).map(([event, { levels, fields, meaning }]) => [
        `\`${event}\``,
        levels.join(", "),
        fields.map((field) => `\`${field}\``).join(", "),
        meaning,
      ]),
    )
  );
  return INTRODUCTION + groups.join("");
}
