/** What the release files have in common: their names, the program's permissions, their sums. */

import denoJson from "../deno.json" with { type: "json" };

/** The version of the project. */
export const VERSION: string = denoJson.version;

/** The folder of the project, without a slash at its end. */
export const PROJECT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** Where release files are made. */
export const DIST = `${PROJECT}/dist`;

/** The one bundled JavaScript file. */
export const BUNDLE = `${DIST}/rocketmq-namesrv.js`;

/** The licences of the packages in the bundle. */
export const LICENCES = `${DIST}/rocketmq-namesrv.licenses.txt`;

/**
 * The flags of `deno run` in the task `start`: the one place that says what the server may do. All
 * release files and packages take them from here, or are compared with them.
 */
export const PERMISSIONS: readonly string[] = denoJson.tasks.start.command.split(" ").slice(2, -1);

/** The time of release files and what is in them, as seconds since 1970: always the same. */
export const SOURCE_DATE = 1_767_225_600;

/** A platform that executables are made for: our name of it, and Rust's, which Deno takes. */
export interface Platform {
  readonly name: string;
  readonly triple: string;
}

/** All platforms that executables are made for. */
export const PLATFORMS: readonly Platform[] = [
  { name: "linux-x64", triple: "x86_64-unknown-linux-gnu" },
  { name: "linux-arm64", triple: "aarch64-unknown-linux-gnu" },
  { name: "macos-x64", triple: "x86_64-apple-darwin" },
  { name: "macos-arm64", triple: "aarch64-apple-darwin" },
  { name: "windows-x64", triple: "x86_64-pc-windows-msvc" },
];

/** The name of a platform's executable. It has the version in it, and nothing that varies. */
export function executableName({ name }: Platform): string {
  return `rocketmq-namesrv-${VERSION}-${name}${name.startsWith("windows") ? ".exe" : ""}`;
}

/** What a program wrote, both streams together, and whether it ended well. */
export interface Outcome {
  readonly success: boolean;
  readonly output: string;
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
  return { success, output: text.decode(stdout) + text.decode(stderr) };
}

/**
 * Writes dist/SHA256SUMS, in the form that `sha256sum --check` reads, of the release files that are
 * there. Returns their names.
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
