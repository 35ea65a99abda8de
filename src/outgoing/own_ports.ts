/** The ports of this server. */
export interface OwnPorts {
  readonly listenPort: number;
  readonly httpPort: number;
}

/** Whether a port is one of this server's: brokers may name it, but it must not be called. */
export function isOwnPort(port: number, { listenPort, httpPort }: OwnPorts): boolean {
  return port === listenPort || port === httpPort;
}
