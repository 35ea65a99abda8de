/**
 * `deno task compile [PLATFORM...]`: executables with the permissions of `deno task start` in them,
 * made from the bundle, and dist/SHA256SUMS. Exit code 0: all are there; 1: the program or the
 * arguments are wrong; 2: the program is sound, but Deno's runtime part could not be downloaded.
 *
 * DENORT_BIN in the environment names a file to take as the runtime part. It fits one platform,
 * which is then to be named, or is this machine's.
 *
 * @module
 */
import { relative } from "node:path";
import { bundle, BundleError } from "./bundle.ts";
import {
  BUNDLE,
  DIST,
  executableName,
  PERMISSIONS,
  type Platform,
  PLATFORMS,
  PROJECT,
  run,
  VERSION,
  writeSums,
} from "./release.ts";

/** What the arguments ask for: platforms, or the line that says what is wrong with them. */
export function chosen(
  names: readonly string[],
  denort: string | undefined,
): readonly Platform[] | string {
  const all = PLATFORMS.map(({ name }) => name).join(", ");
  const strange = names.find((name) => !PLATFORMS.some((platform) => platform.name === name));
  if (strange !== undefined) return `${strange}: no such platform; there are ${all}`;
  if (names.length === 0 && denort === undefined) return PLATFORMS;
  const platforms = PLATFORMS.filter(({ name, triple }) =>
    names.length === 0 ? triple === Deno.build.target : names.includes(name)
  );
  if (denort !== undefined && platforms.length !== 1) {
    return `DENORT_BIN fits one platform: name one of ${all}`;
  }
  return platforms;
}

/** Makes a platform's executable; returns Deno's reason when there is none. */
async function compile({ triple }: Platform, output: string, denort?: string) {
  const args = ["compile", "--quiet", "--no-config", "--no-lock", ...PERMISSIONS];
  const { success, output: said } = await run(Deno.execPath(), [
    ...args,
    "--target",
    triple,
    "--output",
    output,
    BUNDLE,
  ], denort === undefined ? {} : { DENORT_BIN: denort });
  return success ? undefined : said;
}

/** Whether what Deno said is about fetching the runtime part. */
function isAboutDownload(said: string): boolean {
  return /error sending request|denort|dl\.deno\.land/.test(said);
}

/** The line of a download's failure that says why. */
function reason(said: string): string {
  const line = said.split("\n").find((it) => it.includes("error sending request")) ?? said;
  return line.replace(/^\s*\d+: /, "").trim();
}

async function main(names: readonly string[]): Promise<number> {
  const denort = Deno.env.get("DENORT_BIN");
  const platforms = chosen(names, denort);
  if (typeof platforms === "string") {
    console.error(platforms);
    return 1;
  }
  await bundle();
  const missing: Platform[] = [];
  for (const platform of platforms) {
    const output = `${DIST}/${executableName(platform)}`;
    const failure = await compile(platform, output, denort);
    if (failure === undefined) {
      console.log(relative(PROJECT, output));
      continue;
    }
    if (denort !== undefined || !isAboutDownload(failure)) {
      console.error(failure.trimEnd());
      return 1;
    }
    console.error(`NOT MADE: ${relative(PROJECT, output)}: Deno's runtime part (denort \
${Deno.version.deno} for ${platform.triple}) can't be downloaded: ${reason(failure)}`);
    missing.push(platform);
  }
  await writeSums();
  if (missing.length === 0) return 0;
  const failure = await withDenoItself();
  if (failure !== undefined) {
    console.error(failure.trimEnd());
    return 1;
  }
  console.error(`Made ${platforms.length - missing.length} of ${platforms.length} executables of \
version ${VERSION}. The program's types and all its modules were checked, and it compiles; only the \
runtime part is missing. DENORT_BIN=FILE names one.`);
  return 2;
}

/** Compiles around Deno instead of the runtime part: the result can't run, and is thrown away. */
async function withDenoItself(): Promise<string | undefined> {
  const folder = await Deno.makeTempDir({ prefix: "rocketmq-namesrv-" });
  try {
    const here = { name: "here", triple: Deno.build.target };
    return await compile(here, `${folder}/checked`, Deno.execPath());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
  }
}
