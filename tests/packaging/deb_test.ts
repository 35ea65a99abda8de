import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { ARCHITECTURE, COMMAND, PACKAGE, packedPage } from "../../tools/deb.ts";
import { PERMISSIONS, VERSION } from "../../tools/release.ts";
import { Program } from "./program.ts";
import {
  call,
  giveTo,
  NOBODY,
  PROJECT,
  Scratch,
  succeed,
  TOOLS,
  UNITS,
  withoutRights,
} from "./tools.ts";

const UNIT = `${PROJECT}/packaging/systemd/rocketmq-namesrv.service`;
const DROP_IN = `${PROJECT}/packaging/systemd/live-configuration.conf`;
/**
 * Highest allowed exposure level of systemd-analyze, of 100; JIT compilation and network remain.
 */
const MAX_EXPOSURE = 13;

/** Values of a setting in the unit, in order. */
async function settings(name: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(UNIT)).split("\n");
  return lines.filter((line) => line.startsWith(`${name}=`)).map((it) => it.slice(name.length + 1));
}

describe("the Debian package", () => {
  let root: Scratch;

  /** dpkg with its own database and files: nothing on this machine changes. */
  function dpkg(...args: string[]): Promise<string> {
    return succeed("dpkg", [
      `--root=${root.path}`,
      `--log=${root.path}/dpkg.log`,
      "--force-script-chrootless",
      "--force-depends",
      "--force-not-root",
      ...args,
    ]);
  }

  /** The installed files of the package, without folders. */
  async function files(folder = root.path): Promise<string[]> {
    const found: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) found.push(...await files(path));
      else if (!path.startsWith(`${root.path}/var/`) && !path.endsWith("/dpkg.log")) {
        found.push(path.slice(root.path.length));
      }
    }
    return found.sort();
  }

  beforeAll(async () => {
    await succeed("deno", ["task", "deb"]);
    root = await Scratch.make();
    await Deno.mkdir(`${root.path}/var/lib/dpkg/info`, { recursive: true });
    await Deno.mkdir(`${root.path}/var/lib/dpkg/updates`);
    await Deno.writeTextFile(`${root.path}/var/lib/dpkg/status`, "");
    await dpkg("--install", PACKAGE);
  });
  afterAll(() => root[Symbol.asyncDispose]());

  it("is called by version and architecture", async () => {
    const fields = await succeed("dpkg-deb", ["--field", PACKAGE]);
    for (const line of [`Version: ${VERSION}`, `Architecture: ${ARCHITECTURE}`]) {
      assert.ok(fields.split("\n").includes(line), fields);
    }
  });

  /** The installed command, as a file that calls what lies in `root`. */
  async function installedCommand(folder: string): Promise<string> {
    const command = await Deno.readTextFile(`${root.path}/usr/bin/rocketmq-namesrv`);
    assert.equal(command, COMMAND);
    const file = `${folder}/rocketmq-namesrv`;
    await Deno.writeTextFile(file, installed(command));
    await Deno.chmod(file, 0o755);
    return file;
  }

  /** A text with the paths of the package as they are below `root`. */
  function installed(text: string): string {
    return text.replaceAll("/usr/", `${root.path}/usr/`).replaceAll("/etc/", `${root.path}/etc/`);
  }

  /** Runs a program to its end with this environment alone. */
  async function output(
    words: readonly string[],
    env: Record<string, string>,
    cwd: string,
  ): Promise<string> {
    const [program = "", ...args] = words;
    const command = new Deno.Command(program, { args, env, cwd, clearEnv: true, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    const text = new TextDecoder();
    assert.ok(success, text.decode(stderr));
    return text.decode(stdout);
  }

  it("installs the program, its service, its configuration and its documents", async () => {
    const found = await files();
    for (
      const path of [
        "/etc/rocketmq-namesrv/namesrv.properties",
        "/usr/bin/rocketmq-namesrv",
        "/usr/lib/rocketmq-namesrv/deno",
        "/usr/lib/rocketmq-namesrv/rocketmq-namesrv.js",
        "/usr/lib/systemd/system/rocketmq-namesrv.service",
        "/usr/share/bash-completion/completions/rocketmq-namesrv",
        "/usr/share/doc/rocketmq-namesrv/README.md",
        "/usr/share/doc/rocketmq-namesrv/copyright",
        "/usr/share/doc/rocketmq-namesrv/images/top.svg",
        "/usr/share/doc/rocketmq-namesrv/licenses.txt",
        "/usr/share/doc/rocketmq-namesrv/operations.md",
        "/usr/share/fish/vendor_completions.d/rocketmq-namesrv.fish",
        "/usr/share/man/man1/rocketmq-namesrv.1.gz",
        "/usr/share/zsh/vendor-completions/_rocketmq-namesrv",
      ]
    ) assert.ok(found.includes(path), `${path} is not among\n${found.join("\n")}`);
    assert.match(await dpkg("--status", "rocketmq-namesrv"), /^Status: install ok installed$/m);
  });

  it("belongs to root, and only root may write", async () => {
    const lines = (await succeed("dpkg-deb", ["--contents", PACKAGE])).trimEnd().split("\n");
    for (const line of lines) assert.match(line, /^[d-]rw.r-.r-. root\/root /);
  });

  it("runs as the service does: under a user without rights, from its configuration", async () => {
    await using state = await Scratch.make();
    const program = await installedCommand(state.path);
    const config = `${root.path}/etc/rocketmq-namesrv/namesrv.properties`;
    const kept = await Deno.readTextFile(config);
    await Deno.writeTextFile(
      config,
      kept.replace("/var/lib/rocketmq-namesrv/", `${state.path}/`),
    );
    try {
      const [start] = await settings("ExecStart");
      const words = installed(start!).replace(`${root.path}/usr/bin/rocketmq-namesrv`, program);
      await giveTo(NOBODY, state.path);
      const env = { HOME: state.path, PATH: "/usr/bin:/bin" };
      await using server = await Program.start([...withoutRights(), ...words.split(" ")], env, "/");
      await server.keepsValues();
      assert.equal(await server.stop(), 0);
      await Deno.stat(`${state.path}/kvConfig.json`);
    } finally {
      await Deno.writeTextFile(config, kept);
    }
  });

  it("has links in its pages only to what is installed", async () => {
    const folder = `${root.path}/usr/share/doc/rocketmq-namesrv`;
    let followed = 0;
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.endsWith(".md")) continue;
      const text = await Deno.readTextFile(`${folder}/${name}`);
      for (const [link, target = ""] of text.matchAll(/\]\(([^()\s]+)\)/g)) {
        if (/^([a-z]+:|#)/.test(target)) continue;
        const path = `${folder}/${target.split("#")[0]}`;
        assert.ok((await Deno.stat(path).catch(() => undefined))?.isFile, `${name}: ${link}`);
        followed++;
      }
    }
    assert.ok(followed > 10, `${followed} links`);
    assert.equal(
      packedPage("[a](../README.md#x) [b](../src) ![c](images/top.svg) [d](#e)", "docs/admin.md"),
      "[a](README.md#x) b ![c](images/top.svg) [d](#e)",
    );
  });

  it("writes nothing anywhere when it prints its version", async () => {
    await using home = await Scratch.make();
    await using where = await Scratch.make();
    const command = await installedCommand(where.path);
    const trace = `${where.path}/trace`;
    const before = await files();
    const out = await output(
      [TOOLS.strace, "-f", "-qq", "-o", trace, command, "--version"],
      // A folder that another user may have filled: it must not be looked at either.
      { HOME: home.path, XDG_CACHE_HOME: home.path, DENO_DIR: home.path, PATH: "/usr/bin:/bin" },
      home.path,
    );
    assert.match(out, new RegExp(` ${VERSION} `));
    assert.deepEqual([...Deno.readDirSync(home.path)], []);
    assert.deepEqual(await files(), before);
    const calls = await Deno.readTextFile(trace);
    assert.match(calls, /execve\(/);
    assert.doesNotMatch(calls, /O_CREAT/);
  });

  it("does not let Deno ask for newer versions of itself", () => {
    assert.match(COMMAND, /^DENO_DIR=\S+ DENO_NO_UPDATE_CHECK=1 /m);
  });

  it("has a manual page that mandoc finds nothing wrong in", async () => {
    const page = await Deno.readTextFile(`${PROJECT}/packaging/man/rocketmq-namesrv.1`);
    const packed = await Deno.readFile(`${root.path}/usr/share/man/man1/rocketmq-namesrv.1.gz`);
    assert.equal(gunzipSync(packed).toString(), page);
    // No date is in it, which would make it stale every day.
    const lint = ["-T", "lint", "-W", "warning"];
    const { out } = await call("mandoc", lint, { input: page });
    assert.deepEqual(
      out.split("\n").filter((line) => line !== "" && !/missing date/.test(line)),
      [],
    );
    const broken = await call("mandoc", lint, { input: page.replace(".SH NAME", ".SH NAME\n.XY") });
    assert.match(broken.out, /XY/);
    const shown = await succeed("mandoc", ["-T", "html"], { input: page });
    for (const word of ["kv delete", "listenPort", "--tls-trust"]) {
      assert.ok(shown.includes(word), word);
    }
  });

  it("keeps a configuration that was edited through an upgrade that brings a new one", async () => {
    await using folder = await Scratch.make();
    const config = `${root.path}/etc/rocketmq-namesrv/namesrv.properties`;
    const shipped = await Deno.readTextFile(config);
    const newer = await newerPackage(folder.path, `${shipped}# new\n`);
    // An unedited file is replaced by the new one.
    await dpkg("--install", newer);
    assert.equal(await Deno.readTextFile(config), `${shipped}# new\n`);
    await dpkg("--force-downgrade", "--install", PACKAGE);
    const edited = `${shipped}listenPort=19876\n`;
    await Deno.writeTextFile(config, edited);
    // Without a terminal and without --force-confold, dpkg stops half way; the way on is documented.
    await assert.rejects(dpkg("--install", newer), /conffile/);
    assert.equal(await Deno.readTextFile(config), edited);
    await dpkg("--force-confold", "--configure", "rocketmq-namesrv");
    assert.equal(await Deno.readTextFile(config), edited);
    assert.equal(await Deno.readTextFile(`${config}.dpkg-dist`), `${shipped}# new\n`);
    await dpkg("--force-downgrade", "--force-confnew", "--install", PACKAGE);
    assert.equal(await Deno.readTextFile(config), shipped);
    await dpkg("--force-confold", "--install", newer);
    assert.equal(await Deno.readTextFile(config), `${shipped}# new\n`);
    await dpkg("--force-downgrade", "--install", PACKAGE);
    for (const ending of ["dpkg-dist", "dpkg-old"]) {
      await Deno.remove(`${config}.${ending}`).catch(() => {}); // not made
    }
  });

  /** The package with a newer version and another configuration; returns its path. */
  async function newerPackage(folder: string, configuration: string): Promise<string> {
    const unpacked = `${folder}/unpacked`;
    await succeed("dpkg-deb", ["--raw-extract", PACKAGE, unpacked]);
    await Deno.writeTextFile(`${unpacked}/etc/rocketmq-namesrv/namesrv.properties`, configuration);
    const control = `${unpacked}/DEBIAN/control`;
    const text = await Deno.readTextFile(control);
    await Deno.writeTextFile(control, text.replace(/^Version: .*$/m, `Version: ${VERSION}+1`));
    const file = `${folder}/newer.deb`;
    await succeed("dpkg-deb", ["--root-owner-group", "-Znone", "--build", unpacked, file]);
    return file;
  }

  it("has the permissions of the task start", () => {
    assert.ok(COMMAND.replaceAll("'", "").includes(` ${PERMISSIONS.join(" ")} `), COMMAND);
  });

  it("has a service that systemd takes, also with the drop-in", async () => {
    const unit = `${root.path}/usr/lib/systemd/system`;
    const folders = [
      [`${root.path}/bin`, `${root.path}/lib/systemd`, `${unit}/rocketmq-namesrv.service.d`],
    ].flat();
    for (const folder of folders) await Deno.mkdir(folder, { recursive: true });
    const copied = new Deno.Command("cp", { args: ["-r", UNITS, `${root.path}/lib/systemd/`] });
    assert.ok((await copied.output()).success);
    // Programs that the unit calls must exist.
    for (const name of ["kill", "sh"]) await Deno.copyFile(PROGRAM, `${root.path}/bin/${name}`);
    const verify = () =>
      call("systemd-analyze", [
        "verify",
        "--man=no",
        `--root=${root.path}`,
        "/usr/lib/systemd/system/rocketmq-namesrv.service",
      ]);
    try {
      assert.deepEqual(await verify(), { code: 0, out: "", err: "" });
      const dropIn = `${unit}/rocketmq-namesrv.service.d/live-configuration.conf`;
      await Deno.copyFile(DROP_IN, dropIn);
      assert.deepEqual(await verify(), { code: 0, out: "", err: "" });
      await Deno.writeTextFile(dropIn, "[Service]\nProtectHomes=yes\n");
      assert.match((await verify()).err, /ProtectHomes/);
    } finally {
      for (const folder of folders) await Deno.remove(folder, { recursive: true });
    }
  });

  it("goes away, keeps the configuration until it is purged, and leaves nothing then", async () => {
    const config = `${root.path}/etc/rocketmq-namesrv/namesrv.properties`;
    await Deno.writeTextFile(config, "listenPort=19876\n");
    await dpkg("--force-confold", "--install", PACKAGE);
    assert.equal(await Deno.readTextFile(config), "listenPort=19876\n");
    await Deno.mkdir(`${root.path}/var/lib/private/rocketmq-namesrv`, { recursive: true });
    await dpkg("--remove", "rocketmq-namesrv");
    const left = (await files()).filter((path) => !path.includes(".dpkg-"));
    assert.deepEqual(left, ["/etc/rocketmq-namesrv/namesrv.properties"]);
    await dpkg("--purge", "rocketmq-namesrv");
    assert.deepEqual(await files(), []);
    await assert.rejects(Deno.stat(`${root.path}/var/lib/private/rocketmq-namesrv`));
  });
});

/** Any executable file. */
const PROGRAM = `${PROJECT}/tools/deno.sh`;

describe("the service", () => {
  it("is exposed as little as a server with a JIT compiler can be", async () => {
    const args = ["security", "--offline=true", "--no-pager", `--threshold=${MAX_EXPOSURE}`];
    const report = await succeed("systemd-analyze", [...args, UNIT]);
    for (const setting of ["ProtectSystem=", "PrivateUsers=", "CapabilityBoundingSet=~CAP_KILL"]) {
      assert.match(report, new RegExp(`^✓ ${setting}`, "m"));
    }
    await using folder = await Scratch.make();
    const weaker = `${folder.path}/rocketmq-namesrv.service`;
    const text = await Deno.readTextFile(UNIT);
    await Deno.writeTextFile(weaker, text.replace("RestrictNamespaces=yes\n", ""));
    assert.equal((await call("systemd-analyze", [...args, weaker])).code, 1);
  });

  it("allows every system call that the server makes", async () => {
    const groups = await systemCalls();
    const allowed = new Set<string>();
    for (const filter of await settings("SystemCallFilter")) {
      const names = filter.replace(/^~/, "").split(" ").flatMap((name) => groups(name));
      for (const name of names) {
        if (filter.startsWith("~")) allowed.delete(name);
        else allowed.add(name);
      }
    }
    assert.ok(allowed.has("mprotect") && !allowed.has("setuid"), [...allowed].join(" "));

    await using folder = await Scratch.make();
    const trace = `${folder.path}/calls`;
    await giveTo(NOBODY, folder.path);
    await Deno.copyFile(`${PROJECT}/dist/rocketmq-namesrv.js`, `${folder.path}/namesrv.js`);
    await Deno.copyFile(Deno.execPath(), `${folder.path}/deno`);
    const run = [`${folder.path}/deno`, "run", "--no-config", ...PERMISSIONS];
    const command = [
      ...withoutRights(),
      TOOLS.strace,
      // As a grandchild, so that the server receives the signals.
      ...["-D", "-f", "-qq", "-e", "signal=none", "-o", trace],
      ...run,
      `${folder.path}/namesrv.js`,
    ];
    const env = { HOME: folder.path, DENO_DIR: "/nonexistent", PATH: "/usr/bin:/bin" };
    {
      await using program = await Program.start(command, env, "/");
      await program.keepsValues();
      assert.equal(await program.stop(), 0);
    }
    const made = new Set<string>();
    for (const line of (await Deno.readTextFile(trace)).split("\n")) {
      const name = /^\d+ +(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed)/.exec(line)?.[1];
      if (name !== undefined) made.add(name);
    }
    assert.ok(made.has("listen") && made.has("fsync"), [...made].join(" "));
    assert.deepEqual([...made].filter((name) => !allowed.has(name)), []);
  });
});

/** All system calls of a systemd group, whose name begins with @, or a single call. */
async function systemCalls(): Promise<(name: string) => string[]> {
  const groups = new Map<string, string[]>();
  let group: string[] = [];
  for (const line of (await succeed("systemd-analyze", ["syscall-filter"])).split("\n")) {
    if (line.startsWith("@")) groups.set(line.trim(), group = []);
    else if (/^ +[^# ]/.test(line)) group.push(line.trim());
  }
  const expand = (name: string): string[] =>
    name.startsWith("@") ? (groups.get(name) ?? []).flatMap(expand) : [name];
  return expand;
}
