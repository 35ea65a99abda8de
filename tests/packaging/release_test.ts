import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import denoJson from "../../deno.json" with { type: "json" };
import { assertAlone, BundleError, withLateImports, withoutMachine } from "../../tools/bundle.ts";
import { chosen, compile } from "../../tools/compile.ts";
import {
  DIST,
  executableName,
  PERMISSIONS,
  PLATFORMS,
  sha256,
  VERSION,
} from "../../tools/release.ts";
import { Program } from "./program.ts";
import { call, PROJECT, Scratch, succeed } from "./tools.ts";
import { first } from "../support/lists.ts";

/** A program in the place of Deno's runtime part. */
const STUB = `${PROJECT}/tests/packaging/denort_stub`;

/** The parts of the project that a build needs. */
const SOURCES = ["deno.json", "deno.lock", "main.ts", "src", "std", "tools"];

/** The platform of this machine. */
const HERE = PLATFORMS.find(({ triple }) => triple === Deno.build.target)!;

/** Copies the project. */
async function copyProject(to: string): Promise<void> {
  const command = new Deno.Command("cp", { args: ["-r", ...SOURCES, to], cwd: PROJECT });
  assert.ok((await command.output()).success);
}

/** The checksums in dist/SHA256SUMS, by name. */
async function sums(dist: string): Promise<Map<string, string>> {
  const lines = (await Deno.readTextFile(`${dist}/SHA256SUMS`)).trimEnd().split("\n");
  return new Map(lines.map((line) => {
    const [sum = "", name = ""] = line.split("  ");
    return [name, sum];
  }));
}

/** Builds a stub of Deno's runtime part, which runs the bundle with Deno; returns its path. */
async function stubRuntime(folder: string): Promise<string> {
  const runtime = `${folder}/denort`;
  const command = [Deno.execPath(), "run", ...PERMISSIONS, `${DIST}/rocketmq-namesrv.js`];
  const flags = `-X 'main.command=${command.join("\t")}'`;
  await succeed("go", ["build", "-o", runtime, "-ldflags", flags, `${STUB}/main.go`]);
  return runtime;
}

describe("the bundle", () => {
  let alone: Scratch;

  beforeAll(async () => {
    await succeed("deno", ["task", "bundle"]);
    alone = await Scratch.make();
    await Deno.copyFile(`${DIST}/rocketmq-namesrv.js`, `${alone.path}/namesrv.js`);
  });
  afterAll(() => alone[Symbol.asyncDispose]());

  it("has the same bytes when it is built elsewhere, with another cache", async () => {
    await using other = await Scratch.make();
    await copyProject(other.path);
    const env = { DENO_DIR: `${other.path}/a cache` };
    await succeed("deno", ["task", "bundle"], { cwd: other.path, env });
    assert.deepEqual(await sums(`${other.path}/dist`), await bundleSums());
  });

  it("names no folder of the machine, and imports only what Deno has", async () => {
    const text = await Deno.readTextFile(`${alone.path}/namesrv.js`);
    assertAlone(text);
    const { denoDir } = JSON.parse(await succeed("deno", ["info", "--json"]));
    for (const word of [PROJECT, denoDir, denoDir.slice(1), "registry."]) {
      assert.ok(!text.includes(`"${word}`) && !text.includes(`/${word}/`), word);
    }
  });

  it("runs with no network for packages, no cache and no deno.json", async () => {
    // Deno looks for packages in the cache, which is empty, and then at the registry, which is
    // unreachable.
    const env = {
      HOME: alone.path,
      DENO_DIR: `${alone.path}/cache`,
      NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
      JSR_URL: "http://127.0.0.1:1/",
    };
    const command = [Deno.execPath(), "run", ...PERMISSIONS, `${alone.path}/namesrv.js`];
    await using program = await Program.start(command, env, alone.path);
    await program.keepsValues();
    assert.equal(await program.stop(), 0);
  });

  it("tells the version", async () => {
    const out = await succeed("deno", ["run", `${alone.path}/namesrv.js`, "--version"]);
    assert.ok(out.includes(` ${VERSION} `), out);
  });

  it("is refused in one line by a Deno that is too old", async () => {
    const args = ["run", ...PERMISSIONS, `${alone.path}/namesrv.js`];
    const { code, out, err } = await call("old-deno", args, { env: { DENO_NO_UPDATE_CHECK: "1" } });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(err, /^rocketmq-namesrv needs Deno \S+ or newer, and this is Deno \S+\n$/);
  });

  async function bundleSums(): Promise<Map<string, string>> {
    const found = await sums(DIST);
    return new Map([...found].filter(([name]) => /\.(js|txt)$/.test(name)));
  }
});

describe("what could go wrong in a bundle", () => {
  it("is an import that is not part of Deno", () => {
    assertAlone('import * as net from "node:net";\nimport { x } from "node:path";\n');
    for (const name of ["npm:ajv", "./other.js", "node:nothing", "https://example.com/a.js"]) {
      assert.throws(() => assertAlone(`import { a } from "${name}";\n`), BundleError);
      assert.throws(() => assertAlone(`import "${name}";\n`), BundleError);
      assert.throws(() => assertAlone(`const a = await import("${name}");\n`), BundleError);
    }
  });

  it("is a name that an older Deno does not export: it is only missed when it is used", () => {
    assert.equal(
      withLateImports('import a from "node:fs";\nimport {\n  b,\n  c as d\n} from "node:v8";\n'),
      'const { default: a } = await import("node:fs");\n' +
        'const {\n  b,\n  c: d\n} = await import("node:v8");\n',
    );
    assert.equal(
      withLateImports('import * as e from "node:tls";\n'),
      'const e = await import("node:tls");\n',
    );
    assert.throws(() => withLateImports('import a, * as b from "node:fs";\n'), BundleError);
  });

  it("is a path into the cache of packages", () => {
    const text =
      '// ../cache/npm/npm.example.com/@a/b/1.0.0/c.js\nx({ "../cache/npm/h/d/1/e.js"() {';
    assert.equal(
      withoutMachine(text, `${PROJECT}/../cache/npm`),
      '// npm/@a/b/1.0.0/c.js\nx({ "npm/d/1/e.js"() {',
    );
  });
});

describe("deno task compile", () => {
  it("takes all platforms, or those that are named", () => {
    assert.equal(chosen([], undefined), PLATFORMS);
    assert.deepEqual(
      (chosen(["macos-arm64", "linux-x64"], undefined) as typeof PLATFORMS).map(({ name }) => name),
      ["linux-x64", "macos-arm64"],
    );
    assert.match(chosen(["linux-x86"], undefined) as string, /^linux-x86: .*windows-x64/);
    assert.match(chosen(["macos-arm64", "linux-x64"], "denort") as string, /^DENORT_BIN fits one/);
    assert.equal(first(chosen([], "denort") as typeof PLATFORMS).triple, Deno.build.target);
  });

  it("names the files by version and platform", () => {
    assert.deepEqual(PLATFORMS.map(executableName), [
      `rocketmq-namesrv-${VERSION}-linux-x64`,
      `rocketmq-namesrv-${VERSION}-linux-arm64`,
      `rocketmq-namesrv-${VERSION}-macos-x64`,
      `rocketmq-namesrv-${VERSION}-macos-arm64`,
      `rocketmq-namesrv-${VERSION}-windows-x64.exe`,
    ]);
  });

  it("puts the program and its permissions into an executable, always with the same bytes", async () => {
    await succeed("deno", ["task", "bundle"]);
    await using folder = await Scratch.make();
    const file = `${folder.path}/${executableName(HERE)}`;
    const found = new Set<string>();
    for (let i = 0; i < 2; i++) {
      // Deno in place of its runtime part: everything is real, but the result can't run.
      assert.equal(await compile(HERE, file, Deno.execPath()), undefined);
      found.add(await sha256(file));
    }
    assert.equal(found.size, 1);
    const added = new TextDecoder().decode(
      (await Deno.readFile(file)).subarray((await Deno.stat(Deno.execPath())).size - 65_536),
    );
    for (const name of PERMISSIONS.find((it) => it.startsWith("--allow-env="))!.split(/[=,]/)) {
      if (!name.startsWith("--")) assert.ok(added.includes(`"${name}"`), name);
    }
    assert.ok(added.includes(`// rocketmq-namesrv ${VERSION}, `));
    // With a key, it would take compiled code from a file in the temporary folder.
    assert.match(added, /"code_cache_key":null\b/);
  });

  it("keeps an executable that prints the program's version", async () => {
    await using folder = await Scratch.make();
    const runtime = await stubRuntime(folder.path);
    const file = `${DIST}/${executableName(HERE)}`;
    try {
      await succeed("deno", ["task", "compile"], { env: { DENORT_BIN: runtime } });
      assert.equal((await sums(DIST)).get(executableName(HERE)), await sha256(file));
      // The system tests take it as their program.
      const [, ...words] = denoJson.tasks["test:system"].replaceAll("'", "").split(" ");
      const args = [...words.slice(0, -1), "tests/system/start_test.ts"];
      const out = await succeed("deno", args, { env: { NAMESRV_PROGRAM: file } });
      assert.match(out, /^not tried, as an executable has its permissions inside: --allow-net$/m);
    } finally {
      await Deno.remove(file).catch(() => {}); // it was not created
    }
  });

  it("does not make what does not run, and leaves no sum of it", async () => {
    const file = `${DIST}/${executableName(HERE)}`;
    await using folder = await Scratch.make();
    const noProgram = `${folder.path}/no program`;
    await Deno.writeTextFile(noProgram, "");
    const wrong: [string, RegExp][] = [
      [Deno.execPath(), /--version printed "deno .* instead of "rocketmq-namesrv /],
      [noProgram, /can't be used: /],
      ["/nonexistent/denort", /can't be used: .*\/nonexistent\/denort/],
    ];
    for (const [runtime, reason] of wrong) {
      await Deno.writeTextFile(file, "of an earlier time");
      const { code, err } = await call("deno", ["task", "compile"], {
        env: { DENORT_BIN: runtime },
      });
      assert.equal(code, 1, err);
      const said = err.split("\n").find((line) => line.startsWith("NOT MADE: "));
      assert.match(said ?? err, reason);
      await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
      assert.equal((await sums(DIST)).has(executableName(HERE)), false);
    }
  });

  it("says plainly that the runtime part is missing, when it can't be downloaded", async () => {
    await using other = await Scratch.make();
    await copyProject(other.path);
    // A proxy address where nothing listens makes all hosts unreachable.
    const proxy = "http://127.0.0.1:1";
    const { denoDir } = JSON.parse(await succeed("deno", ["info", "--json"]));
    // An empty DENORT_BIN names no file.
    const env = {
      ...{ HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: "" },
      ...{ DENO_DIR: denoDir, DENORT_BIN: "" },
    };
    const { code, out, err } = await call("deno", ["task", "compile", "windows-x64"], {
      cwd: other.path,
      env,
    });
    if (code === 0) {
      // It may already be cached.
      assert.match(out, /windows-x64\.exe/);
      return;
    }
    assert.equal(code, 2, out + err);
    const name = `dist/rocketmq-namesrv-${VERSION}-windows-x64\\.exe`;
    assert.match(err, new RegExp(`^NOT MADE: ${name}: .* can't be downloaded: \\S`, "m"));
    assert.match(err, /^Made 0 of 1 executables .* types and all its modules were checked/m);
  });

  it("fails at a mistake in the program", async () => {
    await using other = await Scratch.make();
    await copyProject(other.path);
    await Deno.writeTextFile(`${other.path}/main.ts`, "const port: number = 'none';\n");
    const { code, err } = await call("deno", ["task", "compile"], { cwd: other.path });
    assert.equal(code, 1, err);
    assert.match(err, /main\.ts/);
  });
});
