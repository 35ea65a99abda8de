/** A name server in this process, with its own folder. */

import { loadConfiguration } from "../../src/config/load.ts";
import { freePort } from "../support/free_port.ts";
import type { Log } from "../../src/log/log.ts";
import { Namesrv } from "../../src/namesrv.ts";
import { DenoTransport } from "../../src/remoting/transport/deno_transport.ts";
import type { Socket, Transport } from "../../src/remoting/transport/transport.ts";

/** A frame that the server sent to a broker. */
export interface Notification {
  /** "host:port" of the broker. */
  to: string;
  bytes: Uint8Array;
}

/** A running name server. */
export interface GoldenServer extends AsyncDisposable {
  port: number;
  /** The port of its controller; nothing listens on it without enableControllerInNamesrv. */
  controllerPort: number;
  /** Stops the server and starts it again with the same files. */
  restart(): Promise<void>;
  /**
   * Notifications sent to brokers. The recorded brokers' addresses are replaced, so that nothing
   * leaves this process.
   */
  notifications: Notification[];
}

/** Starts a name server with these options beside its paths and its address. */
export async function startServer(options: Record<string, string> = {}): Promise<GoldenServer> {
  const folder = await Deno.makeTempDir({ prefix: "namesrv-golden-" });
  const configFile = `${folder}/namesrv.properties`;
  const controllerPort = freePort();
  const entries = Object.entries({
    bindAddress: "127.0.0.1",
    listenPort: "0",
    kvConfigPath: `${folder}/kvConfig.json`,
    ...(options.enableControllerInNamesrv === "true" && {
      controllerDLegerGroup: "ctl",
      controllerDLegerPeers: `n0-127.0.0.1:${controllerPort}`,
      controllerDLegerSelfId: "n0",
      controllerStorePath: `${folder}/controller`,
    }),
    ...options,
  });
  await Deno.writeTextFile(configFile, entries.map(([key, value]) => `${key}=${value}\n`).join(""));
  const environment = { get: (name: string) => name === "ROCKETMQ_HOME" ? folder : undefined };
  const notifications: Notification[] = [];
  const start = async () =>
    await Namesrv.start({
      configuration: await loadConfiguration({ configFile }, environment, Deno),
      transport: withoutOutside(new DenoTransport(() => {}), notifications),
      files: Deno,
      log: silent,
      setLogLevel: () => {},
      setLogLimits: () => {},
    });
  let namesrv = await start();
  const server: GoldenServer = {
    port: namesrv.port,
    controllerPort,
    notifications,
    async restart() {
      await namesrv.stop();
      namesrv = await start();
      server.port = namesrv.port;
    },
    async [Symbol.asyncDispose]() {
      await namesrv.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
  return server;
}

const silent: Log = {
  debugEnabled: false,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

function withoutOutside(transport: Transport, notifications: Notification[]): Transport {
  return {
    listen: (options, accept) => transport.listen(options, accept),
    connect: (hostname, port) =>
      Promise.resolve<Socket>({
        remoteAddress: `${hostname}:${port}`,
        unsent: 0,
        full: false,
        start: () => {},
        plain: () => {},
        secure: () => Promise.reject(new Error("no server's side")),
        write: (bytes) => notifications.push({ to: `${hostname}:${port}`, bytes }) === 0,
        pause: () => {},
        resume: () => {},
        end: () => {},
        destroy: () => {},
      }),
  };
}
