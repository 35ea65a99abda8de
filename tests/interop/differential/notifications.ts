/**
 * Requests sent by the name servers: NOTIFY_MIN_BROKER_ID_CHANGE to the brokers of a group whose
 * smallest id has changed. The brokers are listeners of the test, so that notifications from the
 * reference and from ours can be compared.
 */

import type { Kind, Launcher } from "../cluster.ts";
import { plainBody } from "../../support/bodies.ts";
import { FrameClient } from "../frame_client.ts";
import { type Command, decodeFrame, framesOf } from "../../support/frames.ts";
import { show } from "../observer.ts";
import { check, sleep, type Suite } from "../suite.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

/** A broker that only listens, and the commands that it received. */
class Listener {
  readonly received: Command[] = [];
  #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #connections: Deno.TcpConn[] = [];

  constructor(readonly id: number) {
    this.#accept();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // the name server closed it first
      }
    }
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#connections.push(connection);
      this.#read(connection).catch(() => {});
    }
  }

  async #read(connection: Deno.TcpConn): Promise<void> {
    for await (const frame of framesOf(connection.readable)) this.received.push(decodeFrame(frame));
  }
}

/** Milliseconds to wait for notifications: they are sent at once and take at most 300 ms. */
const ARRIVAL_MS = 2_000;

/** Changes of the group, in this order; after each, the notifications are recorded. */
const EVENTS = ["+2", "+1", "+0", "-1", "-0", "+0", "-2", "-0"];

/**
 * Lets ids join (+) and leave (-) a group; returns each broker's notifications after each change,
 * as text.
 */
async function heard(launcher: Launcher, kind: Kind): Promise<string[]> {
  const { address } = await launcher.nameServer(kind, { notifyMinBrokerIdChanged: "true" });
  const client = await FrameClient.connect(address);
  const brokers = [0, 1, 2].map((id) => new Listener(id));
  const nameOf = (value: string) =>
    brokers.reduce(
      (text, { address, id }) =>
        text.replace(`${address}-ha`, `ha server ${id}`).replace(address, `broker ${id}`),
      value,
    );
  try {
    const result: string[] = [];
    for (const event of EVENTS) {
      const broker = brokers[Number(event[1])];
      const joins = event[0] === "+";
      const identity = {
        brokerName: "group",
        brokerAddr: broker!.address,
        clusterName: "C",
        brokerId: String(broker!.id),
      };
      const more = { haServerAddr: `${broker!.address}-ha`, enableActingMaster: "true" };
      const version = { counter: 1, stateVersion: 0, timestamp: 1 };
      await client.call({
        code: joins ? RequestCode.REGISTER_BROKER : RequestCode.UNREGISTER_BROKER,
        extFields: joins ? { ...identity, ...more } : identity,
        body: joins ? plainBody({ version, topics: [{ name: "T" }, { name: "U" }] }) : undefined,
      });
      await sleep(ARRIVAL_MS);
      for (const { id, received } of brokers) {
        for (const { code, flag, serialization, extFields } of received.splice(0)) {
          const fields = [...extFields ?? []].map(([key, value]): [string, string] => [
            key,
            nameOf(value),
          ]);
          result.push(
            `after ${event}, broker ${id}: ${code} ${flag} ${serialization} ${
              show(new Map(fields))
            }`,
          );
        }
      }
    }
    return result;
  } finally {
    client.close();
    for (const broker of brokers) broker.close();
  }
}

/** Compares the notifications from the reference and from ours. */
export async function notifications(suite: Suite, launcher: Launcher, only = ""): Promise<void> {
  const name = "differential: NOTIFY_MIN_BROKER_ID_CHANGE to brokers";
  if (!name.includes(only)) return;
  await suite.case(name, async () => {
    try {
      const kinds: Kind[] = ["reference", launcher.kind];
      const [reference, ours] = await Promise.all(kinds.map((kind) => heard(launcher, kind)));
      check(reference!.length > 0, "the reference sent none");
      check(
        reference!.join("\n") === ours!.join("\n"),
        `reference:\n${reference!.join("\n")}\nours:\n${ours!.join("\n")}`,
      );
      return `${reference!.length} notifications`;
    } finally {
      await launcher.processes.end();
    }
  });
}
