/**
 * `deno task bundle`: the program and all its packages as one JavaScript file, which any `deno`
 * from the pinned one on runs without network and without this project. The same sources give the same
 * bytes, on every machine.
 *
 * @module
 */
import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { CONSOLE_ENTRY } from "./console.ts";
import {
  BUNDLE,
  DIST,
  LICENCES,
  npmPackages,
  PERMISSIONS,
  PROJECT,
  run,
  SOURCE_DATE,
  VERSION,
  writeSums,
} from "./release.ts";

/** The bundle can't be built, or would not be self-contained. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

/**
 * Builds the bundle after type-checking.
 *
 * @throws BundleError with Deno's output
 */
export async function bundle(): Promise<void> {
  await Deno.mkdir(DIST, { recursive: true });
  // Deno only finishes files named .js: otherwise packages lose their default exports.
  const made = BUNDLE.replace(/\.js$/, ".unfinished.js");
  try {
    const { success, output } = await run(Deno.execPath(), [
      "bundle",
      "--quiet",
      "--check",
      "--output",
      made,
      "main.ts",
    ]);
    if (!success) throw new BundleError(`deno bundle: ${output.trimEnd()}`);
    const bundled = withoutMachine(await Deno.readTextFile(made), await npmCache());
    assertAlone(bundled);
    const text = withLateImports(bundled);
    await Deno.writeTextFile(made, banner() + text);
    // Executables made from it contain its modification time.
    await Deno.utime(made, SOURCE_DATE, SOURCE_DATE);
    await writeLicences();
    await Deno.rename(made, BUNDLE);
  } finally {
    await Deno.remove(made).catch(() => {}); // renamed, or never created
  }
}

/**
 * Writes the licences of the bundled packages, and of those in the console that it contains, next to the
 * bundle.
 *
 * @throws BundleError when a package has none
 */
async function writeLicences(): Promise<void> {
  const packages = await npmPackages(["main.ts", CONSOLE_ENTRY]);
  let text = "Packages in rocketmq-namesrv.js, and their licences.\n";
  for (const { name, version, localPath } of packages) {
    const file = [...Deno.readDirSync(localPath)].find((it) => /^licen[cs]e/i.test(it.name));
    if (file === undefined) throw new BundleError(`${name} ${version} has no licence file`);
    const licence = await Deno.readTextFile(`${localPath}/${file.name}`);
    text += `\n---- ${name} ${version} ----\n\n${licence.trim()}\n`;
  }
  await Deno.writeTextFile(LICENCES, text);
}

/**
 * The bundler names each package file by its path relative to Deno's cache, which contains the
 * registry's host and differs between machines.
 *
 * @param cache Deno's folder of npm packages
 */
export function withoutMachine(text: string, cache: string): string {
  const folder = `${relative(PROJECT, cache)}/`.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replace(new RegExp(`${folder}[^/\\s"]+/`, "g"), "npm/");
}

/**
 * All remaining imports must be part of Deno.
 *
 * @throws BundleError that names the others
 */
export function assertAlone(text: string): void {
  const imports = text.matchAll(/^(?:import|export)\b[^"'\n]*["']([^"'\n]+)["'];?$/gm);
  const later = text.matchAll(/\bimport\(["']([^"'\n]+)["']\)/g);
  const outside = [...imports, ...later].map(([, name]) => name)
    .filter((name) => !name!.startsWith("node:") || !isBuiltin(name!));
  if (outside.length > 0) throw new BundleError(`left outside the bundle: ${outside.join(", ")}`);
}

/**
 * Makes the imports of Deno's own modules part of what is run. A name that an older Deno lacks would
 * otherwise keep the whole file from being linked, and the program from saying that Deno is too old.
 *
 * @param text a bundle, in which all names are unique, and which uses none before its last lines
 * @throws BundleError at an import of a form that is not known here
 */
export function withLateImports(text: string): string {
  return text.replace(/^import\s+([^"';]+?)\s+from\s+"(node:[^"]+)";$/gm, (line, names, module) => {
    const loaded = `await import("${module}");`;
    if (/^\{[^{}]*\}$/.test(names)) return `const ${names.replaceAll(" as ", ": ")} = ${loaded}`;
    const [, all] = /^\* as (\S+)$/.exec(names) ?? [];
    if (all !== undefined) return `const ${all} = ${loaded}`;
    if (/^\w+$/.test(names)) return `const { default: ${names} } = ${loaded}`;
    throw new BundleError(`an import that can't be made late: ${line}`);
  });
}

function banner(): string {
  return `#!/usr/bin/env -S deno run ${PERMISSIONS.join(" ")}\n` +
    `// rocketmq-namesrv ${VERSION}, with its packages. Apache-2.0.\n`;
}

async function npmCache(): Promise<string> {
  const { stdout } = await run(Deno.execPath(), ["info", "--json"]);
  return JSON.parse(stdout).npmCache;
}

if (import.meta.main) {
  try {
    await bundle();
    await writeSums();
    console.log(relative(PROJECT, BUNDLE));
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
