import { parseAddress } from "../address.ts";
import { ClientConnection, type RemoteAnswer } from "./client_connection.ts";
import { Flag, type OutgoingRequest } from "./wire/command.ts";
import { encodeRequest } from "./wire/frame_encoder.ts";
import type { Transport } from "./transport/transport.ts";

/** Adds the fields that identify the sender of a request. */
export interface Signer {
  sign(request: OutgoingRequest): OutgoingRequest;
}

/** A connection for several requests, each of which is signed. */
export interface RemotingSession {
  /** The IP address of the peer, if it is one of this machine, as far as the connection tells. */
  readonly localPeer: string | undefined;
  /**
   * Sends a request and waits for the response.
   *
   * @param timeout milliseconds
   * @throws when the peer does not answer in time
   */
  invoke(request: OutgoingRequest, timeout: number): Promise<RemoteAnswer>;
  close(): void;
}

/** Calls other servers that speak the protocol. */
export class RemotingClient {
  readonly #transport: Transport;
  readonly #frameMaxLength: number;
  readonly #signer: Signer;

  /** @param signer signs each request, if it has credentials */
  constructor(transport: Transport, frameMaxLength: number, signer: Signer) {
    this.#transport = transport;
    this.#frameMaxLength = frameMaxLength;
    this.#signer = signer;
  }

  /**
   * Sends a one-way request.
   *
   * @param address "host:port"
   * @param timeout milliseconds for connecting and sending
   * @throws when the peer can't be reached in time
   */
  async invokeOneway(address: string, request: OutgoingRequest, timeout: number): Promise<void> {
    const { hostname, port } = parseAddress(address);
    const socket = await this.#transport.connect(hostname, port, timeout);
    socket.write(encodeRequest(this.#signer.sign(request), 0, Flag.ONEWAY));
    socket.end();
  }

  /**
   * Connects for several requests. The caller must close the session.
   *
   * @param address "host:port"
   * @param timeout milliseconds
   * @throws when the peer can't be reached in time
   */
  async open(address: string, timeout: number): Promise<RemotingSession> {
    const frameMaxLength = this.#frameMaxLength;
    const options = { timeout, frameMaxLength };
    const connection = await ClientConnection.open(this.#transport, address, options);
    return {
      localPeer: connection.localPeer,
      invoke: (request, timeout) => connection.invoke(this.#signer.sign(request), timeout),
      close: () => connection.close(),
    };
  }

  /**
   * Sends a request over a connection of its own, and waits for the response.
   *
   * @param address "host:port"
   * @param timeout milliseconds for the whole call
   * @throws when the peer can't be reached or does not answer in time
   */
  async invoke(
    address: string,
    request: OutgoingRequest,
    timeout: number,
  ): Promise<RemoteAnswer> {
    const deadline = Date.now() + timeout;
    const session = await this.open(address, timeout);
    try {
      return await session.invoke(request, deadline - Date.now());
    } finally {
      session.close();
    }
  }
}
