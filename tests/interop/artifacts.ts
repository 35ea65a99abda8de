/**
 * Downloads and builds everything that the suite runs: the reference's jars from Maven, the small
 * Java programs next to them, the Go client, and the packages of the Python clients. All of it is
 * kept in `.cache/interop`, which git ignores.
 */

import { Failure } from "./suite.ts";

/** The versions of brokers, tools and clients under test, newest first. */
export const VERSIONS = ["5.5.0", "4.9.7"] as const;
export type Version = typeof VERSIONS[number];

const HERE = import.meta.dirname!;
/** The version of the proxy under test. */
const PROXY_VERSION: Version = "5.5.0";
/** The folder of this project, without a slash at its end. */
export const PROJECT = HERE.replace(/\/tests\/interop$/, "");
/** Folder for downloads, builds and logs. */
export const CACHE = `${PROJECT}/.cache/interop`;

/** The downloaded and built files. */
export interface Artifacts {
  /** The value of `java -cp` for the reference's classes and ours of `tests/interop/java`. */
  classPath(version: Version): string;
  /** The value of `java -cp` for the proxy: not all of its jars are those of a broker. */
  proxyClassPath: string;
  /** The path of the Go client's program. */
  goClient: string;
  /** The program of a Python client, and the folder of its packages. */
  pythonClient(name: PythonClient): { script: string; packages: string };
}

/**
 * The Python clients: `remoting` is the C++ library with its Python binding, `grpc` the client of
 * RocketMQ 5.
 */
const PYTHON_CLIENTS = ["remoting", "grpc"] as const;
export type PythonClient = typeof PYTHON_CLIENTS[number];

/** Downloads and builds whatever is missing. Throws {@linkcode Failure} with the tool's output. */
export async function prepare(versions: readonly Version[]): Promise<Artifacts> {
  await Deno.mkdir(CACHE, { recursive: true });
  for (const version of versions) {
    const jars = await download("pom.xml", `lib-${version}`, version);
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
  const proxyJars = await download("proxy.pom.xml", `proxy-${PROXY_VERSION}`, PROXY_VERSION);
  const goClient = `${CACHE}/goclient`;
  await run("go", ["build", "-o", goClient, "."], `${HERE}/go`);
  for (const name of PYTHON_CLIENTS) await pythonPackages(name);
  return {
    classPath: (version) => `${CACHE}/classes-${version}:${CACHE}/lib-${version}/*`,
    proxyClassPath: `${CACHE}/classes-${PROXY_VERSION}:${proxyJars}/*`,
    goClient,
    pythonClient: (name) => ({
      script: `${HERE}/python/${name}_client.py`,
      packages: packagesOf(name),
    }),
  };
}

/** Downloads the jars of a pom into a folder of the cache; returns its path. */
async function download(pom: string, name: string, version: Version): Promise<string> {
  const jars = `${CACHE}/${name}`;
  await once(`${jars}/.complete`, async () => {
    await Deno.mkdir(jars, { recursive: true });
    await run("mvn", [
      "--batch-mode",
      "--quiet",
      `--file=${HERE}/java/${pom}`,
      `-Drocketmq.version=${version}`,
      "dependency:copy-dependencies",
      `-DoutputDirectory=${jars}`,
    ]);
  });
  return jars;
}

const packagesOf = (name: PythonClient): string => `${CACHE}/python-${name}`;

async function pythonPackages(name: PythonClient): Promise<void> {
  const folder = packagesOf(name);
  await once(`${folder}/.complete`, () =>
    run("python3", [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--only-binary=:all:",
      // The files name all packages that are needed, with their versions.
      "--no-deps",
      `--target=${folder}`,
      `--requirement=${HERE}/python/${name}.txt`,
    ]));
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
