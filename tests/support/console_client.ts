/** A client of the HTTP port that works like a browser with the console open. */

/** The body of `/api/v1/session`. */
export interface SessionView {
  access: string;
  account: string | null;
  expires: string | null;
  csrfToken: string | null;
  permissions: string[];
  canWrite: boolean;
  readOnlyReason: string | null;
  tls: boolean;
  version: string;
  server: string;
}

/** Keeps the cookie and the token of a session. */
export class ConsoleClient {
  cookie: string | undefined;
  csrfToken: string | undefined;

  /** @param address of the HTTP port, e.g. `http://127.0.0.1:9890` */
  constructor(readonly address: string) {}

  /**
   * Sends a request as a page of the console does.
   *
   * @param headers others, or others instead of its own; empty ones are left out
   */
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const own = {
      origin: method === "GET" ? "" : this.address,
      cookie: this.cookie ?? "",
      "x-csrf-token": this.csrfToken ?? "",
      "content-type": body === undefined ? "" : "application/json",
    };
    const sent = Object.entries({ ...own, ...headers }).filter(([, value]) => value !== "");
    return fetch(`${this.address}${path}`, {
      method,
      headers: sent,
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  /** Sends a request; returns its status and the JSON of its answer. */
  async json(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
    // deno-lint-ignore no-explicit-any
  ): Promise<{ status: number; body: any }> {
    const response = await this.ask(method, path, body, headers);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Logs in; rejects with the answer when it is refused. */
  async logIn(secrets: Readonly<Record<string, string>>): Promise<SessionView> {
    const response = await this.ask("POST", "/api/v1/session", secrets);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`login: ${response.status} ${text}`);
    const view: SessionView = JSON.parse(text);
    this.cookie = response.headers.get("set-cookie")?.split(";")[0];
    this.csrfToken = view.csrfToken ?? undefined;
    return view;
  }

  /** The rights of this client. */
  async session(): Promise<SessionView> {
    return (await this.json("GET", "/api/v1/session")).body;
  }
}
