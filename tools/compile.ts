/**
 * `deno task compile [PLATFORM...]`: executables with the permissions of `deno task start` in them,
 * made from the bundle, and dist/SHA256SUMS. The one for this machine is started before it is kept.
 * Exit code 0: all are there; 1: the program, the arguments or the runtime part are wrong; 2: the
 * program is sound, but Deno's runtime part could not be downloaded.
 *
 * DENORT_BIN in the environment names a file to take as the runtime part; empty is as if it were not
 * set. It fits one platform, which is then to be named, or is this machine's.
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

/** How long an executable may take to print its version. */
const START_LIMIT_MS = 60_000;

/** The platforms that the arguments select, or an error message. */
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

/**
 * Makes a platform's executable from the bundle; returns Deno's output when it can't.
 *
 * @param denort the runtime part to take; without it Deno downloads one
 */
export async function compile(
  { triple }: Platform,
  output: string,
  denort?: string,
): Promise<string | undefined> {
  const { success, output: said } = await run(Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-config",
    "--no-lock",
    // The cache would be a file of a fixed name in the temporary folder, and be trusted regardless of its owner.
    "--no-code-cache",
    ...PERMISSIONS,
    "--target",
    triple,
    "--output",
    output,
    BUNDLE,
  ], denort === undefined ? {} : { DENORT_BIN: denort });
  return success ? undefined : said;
}

/** Whether Deno's output is about downloading the runtime part. */
function isAboutDownload(said: string): boolean {
  return /error sending request|denort|dl\.deno\.land/.test(said);
}

/** The reason in what Deno said, on one line. */
function reason(said: string): string {
  const causes = said.replace(/\nStack backtrace:.*/s, "").split("\n")
    .map((line) => /^\s*\d+: (.+)$/.exec(line)?.[1]).filter((cause) => cause !== undefined);
  return causes.find((it) => it.includes("error sending request")) ??
    (causes.length > 0 ? causes.join(": ") : said.trim());
}

/**
 * Starts an executable of this machine's platform with --version. Returns the reason when it does not
 * print what the bundle prints: with a runtime part of another version, or none at all, Deno makes
 * executables that do not start, or that are something else.
 */
async function doesNotRun(executable: string): Promise<string | undefined> {
  const said = await versionOf(executable, []);
  const expected = await versionOf(Deno.execPath(), ["run", BUNDLE]);
  return said === expected ? undefined : `--version printed "${said}" instead of "${expected}"`;
}

/** The first line that a program prints for --version, or why there is none. */
async function versionOf(program: string, args: readonly string[]): Promise<string> {
  try {
    const { output } = await run(program, [...args, "--version"], {}, START_LIMIT_MS);
    return output.trimStart().split("\n")[0] ?? "";
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}

/** Makes a platform's executable and tries it; returns the exit code of the task. */
async function make(platform: Platform, denort: string | undefined): Promise<0 | 1 | 2> {
  const name = executableName(platform);
  const shown = relative(PROJECT, `${DIST}/${name}`);
  // One of an earlier time must not pass for what was not made now.
  await Deno.remove(`${DIST}/${name}`).catch(() => {});
  const folder = await Deno.makeTempDir({ dir: DIST, prefix: ".unfinished-" });
  try {
    const made = `${folder}/${name}`;
    const failure = await compile(platform, made, denort);
    if (failure !== undefined) {
      const isMissing = denort === undefined && isAboutDownload(failure);
      const runtime = denort === undefined
        ? `denort ${Deno.version.deno} for ${platform.triple}`
        : `DENORT_BIN=${denort}`;
      console.error(`NOT MADE: ${shown}: Deno's runtime part (${runtime}) \
${isMissing ? "can't be downloaded" : "can't be used"}: ${reason(failure)}`);
      return isMissing ? 2 : 1;
    }
    const fault = platform.triple === Deno.build.target ? await doesNotRun(made) : undefined;
    if (fault !== undefined) {
      const runtime = denort === undefined ? "denort, as downloaded," : `DENORT_BIN=${denort}`;
      console.error(
        `NOT MADE: ${shown}: ${runtime} does not run the program: ${fault}. It has to be \
the denort of Deno ${Deno.version.deno} for ${platform.triple}.`,
      );
      return 1;
    }
    await Deno.rename(made, `${DIST}/${name}`);
    console.log(shown);
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function main(names: readonly string[]): Promise<number> {
  // Deno would take an empty name as the name of a file.
  const denort = Deno.env.get("DENORT_BIN") || undefined;
  if (denort === undefined) Deno.env.delete("DENORT_BIN");
  const platforms = chosen(names, denort);
  if (typeof platforms === "string") {
    console.error(platforms);
    return 1;
  }
  await bundle();
  let missing = 0;
  let code = 0;
  for (const platform of platforms) {
    code = await make(platform, denort);
    if (code === 1) break;
    if (code === 2) missing++;
  }
  await writeSums();
  if (code === 1) return 1;
  if (missing === 0) return 0;
  const failure = await withDenoItself();
  if (failure !== undefined) {
    console.error(failure.trimEnd());
    return 1;
  }
  console.error(`Made ${platforms.length - missing} of ${platforms.length} executables of \
version ${VERSION}. The program's types and all its modules were checked, and it compiles; only the \
runtime part is missing. DENORT_BIN=FILE names one.`);
  return 2;
}

/** Compiles around Deno instead of the runtime part: the result can't run and is discarded. */
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
