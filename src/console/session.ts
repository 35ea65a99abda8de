import { signal } from "@preact/signals";
import { get, Problem, send, setCsrfToken } from "./api.ts";

/** The answer of /api/v1/session: who asks, and what they may do. */
export interface Session {
  readonly access: "off" | "audit" | "enforce";
  readonly account: string | null;
  readonly expires: string | null;
  readonly csrfToken: string | null;
  readonly permissions: readonly string[];
  readonly canWrite: boolean;
  readonly readOnlyReason: string | null;
  readonly tls: boolean;
  readonly version: string;
  readonly server: string;
}

/** The secret that proves an account. */
export type Credentials =
  | { readonly token: string }
  | { readonly accessKey: string; readonly secretKey: string };

/** The session; undefined until the server has answered. */
export const session = signal<Session | undefined>(undefined);

/** Why the server did not say who this is, when it was asked last. */
export const sessionProblem = signal<Problem | undefined>(undefined);

/** Why the session is over, unless the user ended it: `ended` by the server before its time. */
export const sessionEnd = signal<"expired" | "ended" | undefined>(undefined);

/**
 * Asks the server who this is.
 *
 * @throws Problem
 */
export async function loadSession(): Promise<void> {
  try {
    take(await get<Session>("session"));
    sessionProblem.value = undefined;
  } catch (error) {
    if (error instanceof Problem) sessionProblem.value = error;
    throw error;
  }
}

/**
 * Exchanges a token or a key for a session.
 *
 * @throws Problem 401 if it is wrong, 429 after too many attempts
 */
export async function logIn(credentials: Credentials): Promise<void> {
  take(await send<Session>("POST", "session", credentials));
}

/**
 * Ends the session.
 *
 * @throws Problem
 */
export async function logOut(): Promise<void> {
  try {
    await send("DELETE", "session");
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
  }
  await loadSession();
  sessionEnd.value = undefined;
}

/** Whether this client has a permission, for any resource, e.g. `kv:read`. */
export function may(permission: string): boolean {
  return session.value?.permissions.includes(permission) ?? false;
}

/** Whether others on the network can read what this page sends. */
export function inClear(): boolean {
  const { hostname } = location;
  const loopback = hostname === "localhost" || /^(127\.|\[::1\])/.test(hostname);
  return session.value?.tls === false && !loopback;
}

function take(loaded: Session): void {
  const before = session.peek();
  if (loaded.account !== null) sessionEnd.value = undefined;
  else if (before !== undefined && before.account !== null) sessionEnd.value = endOf(before);
  setCsrfToken(loaded.csrfToken);
  session.value = loaded;
}

function endOf({ expires }: Session): "expired" | "ended" {
  return expires !== null && Date.parse(expires) <= Date.now() ? "expired" : "ended";
}
