import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Mounts $0 over $1 with the option $2, in a namespace that ends with the program that follows. */
const MOUNT = [
  ...["unshare", "--map-root-user", "--mount", "sh", "-c"],
  'mount --bind -o "$2" "$0" "$1" && shift 2 && exec "$@"',
];

/** Registers a test that mounts, which not every machine lets its users do. */
function itMounts(name: string, body: () => Promise<void>): void {
  const trial = new Deno.Command(MOUNT[0]!, {
    args: [...MOUNT.slice(1), "/etc", "/etc", "rw", "true"],
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (!trial.success) {
    console.log(`not tried, as mounting is refused: ${new TextDecoder().decode(trial.stderr)}`);
  }
  it(name, { ignore: !trial.success }, body);
}

const PUT = {
  code: RequestCode.PUT_KV_CONFIG,
  extFields: { namespace: "n", key: "k", value: "v" },
};

describe("a KV file that is mounted by itself", () => {
  /** The words that mount another file in the place of the KV file. */
  async function mounting(home: Home, option: "rw" | "ro"): Promise<string[]> {
    const source = await home.write("host/kv.json", "");
    return [...MOUNT, source, await home.write("namesrv/kvConfig.json", ""), option];
  }

  itMounts("takes changes, and the start says how", async () => {
    await using home = await Home.make();
    const through = await mounting(home, "rw");
    await using server = await ServerProcess.start({ home, through });
    await server.err.find(/WARN file is a mount point: .*kvConfig\.json option=kvConfigPath$/);
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call(PUT)).code, 0);
    const file = () => Deno.readTextFile(home.file("host/kv.json"));
    assert.equal(await file(), '{"configTable":{"n":{"k":"v"}}}');
    assert.equal((await peer.call({ ...PUT, code: RequestCode.DELETE_KV_CONFIG })).code, 0);
    assert.equal(await file(), '{"configTable":{"n":{}}}');
    await server.stop();
    const names = [...Deno.readDirSync(home.file("namesrv"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["kvConfig.json", "kvConfig.json.bak"]);
    const backup = await Deno.readTextFile(home.file("namesrv/kvConfig.json.bak"));
    assert.equal(backup, '{"configTable":{"n":{"k":"v"}}}');
  });

  itMounts("makes the server not ready when it is read-only", async () => {
    await using home = await Home.make();
    const through = await mounting(home, "ro");
    const httpPort = freePort();
    const args = [`--httpPort=${httpPort}`];
    await using server = await ServerProcess.start({ home, through, args });
    await using peer = await Peer.connect(server.port);
    const { code, remark } = await peer.call(PUT);
    assert.equal(code, 1);
    assert.match(remark!, /^the KV table .*kvConfigPath.*Read-only file system/);
    const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
    assert.equal(response.status, 503);
    assert.match(await response.text(), /opening the mounted file: Read-only file system/);
  });
});

describe("a limit on the size of files", () => {
  it("fails the write, not the process", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    // Not from the start: Deno's own cache has larger files.
    const args = ["--pid", `${server.pid}`, "--fsize=65536:65536"];
    assert.ok((await new Deno.Command("prlimit", { args }).output()).success);
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call(PUT)).code, 0);
    const value = "v".repeat(40_000);
    const put = (key: string) =>
      peer.call({ code: RequestCode.PUT_KV_CONFIG, extFields: { namespace: "n", key, value } });
    assert.equal((await put("a")).code, 0);
    const { code, remark } = await put("b");
    assert.equal(code, 1);
    assert.match(
      remark!,
      /^the KV table can't be written \(kvConfigPath\): writing aside: File too large/,
    );
    assert.equal((await peer.call(PUT)).code, 0);
    assert.equal(
      (await peer.call({ ...PUT, code: RequestCode.GET_KV_CONFIG })).extFields!.get("value"),
      "v",
    );
    const file = await Deno.readTextFile(home.file("namesrv/kvConfig.json"));
    assert.deepEqual(Object.keys(JSON.parse(file).configTable.n), ["k", "a"]);
    assert.equal((await server.stop()).code, 0);
  });
});

describe("a start with a named pipe or a folder in the place of a file", () => {
  const configured = async (home: Home, options: Record<string, string>) => {
    return ["-c", await home.configFile(options)];
  };
  type Arguments = (home: Home, path: string) => string[] | Promise<string[]>;
  const places: [name: string, path: string, args: Arguments][] = [
    ["the KV file", "namesrv/kvConfig.json", () => []],
    ["the live configuration file", "namesrv/namesrv.properties", () => []],
    ["the configuration file", "a.conf", (_, path) => ["-c", path]],
    [
      "the file of TLS options",
      "tls.conf",
      (home, path) => configured(home, { "tls.config.file": path }),
    ],
    [
      "a TLS key",
      "tls.key",
      (home, path) =>
        configured(home, {
          "tls.test.mode.enable": "false",
          "tls.server.keyPath": path,
          "tls.server.certPath": path,
        }),
    ],
  ];
  for (const [name, path, args] of places) {
    it(`is refused at once: ${name}`, async () => {
      for (const kind of ["mkfifo", "mkdir"]) {
        await using home = await Home.make();
        await Deno.mkdir(home.file("namesrv"));
        const file = home.file(path);
        const made = await new Deno.Command(kind, { args: [file] }).output();
        assert.ok(made.success);
        const { code, err } = await ServerProcess.run({ home, args: await args(home, file) });
        assert.equal(code, 1, err.join("\n"));
        assert.match(err.at(-1)!, /it is not a regular file$/);
        assert.ok(err.at(-1)!.includes(file));
      }
    });
  }
});
