/** The lines that test clients print, and their end. */

import type { Process } from "./processes.ts";
import { check, eventually, within } from "./suite.ts";

/** First words of a client's lines. */
type Word = "SENT" | "GOT" | "STARTED";

/** The rest of the client's lines that start with a word. */
export async function saidBy(client: Process, word: Word): Promise<string[]> {
  check(!client.ended, `${client.name} ended; see ${client.logFile}`);
  return linesOf(await client.output(), word);
}

/** The rest of the lines that start with a word. */
export function linesOf(output: string, word: string): string[] {
  return output.split("\n").filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
}

/** Stops a client cleanly. */
export async function finish(client: Process, word: Word): Promise<string[]> {
  await client.write("end\n");
  const { code } = await within(30_000, client.name, client.status);
  check(code === 0, `${client.name} ended with ${code}; see ${client.logFile}`);
  return linesOf(await client.output(), word);
}

/** Waits until a consumer has received all messages that were sent, and stops it cleanly. */
export async function receivesAll(consumer: Process, sent: readonly string[]): Promise<void> {
  await eventually(90_000, async () => {
    const missing = new Set(sent.map((line) => line.split(" ")[1]))
      .difference(new Set(await saidBy(consumer, "GOT")));
    check(missing.size === 0, `not received: ${[...missing]}`);
  });
  await finish(consumer, "GOT");
}

/** Waits until a number of further messages was sent. */
export async function sendingGoesOn(producer: Process, least: number): Promise<void> {
  const before = (await saidBy(producer, "SENT")).length;
  await eventually(120_000, async () => {
    const more = (await saidBy(producer, "SENT")).length - before;
    check(more >= least, `${more} were sent`);
  });
}

/** Waits until a number of further messages was sent and received. */
export async function messagesGoOn(
  producer: Process,
  consumer: Process,
  least: number,
): Promise<void> {
  const [sent, got] = [await saidBy(producer, "SENT"), await saidBy(consumer, "GOT")];
  await eventually(120_000, async () => {
    const more = (await saidBy(producer, "SENT")).length - sent.length;
    const received = (await saidBy(consumer, "GOT")).length - got.length;
    check(more >= least && received >= least, `${more} were sent, ${received} received`);
  });
}
