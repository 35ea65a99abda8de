import { type CommandHeader, Flag, type OutgoingRequest } from "./command.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import { encodeRequest } from "./frame_encoder.ts";
import { decodeHeader } from "./header_codec.ts";
import type { Socket, Transport } from "./transport.ts";

/** What a peer answered. */
export interface RemoteAnswer extends CommandHeader {
  body: Uint8Array | null;
}

/** Calls other servers of the protocol, each call over a connection of its own. */
export class RemotingClient {
  readonly #transport: Transport;
  readonly #frameMaxLength: number;

  constructor(transport: Transport, frameMaxLength: number) {
    this.#transport = transport;
    this.#frameMaxLength = frameMaxLength;
  }

  /**
   * Sends a request that nobody answers.
   *
   * @param address "host:port"
   * @param timeout milliseconds for connecting and sending
   * @throws when the peer can't be reached in time
   */
  async invokeOneway(address: string, request: OutgoingRequest, timeout: number): Promise<void> {
    const { hostname, port } = parseAddress(address);
    const socket = await this.#transport.connect(hostname, port, timeout);
    socket.write(encodeRequest(request, 0, Flag.ONEWAY));
    socket.end();
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param address "host:port"
   * @param timeout milliseconds for the whole call
   * @throws when the peer can't be reached, or gives no answer in time
   */
  async invoke(
    address: string,
    request: OutgoingRequest,
    timeout: number,
  ): Promise<RemoteAnswer> {
    const deadline = Date.now() + timeout;
    const { hostname, port } = parseAddress(address);
    const socket = await this.#transport.connect(hostname, port, timeout);
    try {
      socket.write(encodeRequest(request, 0, 0));
      return await this.#answer(socket, address, deadline - Date.now());
    } finally {
      socket.destroy();
    }
  }

  #answer(socket: Socket, address: string, timeout: number): Promise<RemoteAnswer> {
    const unbounded = { take: () => true, give: () => {} };
    const decoder = new FrameDecoder(this.#frameMaxLength, unbounded);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => fail(new Error(`no answer from ${address} in time`)),
        timeout,
      );
      const fail = (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      };
      socket.start({
        onData: (chunk) => {
          try {
            decoder.push(chunk);
            const frame = decoder.next();
            decoder.keep();
            if (frame === undefined) return;
            const header = decodeHeader(frame.header, frame.serializeType);
            const body = frame.body.length === 0 ? null : frame.body.slice();
            clearTimeout(timer);
            resolve({ ...header, body });
          } catch (error) {
            fail(error);
          }
        },
        onDrain: () => {},
        onEnd: () => fail(new Error(`${address} closed the connection`)),
        onClose: (reason) => fail(new Error(`${address} broke the connection: ${reason}`)),
      });
    });
  }
}

/**
 * Splits "host:port" or "[v6]:port".
 *
 * @throws {TypeError} when it is something else
 */
export function parseAddress(address: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw new TypeError(`no "host:port": ${address}`);
  return { hostname: match[1] ?? match[2], port };
}
