/**
 * `deno task deb`: dist/rocketmq-namesrv_VERSION_ARCH.deb, for this machine's architecture. It
 * contains the bundle and the Deno executable in use, which need nothing but libc, so that the
 * tested program is the installed one. Needs dpkg-deb.
 *
 * @module
 */
import { basename, dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { bundle, BundleError } from "./bundle.ts";
import {
  BUNDLE,
  DIST,
  LICENCES,
  PERMISSIONS,
  PROJECT,
  run,
  SOURCE_DATE,
  VERSION,
  writeSums,
} from "./release.ts";

/** Debian's name for this machine's architecture. */
export const ARCHITECTURE = Deno.build.arch === "x86_64" ? "amd64" : "arm64";

/** Path of the package. */
export const PACKAGE = `${DIST}/rocketmq-namesrv_${VERSION}_${ARCHITECTURE}.deb`;

const LIB = "usr/lib/rocketmq-namesrv";
const DOC = "usr/share/doc/rocketmq-namesrv";
const MAN = "usr/share/man/man1/rocketmq-namesrv.1";
const CONFIG = "etc/rocketmq-namesrv/namesrv.properties";

/** Files of the package: source, target and mode. */
const FILES: readonly { from: string; to: string; mode?: number }[] = [
  { from: Deno.execPath(), to: `${LIB}/deno`, mode: 0o755 },
  { from: BUNDLE, to: `${LIB}/rocketmq-namesrv.js` },
  { from: "packaging/deb/namesrv.properties", to: CONFIG },
  {
    from: "packaging/systemd/rocketmq-namesrv.service",
    to: "usr/lib/systemd/system/rocketmq-namesrv.service",
  },
  {
    from: "packaging/systemd/live-configuration.conf",
    to: `${DOC}/examples/live-configuration.conf`,
  },
  { from: "conf/namesrv.properties", to: `${DOC}/examples/namesrv.properties` },
  { from: "monitoring/rules.yaml", to: `${DOC}/examples/prometheus-rules.yaml` },
  ...["README.md", "CHANGELOG.md", "SECURITY.md"].map((name) => (
    { from: name, to: `${DOC}/${name}` }
  )),
  ...namesIn("docs", ".md").map((name) => (
    // The project's own README lies in the same folder.
    { from: `docs/${name}`, to: `${DOC}/${name === "README.md" ? "index.md" : name}` }
  )),
  ...namesIn("docs/images", ".svg").map((name) => (
    { from: `docs/images/${name}`, to: `${DOC}/images/${name}` }
  )),
  { from: "packaging/deb/copyright", to: `${DOC}/copyright` },
  { from: LICENCES, to: `${DOC}/licenses.txt` },
  ...["postinst", "prerm", "postrm"].map((name) => (
    { from: `packaging/deb/${name}`, to: `DEBIAN/${name}`, mode: 0o755 }
  )),
];

/** Where each shell looks for completions. */
const COMPLETIONS: ReadonlyMap<string, string> = new Map([
  ["bash", "usr/share/bash-completion/completions/rocketmq-namesrv"],
  ["zsh", "usr/share/zsh/vendor-completions/_rocketmq-namesrv"],
  ["fish", "usr/share/fish/vendor_completions.d/rocketmq-namesrv.fish"],
]);

function namesIn(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(`${PROJECT}/${folder}`)].map(({ name }) => name)
    .filter((name) => name.endsWith(ending)).sort();
}

/**
 * A page of Markdown as it is to be in the package: links to what is packed lead there, and others
 * are their text alone.
 *
 * @param from the page's path in the project
 */
export function packedPage(text: string, from: string): string {
  const here = dirname(FILES.find((file) => file.from === from)?.to ?? DOC);
  return text.replace(/(!?)\[([^\]]*)\]\(([^()\s]+)\)/g, (link, image, words, target) => {
    if (/^([a-z]+:|#)/.test(target)) return link;
    const [path, anchor] = target.split("#");
    const packed = FILES.find((file) => file.from === join(dirname(from), path))?.to;
    if (packed === undefined) return words;
    return `${image}[${words}](${relative(here, packed)}${
      anchor === undefined ? "" : `#${anchor}`
    })`;
  });
}

/**
 * The program on PATH: Deno with the permissions of the task `start`, and nothing to download. Deno
 * gets no folder for its cache: it would be one in the home folder or that the environment names,
 * and compiled code in it is run as it is, also by root. Nor does it ask for newer versions of itself.
 */
export const COMMAND = `#!/bin/sh
DENO_DIR=/dev/null/none DENO_NO_UPDATE_CHECK=1 \\
  exec /${LIB}/deno run --no-config --no-lock --no-npm --no-remote \\
  ${PERMISSIONS.map((flag) => flag.includes("*") ? `'${flag}'` : flag).join(" ")} \\
  /${LIB}/rocketmq-namesrv.js "$@"
`;

function control(kilobytes: number): string {
  return `Package: rocketmq-namesrv
Version: ${VERSION}
Architecture: ${ARCHITECTURE}
Maintainer: The rocketmq-namesrv maintainers <maintainers@localhost>
Section: net
Priority: optional
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.27), libgcc-s1
Description: name server of Apache RocketMQ
 The directory that RocketMQ's brokers register with, and that its producers,
 consumers and tools ask where a topic is. It takes the place of mqnamesrv and
 needs no Java. Deno ${Deno.version.deno} is part of the package.
`;
}

/** Builds the package; throws BundleError with the tool's output when that fails. */
export async function makePackage(): Promise<void> {
  await bundle();
  const root = await Deno.makeTempDir({ prefix: "rocketmq-namesrv-deb-" });
  try {
    await Deno.chmod(root, 0o755);
    for (const { from, to, mode = 0o644 } of FILES) {
      await makeFolders(root, dirname(to));
      const source = from.startsWith("/") ? from : `${PROJECT}/${from}`;
      if (from.endsWith(".md")) {
        const text = packedPage(await Deno.readTextFile(source), from);
        await Deno.writeTextFile(`${root}/${to}`, text);
      } else await Deno.copyFile(source, `${root}/${to}`);
      await Deno.chmod(`${root}/${to}`, mode);
    }
    const write = async (to: string, content: string | Uint8Array, mode = 0o644) => {
      await makeFolders(root, dirname(to));
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${root}/${to}`, bytes);
      await Deno.chmod(`${root}/${to}`, mode);
    };
    await write("usr/bin/rocketmq-namesrv", COMMAND, 0o755);
    for (const [shell, to] of COMPLETIONS) await write(to, await completions(shell));
    await write(
      `${MAN}.gz`,
      gzipSync(await Deno.readFile(`${PROJECT}/packaging/man/${basename(MAN)}`)),
    );
    await write("DEBIAN/conffiles", `/${CONFIG}\n`);
    await write("DEBIAN/control", control(Math.ceil(sizeOf(root) / 1024)));
    const args = ["--root-owner-group", "-Zxz", "-z3", "--build", root, PACKAGE];
    const env = { SOURCE_DATE_EPOCH: `${SOURCE_DATE}` };
    const { success, output } = await run("dpkg-deb", args, env);
    if (!success) throw new BundleError(`dpkg-deb: ${output.trimEnd()}`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** The completion script for a shell, as the program prints it. */
async function completions(shell: string): Promise<string> {
  const { success, output } = await run(Deno.execPath(), ["run", BUNDLE, "completions", shell]);
  if (!success) throw new BundleError(`completions ${shell}: ${output.trimEnd()}`);
  return output;
}

/** Creates folders with a package's usual mode, regardless of the umask. */
async function makeFolders(root: string, path: string): Promise<void> {
  let folder = root;
  for (const name of path.split("/")) {
    folder += `/${name}`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.chmod(folder, 0o755);
  }
}

function sizeOf(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? sizeOf(path) : Deno.statSync(path).size;
  }
  return bytes;
}

if (import.meta.main) {
  try {
    await makePackage();
    await writeSums();
    console.log(relative(PROJECT, PACKAGE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && /dpkg-deb/.test(error.message)) {
      console.error("dpkg-deb is not on PATH: a Debian package is made on Debian");
    } else if (error instanceof BundleError) console.error(error.message);
    else throw error;
    Deno.exitCode = 1;
  }
}
