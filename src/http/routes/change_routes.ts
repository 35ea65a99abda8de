import {
  type Administration,
  ChangeError,
  kvChange,
  topicChange,
} from "../../administration/administration.ts";
import type { RequestPeer } from "../../access/guard.ts";
import type { HttpAuthorization, HttpCredentials } from "../../access/http_authorization.ts";
import type { Permission } from "../../access/permissions.ts";
import type { LiveConfig } from "../../config/live_config.ts";
import { nearestName } from "../../config/nearest.ts";
import { OPTION_NAMES } from "../../config/options.ts";
import { formatProperty } from "../../config/properties.ts";
import type { KvCondition } from "../../kv/kv_store.ts";
import type { PeerFields } from "../../log/log.ts";
import type { RouteView } from "../../route/route_view.ts";
import { accessProblem, HttpProblem, json } from "../server/answer.ts";
import type { HttpRequest } from "../server/http_listener.ts";
import { requiredText } from "../server/json_body.ts";
import { entityTag, type Precondition, preconditionOf } from "../server/precondition.ts";
import type { Route, RouteRequest, WritingMethod } from "../server/router.ts";
import { controllerChanges, type HostedController } from "./controller_routes.ts";
import { READ_ONLY } from "./session_routes.ts";

/** Dependencies of {@link changeRoutes}. */
export interface ChangeRoutesParts {
  readonly administration: Administration;
  readonly tables: RouteView;
  readonly config: Pick<LiveConfig, "knows">;
  /** Absent without enableControllerInNamesrv. */
  readonly controller: HostedController | undefined;
  /** Absent without rules: then nobody may change anything. */
  readonly authorization?: Pick<HttpAuthorization, "admitChange" | "recordChange">;
  /** Whether the server is stopping. */
  stopping(): boolean;
  /** The sender of a request, for the rules; `client` is "address:port". */
  peerOf(client: string): RequestPeer;
  credentialsOf(request: Pick<HttpRequest, "headers" | "url">): HttpCredentials;
}

/** A route that changes something, and what is changed. */
export interface ChangeRoute {
  readonly method: WritingMethod;
  readonly path: string;
  readonly permission: Permission;
  /** The `:name` segment that the permission is needed for. */
  readonly resource?: string;
  /** The cluster that the permission is needed for, if one is known. */
  readonly cluster?: (asked: RouteRequest) => string | undefined;
  readonly query?: readonly string[];
  readonly body?: readonly string[] | "any";
  /** Makes the change, and returns the answer and what the audit log keeps. */
  run(asked: RouteRequest, from: PeerFields): Promise<{ answer: object; change: object }>;
}

const ROOT = "/api/v1";

/**
 * The routes that change something: the same changes as by remoting, with the same rules and records.
 * They need an account that may make them, even while the rules only audit.
 */
export function changeRoutes(parts: ChangeRoutesParts): Route[] {
  const { administration, tables, config, authorization, peerOf, credentialsOf } = parts;
  const kv = {
    path: `${ROOT}/kv/:namespace/:key`,
    permission: "kv:write",
    resource: "namespace",
  } as const;
  const rows: readonly ChangeRoute[] = [
    { ...kv, method: "PUT", body: ["value"], run: putKv },
    { ...kv, method: "DELETE", run: deleteKv },
    permissionRoute("wipe-write-permission", (...args) => administration.wipeWritePerm(...args)),
    permissionRoute("add-write-permission", (...args) => administration.addWritePerm(...args)),
    {
      method: "DELETE",
      path: `${ROOT}/topics/:topic`,
      permission: "topic:write",
      resource: "topic",
      query: ["cluster"],
      run: deleteTopic,
    },
    {
      method: "PATCH",
      path: `${ROOT}/config`,
      permission: "config:write",
      body: "any",
      run: updateConfig,
    },
    ...controllerChanges(parts.controller),
  ];
  return rows.map(({ run, cluster, ...route }) => ({
    ...route,
    answer: (asked) => change({ run, cluster, ...route }, asked),
  }));

  async function putKv({ path, body, sender }: RouteRequest, from: PeerFields) {
    const { namespace = "", key = "" } = Object.fromEntries(path);
    const value = requiredText(body, "value");
    const condition = kvCondition(preconditionOf(sender.headers));
    const before = await administration.putKv(namespace, key, value, from, condition);
    const answer = { namespace, key, value, before: before ?? null, etag: entityTag(value) };
    return { answer, change: kvChange(key, before, value) };
  }

  async function deleteKv({ path, sender }: RouteRequest, from: PeerFields) {
    const { namespace = "", key = "" } = Object.fromEntries(path);
    const precondition = preconditionOf(sender.headers);
    const before = await administration.deleteKv(namespace, key, from, kvCondition(precondition));
    if (before === undefined) {
      if (precondition?.(undefined) === false) throw new HttpProblem(412, "the key is gone");
      throw new HttpProblem(404, "unknown namespace or key");
    }
    return { answer: { namespace, key, before }, change: kvChange(key, before, undefined) };
  }

  function permissionRoute(
    name: string,
    apply: (brokerName: string, from: PeerFields) => Promise<number>,
  ): ChangeRoute {
    return {
      method: "POST",
      path: `${ROOT}/brokers/:brokerName/${name}`,
      permission: "perm:write",
      resource: "brokerName",
      run: async ({ path }, from) => {
        const brokerName = path.get("brokerName") ?? "";
        if (tables.broker(brokerName) === undefined) throw new HttpProblem(404, "unknown broker");
        const topics = await apply(brokerName, from);
        return { answer: { brokerName, topics }, change: { topics } };
      },
    };
  }

  function deleteTopic({ path, query }: RouteRequest, from: PeerFields) {
    const topic = path.get("topic") ?? "";
    const cluster = query.text("cluster") || undefined;
    const deleted = administration.deleteTopic(topic, cluster, from);
    if (deleted.removedFrom.length === 0) {
      const where = cluster === undefined ? "" : " of this cluster";
      throw new HttpProblem(404, `no broker${where} has this topic`);
    }
    const answer = { topic, cluster: cluster ?? null, ...deleted };
    return Promise.resolve({ answer, change: topicChange(deleted, cluster) });
  }

  async function updateConfig({ body, sender }: RouteRequest, from: PeerFields) {
    const unknown = [...body.keys()].find((name) => !config.knows(name));
    if (unknown !== undefined) {
      const parameter = unknown.slice(0, MAX_NAME);
      const nearest = nearestName(unknown, OPTION_NAMES);
      const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
      throw new HttpProblem(400, `${parameter}: no such option${hint}`, { parameter });
    }
    const text = Array.from(body, (entry) => `${formatProperty(...entry)}\n`).join("");
    const precondition = preconditionOf(sender.headers);
    const condition = precondition &&
      ((now: ReadonlyMap<string, string>) => precondition(optionsTag(now)));
    const change = await administration.updateConfig(text, from, { condition });
    const changed = Object.fromEntries(change.map(({ key, ...values }) => [key, values]));
    const etag = optionsTag(new Map(change.map(({ key, after }) => [key, after])));
    return { answer: { changed, etag }, change };
  }

  /** Makes a change, if the rules allow it, and answers when it and its record are made. */
  async function change(route: ChangeRoute, asked: RouteRequest): Promise<Response> {
    const { sender: { client, headers }, url, path, body } = asked;
    // The port has refused it already.
    if (authorization === undefined) throw new HttpProblem(403, READ_ONLY);
    const { method, permission, resource } = route;
    const names = resource === undefined ? [...body.keys()] : [path.get(resource) ?? ""];
    const admitted = await authorization.admitChange(
      { permission, names, cluster: route.cluster?.(asked) },
      peerOf(client),
      credentialsOf({ headers, url: url.href }),
      `${method} ${route.path}`,
    );
    if ("status" in admitted) throw accessProblem(admitted, headers.get("accept"));
    if (parts.stopping()) throw new HttpProblem(503, "the server is stopping");
    try {
      const { answer, change } = await route.run(asked, { peer: client });
      await authorization.recordChange(admitted, { change });
      return json(answer);
    } catch (error) {
      const problem = error instanceof ChangeError ? problemOf(error) : error;
      const reason = problem instanceof HttpProblem ? problem.message : "internal error";
      await authorization.recordChange(admitted, { failure: reason });
      throw problem;
    }
  }
}

/** Characters of a name from a request in an answer. */
const MAX_NAME = 100;

const STATUSES = { refused: 400, conflict: 412, failed: 503 } as const;

function problemOf({ kind, message }: ChangeError): HttpProblem {
  return new HttpProblem(STATUSES[kind], message);
}

function kvCondition(precondition: Precondition | undefined): KvCondition | undefined {
  return precondition &&
    ((now) => precondition(now === undefined ? undefined : entityTag(now)));
}

/** The entity tag of some options' values. */
function optionsTag(values: ReadonlyMap<string, string>): string {
  return entityTag(JSON.stringify([...values].sort(([a], [b]) => a < b ? -1 : 1)));
}
