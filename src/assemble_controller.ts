import type { Administration } from "./administration/administration.ts";
import type { Guard } from "./access/guard.ts";
import { parseAddress } from "./address.ts";
import { type ControllerGroup, controllerGroup } from "./config/controller_group.ts";
import type { LiveConfig } from "./config/live_config.ts";
import { isOwnPort } from "./config/own_ports.ts";
import { Controller } from "./controller/controller.ts";
import { createStore } from "./controller/create_store.ts";
import type { FileSystem } from "./durable_file.ts";
import type { EtcdClient } from "./etcd/client.ts";
import { BrokerRoleNotifier } from "./outgoing/broker_role_notifier.ts";
import { type ControllerQueues, controllerTable } from "./processor/controller_table.ts";
import { Dispatcher } from "./processor/dispatcher.ts";
import { RequestQueue } from "./processor/request_queue.ts";
import type { RemotingClient } from "./remoting/client.ts";
import type { RequestHandler } from "./remoting/connection.ts";
import { RemotingServer } from "./remoting/server.ts";

/** The parts of a controller and of its port. None of them is started. */
export interface ControllerAssembly {
  readonly controller: Controller;
  readonly group: ControllerGroup;
  readonly server: RemotingServer;
  readonly queues: ControllerQueues;
  readonly notifier: BrokerRoleNotifier;
  /** The port that brokers connect to. */
  readonly port: number;
}

/** Dependencies of {@link assembleController}. */
export interface ControllerAssemblyParts {
  config: LiveConfig;
  administration: Administration;
  client: Pick<RemotingClient, "invokeOneway">;
  /** As for the name server's port, except for the handler. */
  serverParts: Omit<ConstructorParameters<typeof RemotingServer>[0], "handler">;
  /** Absent when there is neither access control nor an audit log. */
  guard: Guard | undefined;
  /** Absent when nothing is kept in etcd. */
  etcd: EtcdClient | undefined;
  /** Holds the controller's file; the real one by default. */
  disk: FileSystem | undefined;
  /** Adds spans to a handler, if telemetry is on. */
  traced(handler: RequestHandler): RequestHandler;
}

/** Builds the controller of enableControllerInNamesrv. Reads nothing; opens no port. */
export async function assembleController(
  parts: ControllerAssemblyParts,
): Promise<ControllerAssembly> {
  const { config, client, serverParts, guard, traced } = parts;
  const { log, clock, budget } = serverParts;
  const options = config.values;
  const group = controllerGroup(options);
  const { port } = parseAddress(group.self.address);
  const notifier = new BrokerRoleNotifier({
    options,
    client,
    isOwnPort: (port) => isOwnPort(port, options),
    log,
  });
  const controller = new Controller({
    store: await createStore({
      options,
      self: group.self,
      log,
      clock,
      etcd: options.controllerStore === "etcd" ? parts.etcd : undefined,
      disk: parts.disk,
    }),
    options,
    notify: (set, addresses) => notifier.notify(set, addresses),
    expire: (connection) => server.expire(connection),
    log,
    monotonic: clock.monotonic,
  });
  for (const name of ["scanNotActiveBrokerInterval", "scanInactiveMasterInterval"] as const) {
    config.subscribe(name, () => controller.reschedule());
  }
  const limits = {
    capacity: () => options.controllerRequestThreadPoolQueueCapacity,
    concurrency: () => options.controllerThreadPoolNums,
    budget,
  };
  const queues = { reads: new RequestQueue(limits), writes: new RequestQueue(limits) };
  const table = controllerTable({
    controller,
    group,
    config,
    administration: parts.administration,
    port: () => port,
    queues,
    log,
  });
  const dispatcher = new Dispatcher(table, log, (peer) => controller.disconnected(peer), guard);
  const server: RemotingServer = new RemotingServer({
    ...serverParts,
    handler: traced(dispatcher),
  });
  return { controller, group, server, queues, notifier, port };
}
