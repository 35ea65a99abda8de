/** Measures one client's requests while very many other requests arrive at once. */
import type { Context, Sample, Scenario } from "./scenario.ts";
import { runHelper, type Server } from "./servers.ts";
import type { Storm, StormOptions, StormResult } from "./storm_load.ts";

/** Brokers and topics of each that register at once, as after a restart. */
const REGISTERING = [[1000, 1000], [300, 3000], [300, 10_000]] as const;
const CLIENTS = 15_000;
const REAL = ["ours", "ours on node:net", "reference"] as const;

export const STORMS: readonly Scenario[] = [
  ...REGISTERING.map(([brokers, topics]) =>
    scenario(`storm-${brokers}x${topics}`, `${brokers} brokers x ${topics} topics at once`, {
      kind: "register",
      brokers,
      topics,
      form: "compressed",
    })
  ),
  scenario(`connect-${CLIENTS}`, `${CLIENTS} clients connect at once`, {
    kind: "connect",
    clients: CLIENTS,
  }),
  scenario(`close-${CLIENTS}`, `${CLIENTS} clients close at once`, {
    kind: "close",
    clients: CLIENTS,
  }),
  scenario("cluster-info", "300 connections ask for the cluster info of 1 000 brokers", {
    kind: "clusterInfo",
    brokers: 1000,
    clients: 300,
    seconds: 5,
  }),
  {
    ...scenario("hellos", "400 TLS client hellos at once", { kind: "hello", clients: 400 }),
    tls: true,
  },
];

function scenario(name: string, title: string, storm: Storm): Scenario {
  return {
    name,
    title,
    server: "own",
    kinds: REAL,
    short: false,
    run: (server, context) => measure(server, context, storm),
  };
}

async function measure(server: Server, { machine }: Context, storm: Storm): Promise<Sample> {
  const options: StormOptions = { port: server.port, serverPid: server.pid, storm };
  const permissions = ["--allow-ffi", "--allow-net=127.0.0.1"];
  const result: StormResult = JSON.parse(
    await runHelper(machine, permissions, "storm_load.ts", [JSON.stringify(options)]),
  );
  return {
    // Those that close are not served.
    ...(storm.kind === "close" ? {} : { allMs: result.allMs }),
    ...(storm.kind === "clusterInfo" ? { throughput: result.answers / result.allMs * 1000 } : {}),
    stormCpuMs: result.serverCpu,
    routeP50: result.p50,
    routeP99: result.p99,
    routeMax: result.max,
  };
}
