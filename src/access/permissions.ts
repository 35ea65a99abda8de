import { SYNC_BROKER_MEMBER_PREFIX } from "../protocol/codes.ts";

/** The kinds of resources that permissions can be limited to. */
export type ResourceKind = "topic" | "cluster" | "broker" | "brokerName" | "namespace" | "key";

/** Every permission, with what it can be limited to. */
const RESOURCES = {
  "route:read": "topic",
  "topic:list": "cluster",
  "cluster:read": "broker",
  broker: "broker",
  "topic:write": "topic",
  "perm:write": "brokerName",
  "kv:read": "namespace",
  "kv:write": "namespace",
  "controller:write": "broker",
  "config:read": undefined,
  "config:write": "key",
  "access:read": undefined,
} as const satisfies Record<string, ResourceKind | undefined>;

/** The name of a permission. */
export type Permission = keyof typeof RESOURCES;

/** The names of all permissions. */
export const PERMISSIONS = Object.keys(RESOURCES) as readonly Permission[];

/** Whether a text names a permission. */
export function isPermission(text: string): text is Permission {
  return Object.hasOwn(RESOURCES, text);
}

/** Returns the kind of resource that a permission can be limited to; `undefined` for all or nothing. */
export function resourceOf(permission: Permission): ResourceKind | undefined {
  return RESOURCES[permission];
}

/** The action that a request asks for. */
export interface Action {
  readonly permission: Permission;
  /** The cluster that it is about, where it is about one. */
  readonly cluster?: string;
  /** The topics, broker names, namespaces or keys that it is about. */
  readonly names?: readonly string[];
}

/** The resource of an action in words, for people. */
export function describeResource({ cluster, names = [] }: Action): string {
  const shown = names.join(",");
  if (cluster === undefined) return shown === "" ? "-" : shown;
  return shown === "" ? cluster : `${cluster}/${shown}`;
}

/** Texts, or beginnings of texts where a `*` ends them. */
export class Patterns {
  readonly #patterns: readonly string[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
  }

  match(text: string): boolean {
    return this.#patterns.some((pattern) =>
      pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern
    );
  }

  /** As they stand in a file. */
  toString(): string {
    return this.#patterns.join(",");
  }
}

/** The limits of a permission. Empty limits allow everything. */
export interface Limits {
  readonly cluster?: readonly string[];
  readonly names?: readonly string[];
}

/** One permission, for all resources or some. */
export class Rule {
  readonly #cluster: Patterns | undefined;
  readonly #names: Patterns | undefined;

  constructor(readonly permission: Permission, limits: Limits = {}) {
    this.#cluster = limits.cluster && new Patterns(limits.cluster);
    this.#names = limits.names && new Patterns(limits.names);
  }

  /** Whether it allows an action on one of its names; `undefined` for an action without names. */
  allows(action: Action, name: string | undefined): boolean {
    if (this.#cluster !== undefined) {
      if (action.cluster === undefined || !this.#cluster.match(action.cluster)) return false;
    }
    return this.#names === undefined || (name !== undefined && this.#names.match(name));
  }

  /** Whether it allows the permission whatever the resource is. */
  get unlimited(): boolean {
    return this.#cluster === undefined && this.#names === undefined;
  }

  toString(): string {
    const limits = [
      ...(this.#cluster === undefined ? [] : [`cluster ${this.#cluster}`]),
      ...(this.#names === undefined ? [] : [`${this.#names}`]),
    ];
    return [this.permission, ...limits].join(" ");
  }
}

/** The rules of one identity. There are only rules that allow, so their order means nothing. */
export class Grants {
  readonly #rules = new Map<Permission, Rule[]>();
  /** The rules without limits: most requests need no more. */
  readonly #unlimited = new Map<Permission, Rule>();

  constructor(rules: Iterable<Rule>) {
    for (const rule of rules) {
      if (rule.unlimited) this.#unlimited.set(rule.permission, rule);
      const known = this.#rules.get(rule.permission);
      if (known === undefined) this.#rules.set(rule.permission, [rule]);
      else known.push(rule);
    }
  }

  /** The rule that allows an action; of several, where it is about several resources, the first. */
  find(action: Action): Rule | undefined {
    const rules = this.#rules.get(action.permission);
    if (rules === undefined) return undefined;
    // Finding the names can be costly.
    const unlimited = this.#unlimited.get(action.permission);
    if (unlimited !== undefined) return unlimited;
    const { names } = action;
    if (names === undefined || names.length === 0) {
      return rules.find((rule) => rule.allows(action, undefined));
    }
    let found: Rule | undefined;
    for (const name of names) {
      const rule = rules.find((rule) => rule.allows(action, name));
      if (rule === undefined) return undefined;
      found ??= rule;
    }
    return found;
  }

  /** Whether any rule is about a permission. */
  has(permission: Permission): boolean {
    return this.#rules.has(permission);
  }

  /** All rules, in words. */
  describe(): string[] {
    return [...this.#rules.values()].flat().map(String);
  }
}

/** Names of sets of permissions. */
export const ROLES = ["client", "viewer", "broker", "admin"] as const;
export type Role = typeof ROLES[number];

/** Whether a text names a role. */
export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/**
 * The rules of a role.
 *
 * @param limits of `client`: topics; of `broker`: clusters and broker names. The others have none.
 */
export function rulesOfRole(role: Role, limits: Limits = {}): Rule[] {
  switch (role) {
    case "client":
      return [new Rule("route:read", limits)];
    case "viewer":
      return (["route:read", "topic:list", "cluster:read", "kv:read", "config:read"] as const)
        .map((permission) => new Rule(permission));
    case "broker": {
      const members = (limits.names ?? ["*"]).map((name) => `${SYNC_BROKER_MEMBER_PREFIX}${name}`);
      return [
        new Rule("broker", limits),
        // GET_BROKER_CLUSTER_INFO, which brokers send, has no resource that could be limited.
        new Rule("cluster:read"),
        new Rule("route:read", { names: members }),
      ];
    }
    case "admin":
      return PERMISSIONS.map((permission) => new Rule(permission));
  }
}
