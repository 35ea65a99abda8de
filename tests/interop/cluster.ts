/** Starts the name servers, brokers and clients of a run, each with its own home folder. */

import { type Artifacts, CACHE, PROJECT, type PythonClient, type Version } from "./artifacts.ts";
import { FrameClient } from "./frame_client.ts";
import { freePort, type Launch, type Process, type Processes } from "./processes.ts";
import { check } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Home folders of the processes; emptied at the start of each run. */
export const HOMES = `${CACHE}/homes`;

/** The name server under test. */
export type Kind = "ours" | "reference";

/** A running name server. */
export interface NameServer {
  kind: Kind;
  port: number;
  /** `host:port` */
  address: string;
  /** Undefined if it was already running. */
  process?: Process;
}

/** Formats a map as properties. */
const properties = (entries: Record<string, string>): string =>
  Object.entries(entries).map(([key, value]) => `${key}=${value}\n`).join("");

/**
 * Sets a running name server's configuration, with defaults for options that other cases change.
 */
async function configured(address: string, config: Record<string, string>): Promise<NameServer> {
  const client = await FrameClient.connect(address);
  const body = properties({
    supportActingMaster: "false",
    notifyMinBrokerIdChanged: "false",
    ...config,
  });
  const { code, remark } = await client.call({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body });
  client.close();
  check(code === 0, `${address} does not take the configuration: ${remark}`);
  return { kind: "ours", port: Number(address.split(":")[1]), address };
}

/** A fresh folder for one process. */
async function makeHome(name: string): Promise<string> {
  await Deno.mkdir(HOMES, { recursive: true });
  return await Deno.makeTempDir({ dir: HOMES, prefix: `${name}-` });
}

/** Packages that 4.x brokers access by reflection, which JVMs since 16 forbid. */
const OPENED = ["java.nio", "sun.nio.ch", "jdk.internal.ref"];

/** The cluster of all brokers in the suite. */
export const CLUSTER = "DefaultCluster";

/** Options of a broker. */
export interface BrokerOptions {
  version: Version;
  name: string;
  /** 0, a master, by default. */
  id?: number;
  /** `host:port` of the name server; without it, the configuration says where the broker finds them. */
  namesrv?: string;
  /** Whether it writes binary headers. */
  binary?: boolean;
  /** Additional configuration. */
  config?: Record<string, string>;
}

/** A broker that was started. */
export interface Broker {
  name: string;
  /** `host:port` */
  address: string;
  process: Process;
  /** How it was started, for a restart. */
  launch: Launch;
}

/** A proxy that was started. */
export interface Proxy {
  /** `host:port` for gRPC. */
  address: string;
  process: Process;
}

/** The account that peers sign their requests with. */
export interface Credentials {
  accessKey: string;
  secretKey: string;
}

/** The runtime's interface that carries the connections of our name servers. */
export const TRANSPORTS = ["deno", "node"] as const;
export type Transport = typeof TRANSPORTS[number];

/** How the programs of a run are started. */
export interface LaunchSettings {
  processes: Processes;
  artifacts: Artifacts;
  /** The name server under test. */
  kind: Kind;
  /** `host:port` of a name server that is already running and used instead of ours. */
  running?: string;
  /** Option `transport` of our name servers; their default if undefined. */
  transport?: Transport;
  /** Folder of the version of our name servers; this one if undefined. */
  project?: string;
  /** Options for every JVM. */
  jvm?: readonly string[];
  /** The account that brokers, tools and clients sign with. */
  credentials?: Credentials;
}

/** Starts the name servers, brokers and clients of a run. */
export class Launcher {
  readonly #settings: LaunchSettings;

  constructor(settings: LaunchSettings) {
    this.#settings = settings;
  }

  get processes(): Processes {
    return this.#settings.processes;
  }

  get artifacts(): Artifacts {
    return this.#settings.artifacts;
  }

  get kind(): Kind {
    return this.#settings.kind;
  }

  get running(): string | undefined {
    return this.#settings.running;
  }

  /** The transport, if it is not the default, for the names of cases. */
  get suffix(): string {
    const { transport } = this.#settings;
    return transport === undefined ? "" : `, transport=${transport}`;
  }

  /** Returns a launcher whose processes have their own end, and a folder for their logs. */
  forGroup(name: string): Launcher {
    return new Launcher({ ...this.#settings, processes: this.processes.part(name) });
  }

  /** Returns a launcher whose name server under test is of this kind. */
  withKind(kind: Kind): Launcher {
    return new Launcher({ ...this.#settings, kind });
  }

  /** Returns a launcher that starts our name servers on this transport. */
  withTransport(transport: Transport): Launcher {
    return new Launcher({ ...this.#settings, transport });
  }

  /** Returns a launcher that starts our name servers from another checkout. */
  withProject(project: string): Launcher {
    return new Launcher({ ...this.#settings, project });
  }

  /** Returns a launcher with additional JVM options. */
  withJvm(...options: string[]): Launcher {
    return new Launcher({ ...this.#settings, jvm: [...this.#settings.jvm ?? [], ...options] });
  }

  /** Returns a launcher whose brokers, tools and clients sign what they send. */
  withCredentials(credentials: Credentials): Launcher {
    const { accessKey, secretKey } = credentials;
    const options = [`-Dinterop.accessKey=${accessKey}`, `-Dinterop.secretKey=${secretKey}`];
    return new Launcher({ ...this.withJvm(...options).#settings, credentials });
  }

  /** The command of `deno task start`, so that the server has its users' permissions. */
  static async serverCommand(project = PROJECT): Promise<string[]> {
    const config = JSON.parse(await Deno.readTextFile(`${project}/deno.json`));
    const task = config.tasks.start;
    const command: string = typeof task === "string" ? task : task.command;
    const words = command.replaceAll("'", "").split(" ");
    check(words[0] === "deno" && words[1] === "run", `tasks.start is not plain: ${command}`);
    return words.slice(1);
  }

  /**
   * Starts a name server with this configuration and waits until it listens, on a free port unless
   * listenPort is configured.
   *
   * @param version of the reference
   */
  async nameServer(
    kind: Kind,
    config: Record<string, string>,
    version: Version = "5.5.0",
  ): Promise<NameServer> {
    if (kind === "ours" && this.running !== undefined) {
      return await configured(this.running, config);
    }
    const port = config.listenPort === undefined ? freePort() : Number(config.listenPort);
    const home = await makeHome("namesrv");
    const file = `${home}/namesrv.properties`;
    const { transport, project = PROJECT } = this.#settings;
    await Deno.writeTextFile(
      file,
      properties({
        listenPort: String(port),
        kvConfigPath: `${home}/kvConfig.json`,
        ...(kind === "ours" && transport !== undefined && { transport }),
        ...config,
      }),
    );
    const process = await this.processes.start(
      kind === "ours"
        ? {
          name: "namesrv",
          program: Deno.execPath(),
          args: [
            ...await Launcher.serverCommand(project),
            "-c",
            file,
            `--httpPort=${config.httpPort ?? 0}`,
          ],
          env: { ROCKETMQ_HOME: home, NO_COLOR: "1" },
          cwd: project,
        }
        : {
          name: "namesrv-reference",
          program: "java",
          args: [
            ...this.#javaOptions(this.artifacts.classPath(version), home, "256m"),
            "org.apache.rocketmq.namesrv.NamesrvStartup",
            "-c",
            file,
          ],
          env: await this.#javaEnv(home),
        },
    );
    await process.says("The Name Server boot success", 180_000);
    return { kind, port, address: `127.0.0.1:${port}`, process };
  }

  /** Starts a broker and returns without waiting for it. */
  async broker(options: BrokerOptions): Promise<Broker> {
    const port = freePort(-2, 1);
    const home = await makeHome(options.name);
    const file = `${home}/broker.properties`;
    const slave = (options.id ?? 0) !== 0;
    await Deno.writeTextFile(
      file,
      properties({
        brokerClusterName: CLUSTER,
        brokerName: options.name,
        brokerId: String(options.id ?? 0),
        brokerRole: slave ? "SLAVE" : "ASYNC_MASTER",
        brokerIP1: "127.0.0.1",
        brokerIP2: "127.0.0.1",
        listenPort: String(port),
        haListenPort: String(port + 1),
        ...(options.namesrv !== undefined && { namesrvAddr: options.namesrv }),
        registerNameServerPeriod: "10000",
        storePathRootDir: `${home}/store`,
        storePathCommitLog: `${home}/store/commitlog`,
        mappedFileSizeCommitLog: "16777216",
        mappedFileSizeConsumeQueue: "60000",
        diskMaxUsedSpaceRatio: "99",
        ...this.#brokerCredentials(),
        ...options.config,
      }),
    );
    const launch = {
      name: `${options.name}${slave ? "-slave" : ""}-${options.version}`,
      program: "java",
      args: [
        ...this.#javaOptions(this.artifacts.classPath(options.version), home, "512m"),
        "-XX:MaxDirectMemorySize=512m",
        "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99",
        ...(options.binary ? ["-Drocketmq.serialize.type=ROCKETMQ"] : []),
        "org.apache.rocketmq.broker.BrokerStartup",
        "-c",
        file,
      ],
      env: await this.#javaEnv(home),
    };
    const process = await this.processes.start(launch);
    return { name: options.name, address: `127.0.0.1:${port}`, process, launch };
  }

  /**
   * Starts a broker that has stopped, with its files, and with this launcher's account. Returns
   * without waiting for it.
   */
  async restart(broker: Broker): Promise<Broker> {
    const file = broker.launch.args.at(-1) ?? "";
    await Deno.writeTextFile(file, properties(this.#brokerCredentials()), { append: true });
    return { ...broker, process: await this.processes.start(broker.launch) };
  }

  #brokerCredentials(): Record<string, string> {
    if (this.#settings.credentials === undefined) return {};
    return {
      innerClientAuthenticationCredentials: JSON.stringify(this.#settings.credentials),
      // Without one, a broker with these credentials does not start.
      authenticationMetadataProvider:
        "org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider",
    };
  }

  /** Starts a Java program, the reference's or ours, with this version's classes. */
  async java(
    version: Version,
    name: string,
    args: string[],
    options: { input?: boolean; binary?: boolean } = {},
  ): Promise<Process> {
    const home = await makeHome(name);
    return await this.processes.start({
      name: `${name}-${version}`,
      program: "java",
      args: [
        ...this.#javaOptions(this.artifacts.classPath(version), home, "256m"),
        ...(options.binary ? ["-Drocketmq.serialize.type=ROCKETMQ"] : []),
        ...args,
      ],
      env: await this.#javaEnv(home),
      input: options.input,
    });
  }

  /** Starts the Go client. */
  async go(name: string, args: string[]): Promise<Process> {
    return await this.processes.start({
      name: `go-${name}`,
      program: this.artifacts.goClient,
      args,
      env: await this.#clientEnv(name),
    });
  }

  /** Starts a Python client. */
  async python(client: PythonClient, name: string, args: string[]): Promise<Process> {
    const { script, packages } = this.artifacts.pythonClient(client);
    return await this.processes.start({
      name: `python-${client}-${name}`,
      program: "python3",
      args: [script, ...args],
      env: { ...await this.#clientEnv(name), PYTHONPATH: packages },
    });
  }

  /** Starts a proxy of brokers in cluster mode and returns without waiting for it. */
  async proxy(namesrv: string): Promise<Proxy> {
    const port = freePort(1);
    const home = await makeHome("proxy");
    const file = `${home}/rmq-proxy.json`;
    const config = {
      rocketMQClusterName: CLUSTER,
      namesrvAddr: namesrv,
      grpcServerPort: port,
      remotingListenPort: port + 1,
      ...(this.#settings.credentials && {
        enableAclRpcHookForClusterMode: true,
        innerClientAuthenticationCredentials: JSON.stringify(this.#settings.credentials),
      }),
    };
    await Deno.writeTextFile(file, JSON.stringify(config));
    const process = await this.processes.start({
      name: "proxy",
      program: "java",
      args: [
        ...this.#javaOptions(this.artifacts.proxyClassPath, home, "512m"),
        "org.apache.rocketmq.proxy.ProxyStartup",
        ...["-pc", file, "-pm", "cluster"],
      ],
      env: { ...await this.#javaEnv(home), RMQ_PROXY_HOME: home },
    });
    return { address: `127.0.0.1:${port}`, process };
  }

  /** The account of a client that is not Java. */
  async #clientEnv(name: string): Promise<Record<string, string>> {
    return {
      HOME: await makeHome(name),
      ...(this.#settings.credentials && {
        INTEROP_ACCESS_KEY: this.#settings.credentials.accessKey,
        INTEROP_SECRET_KEY: this.#settings.credentials.secretKey,
      }),
    };
  }

  /** 4.x programs need a logback file for each of them. */
  async #javaEnv(home: string): Promise<Record<string, string>> {
    await Deno.mkdir(`${home}/conf`);
    for (const program of ["broker", "namesrv", "tools"]) {
      await Deno.writeTextFile(
        `${home}/conf/logback_${program}.xml`,
        `<configuration>
  <appender name="file" class="ch.qos.logback.core.FileAppender">
    <file>${home}/warnings.log</file>
    <encoder><pattern>%d %p %c - %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="file"/></root>
</configuration>
`,
      );
    }
    if (this.#settings.credentials !== undefined) {
      const { accessKey, secretKey } = this.#settings.credentials;
      const text = `accessKey: ${accessKey}\nsecretKey: ${secretKey}\n`;
      await Deno.writeTextFile(`${home}/conf/tools.yml`, text);
    }
    return { ROCKETMQ_HOME: home, HOME: home };
  }

  #javaOptions(classPath: string, home: string, heap: string): string[] {
    return [
      "-Xms128m",
      `-Xmx${heap}`,
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      ...OPENED.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
      `-Duser.home=${home}`,
      `-Djava.io.tmpdir=${home}`,
      ...this.#settings.jvm ?? [],
      "-cp",
      classPath,
    ];
  }
}
