/**
 * Open consoles: a process of its own, so that it can be pinned. `deno run --allow-net
 * bench/consoles_load.ts '<ConsoleOptions as JSON>'` prints the milliseconds that requests took, by kind, as
 * JSON.
 */
export interface ConsoleOptions {
  httpPort: number;
  consoles: number;
  /** How many of them search topics. */
  typing: number;
  seconds: number;
}

const POLL_MS = 5000;
const KEY_MS = 250;
const TYPED = "BenchTopic";

const { httpPort, consoles, typing, seconds }: ConsoleOptions = JSON.parse(Deno.args[0]!);
const end = performance.now() + seconds * 1000;
const took: Record<string, number[]> = {};

async function timed(what: string, ...paths: string[]): Promise<void> {
  const begin = performance.now();
  for (const path of paths) {
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  }
  (took[what] ??= []).push(performance.now() - begin);
}

/** The requests of a console's first page. */
async function firstPage(): Promise<void> {
  const page = await (await fetch(`http://127.0.0.1:${httpPort}/console/`)).text();
  const files = Array.from(page.matchAll(/(?:src|href)="([^"]+)"/g), ([, file = ""]) => file);
  await timed(
    "first page",
    "/console/",
    ...files.map((file) => new URL(file, "http://x/console/").pathname),
    "/api/v1/session",
    "/api/v1/overview",
    "/api/v1/history",
  );
}

async function openConsole(types: boolean, number: number): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const stream = await fetch(`http://127.0.0.1:${httpPort}/api/v1/watch`, { signal });
  const reading = stream.body!.pipeTo(new WritableStream(), { signal }).catch(() => {});
  // People do not open theirs at the same moment.
  let polled = performance.now() - POLL_MS * (1 - number / consoles);
  let key = 0;
  while (performance.now() < end) {
    if (performance.now() - polled >= POLL_MS) {
      polled = performance.now();
      await timed("poll", "/api/v1/overview", "/api/v1/history");
    }
    if (types) {
      // Each word is another one.
      const word = `${TYPED}${key % 10_000}`;
      await timed(
        "key",
        `/api/v1/topics?limit=50&search=${word.slice(0, 1 + key++ % word.length)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, KEY_MS));
  }
  controller.abort();
  await reading;
}

await Promise.all([
  // One more opens in the middle.
  new Promise((resolve) => setTimeout(resolve, seconds * 500)).then(firstPage),
  ...Array.from({ length: consoles }, (_, i) => openConsole(i < typing, i)),
]);
console.log(JSON.stringify(took));
