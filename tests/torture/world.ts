import assert from "node:assert/strict";
import { Peer } from "../support/peer.ts";
import { Home, type Launch, ServerProcess } from "../support/server_process.ts";
import { Expected } from "./expected.ts";

const PUT = 100;
const DELETE = 102;
const LIST = 219;
const UPDATE_CONFIG = 318;
const GET_CONFIG = 319;

/** A live option without an effect on the rest, and how many values of it are tried. */
const OPTION = { name: "accessRefusalRows", values: 90_000 };

/** The files that all cycles share, and what must be in them. */
export class World implements AsyncDisposable {
  readonly kv = new Expected();
  readonly config = new Expected();
  readonly home: Home;
  /** A random integer from 0 to `below` - 1. */
  readonly below: (below: number) => number;
  #sent = 0;

  private constructor(home: Home, below: (below: number) => number) {
    this.home = home;
    this.below = below;
  }

  static async make(below: (below: number) => number): Promise<World> {
    const home = await Home.make();
    await home.configFile({ kvConfigPath: home.file("kv/kvConfig.json") });
    return new World(home, below);
  }

  /** Starts a server on the files. */
  start(launch: Omit<Launch, "home"> = {}): Promise<ServerProcess> {
    const args = ["-c", this.home.file("test.properties"), ...launch.args ?? []];
    return ServerProcess.start({ ...launch, home: this.home, args });
  }

  /**
   * Changes KV values, and the configuration now and then, one after the other, until the count is
   * reached or the connection is gone.
   *
   * @param writer names the keys: no two writers may have the same at a time
   * @returns how many changes were refused
   */
  async write(server: ServerProcess, writer: string, count: number): Promise<number> {
    await using peer = await Peer.connect(server.port);
    let refused = 0;
    for (let i = 0; i < count; i++) {
      try {
        const done = this.below(10) === 0 && writer === "a"
          ? await this.#configure(peer)
          : await this.#put(peer, `${writer}-${this.below(200)}`);
        if (!done) refused++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return refused;
      }
    }
    return refused;
  }

  /** Whether the servers show the KV values of the file. */
  async agree(...servers: ServerProcess[]): Promise<boolean> {
    const file = await this.#fileTable();
    for (const server of servers) {
      await using peer = await Peer.connect(server.port);
      if (JSON.stringify(await table(peer)) !== JSON.stringify(file)) return false;
    }
    return true;
  }

  /** Compares the files, and what servers answer, with what was acknowledged. */
  async check(...servers: ServerProcess[]): Promise<void> {
    const file = await this.#fileTable();
    this.kv.check((key) => file[key], "the KV file");
    for (const server of servers) {
      await using peer = await Peer.connect(server.port);
      const listed = await table(peer);
      this.kv.check((key) => listed[key], "the KV list");
      const answer = await peer.call({ code: GET_CONFIG });
      const lines = new TextDecoder().decode(answer.body!).split("\n");
      const line = lines.find((line) => line.startsWith(`${OPTION.name}=`));
      // Until it is set, it has its default.
      const value = line?.slice(OPTION.name.length + 1);
      this.config.check(() => value === "1000" ? undefined : value, "the configuration");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
  }

  async #fileTable(): Promise<Record<string, string>> {
    try {
      const text = await Deno.readTextFile(this.home.file("kv/kvConfig.json"));
      return sorted(JSON.parse(text).configTable.torture ?? {});
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return {};
      throw error;
    }
  }

  async #put(peer: Peer, key: string): Promise<boolean> {
    const value = this.below(8) === 0
      ? undefined
      : `${++this.#sent} `.padEnd(this.below(3000), "v");
    const answer = this.kv.sent(key, value);
    const extFields = { namespace: "torture", key };
    const { code } = await peer.call(
      value === undefined
        ? { code: DELETE, extFields }
        : { code: PUT, extFields: { ...extFields, value } },
    );
    if (code === 0) answer.acknowledged();
    else answer.refused();
    return code === 0;
  }

  async #configure(peer: Peer): Promise<boolean> {
    const value = `${1001 + this.below(OPTION.values)}`;
    const answer = this.config.sent(OPTION.name, value);
    const { code } = await peer.call({ code: UPDATE_CONFIG, body: `${OPTION.name}=${value}` });
    if (code === 0) answer.acknowledged();
    else answer.refused();
    return code === 0;
  }
}

/** The KV values that a server has. */
async function table(peer: Peer): Promise<Record<string, string>> {
  const { code, body } = await peer.call({ code: LIST, extFields: { namespace: "torture" } });
  // Without an acknowledged change there is no such namespace.
  return code === 0 ? sorted(JSON.parse(new TextDecoder().decode(body!)).table) : {};
}

function sorted(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort());
}
