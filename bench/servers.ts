/** The servers under test: started one at a time, pinned, waited for, and stopped. */
import { Client } from "./brokers.ts";
import { Code, encodeRequest } from "./frames.ts";

/**
 * `ours`, the same with transport=node, Apache RocketMQ's own, the two bare loops that show the limit of
 * Deno, and one in C that shows the limit of the kernel.
 */
export const SERVER_KINDS = [
  "ours",
  "ours on node:net",
  "reference",
  "bare node:net",
  "bare Deno.listen",
  "bare C",
] as const;
export type ServerKind = typeof SERVER_KINDS[number];

/** CPUs for the processes, and how the reference is started. */
export interface Machine {
  /** CPU lists for taskset; undefined: nothing is pinned. */
  serverCpus?: string;
  loadCpu?: string;
  /** Whether helpers run only while nobody else wants their CPU. */
  idle?: boolean;
  /** Folder of the reference's jars; undefined if this machine has no reference. */
  referenceJars?: string;
  /** `-Xms` and `-Xmx` of the reference. */
  heap: string;
  /** The compiled limit.c; undefined without a C compiler. */
  cLoop?: string;
  /** The checkout whose server is `ours`, with a slash at its end; this one by default. */
  project?: string;
}

const PROJECT = new URL("..", import.meta.url).pathname;
const HERE = new URL(".", import.meta.url).pathname;
const REFERENCE_VERSION = "5.5.0";
/** Body size of a bare loop's canned response: that of a route of the bench's topics. */
const CANNED_BODY_BYTES = "496";
const START_LIMIT_MS = 60_000;

/** A running server process. */
export class Server {
  readonly #process: Deno.ChildProcess;
  readonly #home: string;

  private constructor(
    readonly kind: ServerKind,
    readonly port: number,
    process: Deno.ChildProcess,
    home: string,
    /** Milliseconds from starting the process to its first response. */
    readonly firstAnswerMs: number,
    /** HTTP port of our server; undefined for the others. */
    readonly httpPort: number | undefined,
    /** Port of its controller; undefined when it hosts none. */
    readonly controllerPort: number | undefined,
  ) {
    this.#process = process;
    this.#home = home;
  }

  /** taskset execs the program, so this is the server itself. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Starts a server on a free port, with its own home folder, and waits for its first response.
   * @param config a file of properties for it; of tls.* alone for the reference
   * @param controller whether it hosts a controller
   * @throws {Error} with its output, when it ends or does not respond within a minute
   */
  static async start(
    kind: ServerKind,
    machine: Machine,
    config?: string,
    controller = false,
  ): Promise<Server> {
    const home = await Deno.makeTempDir({ prefix: "namesrv-bench-" });
    const port = freePort();
    // Another checkout may predate this option.
    const httpPort = kind.startsWith("ours") && machine.project === undefined
      ? freePort()
      : undefined;
    const controllerPort = controller ? freePort() : undefined;
    const command = await commandOf({
      kind,
      machine,
      port,
      home,
      config,
      httpPort,
      controllerPort,
    });
    const pinned = machine.serverCpus ? ["taskset", "-c", machine.serverCpus, ...command] : command;
    // In a home of its own it would find no cache, and compile the program anew.
    const { denoDir } = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
    const log = await Deno.open(`${home}/output`, { create: true, write: true });
    const started = performance.now();
    const process = new Deno.Command(pinned[0]!, {
      args: pinned.slice(1),
      cwd: machine.project ?? PROJECT,
      env: { HOME: home, ROCKETMQ_HOME: home, DENO_DIR: denoDir },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // Both into one file: the last output is then at its end, and nothing blocks on a full pipe.
    const writers = [process.stdout, process.stderr].map((stream) => copy(stream, log));
    Promise.all(writers).finally(() => log.close());
    let ended = false;
    process.status.then(() => ended = true);
    while (performance.now() - started < START_LIMIT_MS && !ended) {
      if (await answers(port)) {
        const firstAnswerMs = performance.now() - started;
        return new Server(kind, port, process, home, firstAnswerMs, httpPort, controllerPort);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!ended) process.kill("SIGKILL");
    const said = (await Deno.readTextFile(`${home}/output`)).trim().split("\n").slice(-15);
    throw new Error(`${kind} did not start: ${pinned.join(" ")}\n${said.join("\n")}`);
  }

  /**
   * Memory that the program holds, in bytes: for the JVM, the heap after a full collection; for
   * ours, V8's heap and external buffers, including garbage. Undefined for the bare loops.
   */
  async heapBytes(): Promise<number | undefined> {
    if (this.httpPort !== undefined) {
      const response = await fetch(`http://127.0.0.1:${this.httpPort}/metrics`);
      const text = await response.text();
      return value(text, "v8_heap_used_bytes") + value(text, "v8_external_memory_bytes");
    }
    if (this.kind !== "reference") return undefined;
    await output("jcmd", [String(this.pid), "GC.run"]);
    const info = await output("jcmd", [String(this.pid), "GC.heap_info"]);
    const used = /heap\s+total \d+K, used (\d+)K/.exec(info);
    if (!used) throw new Error(`jcmd GC.heap_info said: ${info}`);
    return Number(used[1]) * 1024;
  }

  /** Stops the process and removes its home. */
  async stop(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It ended by itself, for which the scenario has already failed.
    }
    await this.#process.status;
    await Deno.remove(this.#home, { recursive: true });
  }
}

/**
 * Returns the folder with the reference's jars: `given`, or the interop suite's, which Maven fills
 * if it is empty. Undefined without Java or Maven: the reference is optional.
 */
export async function findReference(given?: string): Promise<string | undefined> {
  if (!await runs("java", "-version")) return undefined;
  if (given) return given;
  const jars = `${PROJECT}.cache/interop/lib-${REFERENCE_VERSION}`;
  if (await exists(`${jars}/.complete`)) return jars;
  if (!await runs("mvn", "--version")) return undefined;
  await Deno.mkdir(jars, { recursive: true });
  await output("mvn", [
    "--batch-mode",
    "--quiet",
    `--file=${PROJECT}tests/interop/java/pom.xml`,
    `-Drocketmq.version=${REFERENCE_VERSION}`,
    "dependency:copy-dependencies",
    `-DoutputDirectory=${jars}`,
  ]);
  await Deno.writeTextFile(`${jars}/.complete`, "");
  return jars;
}

/** Compiles the C loop into a folder. Returns undefined without gcc. */
export async function compileCLoop(folder: string): Promise<string | undefined> {
  if (!await runs("gcc", "--version")) return undefined;
  await output("gcc", ["-O2", "-o", `${folder}/limit`, `${HERE}limit.c`]);
  return `${folder}/limit`;
}

/** Whether programs can be pinned to CPUs here. */
export function canPin(): Promise<boolean> {
  return runs("taskset", "--version");
}

/** Pins all threads of this process to a CPU. */
export async function pinSelf(cpu: string): Promise<void> {
  await output("taskset", ["-a", "-c", "-p", cpu, String(Deno.pid)]);
}

/**
 * Runs one of the bench's programs in its own process, on the generator's CPU. @returns its output
 */
export function runHelper(
  machine: Machine,
  permissions: string[],
  program: string,
  args: string[],
): Promise<string> {
  const command = denoRun(permissions, `${HERE}${program}`, args);
  const polite = machine.idle ? ["chrt", "--idle", "0", ...command] : command;
  const pinned = machine.loadCpu ? ["taskset", "-c", machine.loadCpu, ...polite] : polite;
  return output(pinned[0]!, pinned.slice(1));
}

async function commandOf(
  { kind, machine, port, home, config, httpPort, controllerPort }: {
    kind: ServerKind;
    machine: Machine;
    port: number;
    home: string;
    config: string | undefined;
    httpPort: number | undefined;
    controllerPort: number | undefined;
  },
): Promise<string[]> {
  const controller = controllerPort === undefined ? "" : controllerOptions(home, controllerPort);
  const bare = (transport: string) =>
    denoRun(["--allow-net"], `${HERE}bare.ts`, [transport, String(port), CANNED_BODY_BYTES]);
  switch (kind) {
    case "bare node:net":
      return bare("node");
    case "bare Deno.listen":
      return bare("listen");
    case "bare C":
      return [machine.cLoop!, String(port), CANNED_BODY_BYTES];
    case "ours":
    case "ours on node:net": {
      // Same flags as `deno task start`.
      const { tasks } = JSON.parse(
        await Deno.readTextFile(
          `${machine.project ?? PROJECT}deno.json`,
        ),
      );
      const [, ...args] = String(tasks.start.command).replaceAll("'", "").split(" ");
      const file = `${home}/bench.properties`;
      const given = config === undefined ? "" : await Deno.readTextFile(config);
      await Deno.writeTextFile(
        file,
        given + controller + (kind === "ours" ? "" : "\ntransport=node\n"),
      );
      const http = httpPort === undefined ? [] : ["--httpPort", String(httpPort)];
      return [Deno.execPath(), ...args, "-c", file, "--listenPort", String(port), ...http];
    }
    case "reference": {
      const configuration = `${home}/namesrv.properties`;
      await Deno.writeTextFile(configuration, `listenPort=${port}\n${controller}`);
      return [
        "java",
        "-server",
        `-Xms${machine.heap}`,
        `-Xmx${machine.heap}`,
        "-XX:+UseG1GC",
        "-XX:G1HeapRegionSize=16m",
        `-Duser.home=${home}`,
        ...(config === undefined ? [] : [`-Dtls.config.file=${config}`]),
        "-cp",
        `${machine.referenceJars}/*`,
        "org.apache.rocketmq.namesrv.NamesrvStartup",
        "-c",
        configuration,
      ];
    }
  }
}

/** The options of a controller that is alone: the same for ours and for the reference. */
function controllerOptions(home: string, port: number): string {
  return `
enableControllerInNamesrv=true
controllerDLegerGroup=bench
controllerDLegerPeers=n0-127.0.0.1:${port}
controllerDLegerSelfId=n0
controllerStorePath=${home}/controller
mappedFileSize=16777216
`;
}

/** The value of one of our metrics without labels. */
function value(metrics: string, name: string): number {
  const found = new RegExp(`^rocketmq_namesrv_${name} (\\S+)$`, "m").exec(metrics);
  if (!found) throw new Error(`/metrics has no ${name}`);
  return Number(found[1]);
}

function denoRun(permissions: string[], program: string, args: string[]): string[] {
  // `deno task check` has checked the types: doing so at every start would only take time from the
  // load.
  return [Deno.execPath(), "run", "--no-check", "--no-prompt", ...permissions, program, ...args];
}

async function answers(port: number): Promise<boolean> {
  try {
    const client = await Client.connect(port);
    await client.call(encodeRequest(Code.GET_BROKER_CLUSTER_INFO, client.nextOpaque()));
    client.close();
    return true;
  } catch {
    return false;
  }
}

/** Returns a free port of 127.0.0.1. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function copy(from: ReadableStream<Uint8Array>, to: Deno.FsFile): Promise<void> {
  for await (const chunk of from) {
    for (let at = 0; at < chunk.length;) at += await to.write(chunk.subarray(at));
  }
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new Error(
    `${program} ended with code ${code}: ${text.decode(stdout)}${text.decode(stderr)}`,
  );
}

async function runs(program: string, argument: string): Promise<boolean> {
  try {
    await output(program, [argument]);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
