/** The programs that check the packages, and functions to run them. */

import assert from "node:assert/strict";
import { PROJECT } from "../../tools/release.ts";

export { PROJECT };

/** Folder of the tools downloaded by tools/packaging_tools.sh. */
export const CACHE = `${PROJECT}/.cache/packaging`;

const DEBIAN = `${CACHE}/debian`;

/** Paths of the programs. */
export const TOOLS = {
  compose: `${CACHE}/bin/compose`,
  hadolint: `${CACHE}/bin/hadolint`,
  helm: `${CACHE}/bin/helm`,
  kubeconform: `${CACHE}/bin/kubeconform`,
  mandoc: `${DEBIAN}/usr/bin/mandoc`,
  "old-deno": `${CACHE}/bin/old-deno`,
  promtool: `${DEBIAN}/usr/bin/promtool`,
  strace: `${DEBIAN}/usr/bin/strace`,
  "systemd-analyze": `${DEBIAN}/usr/bin/systemd-analyze`,
  deno: Deno.execPath(),
  dpkg: "dpkg",
  go: "go",
  "dpkg-deb": "dpkg-deb",
} as const;

/** Debian's systemd units, which ours depends on. */
export const UNITS = `${DEBIAN}/lib/systemd/system`;

/** Output and exit code of a program. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Options of a call. */
export interface Call {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a program to its end, by default in the project's folder. */
export async function call(
  tool: keyof typeof TOOLS,
  args: readonly string[],
  { cwd = PROJECT, env = {}, input }: Call = {},
): Promise<Result> {
  const libraries: Record<string, string> = tool === "systemd-analyze"
    ? { LD_LIBRARY_PATH: await systemdLibraries() }
    : {};
  const child = new Deno.Command(TOOLS[tool], {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...libraries, ...env },
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** Runs a program that must succeed; returns its standard output. */
export async function succeed(
  tool: keyof typeof TOOLS,
  args: readonly string[],
  how?: Call,
): Promise<string> {
  const { code, out, err } = await call(tool, args, how);
  assert.equal(code, 0, `${tool} ${args.join(" ")}\n${out}${err}`);
  return out;
}

/** A user that owns nothing. */
export const NOBODY = 65_534;

/** Prefix that runs a command without privileges: as this user, if we are root. */
export function withoutRights(user: number = NOBODY): string[] {
  if (Deno.uid() !== 0) return [];
  const [uid, gid] = [`--reuid=${user}`, `--regid=${user}`];
  return ["setpriv", uid, gid, "--clear-groups", "--no-new-privs"];
}

/** Changes the owner of a file or folder, if we are root. */
export async function giveTo(user: number, path: string): Promise<void> {
  if (Deno.uid() === 0) await Deno.chown(path, user, user);
}

/** A folder that is removed when disposed. */
export class Scratch implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Creates an empty folder that other users may read. */
  static async make(): Promise<Scratch> {
    const path = await Deno.makeTempDir({ prefix: "namesrv-packaging-" });
    await Deno.chmod(path, 0o755);
    return new Scratch(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function systemdLibraries(): Promise<string> {
  for await (const { name } of Deno.readDir(`${DEBIAN}/usr/lib`)) {
    if (name.endsWith("-linux-gnu")) return `${DEBIAN}/usr/lib/${name}/systemd`;
  }
  throw new Error(`${DEBIAN} has no libraries of systemd`);
}
