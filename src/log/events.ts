/**
 * The one table of log events: the `Log` interface takes only these, each at its levels and with its
 * fields, and docs/log-events.md follows it.
 *
 * @module
 */
import type { LogLevel } from "./log.ts";

/** A row of the table; its key is the event, the words that begin a line after its level. */
export interface LogEvent {
  /** The levels at which the event is written. */
  readonly levels: readonly LogLevel[];
  /** Names of the possible `name=value` fields. A field may be missing from a line. */
  readonly fields: readonly string[];
  /** Fields whose values are counted apart by logRepeatLimit, so that none of them hides another. */
  readonly apart?: readonly string[];
  /** Sentences for the documentation: what happened, and what to do where something is to be done. */
  readonly meaning: string;
}

type Rows = Readonly<Record<string, LogEvent>>;

const BROKER = ["cluster", "broker", "addr", "id"] as const;
const PERMISSION = ["peer", "proxied", "broker", "topics"] as const;

const START_AND_STOP = {
  "configuration file loaded": {
    levels: ["INFO"],
    fields: ["file"],
    meaning: "The options of this file are in effect.",
  },
  "TLS configuration file loaded": {
    levels: ["INFO"],
    fields: ["file"],
    meaning: "The tls.* options of tls.config.file are in effect.",
  },
  "default TLS configuration file skipped": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning: "Deno's permissions do not cover the default of tls.config.file. If you have such a " +
      "file, grant the flag that the reason names.",
  },
  "no home folder, using the current folder": {
    levels: ["WARN"],
    fields: ["variable", "folder"],
    meaning: "Neither HOME nor USERPROFILE is set. Default paths are below the current folder.",
  },
  "environment not read": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning: "Deno's permissions do not cover environment variables of options, such as " +
      "NAMESRV_LISTEN_PORT. If you set some, grant the flag that the reason names.",
  },
  "JVM option ignored": {
    levels: ["WARN"],
    fields: ["option"],
    meaning: "An argument is for a JVM and has no effect here. It can be removed.",
  },
  "suspicious value": {
    levels: ["WARN"],
    fields: ["file", "key", "value", "reason"],
    meaning: "A file has probably not spelled a value as it is meant: its syntax has dropped " +
      "backslashes of a Windows path, or taken a comment as part of the value. `value` is in effect.",
  },
  "unknown option": {
    levels: ["WARN"],
    fields: ["file", "key", "nearest"],
    meaning:
      "A key of the file is not an option. It has no effect. `nearest` is an option with a " +
      "similar name.",
  },
  "option given twice": {
    levels: ["WARN"],
    fields: ["file", "key", "used"],
    meaning: "The file gives an option under two names. The one in `used` counts.",
  },
  "option has no effect in a file": {
    levels: ["WARN"],
    fields: ["file", "key", "used"],
    meaning: "The file sets configStorePath, which only -c can do. `used` is the value in effect.",
  },
  "TLS options have no effect while tls.test.mode.enable=true": {
    levels: ["WARN"],
    fields: ["keys"],
    meaning: "The server uses a self-signed certificate although certificate options are given. " +
      "Set tls.test.mode.enable=false.",
  },
  "no log file": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning: "The default log folder, below rocketmqHome, can't be used: the log goes to the " +
      "standard error alone. Set logDir, or make the folder writable.",
  },
  "KV table loaded": {
    levels: ["INFO"],
    fields: ["file", "namespaces"],
    meaning: "The KV table was read.",
  },
  "no KV file: the KV table is empty": {
    levels: ["INFO"],
    fields: ["file", "unusedBackup"],
    meaning:
      "Normal at a first start. `unusedBackup` names a .bak that was found beside it and not " +
      "read.",
  },
  "KV file without content: the KV table is empty": {
    levels: ["WARN"],
    fields: ["file"],
    meaning: "The KV file is there, but empty, and has no .bak. If it was not created for the " +
      "server to write to, its content is lost.",
  },
  "file is a mount point: it is overwritten in place": {
    levels: ["WARN"],
    fields: ["file", "option"],
    meaning:
      "The file of `option` is mounted by itself, so it can't be replaced as a whole. The content " +
      "before is kept as .bak first. Mount its folder instead.",
  },
  "KV FILE IS BROKEN: USING ITS BACKUP, the last changes may be missing": {
    levels: ["WARN"],
    fields: ["file", "reason", "backup", "namespaces"],
    meaning: "Check the KV table. The broken file is kept as .broken at the next change.",
  },
  "null in the KV file ignored": {
    levels: ["WARN"],
    fields: ["file", "namespace", "key"],
    meaning: "The KV file has an entry without a value, as the reference may write it.",
  },
  "TLS certificate has expired": {
    levels: ["WARN"],
    fields: ["certPath", "expires"],
    meaning:
      "The server starts with it, because it also serves plain connections. Clients that check the " +
      "certificate can't connect. Replace it: the files are read again when they change.",
  },
  "TLS certificate loaded": {
    levels: ["INFO"],
    fields: ["certPath", "expires"],
    meaning: "The certificate for new connections.",
  },
  "request processors registered": {
    levels: ["INFO"],
    fields: [],
    meaning: "A step of the start.",
  },
  "schedules started": {
    levels: ["INFO"],
    fields: ["scanInterval"],
    meaning: "A step of the start. `scanInterval` is scanNotActiveBrokerInterval.",
  },
  "listening": {
    levels: ["INFO"],
    fields: ["address", "port"],
    meaning: "The remoting port is open.",
  },
  "address skipped": {
    levels: ["INFO"],
    fields: ["address", "port", "error"],
    meaning: "One of the two addresses for all connections, `0.0.0.0` and `::`, can't be opened: " +
      "usually because the machine has no IPv6, or Deno's permissions do not cover it. The server " +
      "listens on the other.",
  },
  "HTTP port open": {
    levels: ["INFO"],
    fields: ["address", "port"],
    meaning: "The HTTP port is open.",
  },
  "no HTTP port": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning: "The default HTTP port can't be opened. The server runs without probes and metrics.",
  },
  "started": {
    levels: ["INFO"],
    fields: [
      "version",
      "address",
      "http",
      "tls",
      "kvConfigPath",
      "kvEntries",
      "configFile",
      "logDir",
    ],
    meaning: "The server is ready. The fields state its addresses, settings and files.",
  },
  "signal": {
    levels: ["INFO"],
    fields: ["signal"],
    meaning: "SIGINT or SIGTERM begins a stop, SIGHUP a reload of the certificates.",
  },
  "stopping": {
    levels: ["INFO"],
    fields: ["connections"],
    meaning: "A stop has begun. `connections` are open.",
  },
  "sending clients to other name servers": {
    levels: ["INFO"],
    fields: ["seconds"],
    meaning: "A graceful stop answers requests of 5.x clients with GO_AWAY for this long.",
  },
  "connections closed": {
    levels: ["INFO"],
    fields: [],
    meaning: "A step of the stop.",
  },
  "stopped": {
    levels: ["INFO"],
    fields: [],
    meaning: "The last step of the stop: everything is on disk.",
  },
  "unclean stop": {
    levels: ["ERROR"],
    fields: ["error"],
    meaning: "A step of the stop failed. The exit code is 1.",
  },
} as const satisfies Rows;

const CONNECTIONS = {
  "connection opened": {
    levels: ["DEBUG"],
    fields: ["peer", "proxied"],
    meaning: "A connection to the remoting port was accepted.",
  },
  "connection not accepted": {
    levels: ["ERROR"],
    fields: ["address", "reason"],
    meaning:
      'A connection to the remoting port waits and can\'t be accepted. "Too many open files": ' +
      "raise the limit of open files. Accepting is tried again every second, and connections that " +
      "are open are served as before.",
  },
  "connections not balanced": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning:
      "With transport=deno: the server can't keep the connection to its own port that it needs to " +
      "serve hundreds of busy connections evenly. It serves them anyway, and tries again every 10 " +
      "seconds. See transport.md.",
  },
  "connection closed": {
    levels: ["DEBUG"],
    fields: ["peer", "proxied", "reason"],
    meaning:
      "A connection is gone. The reasons are those of connections_closed_total in metrics.md.",
  },
  "connection idle": {
    levels: ["INFO"],
    fields: ["peer", "proxied", "seconds"],
    meaning: "The connection was idle for serverChannelMaxIdleTimeSeconds and is closed.",
  },
  "connection refused": {
    levels: ["WARN"],
    fields: ["peer", "proxied", "reason"],
    meaning:
      "The connection is closed: its bytes are not a frame, its TLS handshake failed, or it " +
      "does not match tls.server.mode. See troubleshooting.md for common reasons.",
  },
  "connection failed": {
    levels: ["ERROR"],
    fields: ["peer", "proxied", "error"],
    meaning: "A fault of this server: please report it.",
  },
  "TLS client": {
    levels: ["INFO", "DEBUG"],
    fields: [
      "peer",
      "proxied",
      "protocol",
      "cipher",
      "subject",
      "subjectAltName",
      "fingerprint",
      "verified",
    ],
    meaning:
      "A TLS handshake succeeded. INFO for a client that sent a certificate, otherwise DEBUG.",
  },
  "TLS certificate reloaded": {
    levels: ["INFO"],
    fields: ["certPath", "expires"],
    meaning: "The files have changed. New connections get the new certificate.",
  },
  "TLS certificate not reloaded, keeping the previous one": {
    levels: ["ERROR"],
    fields: ["reason"],
    meaning: "The changed files can't be used. Correct them: they are read again when they change.",
  },
} as const satisfies Rows;

const BROKERS_AND_TOPICS = {
  "broker registered": {
    levels: ["INFO"],
    fields: [...BROKER, "topics", "changed"],
    meaning: "A broker is new. `changed` counts the topics whose queues are new or different.",
  },
  "broker changed topics": {
    levels: ["INFO"],
    fields: [...BROKER, "topics", "changed"],
    meaning: "A known broker registered changed topics.",
  },
  "broker registered again": {
    levels: ["DEBUG"],
    fields: [...BROKER, "topics", "changed"],
    meaning: "A registration without changes, every 30 s for each broker.",
  },
  "routes restored": {
    levels: ["INFO"],
    fields: ["file", "brokers", "topics", "queueDatas", "age", "millis"],
    meaning:
      "The routes of the last run are served from the start. Each of the brokers must register " +
      "within routeSnapshotGrace. `age` is that of the snapshot; `millis` is how long it took.",
  },
  "routes restored in part: over a limit": {
    levels: ["WARN"],
    fields: ["file", "brokers", "topics", "queueDatas", "age", "millis", "reason"],
    meaning:
      "Like `routes restored`, but a limit of the route tables has been lowered, or the process " +
      "may have less memory than before; the reason names the limit. The rest is left out.",
  },
  "route snapshot ignored": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning: "The snapshot of the last run can't be used, e.g. because it is damaged, older than " +
      "routeSnapshotMaxAge, or from a newer version. The server starts without routes, and learns " +
      "them from the registrations of brokers.",
  },
  "route snapshot written": {
    levels: ["DEBUG"],
    fields: ["file", "bytes", "millis"],
    meaning: "Routes have changed, and are saved for the next start.",
  },
  "route snapshot not written": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning:
      "After a restart, routes would be those of the last snapshot, or none. The server goes on " +
      "and tries again. Written once for each reason.",
  },
  "route snapshot written again": {
    levels: ["INFO"],
    fields: ["file"],
    meaning: "What kept the snapshot from being written is over.",
  },
  "route snapshot can't be locked: no other process may write it": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning:
      "The file system has no locks, or the lock file beside the snapshot can't be opened. If another " +
      "name server has the same routeSnapshotPath, each could start with the other's routes. Written " +
      "once.",
  },
  "broker confirmed": {
    levels: ["INFO"],
    fields: [...BROKER, "topics", "changed"],
    meaning:
      "A broker that was restored from the snapshot has registered, or has asked for its data " +
      "version and found its own. `changed` counts the topics whose queues are new or different.",
  },
  "registration refused: over a limit": {
    levels: ["WARN"],
    fields: [...BROKER, "reason"],
    meaning:
      "The registration would make the route tables, or an answer, larger than an option allows; the " +
      "reason names it. The broker gets an error. If it is known, it stays with what it had. " +
      "docs/limits.md lists the limits.",
  },
  "topic not registered: over a limit": {
    levels: ["WARN"],
    fields: ["topic", "peer", "proxied", "reason"],
    meaning: "REGISTER_TOPIC_IN_NAMESRV would pass the limit that the reason names.",
  },
  "registration refused: single topic before the first full registration": {
    levels: ["WARN"],
    fields: BROKER,
    meaning:
      "The broker registered a single topic before this server knew it. It is answered with " +
      "an error and sends everything with its next registration.",
  },
  "registration ignored: another broker holds the id with a newer state": {
    levels: ["WARN"],
    fields: [...BROKER, "holder"],
    meaning: "Two brokers use one name and id. `holder` has the newer state and keeps the id.",
  },
  "broker id changed hands": {
    levels: ["INFO"],
    fields: [...BROKER, "formerId", "holder"],
    meaning: "A broker registered with an id that `holder` had, or with another id than before " +
      "(`formerId`), as after a switch of the master.",
  },
  "broker id taken from a live broker": {
    levels: ["WARN"],
    fields: [...BROKER, "holder"],
    meaning: "A broker registered with the name and id of `holder`, which still sends heartbeats " +
      "or went less than its heartbeat timeout ago. If the line repeats, two brokers use one " +
      "name and id: configure another brokerName or brokerId for one of them.",
  },
  "registration refused: crc32 differs": {
    levels: ["WARN"],
    fields: ["peer", "proxied", "broker"],
    meaning:
      "The body does not match its checksum. Something between the broker and here changed it.",
  },
  "field ignored: not an integer": {
    levels: ["DEBUG"],
    fields: ["code", "field", "value"],
    meaning: "A request has an optional number that can't be read. It counts as missing.",
  },
  "broker unregistered": {
    levels: ["INFO"],
    fields: ["cluster", "broker", "addr", "peer", "proxied"],
    meaning: "A broker unregistered, or was removed after it was lost.",
  },
  "unregistration refused: too many are queued": {
    levels: ["WARN"],
    fields: ["clusterName", "brokerName", "brokerAddr", "brokerId", "peer", "proxied"],
    meaning: "More unregistrations are queued than unRegisterBrokerQueueCapacity allows.",
  },
  "process was paused": {
    levels: ["WARN"],
    fields: ["millis"],
    meaning: "The process did not run for so long: a stopped process, a suspended or migrated " +
      "machine, or far too little CPU. The time does not count as silence of brokers, and what " +
      "they sent is read first.",
  },
  "broker lost": {
    levels: ["WARN"],
    fields: ["cluster", "broker", "addr", "reason"],
    meaning: "A broker left without unregistering. `connection lost`: its connection closed. " +
      "`heartbeat timeout`: it sent no heartbeat for too long. `not heard since the restart`: it " +
      "was restored from the snapshot, and routeSnapshotGrace is over. `restored, but its address " +
      "refuses connections`: it was restored, and nothing listens at its address.",
  },
  "min broker id changed": {
    levels: ["INFO"],
    fields: ["broker", "minBrokerId", "minBrokerAddr"],
    meaning: "The brokers of the group are notified (notifyMinBrokerIdChanged).",
  },
  "broker not notified": {
    levels: ["WARN"],
    fields: ["broker", "addr", "error"],
    meaning: "A broker of the group could not be called back at `addr`.",
  },
  "topic registered": {
    levels: ["INFO"],
    fields: ["topic", "peer", "proxied"],
    meaning: "A topic was registered by itself (REGISTER_TOPIC_IN_NAMESRV).",
  },
  "topic not registered: unknown broker": {
    levels: ["WARN"],
    fields: ["topic", "broker", "peer", "proxied"],
    meaning: "REGISTER_TOPIC_IN_NAMESRV named a broker that is not registered.",
  },
  "topic deleted": {
    levels: ["INFO"],
    fields: ["topic", "cluster", "peer", "proxied"],
    meaning: "A request deleted the topic from the tables. A broker that still has it restores it.",
  },
  "write permission wiped": {
    levels: ["INFO"],
    fields: PERMISSION,
    meaning: "A request removed write permission from all topics of a broker.",
  },
  "write permission added": {
    levels: ["INFO"],
    fields: PERMISSION,
    meaning: "A request made all topics of a broker readable and writable.",
  },
} as const satisfies Rows;

const KV_AND_CONFIGURATION = {
  "KV put": {
    levels: ["INFO"],
    fields: ["peer", "proxied", "namespace", "key", "value"],
    meaning: "A KV entry is stored on disk.",
  },
  "KV deleted": {
    levels: ["INFO"],
    fields: ["peer", "proxied", "namespace", "key"],
    meaning: "A KV entry is deleted, also on disk.",
  },
  "KV changes of another process taken": {
    levels: ["INFO"],
    fields: ["file", "put", "deleted"],
    meaning:
      "The KV file was changed by another name server or by hand. The table now agrees with it.",
  },
  "KV table follows etcd": {
    levels: ["INFO"],
    fields: [],
    meaning:
      "With kvStore=etcd: the table agrees with etcd's, and changes come by a watch. Also after " +
      "an interruption.",
  },
  "KV table does not follow etcd": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning:
      "etcd can't be reached or used. The table is read as it was; changes get an error. Written " +
      "once, until it follows again. See etcd.md.",
  },
  "KV table put into etcd": {
    levels: ["INFO"],
    fields: ["values"],
    meaning: "etcd had no KV table, so this server's became the one of all name servers.",
  },
  "KV table of etcd taken, it differs from this server's": {
    levels: ["WARN"],
    fields: ["put", "deleted"],
    meaning:
      "This server follows etcd's table for the first time, and had another one, which is kept in " +
      "<kvConfigPath>.before-etcd. `put` values are new or different, `deleted` were not in etcd.",
  },
  "KV changes of etcd taken": {
    levels: ["INFO"],
    fields: ["put", "deleted"],
    meaning: "Changes of etcd's table that this server had missed.",
  },
  "KV entry of etcd not taken": {
    levels: ["WARN"],
    fields: ["key", "reason"],
    meaning:
      "etcd has a key that this server must not take: it is over a limit, or it was not written by " +
      "a name server. The table keeps what it had. `key` is the key in etcd.",
  },
  "KV entries of etcd not taken": {
    levels: ["WARN"],
    fields: ["entries", "key", "reason"],
    meaning:
      "When this server read etcd's table anew, so many entries were not taken; `key` is the first of " +
      "them, and `reason` why.",
  },
  "etcd files refused": {
    levels: ["ERROR"],
    fields: ["error"],
    meaning:
      "Changed files with password, certificate or key for etcd can't be read or used. The old " +
      "ones stay in use.",
  },
  "etcd files taken": {
    levels: ["INFO"],
    fields: [],
    meaning: "Changed files with password, certificate or key for etcd are in use.",
  },
  "KV file changed and is broken: the change is ignored": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning:
      "The KV file was changed by another process and can't be read. The table stays as it is, " +
      "and the next change writes it; the broken content is then kept as .broken.",
  },
  "KV file can't be read again": {
    levels: ["WARN"],
    fields: ["file", "error"],
    meaning:
      "It is not known whether another process has changed the KV file. Written once, until it " +
      "can be read.",
  },
  "KV file can't be locked: no other process may write it": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning:
      "The file system has no locks, or the lock file beside the KV file can't be opened. If " +
      "another name server uses the same file, changes can be lost. Written once.",
  },
  "KV table is over a limit": {
    levels: ["WARN"],
    fields: ["file", "option", "limit", "found", "namespace"],
    meaning:
      "The KV file holds more than the option allows. All of it is used, and can be reduced; " +
      "what would make it larger is refused.",
  },
  "KV changes can't be written": {
    levels: ["ERROR"],
    fields: ["error"],
    meaning: "The disk is full, read-only or not permitted. Changes are refused until it works " +
      "again; reading works. Written once, until a write succeeds.",
  },
  "routes are not saved: the disk does not answer": {
    levels: ["ERROR"],
    fields: ["file", "seconds"],
    meaning: "The server stops without the last changes of the route snapshot.",
  },
  "changes of the controller are not written: the disk does not answer": {
    levels: ["ERROR"],
    fields: ["file", "seconds"],
    meaning: "The server stops while a change of a broker set is being written. It was not " +
      "acknowledged to anybody.",
  },
  "KV changes are not written: the disk does not answer": {
    levels: ["ERROR"],
    fields: ["file", "seconds"],
    meaning: "The stop does not wait for the disk any longer. The changes were not confirmed to " +
      "their senders.",
  },
  "KV changes can be written again": {
    levels: ["INFO"],
    fields: ["file"],
    meaning: "The first change that was written after such a failure.",
  },
  "a KV listener failed": {
    levels: ["ERROR"],
    fields: ["namespace", "key", "error"],
    meaning: "A fault of this server: please report it.",
  },
  "configTable": {
    levels: ["INFO"],
    fields: ["size"],
    meaning:
      "The number of KV entries, after the start and every ten minutes, as the reference logs " +
      "it.",
  },
  "configTable entry": {
    levels: ["INFO"],
    fields: ["namespace", "key", "value"],
    meaning: "Follows `configTable`, one line for each entry.",
  },
  "configuration updated": {
    levels: ["INFO"],
    fields: ["peer", "proxied", "keys"],
    meaning: "A request changed these options. They are in effect and on disk.",
  },
  "configuration not updated": {
    levels: ["WARN"],
    fields: ["peer", "proxied", "reason"],
    meaning: "A request to change options was refused. Nothing changed.",
  },
} as const satisfies Rows;

const REQUESTS = {
  "request failed": {
    levels: ["ERROR"],
    fields: ["code", "error"],
    meaning: "A fault of this server while it answered a request with this code: please report it.",
  },
  "product environment did not answer": {
    levels: ["WARN"],
    fields: ["topic", "environment", "address", "error"],
    meaning: "clusterTest: a name server of productEnvName could not be asked for the topic.",
  },
  "address service did not answer": {
    levels: ["WARN"],
    fields: ["url", "error"],
    meaning:
      "clusterTest: the address service could not be asked for the name servers. Those that " +
      "were known before are used.",
  },
  "HTTP request failed": {
    levels: ["ERROR"],
    fields: ["url", "error"],
    meaning: "A fault of this server: please report it.",
  },
  "HTTP request refused": {
    levels: ["WARN"],
    fields: ["peer", "reason"],
    apart: ["reason"],
    meaning: "A request to the HTTP port was refused, or its connection closed, at a limit: see " +
      "limits.md and http.md. The reason names the option.",
  },
  "watchers not informed": {
    levels: ["ERROR"],
    fields: ["error"],
    meaning: "A fault of this server: please report it. Watchers may miss changes.",
  },
  "HTTP connection not accepted": {
    levels: ["WARN"],
    fields: ["error"],
    meaning:
      "The HTTP port can't accept connections for lack of file descriptors: raise the limit of " +
      "open files. Accepting is tried again every second.",
  },
  "metrics can't be rendered": {
    levels: ["ERROR"],
    fields: ["error"],
    meaning: "A fault of this server: please report it.",
  },
  "water mark": {
    levels: ["DEBUG"],
    fields: ["clientRequests", "otherRequests", "diskRequests"],
    meaning: "How many requests are queued, every second.",
  },
} as const satisfies Rows;

const REQUEST_OF = [
  "account",
  "claimed",
  "authenticated",
  "peer",
  "proxied",
  "subject",
  "permission",
  "resource",
  "code",
  "reason",
  "rule",
] as const;

const ACCESS = {
  "the HTTP port is open to everyone": {
    levels: ["WARN"],
    fields: ["address", "reason"],
    meaning:
      "httpBindAddress is not a loopback address, and there is no accessFile. Use one, or let " +
      "only monitoring reach the port.",
  },
  "tokens cross the network in clear": {
    levels: ["WARN"],
    fields: ["address", "reason"],
    meaning:
      "httpBindAddress is not a loopback address, and the HTTP port has no TLS. Set httpTlsEnable, or " +
      "put a proxy with TLS in front of it.",
  },
  "access denied": {
    levels: ["WARN"],
    fields: REQUEST_OF,
    apart: ["account", "permission"],
    meaning: "A request was refused. A `?` before the account: the sender has not proven it. " +
      "`claimed` is the name of one that does not exist.",
  },
  "access would be denied": {
    levels: ["WARN"],
    fields: REQUEST_OF,
    apart: ["account", "permission"],
    meaning: "A request would be refused with `mode: enforce`. It was answered.",
  },
  "access granted": {
    levels: ["INFO"],
    fields: REQUEST_OF,
    apart: ["account", "permission"],
    meaning: "A request that changes something was allowed, by this rule.",
  },
  "logged in": {
    levels: ["INFO"],
    fields: ["account", "peer", "reason"],
    apart: ["account"],
    meaning: "An account has begun a session of the console.",
  },
  "login refused": {
    levels: ["WARN"],
    fields: ["account", "peer", "reason"],
    meaning:
      "Somebody tried to log in to the console and may not. A `?` before the account: the sender " +
      "has not proven it.",
  },
  "access rules loaded": {
    levels: ["INFO"],
    fields: [
      "file",
      "generation",
      "mode",
      "accounts",
      "networks",
      "certificates",
      "before",
      "added",
      "removed",
    ],
    meaning: "The rules of accessFile are in effect. After a change: the mode before, and the " +
      "accounts that were added and removed.",
  },
  "access rules refused": {
    levels: ["ERROR"],
    fields: ["file", "reason"],
    meaning: "The changed accessFile has faults; the reason says where. The rules before stay in " +
      "effect.",
  },
  "access rules could be safer": {
    levels: ["WARN"],
    fields: ["warning"],
    meaning: "Others can read a file that holds secrets, or a secret is short.",
  },
  "audit file can't be written": {
    levels: ["ERROR"],
    fields: ["file", "reason", "waitingBytes", "lost"],
    meaning:
      "Records wait in memory, and are lost when more than auditMaxWaitingBytes wait. Make " +
      "room on the disk, or mend what the reason names. Logged once a minute.",
  },
  "audit records are not written: the disk does not answer": {
    levels: ["ERROR"],
    fields: ["file", "seconds"],
    meaning: "The server stops without the audit records that wait.",
  },
  "audit file can be written again": {
    levels: ["INFO"],
    fields: ["file", "lost"],
    meaning: "The records that waited are in the file. `lost` of them are not, since the start.",
  },
} as const satisfies Rows;

const THE_LOG_ITSELF = {
  "log level changed": {
    levels: ["DEBUG", "INFO", "WARN", "ERROR"],
    fields: ["from", "to"],
    meaning: "logLevel was changed. The line has the level so far, so it is always written.",
  },
  "log lines omitted": {
    levels: ["DEBUG", "INFO", "WARN", "ERROR"],
    fields: ["of", "count", "seconds"],
    meaning:
      "The event in `of` was logged more than logRepeatLimit times in a minute, or all events " +
      "that peers cause more than logPeerLimit times. `count` lines were omitted.",
  },
  "log lines lost": {
    levels: ["ERROR"],
    fields: ["file", "error"],
    meaning: "The log file can't be written. Reported on the standard error, once a minute.",
  },
} as const satisfies Rows;

const CONTROLLER = {
  "controller file loaded": {
    levels: ["INFO"],
    fields: ["file", "sets"],
    meaning: "The controller has read its broker sets (controllerStorePath).",
  },
  "controller file is not locked": {
    levels: ["WARN"],
    fields: ["file", "reason"],
    meaning:
      "The file system has no locks, or the lock file beside the controller's file can't be " +
      "opened. Another name server with the same controllerStorePath would not be noticed.",
  },
  "controller file not written": {
    levels: ["ERROR"],
    fields: ["file", "error"],
    meaning:
      "A change of a broker set was refused because the disk did not take it. The state before " +
      "stays in effect, and brokers ask again. See to the disk: no master can be elected until then.",
  },
  "controller port open": {
    levels: ["INFO"],
    fields: ["address", "port"],
    meaning: "Brokers with enableControllerMode can connect (controllerAddr).",
  },
  "controller leads": {
    levels: ["INFO"],
    fields: ["sets"],
    meaning: "This controller elects masters from now on.",
  },
  "controller does not lead any more": {
    levels: ["INFO"],
    fields: ["reason"],
    meaning: "This controller stops, or another may lead: requests are answered with NOT_LEADER.",
  },
  "another controller leads": {
    levels: ["INFO"],
    fields: ["id", "addr"],
    meaning: "With controllerStore=etcd: `id` is the controller that elects masters from now on.",
  },
  "controller can't use etcd": {
    levels: ["WARN"],
    fields: ["reason"],
    meaning:
      "With controllerStore=etcd: etcd can't be reached or used, so this controller can't lead. " +
      "Written once, until it can be used again. See controller.md and etcd.md.",
  },
  "controller can use etcd again": {
    levels: ["INFO"],
    fields: [],
    meaning: "etcd answers the controller again.",
  },
  "replica is not alive any more": {
    levels: ["INFO"],
    fields: ["broker", "id", "by"],
    meaning: "Its connection was closed (`by=close`), or it sent no heartbeat for too long " +
      "(`by=silence`). If it is a master, another is elected.",
  },
  "master elected": {
    levels: ["INFO"],
    fields: ["broker", "id", "addr", "epoch", "before", "unclean"],
    meaning:
      "`id` is the master of the set from now on, `before` was. `unclean=true`: it was not in " +
      "the sync state set, so acknowledged messages may be lost (enableElectUncleanMaster, or " +
      "designated after a cleaning).",
  },
  "broker set has no master": {
    levels: ["ERROR"],
    fields: ["broker", "epoch", "inSync"],
    meaning:
      "The master is gone, and no replica of the sync state set is alive. Start one of the " +
      "brokers in `inSync`, or allow an unclean election, which can lose messages.",
  },
  "master not elected": {
    levels: ["ERROR"],
    fields: ["broker", "attempt", "error"],
    meaning:
      "The election could not be stored. It is tried electMasterMaxRetryCount times, and again " +
      "every scanInactiveMasterInterval.",
  },
  "broker is not taken in by the controller": {
    levels: ["WARN"],
    fields: ["broker", "id", "addr", "reason"],
    meaning:
      "The broker has an id on its disk that the controller does not know: the controller lost " +
      "its state, or the broker was cleaned. It asks again every 5 s. Import the sets from the " +
      "controller that knows them, or remove brokerIdentity from the broker's store folder.",
  },
  "broker refused by the controller": {
    levels: ["WARN"],
    fields: ["broker", "reason"],
    meaning: "The broker would bring more state than an option allows; `reason` names the option.",
  },
  "controller follows too many replicas": {
    levels: ["WARN"],
    fields: ["broker", "id", "followed"],
    meaning:
      "The heartbeat of a further broker is ignored, so the broker does not count as alive " +
      "(controllerMaxSets times controllerMaxReplicas).",
  },
  "heartbeat timeout limited": {
    levels: ["WARN"],
    fields: ["broker", "id", "millis", "limit"],
    meaning: "A broker wants to count as dead after `millis` of silence, and does after `limit` " +
      "(controllerMinHeartbeatTimeoutMillis, controllerMaxHeartbeatTimeoutMillis).",
  },
  "epochs of a broker set are used up": {
    levels: ["ERROR"],
    fields: ["broker"],
    meaning:
      "Brokers know no epoch above 2147483647, so nothing of the set can change any more. docs/controller.md " +
      "says how to make it anew.",
  },
} as const satisfies Rows;

/** The table, in the order of the documentation. */
export const LOG_EVENT_GROUPS: readonly { readonly title: string; readonly events: Rows }[] = [
  { title: "Start and stop", events: START_AND_STOP },
  { title: "Connections and TLS", events: CONNECTIONS },
  { title: "Brokers and topics", events: BROKERS_AND_TOPICS },
  { title: "KV table and configuration", events: KV_AND_CONFIGURATION },
  { title: "Controller", events: CONTROLLER },
  { title: "Requests, outgoing calls and the HTTP port", events: REQUESTS },
  { title: "Access control and audit", events: ACCESS },
  { title: "The log itself", events: THE_LOG_ITSELF },
];

type Events =
  & typeof START_AND_STOP
  & typeof CONNECTIONS
  & typeof BROKERS_AND_TOPICS
  & typeof KV_AND_CONFIGURATION
  & typeof CONTROLLER
  & typeof REQUESTS
  & typeof ACCESS
  & typeof THE_LOG_ITSELF;

/** An event of the table. */
export type EventName = keyof Events;

/** The events that are written at a level. */
export type EventAt<L extends LogLevel> = {
  [E in EventName]: L extends Events[E]["levels"][number] ? E : never;
}[EventName];

/** The fields of an event. Those that are `undefined` are left out. */
export type FieldsOf<E extends EventName> = {
  readonly [F in Events[E]["fields"][number]]?: unknown;
};

/** Fields of what peers send. */
const SENT = ["peer", "broker", "topic", "namespace", "code", "url"];

/** The events that peers can cause. All of them together are limited by logPeerLimit. */
export const OF_PEERS: ReadonlySet<string> = new Set(
  LOG_EVENT_GROUPS.flatMap(({ events }) =>
    Object.entries(events).flatMap(([event, { fields }]) =>
      SENT.some((name) => fields.includes(name)) ? [event] : []
    )
  ),
);

/** The fields by which repeats of some events are counted apart, by event. */
export const APART: ReadonlyMap<string, readonly string[]> = new Map(
  LOG_EVENT_GROUPS.flatMap(({ events }) =>
    Object.entries(events).flatMap(([event, { apart }]) =>
      apart === undefined ? [] : [[event, apart]]
    )
  ),
);
