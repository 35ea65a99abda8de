import { LIMITS_TITLE, type Option, OPTION_GROUPS, optionOf } from "../src/config/options.ts";
import { table } from "./table.ts";

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->
<!-- Generated from src/config/options.ts by \`deno task docs\`. -->

# Limits

Everything that a peer can make this server keep, compute or wait for has a limit. The defaults are far above what real clusters need: thousands of clients, 300 brokers with 10,000 topics each. A peer at a limit gets an error or loses its connection; the others do not notice.

- A connection that is closed at a limit is one line \`connection refused\` in the log, with its address and the option's name. \`rocketmq_namesrv_connections_closed_total\` counts it: reason \`limit\` (too many connections), \`memory\`, \`slow\` (a frame or a PROXY header took too long), \`frame\` (too large) or \`tls\`.
- \`rocketmq_namesrv_buffered_bytes\` shows the memory that counts towards \`maxBufferedRequestBytes\`. When it is short, connections are closed in the order of *bytes held × seconds held × bytes that their address holds*, so that a flood from one address displaces itself.
- One connection may have 64 requests in progress; more are read when answers have left. A client that does not read its answers is not read from any more: \`writeBufferHighWaterMark\`.
- Addresses are those of sockets, without the port. The clients behind a proxy that speaks the PROXY protocol count by their own addresses if the proxy is one of \`trustedProxies\`.
- The route tables count what they hold: \`rocketmq_namesrv_table_bytes\` is their memory, and \`rocketmq_namesrv_table_limit_used\` the part of each of their limits that is used (alert \`NamesrvTablesNearlyFull\`). A change that would exceed a limit is refused, with an error that names the option, what is needed and what is allowed; \`rocketmq_namesrv_table_limit_refusals_total\` counts it. Brokers and topics that are registered already keep working: a refused registration of a known broker counts as its heartbeat.
- Names of clusters, brokers, topics and zones, addresses, and namespaces and keys of the KV table have at most 255 bytes of UTF-8 and no control characters. This limit is fixed. The error names the field.
- Also fixed: 512 KiB for one topic, mapping, version or text of a registration, 65,536 queue ids of a mapping, 10,000 filter servers of a broker, 512 KiB for the route that REGISTER_TOPIC_IN_NAMESRV brings, and 4 KiB for the data version of QUERY_DATA_VERSION. The error says which.
- With \`controllerStore=etcd\`, at most 32 changes of broker sets are sent to etcd at once; further ones wait within \`controllerThreadPoolNums\` and \`controllerRequestThreadPoolQueueCapacity\`. When one has no outcome within 5 seconds, the controller stops leading and answers all with NOT_LEADER.
- Requests that wait, cached routes and lines of the log have limits of their own: see *ThreadPool*, \`routeCacheMaxBytes\`, \`logRepeatLimit\` and \`logPeerLimit\` in [configuration.md](configuration.md). So have audit records (\`auditFileMaxBytes\`, \`auditMaxWaitingBytes\`, \`auditRecentRecords\`, \`auditRecentMaxBytes\`), refusals (\`accessRefusalRows\`), idle connections (\`serverChannelMaxIdleTimeSeconds\`) and the queue of connections that are not accepted yet (\`serverSocketBacklog\`).
- The HTTP port has limits of its own, \`http...\`: each refusal is a line \`HTTP request refused\` with the option's name, and \`rocketmq_namesrv_http_refused_total\` counts it by reason. See [http.md](http.md#limits).
- So have those who watch changes, \`watch...\`: see [watch.md](watch.md#limits).
`;

/** docs/limits.md: the options of the group for limits. */
export function limitsPage(): string {
  const names = OPTION_GROUPS.find(({ title }) => title === LIMITS_TITLE)?.names ?? [];
  const rows = names.map((name) => {
    const option: Option = optionOf(name);
    return [`\`${name}\``, `\`${option.default}\``, option.doc];
  });
  return `${INTRODUCTION}\n${
    table(["Option", "Default", "What is limited, and what happens over it"], rows)
  }`;
}
