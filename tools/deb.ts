/**
 * `deno task deb`: dist/rocketmq-namesrv_VERSION_ARCH.deb, for this machine's architecture. It
 * contains the bundle and the Deno executable in use, which need nothing but libc, so that the
 * tested program is the installed one. Needs dpkg-deb.
 *
 * @module
 */
import { dirname, relative } from "node:path";
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
  ...[...Deno.readDirSync(`${PROJECT}/docs`)].filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => ({ from: `docs/${name}`, to: `${DOC}/${name}` })),
  { from: "packaging/deb/copyright", to: `${DOC}/copyright` },
  { from: LICENCES, to: `${DOC}/licenses.txt` },
  ...["postinst", "prerm", "postrm"].map((name) => (
    { from: `packaging/deb/${name}`, to: `DEBIAN/${name}`, mode: 0o755 }
  )),
];

/** The program on PATH: Deno with the permissions of the task `start`, and nothing to download. */
export const COMMAND = `#!/bin/sh
exec /${LIB}/deno run --no-config --no-lock --no-npm --no-remote \\
  ${PERMISSIONS.join(" ")} \\
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
      await Deno.copyFile(from.startsWith("/") ? from : `${PROJECT}/${from}`, `${root}/${to}`);
      await Deno.chmod(`${root}/${to}`, mode);
    }
    const write = async (to: string, text: string, mode = 0o644) => {
      await makeFolders(root, dirname(to));
      await Deno.writeTextFile(`${root}/${to}`, text);
      await Deno.chmod(`${root}/${to}`, mode);
    };
    await write("usr/bin/rocketmq-namesrv", COMMAND, 0o755);
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
