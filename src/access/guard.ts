import type { AuditLog } from "../audit/audit_log.ts";
import type { Outcome } from "../audit/record.ts";
import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import type { Peer } from "../remoting/peer.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { AccessControl, HttpSender } from "./access_control.ts";
import { type ActionOfCode, RequestAction } from "./actions.ts";
import { type Decision, refusalRemark } from "./decision.ts";
import type { AccessCounters } from "./counters.ts";
import { type Action, describeResource } from "./permissions.ts";
import type { PolicyStore } from "./policy_store.ts";
import type { Refusals } from "./refusals.ts";

/** The rules in effect, and the decisions based on them. */
export interface Rules {
  readonly store: Pick<PolicyStore, "policy">;
  readonly control: AccessControl;
}

/** Dependencies of a {@link Guard}. */
export interface GuardParts {
  /** Without them, everything is allowed. */
  readonly rules?: Rules;
  readonly refusals: Refusals;
  readonly counters: AccessCounters;
  readonly audit: AuditLog;
  readonly log: Log;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The facts about an allowed request that the audit log needs. */
export interface Admitted {
  readonly outcome: "done" | "would_deny";
  /** The request's code, or the method and path of an HTTP request. */
  readonly code: number | string;
  readonly action: Pick<ActionOfCode, "permission" | "writes">;
  readonly resource: string;
  readonly decision: Decision;
  readonly peer: RequestPeer;
}

/** A login to the HTTP port. */
export interface Login {
  /** The account; with a `?` before it when the login has not shown that it is the sender's. */
  readonly account: string;
  /** Why it failed. */
  readonly reason?: string;
}

/** The part of a request's sender that is recorded. */
export type RequestPeer = Pick<Peer, "socketAddress" | "proxiedAddress"> & {
  readonly tls?: Pick<NonNullable<Peer["tls"]>, "certificate">;
};

/** The decision when there are no rules. */
const ANYBODY: Decision = { allowed: true, authenticated: "no" };
const NOBODY: Decision = { allowed: false, reason: "no_grant", authenticated: "no" };
const UNAUDITED = "the audit file can't be written, so nothing may be changed (auditRequired)";

/** Admits or refuses requests, and records them. */
export class Guard {
  readonly #parts: GuardParts;
  #batchTime: number | undefined;
  readonly #endBatch = () => {
    this.#batchTime = undefined;
  };

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /**
   * Decides whether a request may be handled.
   *
   * @returns a refusal; the facts for {@link record} when it is handled; or `undefined` if it is
   *   not recorded
   */
  check(
    code: number,
    row: ActionOfCode,
    request: Command,
    peer: Peer,
  ): { readonly refused: Reply } | Admitted | undefined {
    if (row.open) return undefined;
    const { rules, counters, audit } = this.#parts;
    let decision = ANYBODY;
    let outcome: "done" | "would_deny" = "done";
    const remembered = rules?.control.recall(request, peer, row);
    if (remembered !== undefined) {
      decision = remembered.decision;
      remembered.tally ??= counters.tally(row.permission, decision, true);
      remembered.tally.count(this.#time());
      if (decision.account !== peer.account) peer.account = decision.account;
    } else if (rules !== undefined) {
      const action = new RequestAction(row, request);
      const enforcing = rules.store.policy.mode === "enforce";
      decision = rules.control.decide(action, request, peer, row);
      counters.count(action.permission, decision, enforcing, this.#time());
      if (!decision.allowed) {
        this.#refuse(code, action, decision, peer, rules, enforcing);
        if (enforcing) {
          const remark = refusalRemark(action, decision);
          return { refused: { code: ResponseCode.NO_PERMISSION, remark } };
        }
        outcome = "would_deny";
      } else if (decision.account !== undefined && decision.account !== peer.account) {
        peer.account = decision.account;
      }
    }
    // Brokers can register all the same: a broken disk must not take them out of routes.
    if (row.writes && audit.obstacle !== undefined) {
      return { refused: { code: ResponseCode.SYSTEM_ERROR, remark: UNAUDITED } };
    }
    if (!row.writes && row.permission !== "broker") return undefined;
    // After the response, the body's memory is reused for other requests.
    const resource = describeResource(new RequestAction(row, request));
    return { outcome, code, action: row, resource, decision, peer };
  }

  /**
   * Records the outcome of an admitted request.
   *
   * @returns the write that the response must wait for (auditSync), if there is one
   */
  record(
    admitted: Admitted,
    reply: Pick<Reply, "code" | "remark" | "change">,
  ): Promise<void> | undefined {
    const { code, action, decision, peer, resource } = admitted;
    const failed = reply.code !== ResponseCode.SUCCESS;
    // Unchanged re-registrations are not recorded.
    if (!action.writes && reply.change === undefined && !failed) return undefined;
    const { rules, log } = this.#parts;
    if (rules !== undefined && admitted.outcome === "done" && !failed) {
      log.info("access granted", this.#fields(code, action, decision, peer, resource));
    }
    const outcome = failed ? "failed" : admitted.outcome;
    const recorded = this.#add(outcome, code, action, decision, peer, resource, {
      change: reply.change,
      reason: failed ? reply.remark : decision.reason,
    });
    // A disk that hangs must not hold up registrations.
    return action.writes ? recorded : undefined;
  }

  /**
   * Decides about a request to the HTTP port that changes nothing.
   *
   * @param sender what it has shown
   * @param request method and path, for the records
   * @returns the decision, if the request is to be refused
   */
  checkHttp(
    action: Action,
    peer: RequestPeer,
    sender: HttpSender,
    request: string,
  ): Decision | undefined {
    const { rules, counters } = this.#parts;
    if (rules === undefined) return undefined;
    const enforcing = rules.store.policy.mode === "enforce";
    const decision = rules.control.decideHttp(action, peer, sender);
    counters.count(action.permission, decision, enforcing, this.#parts.now());
    if (decision.allowed) return undefined;
    this.#refuse(request, action, decision, peer, rules, enforcing);
    return enforcing ? decision : undefined;
  }

  /**
   * Decides about a change that is asked for over HTTP. It needs an account that may do it, even while the
   * rules only audit, and without rules nobody may.
   *
   * @param sender what it has shown
   * @param request method and path, for the records
   * @returns why it is refused, or the facts for {@link record}
   */
  checkHttpChange(
    action: Action,
    peer: RequestPeer,
    sender: HttpSender,
    request: string,
  ): { readonly refused: Decision } | { readonly obstacle: string } | Admitted {
    const { rules, counters, audit, now } = this.#parts;
    const decision = rules?.control.decideAccount(action, peer, sender) ?? NOBODY;
    counters.count(action.permission, decision, true, now());
    if (!decision.allowed) {
      if (rules !== undefined) this.#refuse(request, action, decision, peer, rules, true);
      return { refused: decision };
    }
    if (audit.obstacle !== undefined) return { obstacle: UNAUDITED };
    const resource = describeResource(action);
    const { permission } = action;
    const written = { permission, writes: true };
    return { outcome: "done", code: request, action: written, resource, decision, peer };
  }

  /**
   * Records a login to the HTTP port.
   *
   * @param request as for {@link checkHttp}
   */
  recordLogin({ account, reason }: Login, peer: RequestPeer, request: string): void {
    const { audit, log, now } = this.#parts;
    const fields = { account, peer: peer.socketAddress, reason };
    if (reason === undefined) log.info("logged in", fields);
    else log.warn("login refused", fields);
    void audit.add({
      time: new Date(now()).toISOString(),
      outcome: reason === undefined ? "done" : "denied",
      action: "login",
      request,
      resource: "-",
      account,
      authenticated: reason === undefined ? "session" : "no",
      peer: peer.socketAddress,
      reason,
    });
  }

  /** The time at the first of the requests that are handled without a pause: each call costs. */
  #time(): number {
    if (this.#batchTime === undefined) {
      this.#batchTime = this.#parts.now();
      queueMicrotask(this.#endBatch);
    }
    return this.#batchTime;
  }

  #refuse(
    code: number | string,
    action: Action,
    decision: Decision,
    peer: RequestPeer,
    { control }: Rules,
    enforcing: boolean,
  ): void {
    const { refusals, log, now } = this.#parts;
    refusals.add(action, decision, control.addressOf(peer), now());
    const resource = describeResource(action);
    const fields = this.#fields(code, action, decision, peer, resource);
    if (enforcing) log.warn("access denied", fields);
    else log.warn("access would be denied", fields);
    if (enforcing) {
      void this.#add("denied", code, action, decision, peer, resource, { reason: decision.reason });
    }
  }

  #fields(
    code: number | string,
    { permission }: Pick<Action, "permission">,
    { account, authenticated, reason, identity, rule }: Decision,
    peer: RequestPeer,
    resource: string,
  ) {
    return {
      // Made-up names are counted together by logRepeatLimit.
      account: reason === "unknown_account" ? "(unknown)" : account ?? "(anonymous)",
      claimed: reason === "unknown_account" ? account : undefined,
      authenticated,
      peer: peer.socketAddress,
      proxied: peer.proxiedAddress,
      subject: peer.tls?.certificate?.subject,
      permission,
      resource,
      code,
      reason,
      rule: rule && `${identity}: ${rule}`,
    };
  }

  #add(
    outcome: Outcome,
    code: number | string,
    { permission }: Pick<Action, "permission">,
    { account, authenticated, identity, rule }: Decision,
    peer: RequestPeer,
    resource: string,
    { change, reason }: { change?: object; reason?: string },
  ): Promise<void> | undefined {
    const certificate = peer.tls?.certificate;
    return this.#parts.audit.add({
      time: new Date(this.#parts.now()).toISOString(),
      outcome,
      action: permission,
      request: code,
      resource: resource.slice(0, MAX_TEXT),
      account,
      authenticated,
      peer: peer.socketAddress,
      proxied: peer.proxiedAddress,
      certificate: certificate?.subject.slice(0, MAX_TEXT),
      certificateVerified: certificate?.verified,
      rule: rule && `${identity}: ${rule}`,
      reason: reason?.slice(0, MAX_TEXT),
      change,
    });
  }
}

/** Characters of a text from the network in a record. */
const MAX_TEXT = 1024;
