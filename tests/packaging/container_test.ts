import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { controllerGroup } from "../../src/config/controller_group.ts";
import { variableOf } from "../../src/config/environment.ts";
import { defaultOptions, OPTION_NAMES } from "../../src/config/options.ts";
import { parseProperties } from "../../src/config/properties.ts";
import { PERMISSIONS } from "../../tools/release.ts";
import { Program } from "./program.ts";
import { call, giveTo, PROJECT, Scratch, succeed, withoutRights } from "./tools.ts";

const DOCKERFILE = `${PROJECT}/packaging/docker/Dockerfile`;
const COMPOSE = `${PROJECT}/packaging/compose/compose.yaml`;
const cwd = `${PROJECT}/packaging/compose`;

/** An instruction of the last stage whose argument is a list, possibly after other words. */
async function lastStage(instruction: string): Promise<string[]> {
  const text = (await Deno.readTextFile(DOCKERFILE)).replaceAll("\\\n", " ");
  const line = text.slice(text.lastIndexOf("\nFROM ")).split("\n")
    .find((it) => it.startsWith(`${instruction} `))!;
  return JSON.parse(line.slice(line.indexOf("[")));
}

describe("the Dockerfile", () => {
  beforeAll(async () => {
    await succeed("deno", ["task", "bundle"]);
  });

  it("is as hadolint wants it", async () => {
    await succeed("hadolint", ["--failure-threshold=info", DOCKERFILE]);
    const text = await Deno.readTextFile(DOCKERFILE);
    const worse = text.replace("RUN deno", "RUN cd /build && deno");
    const { code, out } = await call("hadolint", ["-"], { input: worse });
    assert.notEqual(code, 0);
    assert.match(out, /DL3003/);
  });

  it("takes the Deno that the project is tested with, and what the bundle is made of", async () => {
    const pinned = (await Deno.readTextFile(`${PROJECT}/.deno-version`)).trim();
    assert.match(
      await Deno.readTextFile(DOCKERFILE),
      new RegExp(`^ARG DENO_VERSION=${pinned}$`, "m"),
    );
    await using copy = await Scratch.make();
    const ignore = await Deno.readTextFile(`${DOCKERFILE}.dockerignore`);
    const [first, ...kept] = ignore.trimEnd().split("\n");
    assert.equal(first, "*");
    const names = kept.map((line) => line.replace(/^!/, ""));
    const command = new Deno.Command("cp", { args: ["-r", ...names, copy.path], cwd: PROJECT });
    assert.ok((await command.output()).success);
    const [, build] = /^RUN (.*)$/m.exec(await Deno.readTextFile(DOCKERFILE))!;
    const built = new Deno.Command("sh", { args: ["-c", build!], cwd: copy.path, stdout: "null" });
    assert.ok((await built.output()).success, build);
    await Deno.stat(`${copy.path}/dist/rocketmq-namesrv.js`);
    await Deno.stat(`${copy.path}/dist/rocketmq-namesrv.licenses.txt`);
  });

  it("runs as a user without rights, and starts a server that needs only HOME", async () => {
    assert.match(await Deno.readTextFile(DOCKERFILE), /^USER 65532:65532$/m);
    await using image = await Scratch.make();
    await Deno.copyFile(Deno.execPath(), `${image.path}/deno`);
    await Deno.copyFile(`${PROJECT}/dist/rocketmq-namesrv.js`, `${image.path}/rocketmq-namesrv.js`);
    const home = `${image.path}/state`;
    await Deno.mkdir(home);
    await giveTo(65532, home);
    const command = (await lastStage("ENTRYPOINT")).map((word) =>
      word.replace("/usr/bin/deno", `${image.path}/deno`)
        .replace("/usr/lib/rocketmq-namesrv", image.path)
    );
    const env = { HOME: home, DENO_DIR: "/nonexistent", PATH: "/usr/bin:/bin" };
    await using program = await Program.start([...withoutRights(65532), ...command], env, "/");
    await program.keepsValues();
    assert.equal(await program.stop(), 0);
  });

  it("has the flags of the task start, at work and in the health check", async () => {
    for (const instruction of ["ENTRYPOINT", "HEALTHCHECK"]) {
      const words = await lastStage(instruction);
      const script = words.findIndex((word) => word.endsWith(".js"));
      const flags = words.slice(2, script).filter((word) => /^--(allow|no-prompt|v8)/.test(word));
      assert.deepEqual(flags, PERMISSIONS, instruction);
    }
    const check = await lastStage("HEALTHCHECK");
    assert.deepEqual(check.slice(-3), ["ping", "-n", "127.0.0.1:9876"]);
  });
});

describe("the compose file", () => {
  it("is one, and has two name servers, brokers at both, and the dashboard", async () => {
    const model = parse(await succeed("compose", [COMPOSE], { cwd })) as {
      services: Record<string, {
        environment?: Record<string, string>;
        read_only?: boolean;
        user?: string;
        build?: { context: string; dockerfile: string };
      }>;
    };
    const names = Object.keys(model.services);
    assert.deepEqual(names, ["broker-a", "broker-b", "dashboard", "namesrv-a", "namesrv-b"]);
    const addresses = "namesrv-a:9876;namesrv-b:9876";
    for (const name of ["broker-a", "broker-b"]) {
      assert.equal(model.services[name]!.environment!.NAMESRV_ADDR, addresses);
    }
    assert.ok(model.services.dashboard!.environment!.JAVA_OPTS!.includes(addresses));
    for (const name of ["namesrv-a", "namesrv-b"]) {
      const { read_only, build } = model.services[name]!;
      assert.equal(read_only, true);
      await Deno.stat(`${build!.context}/${build!.dockerfile}`);
      assert.equal(build!.context, PROJECT);
    }
  });

  it("is joined by one that keeps the KV table in three members of etcd", async () => {
    const both = parse(await succeed("compose", [COMPOSE, `${cwd}/etcd.yaml`], { cwd })) as {
      services: Record<string, { command: string[]; environment?: Record<string, string> }>;
    };
    const members = ["etcd-a", "etcd-b", "etcd-c"];
    for (const name of ["namesrv-a", "namesrv-b"]) {
      const { command } = both.services[name]!;
      assert.equal(command[command.indexOf("--kvStore") + 1], "etcd");
      const endpoints = members.map((member) => `http://${member}:2379`).join(";");
      assert.equal(command[command.indexOf("--etcdEndpoints") + 1], endpoints);
    }
    const peers = members.map((member) => `${member}=http://${member}:2380`).join(",");
    for (const member of members) {
      const environment = both.services[member]!.environment!;
      assert.equal(environment.ETCD_NAME, member);
      assert.equal(environment.ETCD_INITIAL_CLUSTER, peers);
    }
  });

  it("is joined by one with three controllers, for which each name server has its own id", async () => {
    const files = [COMPOSE, `${cwd}/etcd.yaml`, `${cwd}/controller.yaml`];
    const all = parse(await succeed("compose", files, { cwd })) as {
      services: Record<string, { command: string[]; environment: Record<string, string> }>;
      configs: Record<string, { content: string }>;
    };
    const known = new Map(OPTION_NAMES.map((name) => [variableOf(name), name]));
    const addresses: string[] = [];
    for (const name of ["namesrv-a", "namesrv-b", "namesrv-c"]) {
      const { command, environment } = all.services[name]!;
      assert.deepEqual(command, []);
      for (const variable of Object.keys(environment)) assert.ok(known.has(variable), variable);
      const { self } = controllerGroup({
        ...defaultOptions(),
        controllerStore: "etcd",
        controllerDLegerPeers: environment.NAMESRV_CONTROLLER_DLEGER_PEERS!,
        controllerDLegerSelfId: environment.NAMESRV_CONTROLLER_DLEGER_SELF_ID!,
      });
      assert.equal(self.address, `${name}:9878`);
      addresses.push(self.address);
    }
    for (const { content } of Object.values(all.configs)) {
      const options = parseProperties(content, "broker.conf");
      assert.equal(options.get("enableControllerMode"), "true");
      assert.equal(options.get("controllerAddr"), addresses.join(";"));
    }
  });

  it("would be refused with a mistake in it", async () => {
    await using folder = await Scratch.make();
    const wrong = `${folder.path}/compose.yaml`;
    const text = await Deno.readTextFile(COMPOSE);
    await Deno.writeTextFile(wrong, text.replace("read_only:", "readonly:"));
    const { code, err } = await call("compose", [wrong], { cwd });
    assert.notEqual(code, 0);
    assert.match(err, /readonly/);
  });
});
