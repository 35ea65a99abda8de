import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import { Home, Lines, programWords, ServerProcess } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

async function start(home: Home, options: Record<string, string>): Promise<ServerProcess> {
  return await ServerProcess.start({ home, args: ["-c", await home.configFile(options)] });
}

/** Connects a peer that is refused; resolves when it is. */
async function spoil(server: ServerProcess): Promise<void> {
  await using peer = await Peer.connect(server.port);
  await peer.send(Uint8Array.fromHex("ffffffff"));
  await withLimit(peer.closed, "the connection is still open");
}

describe("the log", () => {
  it("is JSON, a line an event, on the console and in the file", async () => {
    await using home = await Home.make();
    const server = await start(home, { logFormat: "json", logDir: home.file("logs") });
    await spoil(server);
    await server.err.find(/connection refused/);
    const { err, out } = await server.stop();
    const events = err.map((line) => JSON.parse(line));
    for (const { time, level, event } of events) {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(level, /^(INFO|WARN)$/);
      assert.equal(typeof event, "string");
    }
    const { peer, reason } = events.find(({ event }) => event === "connection refused");
    assert.match(peer, /^127\.0\.0\.1:\d+$/);
    assert.match(reason, /frame length/);
    const file = await Deno.readTextFile(home.file("logs/namesrv.log"));
    assert.deepEqual(file.trimEnd().split("\n"), err);
    // Scripts wait for the boot line.
    assert.match(out[0]!, /^The Name Server boot success\. serializeType=JSON, address /);
  });

  it("goes to the console when the folder below rocketmqHome can't be used", async () => {
    await using home = await Home.make();
    const rocketmqHome = await home.write("a-file", "");
    const options = { logConsole: "false", rocketmqHome };
    await using server = await start(home, options);
    const line = await server.err.find(/WARN no log file/);
    assert.ok(line.includes(`logDir=${rocketmqHome}/logs/rocketmqlogs: can't write`), line);
    await server.err.find(/INFO started (?!.*logDir=)/);

    const dir = `${rocketmqHome}/logs`;
    const args = ["-c", await home.configFile({ ...options, logDir: dir })];
    const { code, err } = await ServerProcess.run({ home, args });
    assert.equal(code, 1);
    assert.match(err.at(-1)!, /^logDir=.*: can't write/);
  });

  it("changes its level and its limit while it runs", async () => {
    await using home = await Home.make();
    await using server = await start(home, { logRepeatLimit: "2" });
    await using peer = await Peer.connect(server.port);
    const change = async (body: string) => {
      assert.equal((await peer.call({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body })).code, 0);
    };
    assert.ok(!server.err.all.some((line) => / DEBUG /.test(line)));
    await change("logLevel=DEBUG");
    await Peer.connect(server.port).then((other) => other.close());
    await server.err.find(/ DEBUG connection opened/);
    await change("logLevel=WARN");

    const refusals = () => server.err.all.filter((it) => /WARN connection refused/.test(it)).length;
    for (let i = 0; i < 6; i++) await spoil(server);
    assert.equal(refusals(), 2);
    await change("logRepeatLimit=0");
    for (let i = 0; i < 6; i++) await spoil(server);
    await change("logLevel=INFO");
    const { err } = await server.stop();
    assert.equal(err.filter((line) => /WARN connection refused/.test(line)).length, 8);
    assert.match(
      err.join("\n"),
      /WARN log lines omitted of="connection refused" count=4 seconds=\d+/,
    );
  });

  it("has at most logPeerLimit lines a minute and level of all that a stranger can cause", async () => {
    await using home = await Home.make();
    const options = { logLevel: "DEBUG", logRepeatLimit: "0", logPeerLimit: "50" };
    await using server = await start(home, options);
    await using peer = await Peer.connect(server.port);
    // Each of them is several lines of different kinds: opened, refused, closed, and a value.
    for (let i = 0; i < 100; i++) {
      await spoil(server);
      await peer.call({
        code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
        extFields: { topic: "T", acceptStandardJsonOnly: "maybe" },
      });
      await peer.call({
        code: RequestCode.PUT_KV_CONFIG,
        extFields: { namespace: "n", key: "k", value: `${i}` },
      });
    }
    const { err } = await server.stop();
    // The server's own lines, at start and stop, are not limited: peers can't hide them.
    const own = / (water mark|log lines omitted|signal|stopping|stopped|connections closed) ?/;
    const from = err.findIndex((line) => / INFO The Name Server boot success/.test(line));
    const lines = err.slice(from + 1).filter((line) => !own.test(line));
    for (const level of ["DEBUG", "INFO", "WARN"]) {
      assert.equal(lines.filter((line) => line.includes(` ${level} `)).length, 50, level);
      const told = new RegExp(
        `${level} log lines omitted of="\\(all that peers cause\\)" count=\\d+`,
      );
      assert.match(err.join("\n"), told);
    }
  });

  it("is put aside when it is large, and old ones go", async () => {
    await using home = await Home.make();
    const server = await start(home, {
      logDir: home.file("logs"),
      logFileMaxBytes: "2048",
      logFileCount: "2",
    });
    for (let i = 0; i < 60; i++) await spoil(server);
    await server.stop();
    const names = (await Array.fromAsync(Deno.readDir(home.file("logs")))).map(({ name }) => name);
    assert.deepEqual(names.sort(), ["namesrv.log", "namesrv.log.1", "namesrv.log.2"]);
    for (const name of names) {
      const { size } = await Deno.stat(home.file(`logs/${name}`));
      assert.ok(size <= 2048, `${name}: ${size} bytes`);
    }
  });

  it("says at the start what the server is", async () => {
    await using home = await Home.make();
    await using server = await start(home, { "tls.server.mode": "enforcing" });
    const line = await server.err.find(/ INFO started /);
    assert.match(line, /version="rocketmq-namesrv .+" address=0\.0\.0\.0:\d+/);
    assert.match(line, /tls="enforcing, self-signed \(tls\.test\.mode\.enable\)"/);
    assert.match(line, /kvConfigPath=\S+kvConfig\.json kvEntries=0 configFile=\S+test\.properties/);
  });
});

describe("a start on a terminal", () => {
  it("shows what the server is, on a screen, before the boot line", async () => {
    await using home = await Home.make();
    const env = await ServerProcess.environment(home);
    const server = [...programWords(), "--listenPort=0"].join(" ");
    const child = new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", `exec ${server}`, "/dev/null"],
      cwd: home.path,
      clearEnv: true,
      env: { ...env, PATH: "/usr/bin:/bin", SHELL: "/bin/sh" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const screen = new Lines(child.stdout);
    try {
      await screen.find(/^The Name Server boot success/);
      const all = screen.all.map((line) => line.trimEnd());
      const from = all.findIndex((line) => /^ {2}version +rocketmq-namesrv/.test(line));
      assert.ok(from >= 0, all.join("\n"));
      const shown = all.slice(from, all.findIndex((line) => /^The Name Server boot/.test(line)));
      assert.ok(shown.length <= 22);
      for (const line of shown) assert.ok(line.length <= 80, line);
      for (const name of ["address", "http", "tls", "kvConfigPath", "kvEntries"]) {
        assert.ok(shown.some((line) => line.startsWith(`  ${name} `)), `no ${name}`);
      }
    } finally {
      child.kill("SIGTERM");
      await child.status;
      await screen.complete;
    }
  });
});
