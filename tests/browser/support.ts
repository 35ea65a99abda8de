/**
 * A name server with brokers, and its console in a real browser.
 *
 * @module
 */

import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { type Broker, registration } from "../support/brokers.ts";
import type { Command, Request } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, type Launch, ServerProcess } from "../support/server_process.ts";
import { signed } from "../support/signed.ts";
import { WAIT_LIMIT_MS, withLimit } from "../support/wait.ts";
import { findBrowser } from "./find_browser.ts";

/** The secret of all accounts of {@linkcode RULES}. */
const SECRET = "a-secret-of-more-than-20-characters";

/** An account of {@linkcode RULES}. */
export type Account = "AK-admin" | "AK-viewer" | "AK-kv";

/** Rules with an account that may do everything, one that may read, and one that may also write a namespace. */
export const RULES = `mode: enforce
anonymous: []
accounts:
  - {accessKey: AK-admin, secret: ${SECRET}, may: [admin]}
  - {accessKey: AK-viewer, secret: ${SECRET}, may: [viewer]}
  - {accessKey: AK-kv, secret: ${SECRET}, may: [viewer, {kv:write: mine}]}
`;

/** A broker group of most tests. */
export const BROKER_A: Broker = {
  name: "broker-a",
  addr: "10.0.0.1:10911",
  topics: [{ name: "Orders" }, { name: "Payments", perm: 4 }],
};

/** How to open a console. */
export interface ConsoleLaunch extends Omit<Launch, "home"> {
  /** The rules of access control; without them, there are none. */
  rules?: string;
  /** The brokers that register. */
  brokers?: readonly Broker[];
  /** Arguments of Chromium. */
  browserArgs?: readonly string[];
  /** The browser's language, window, and so on. */
  browser?: BrowserContextOptions;
}

/** A fault that axe-core finds. */
interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** A name server and its console in a page of a browser. */
export class ConsoleWorld implements AsyncDisposable {
  readonly #home: Home;
  readonly #launch: ConsoleLaunch;
  readonly #browser: Browser;
  readonly #peers: Peer[] = [];
  /** Errors that the page's scripts threw, and content that the policy refused. */
  readonly faults: string[] = [];
  readonly httpPort: number;
  server: ServerProcess;
  page: Page;

  private constructor(parts: {
    home: Home;
    launch: ConsoleLaunch;
    server: ServerProcess;
    httpPort: number;
    browser: Browser;
    page: Page;
  }) {
    this.#home = parts.home;
    this.#launch = parts.launch;
    this.#browser = parts.browser;
    this.server = parts.server;
    this.httpPort = parts.httpPort;
    this.page = parts.page;
    this.#watch(parts.page);
  }

  /** Starts a server, has the brokers register, and opens the console. */
  static async open(launch: ConsoleLaunch = {}): Promise<ConsoleWorld> {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(await Home.make());
    const httpPort = freePort();
    const server = stack.use(await startServer(home, launch, httpPort));
    const browser = await chromium.launch({
      executablePath: await findBrowser(),
      args: ["--no-sandbox", ...launch.browserArgs ?? []],
      timeout: WAIT_LIMIT_MS,
    });
    stack.defer(() => browser.close());
    const page = await newPage(browser, launch.browser);
    const world = new ConsoleWorld({ home, launch, server, httpPort, browser, page });
    for (const broker of launch.brokers ?? [BROKER_A]) await world.register(broker);
    await world.go("");
    stack.move();
    return world;
  }

  /** The address of the HTTP port. */
  get origin(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  /** The address of the name server, as the console shows it. */
  get address(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** Opens another page beside the console, in the same browser and with its cookies. */
  newPage(): Promise<Page> {
    return withLimit(this.page.context().newPage(), "the browser has not opened a page");
  }

  /** Sends a request to the name server, in the name of AK-admin if there are rules. */
  async ask(request: Request): Promise<Command> {
    await using peer = await Peer.connect(this.server.port);
    return await peer.call(this.#signed(request));
  }

  /** Registers a broker, over a connection that stays open until the server or the test ends. */
  async register(broker: Broker): Promise<Peer> {
    const peer = await Peer.connect(this.server.port);
    this.#peers.push(peer);
    const { code, remark } = await peer.call(this.#signed(registration(broker)));
    assert.equal(code, 0, remark ?? "");
    return peer;
  }

  /** Opens a page of the console, e.g. `#/kv`. */
  async go(hash: string): Promise<void> {
    await this.page.goto(`${this.origin}/console/${hash}`);
  }

  /** Logs in. */
  async logIn(account: Account): Promise<void> {
    await this.tryLogin(account, SECRET);
    await this.page.getByRole("button", { name: "Log out" }).waitFor();
  }

  /** Fills in the login page and sends it. */
  async tryLogin(account: Account, secret: string): Promise<void> {
    await this.go("#/login");
    await this.page.getByRole("radio", { name: "a key and its secret" }).check();
    await this.page.getByLabel("Access key").fill(account);
    await this.page.getByLabel("Secret key").fill(secret);
    await this.page.getByRole("main").getByRole("button", { name: "Log in" }).click();
  }

  /** Writes other rules, which the server takes as soon as it notices. */
  async changeRules(rules: string): Promise<void> {
    await this.#home.write("access.yml", rules);
  }

  /** Stops the server; {@linkcode start} starts it again, on the same port of HTTP. */
  async stop(): Promise<void> {
    await this.server.stop();
  }

  /** Starts the server again. */
  async start(): Promise<void> {
    this.server = await startServer(this.#home, this.#launch, this.httpPort);
  }

  /** Fails if axe-core finds a serious fault in what the page shows now. */
  async expectAccessible(): Promise<void> {
    await this.page.evaluate(axe.source);
    const { violations } = await this.page.evaluate("axe.run()") as { violations: Violation[] };
    const found = violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((it) => `${it.html} ${it.failureSummary}`)}`);
    assert.deepEqual(found, []);
  }

  /** Fails if the page is wider than its window. */
  async expectNoSideways(): Promise<void> {
    const over = await this.page.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(Number(over) <= 0, `the page is ${over} pixels wider than its window`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await Promise.all(this.#peers.map((it) => it[Symbol.asyncDispose]()));
    await this.server[Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
    assert.deepEqual(this.faults, []);
  }

  #signed(request: Request): Request {
    if (this.#launch.rules === undefined) return request;
    return signed(request, { accessKey: "AK-admin", secretKey: SECRET });
  }

  #watch(page: Page): void {
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      if (/Content.Security.Policy/i.test(message.text())) this.faults.push(message.text());
    });
  }
}

async function startServer(
  home: Home,
  { rules, args = [], ...launch }: ConsoleLaunch,
  httpPort: number,
): Promise<ServerProcess> {
  const access = rules === undefined
    ? []
    : [`--accessFile=${await home.write("access.yml", rules)}`];
  return await ServerProcess.start({
    home,
    env: launch.env,
    args: [...args, ...access, `--httpPort=${httpPort}`],
  });
}

async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: "en", ...options });
  context.setDefaultTimeout(WAIT_LIMIT_MS);
  return await withLimit(context.newPage(), "the browser has not opened a page");
}
