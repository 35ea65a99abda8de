/**
 * Downloads and builds everything that the suite runs: the reference's jars from Maven, the small
 * Java programs next to them, and the Go client. All of it is kept in `.cache/interop`, which git
 * ignores.
 */

import { Failure } from "./suite.ts";

/** The versions of brokers, tools and clients under test, newest first. */
export const VERSIONS = ["5.5.0", "4.9.7"] as const;
export type Version = typeof VERSIONS[number];

const HERE = import.meta.dirname!;
/** The folder of this project, without a slash at its end. */
export const PROJECT = HERE.replace(/\/tests\/interop$/, "");
/** Folder for downloads, builds and logs. */
export const CACHE = `${PROJECT}/.cache/interop`;

/** The downloaded and built files. */
export interface Artifacts {
  /** The value of `java -cp` for the reference's classes and ours of `tests/interop/java`. */
  classPath(version: Version): string;
  /** The path of the Go client's program. */
  goClient: string;
}

/** Downloads and builds whatever is missing. Throws {@linkcode Failure} with the tool's output. */
export async function prepare(versions: readonly Version[]): Promise<Artifacts> {
  await Deno.mkdir(CACHE, { recursive: true });
  for (const version of versions) {
    const jars = `${CACHE}/lib-${version}`;
    await once(`${jars}/.complete`, async () => {
      await Deno.mkdir(jars, { recursive: true });
      await run("mvn", [
        "--batch-mode",
        "--quiet",
        `--file=${HERE}/java/pom.xml`,
        `-Drocketmq.version=${version}`,
        "dependency:copy-dependencies",
        `-DoutputDirectory=${jars}`,
      ]);
    });
    const classes = `${CACHE}/classes-${version}`;
    await Deno.mkdir(classes, { recursive: true });
    const sources: string[] = [];
    for await (const entry of Deno.readDir(`${HERE}/java`)) {
      if (entry.name.endsWith(".java")) sources.push(`${HERE}/java/${entry.name}`);
    }
    await Deno.copyFile(`${HERE}/java/rmq.logback.xml`, `${classes}/rmq.logback.xml`);
    // Takes a second; checking whether it is needed would take longer.
    await run("javac", ["-nowarn", "-cp", `${jars}/*`, "-d", classes, ...sources]);
  }
  const goClient = `${CACHE}/goclient`;
  await run("go", ["build", "-o", goClient, "."], `${HERE}/go`);
  return {
    classPath: (version) => `${CACHE}/classes-${version}:${CACHE}/lib-${version}/*`,
    goClient,
  };
}

/** Runs a task unless the marker file shows that it is done; then writes the marker. */
async function once(marker: string, work: () => Promise<void>): Promise<void> {
  try {
    await Deno.stat(marker);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await work();
    await Deno.writeTextFile(marker, "");
  }
}

async function run(program: string, args: string[], cwd?: string): Promise<void> {
  const output = await new Deno.Command(program, {
    args,
    cwd,
    stdin: "null",
    signal: AbortSignal.timeout(600_000),
  }).output();
  if (output.success) return;
  const text = new TextDecoder();
  throw new Failure(
    `${program} ${args.join(" ")} ended with ${output.code}\n` +
      text.decode(output.stdout) + text.decode(output.stderr),
  );
}
