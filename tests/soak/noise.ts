/** Connections that are up to nothing good, to the ports of the server under a soak. */

import { RequestCode } from "../../src/protocol/codes.ts";
import { utf8 } from "../support/bytes.ts";
import { encodeFrame, request } from "../support/frames.ts";
import { Peer } from "../support/peer.ts";
import { Frames } from "../fuzz/frames.ts";
import type { Soak } from "./soak.ts";

const LIST = encodeFrame({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }, 1);
/** The first bytes of a TLS record with a hello. */
const HALF_HELLO = Uint8Array.fromHex("160301013d0100");

/** Opens one connection after the other, does one bad thing on it, and leaves, at once or late. */
export async function noise(soak: Soak, port: number, httpPort: number): Promise<void> {
  const frames = new Frames(soak.below);
  const things: (() => Promise<void>)[] = [
    () => connection(port, false, []),
    () => connection(port, true, [request().slice(0, 1 + soak.below(60))]),
    () => connection(port, false, [new Uint8Array(500).map(() => soak.below(256))]),
    () => connection(port, true, [HALF_HELLO]),
    () => connection(port, true, [frames.preamble()]),
    () => connection(port, false, [frames.preamble(), mutated()]),
    () => connection(port, false, [utf8("GET / HTTP/1.1\r\n\r\n")]),
    () => connection(port, true, Array.from({ length: 50 }, () => LIST), false),
    () => connection(httpPort, true, [utf8("GET /metrics HTTP/1.1\r\nHost: loc")]),
    () => connection(httpPort, false, [new Uint8Array(500).map(() => soak.below(256))]),
  ];
  // Only bytes that can't be a whole request: the tables belong to the honest.
  const mutated = () => frames.request().subarray(5);
  const connection = async (to: number, stays: boolean, parts: Uint8Array[], reads = true) => {
    await using peer = await Peer.connectSilently(to);
    if (reads) peer.read();
    // A server that does not read is left alone.
    for (const part of parts) await Promise.race([peer.send(part), soak.rest(1000)]);
    if (stays) await Promise.race([peer.closed, soak.rest(40_000)]);
  };
  while (soak.running) {
    await (things[soak.below(things.length)] as () => Promise<void>)();
    await soak.rest(100);
  }
}
