/**
 * `deno task console`: the browser's side of the console, from src/console, as the module
 * src/console/built/assets.ts, which the server loads when a browser asks for it. With `--check` it
 * writes nothing, and fails when that module is stale; with `--watch` it builds again after each change.
 * The same sources give the same files on every machine.
 *
 * @module
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { CONSOLE_ASSETS, type ConsoleAsset } from "../src/console/built/assets.ts";
import { npmPackages, PROJECT, run } from "./release.ts";

const SOURCE = `${PROJECT}/src/console`;
const BUILT = `${SOURCE}/built/assets.ts`;
/** The entry of the browser's side; tools/bundle.ts asks for its packages. */
export const CONSOLE_ENTRY = "src/console/main.tsx";

/** src/console/texts/options_zh.json. */
export interface OptionTranslations {
  /** Titles of groups of options, by the English ones. */
  readonly groups: Readonly<Record<string, string>>;
  /** By name: the start of the SHA-256 of the English text that was translated, in hex, and its translation. */
  readonly options: Readonly<Record<string, readonly [fingerprint: string, text: string]>>;
}

/** The console can't be built. */
export class ConsoleError extends Error {
  override readonly name = "ConsoleError";
}

/** A file of the console as a browser gets it. */
export interface ConsoleFile {
  readonly name: string;
  /** The content-type. */
  readonly type: string;
  readonly text: string;
}

/**
 * Builds the files of the console. All but the page have a hash of their content in their names.
 *
 * @throws ConsoleError with Deno's output
 */
export async function buildConsole(): Promise<ConsoleFile[]> {
  const icon = await hashed("icon.svg", "image/svg+xml", await source("icon.svg"));
  const styles = await hashed(
    "console.css",
    "text/css; charset=utf-8",
    await chartStyles() + withoutComments(await source("console.css")),
  );
  const script = await hashed("console.js", "text/javascript; charset=utf-8", await bundled());
  const options = await hashed(
    "options_zh.json",
    "application/json; charset=utf-8",
    translations(await source("texts/options_zh.json")),
  );
  let page = await source("index.html");
  const names = {
    "icon.svg": icon,
    "console.css": styles,
    "console.js": script,
    "options_zh.json": options,
  };
  for (const [plain, { name }] of Object.entries(names)) {
    if (!page.includes(`"${plain}"`)) throw new ConsoleError(`index.html does not name ${plain}`);
    page = page.replace(`"${plain}"`, `"${name}"`);
  }
  return [
    { name: "index.html", type: "text/html; charset=utf-8", text: page },
    script,
    styles,
    icon,
    options,
  ];
}

/** Whether built files have the same content as those: how they were compressed does not matter. */
export function same(files: readonly ConsoleFile[], built: readonly ConsoleAsset[]): boolean {
  return files.length === built.length && files.every(({ name, type, text }, i) => {
    const asset = built[i];
    return asset?.name === name && asset.type === type &&
      gunzipSync(Uint8Array.fromBase64(asset.gzip)).toString() === text;
  });
}

function moduleOf(files: readonly ConsoleFile[]): string {
  const assets = files.map(({ name, type, text }) =>
    `  {\n    name: ${JSON.stringify(name)},\n    type: ${JSON.stringify(type)},\n    gzip: "${
      new Uint8Array(gzipSync(text, { level: 9 })).toBase64()
    }",\n  },\n`
  );
  return `// Generated from src/console by \`deno task console\`.

/** A file of the console. */
export interface ConsoleAsset {
  /** Its name in /console/; one with a hash in it never has another content. */
  readonly name: string;
  /** The content-type. */
  readonly type: string;
  /** The content, compressed with gzip, in base64. */
  readonly gzip: string;
}

/** All files of the console. */
export const CONSOLE_ASSETS: readonly ConsoleAsset[] = [\n${assets.join("")}];\n`;
}

function source(name: string): Promise<string> {
  return Deno.readTextFile(`${SOURCE}/${name}`);
}

async function hashed(name: string, type: string, text: string): Promise<ConsoleFile> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hash = new Uint8Array(digest).toHex().slice(0, 12);
  return { name: name.replace(".", `.${hash}.`), type, text };
}

async function bundled(): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/console.js`;
    const { success, output } = await run(Deno.execPath(), [
      ...["bundle", "--quiet", "--platform=browser", "--minify"],
      ...["--output", file, CONSOLE_ENTRY],
    ]);
    if (!success) throw new ConsoleError(`deno bundle: ${output.trimEnd()}`);
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The styles that uPlot's charts need. */
async function chartStyles(): Promise<string> {
  const packages = await npmPackages([CONSOLE_ENTRY]);
  const folder = packages.find(({ name }) => name === "uplot")?.localPath;
  if (folder === undefined) throw new ConsoleError("uplot is not among the packages");
  return await Deno.readTextFile(`${folder}/dist/uPlot.min.css`) + "\n";
}

/** Leaves out the fingerprints of the English texts. */
function translations(file: string): string {
  const { groups, options }: OptionTranslations = JSON.parse(file);
  const texts = Object.entries(options).map(([name, [, text]]) => [name, text]);
  return JSON.stringify({ groups, options: Object.fromEntries(texts) });
}

function withoutComments(styles: string): string {
  return styles.replace(/\/\*[^]*?\*\//g, "").replace(/\s*\n\s*/g, "\n");
}

async function write(): Promise<void> {
  const files = await buildConsole();
  await Deno.writeTextFile(BUILT, moduleOf(files));
  const size = files.reduce((sum, { text }) => sum + gzipSync(text, { level: 9 }).length, 0);
  console.log(`src/console/built/assets.ts: ${Math.ceil(size / 1024)} KiB compressed`);
}

/** Builds after each change, until the process is ended. */
async function watch(): Promise<void> {
  let due: ReturnType<typeof setTimeout> | undefined;
  for await (const { paths } of Deno.watchFs(SOURCE)) {
    if (paths.every((path) => path === BUILT)) continue;
    clearTimeout(due);
    due = setTimeout(() => write().catch(report), 100);
  }
}

function report(error: unknown): void {
  if (!(error instanceof ConsoleError)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}

if (import.meta.main) {
  try {
    if (!Deno.args.includes("--check")) await write();
    else if (!same(await buildConsole(), CONSOLE_ASSETS)) {
      throw new ConsoleError("src/console/built/assets.ts is stale: run deno task console");
    }
  } catch (error) {
    report(error);
  }
  if (Deno.args.includes("--watch")) await watch();
}
