/**
 * Route queries at a fixed rate, alternately alone and with concurrent scrapers. All of it runs in
 * one process: a second one on the generator's CPU would be measured, too. Prints one {@linkcode
 * ScrapeRound} for each round, as JSON. Its argument is a {@linkcode ScrapeLoad} as JSON.
 */
import { Libc } from "./libc.ts";
import { type LoadOptions, type LoadResult, runLoad } from "./load.ts";

export interface ScrapeLoad {
  load: LoadOptions;
  rounds: number;
  httpPort: number;
  path: string;
  /** Number of concurrent scrapers; each repeats its request as soon as it has its response. */
  scrapers: number;
}

export interface ScrapeRound {
  alone: LoadResult;
  stormed: LoadResult;
  /** Alone once more: any difference from the first time is due to the machine. */
  again: LoadResult;
  /** Completed scrapes, including the warm-up. */
  scrapes: number;
  /** Bytes of the last response, including its header. */
  bytes: number;
}

/** Milliseconds between two checks of the scrapers' connections. */
const LOOK_INTERVAL = 0.25;

interface Scraper {
  fd: number;
  /** Remaining bytes of the response; 0 before the first. */
  left: number;
}

class Scrapers {
  readonly #libc = new Libc();
  readonly #all: Scraper[] = [];
  readonly #request: Uint8Array<ArrayBuffer>;
  readonly #in = new Uint8Array(256 * 1024);
  #looked = 0;
  scrapes = 0;
  bytes = 0;

  constructor({ httpPort, path, scrapers }: ScrapeLoad) {
    this.#request = new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
    for (let tag = 0; tag < scrapers; tag++) {
      const scraper = { fd: this.#libc.connect("127.0.0.1", httpPort, tag), left: 0 };
      this.#all.push(scraper);
      this.#ask(scraper);
    }
  }

  /** Reads available bytes and sends the next request when the response is complete. */
  look(now: number): void {
    if (now - this.#looked < LOOK_INTERVAL) return;
    this.#looked = now;
    const ready = this.#libc.wait(0);
    for (let index = 0; index < ready; index++) {
      const scraper = this.#all[this.#libc.readyTag(index)]!;
      const received = this.#libc.receive(scraper.fd, this.#in);
      if (received <= 0) throw new Error("the HTTP port closed a connection");
      if (scraper.left === 0) scraper.left = this.#lengthOf(received);
      scraper.left -= received;
      if (scraper.left > 0) continue;
      this.scrapes++;
      this.#ask(scraper);
    }
  }

  close(): void {
    for (const { fd } of this.#all) this.#libc.close(fd);
  }

  /** Length of header and body, from the start of a response. The header arrives in one piece. */
  #lengthOf(received: number): number {
    const header = new TextDecoder().decode(this.#in.subarray(0, Math.min(received, 1024)));
    const [, status, length] = /^HTTP\/1.1 (\d+).*?content-length: (\d+)\r\n/s.exec(header) ?? [];
    if (status !== "200") throw new Error(`the HTTP port answered: ${header}`);
    return this.bytes = header.indexOf("\r\n\r\n") + 4 + Number(length);
  }

  #ask({ fd }: Scraper): void {
    this.#libc.send(fd, this.#request, this.#request.length);
  }
}

const options: ScrapeLoad = JSON.parse(Deno.args[0]!);
const rounds: ScrapeRound[] = [];
while (rounds.length < options.rounds) {
  const alone = runLoad(options.load);
  const scrapers = new Scrapers(options);
  const stormed = runLoad(options.load, (now) => scrapers.look(now));
  scrapers.close();
  const { scrapes, bytes } = scrapers;
  const again = runLoad(options.load);
  rounds.push({ alone, stormed, again, scrapes, bytes });
}
console.log(JSON.stringify(rounds));
