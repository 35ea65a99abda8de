/** A name server with an HTTP port. */

import { freePort, Home, type Launch, ServerProcess } from "./server_process.ts";
import { until } from "./wait.ts";

/** A running server and its HTTP address. */
export class HttpServerProcess implements AsyncDisposable {
  private constructor(
    readonly home: Home,
    readonly server: ServerProcess,
    readonly httpPort: number,
  ) {}

  /** Starts a server with its own home and free ports. */
  static async start(launch: Omit<Launch, "home"> = {}): Promise<HttpServerProcess> {
    const home = await Home.make();
    const httpPort = freePort();
    const args = [...launch.args ?? [], `--httpPort=${httpPort}`];
    try {
      const server = await ServerProcess.start({ ...launch, home, args });
      return new HttpServerProcess(home, server, httpPort);
    } catch (error) {
      await home[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Requests a path. */
  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.httpPort}${path}`, init);
  }

  /** Requests a path until the response has this status. */
  async getUntil(path: string, status: number): Promise<Response> {
    let response = await this.get(path);
    await until(async () => {
      if (response.status === status) return true;
      await response.body?.cancel();
      response = await this.get(path);
      return false;
    }, `${path} is answered with ${status}`);
    return response;
  }

  /** Requests an existing path. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    const response = await this.get(path);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}
