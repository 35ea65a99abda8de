import { banner } from "./cli/banner.ts";
import { prepare, VERSION } from "./cli/prepare.ts";
import type { LoadedConfiguration } from "./config/load.ts";
import { nodeHttpListener } from "./http/server/node_http_listener.ts";
import { createLog } from "./log/create_log.ts";
import { LogError } from "./log/file.ts";
import type { Log } from "./log/log.ts";
import { Namesrv } from "./namesrv.ts";
import { StartupError } from "./startup_error.ts";
import { createTransport } from "./remoting/transport/create_transport.ts";

/**
 * Runs the name server until a signal stops it. The process exits when the arguments only ask for
 * output, or when the start fails.
 *
 * @param args as mqnamesrv takes them
 */
export async function serve(args: readonly string[]): Promise<void> {
  const prepared = await prepare(args, Deno.env, Deno);
  if (prepared.kind === "exit") {
    await write(Deno.stdout, prepared.out);
    await write(Deno.stderr, prepared.err);
    Deno.exit(prepared.code);
  }
  // Without a listener the signal ends the process; with one, the write fails.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", () => {});
  let { configuration } = prepared;
  let opened: OpenedLog | undefined;
  try {
    ({ opened, configuration } = openLog(configuration));
    const { setLevel, setLimits, close } = opened;
    const log: Log = opened.log;
    for (const { level, event, fields } of configuration.notices) opened.log[level](event, fields);
    const transport = createTransport(configuration.options.transport, log);
    const namesrv = await Namesrv.start({
      configuration,
      transport,
      files: Deno,
      log,
      setLogLevel: setLevel,
      http: configuration.options.httpPort === 0 ? undefined : nodeHttpListener,
      setLogLimits: setLimits,
    });

    let stopping = false;
    const stop = async (signal: string) => {
      if (stopping) Deno.exit(1);
      stopping = true;
      log.info("signal", { signal });
      let code = 0;
      await namesrv.stop().catch((error) => {
        log.error("unclean stop", { error });
        code = 1;
      });
      close();
      Deno.exit(code);
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => void stop(signal));
    }

    Deno.addSignalListener("SIGHUP", () => {
      log.info("signal", { signal: "SIGHUP" });
      void namesrv.reload();
    });

    const facts = {
      version: VERSION,
      ...namesrv.facts,
      configFile: configuration.configFile,
      logDir: configuration.options.logDir || undefined,
    };
    log.info("started", facts);
    const tip = `The Name Server boot success. serializeType=JSON, address ${namesrv.address}`;
    opened.log.info(tip);
    // Scripts wait for exactly this line.
    const shown = Deno.stdout.isTerminal() ? banner(facts) : "";
    await write(Deno.stdout, `${shown}${tip}\n`);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    const { message } = error;
    opened?.log.error(message);
    if (opened === undefined || !configuration.options.logConsole) {
      await write(Deno.stderr, `${message}\n`);
    }
    Deno.exit(1);
  }
}

type OpenedLog = ReturnType<typeof createLog>;

/**
 * Opens the log. A folder that was derived from rocketmqHome and can't be used is only a warning: the
 * log then goes to the console. The configuration says what is in use.
 *
 * @throws {LogError} when the folder that logDir names can't be used
 */
function openLog(
  configuration: LoadedConfiguration,
): { opened: OpenedLog; configuration: LoadedConfiguration } {
  const { options, given, notices } = configuration;
  try {
    const opened = createLog({
      level: options.logLevel,
      format: options.logFormat,
      limits: { kind: options.logRepeatLimit, peers: options.logPeerLimit },
      console: options.logConsole,
      dir: options.logDir,
      maxBytes: options.logFileMaxBytes,
      fileCount: options.logFileCount,
    });
    return { opened, configuration };
  } catch (error) {
    if (!(error instanceof LogError) || given.has("logDir")) throw error;
    const fields = { reason: error.message };
    return openLog({
      ...configuration,
      options: { ...options, logDir: "", logConsole: true },
      notices: [...notices, { level: "warn", event: "no log file", fields }],
    });
  }
}

async function write(stream: { write(bytes: Uint8Array): Promise<number> }, text: string) {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
