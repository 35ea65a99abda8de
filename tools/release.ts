/** Shared by all release files: names, permissions and checksums. */

import denoJson from "../deno.json" with { type: "json" };

/** The version of the project. */
export const VERSION: string = denoJson.version;

/** The folder of the project, without a slash at its end. */
export const PROJECT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** The folder for release files. */
export const DIST = `${PROJECT}/dist`;

/** The one bundled JavaScript file. */
export const BUNDLE = `${DIST}/rocketmq-namesrv.js`;

/** The licences of the packages in the bundle. */
export const LICENCES = `${DIST}/rocketmq-namesrv.licenses.txt`;

/**
 * The flags of `deno run` in the task `start`: the only place that defines the server's
 * permissions. All release files and packages use them or are compared with them.
 */
export const PERMISSIONS: readonly string[] = denoJson.tasks.start.command
  .replaceAll("'", "").split(" ").slice(2, -1);

/** Modification time of release files and their contents, in seconds since 1970: constant. */
export const SOURCE_DATE = 1_767_225_600;

/** A target platform: our name for it, and Rust's, which Deno uses. */
export interface Platform {
  readonly name: string;
  readonly triple: string;
}

/** All target platforms. */
export const PLATFORMS: readonly Platform[] = [
  { name: "linux-x64", triple: "x86_64-unknown-linux-gnu" },
  { name: "linux-arm64", triple: "aarch64-unknown-linux-gnu" },
  { name: "macos-x64", triple: "x86_64-apple-darwin" },
  { name: "macos-arm64", triple: "aarch64-apple-darwin" },
  { name: "windows-x64", triple: "x86_64-pc-windows-msvc" },
];

/** The name of a platform's executable. It contains the version and nothing variable. */
export function executableName({ name }: Platform): string {
  return `rocketmq-namesrv-${VERSION}-${name}${name.startsWith("windows") ? ".exe" : ""}`;
}

/** A program's output, and whether it succeeded. */
export interface Outcome {
  readonly success: boolean;
  /** Both streams, one after the other. */
  readonly output: string;
  readonly stdout: string;
}

/** Runs a program to its end in the project's folder; ends it after `limitMs`, if that is given. */
export async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  limitMs?: number,
): Promise<Outcome> {
  const command = new Deno.Command(program, {
    args: [...args],
    cwd: PROJECT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    ...(limitMs === undefined ? {} : { signal: AbortSignal.timeout(limitMs) }),
  });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  const written = text.decode(stdout);
  return { success, output: written + text.decode(stderr), stdout: written };
}

/** A package of npm, and the folder that has it. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly localPath: string;
}

/** The packages that modules import, and those that these depend on, sorted. */
export async function npmPackages(modules: readonly string[]): Promise<NpmPackage[]> {
  const found = new Map<string, NpmPackage>();
  for (const module of modules) {
    // What it downloads stands in the other stream.
    const { stdout } = await run(Deno.execPath(), ["info", "--json", module]);
    const graph: {
      modules: { npmPackage?: string }[];
      npmPackages: Record<string, NpmPackage & { dependencies: string[] }>;
    } = JSON.parse(stdout);
    const add = (id: string | undefined) => {
      const it = id === undefined ? undefined : graph.npmPackages[id];
      if (id === undefined || it === undefined || found.has(id)) return;
      found.set(id, it);
      it.dependencies.forEach(add);
    };
    for (const { npmPackage } of graph.modules) add(npmPackage);
  }
  return Array.from(found).sort(([a], [b]) => a < b ? -1 : 1).map(([, it]) => it);
}

/**
 * Writes dist/SHA256SUMS, in the format of `sha256sum --check`, for the existing release files.
 * Returns their names.
 */
export async function writeSums(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(DIST)) {
    if (isFile && name.startsWith("rocketmq-namesrv")) names.push(name);
  }
  names.sort();
  let lines = "";
  for (const name of names) lines += `${await sha256(`${DIST}/${name}`)}  ${name}\n`;
  await Deno.writeTextFile(`${DIST}/SHA256SUMS`, lines);
  return names;
}

/** The SHA-256 of a file, in hexadecimal digits. */
export async function sha256(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}
