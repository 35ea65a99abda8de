import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { Home, itWithFlags, ServerProcess, START_FLAGS } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

describe("the HTTP port at the start", () => {
  it("is on 127.0.0.1:9890 where nothing is said; without it, when that is taken", async () => {
    await using home = await Home.make();
    // The default port may be in use. The server reports its port and works either way.
    const file = await home.configFile({ listenPort: "0" });
    const args = ["-c", file];
    await using server = await ServerProcess.start({ home, args, http: "default" });
    const line = server.err.all.find((it) => it.includes("HTTP port"))!;
    if (line.includes("HTTP port open")) {
      assert.match(line, /INFO HTTP port open address=127\.0\.0\.1 port=9890$/);
      assert.equal((await fetch("http://127.0.0.1:9890/livez")).status, 200);
    } else assert.match(line, /WARN no HTTP port reason=".*127\.0\.0\.1:9890/);

    await using second = await ServerProcess.start({ home, args, http: "default" });
    const warning = await second.err.find(/WARN no HTTP port/);
    assert.match(warning, /127\.0\.0\.1:9890 \(httpBindAddress, httpPort\).*in use/);
    await using peer = await Peer.connect(second.port);
    assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    assert.equal(second.err.all.filter((it) => it.includes("HTTP")).length, 1);
  });

  it("fails the start in one line when it is asked for and taken", async () => {
    await using home = await Home.make();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    const file = await home.configFile({ httpPort: `${port}` });
    for (const args of [[`--httpPort=${port}`], ["-c", file]]) {
      const ended = await ServerProcess.run({ home, args, http: "default" });
      assert.deepEqual([ended.code, ended.out], [1, []]);
      const lines = ended.err.filter((line) => line.includes("HTTP") || line.includes("http"));
      assert.equal(lines.length, 1, ended.err.join("\n"));
      assert.equal(lines[0], ended.err.at(-1));
      assert.ok(lines[0]!.includes(`127.0.0.1:${port} (httpBindAddress, httpPort)`), lines[0]);
    }
  });

  it("fails the start at an address that is none, and at values that are not allowed", async () => {
    await using home = await Home.make();
    const refused: [argument: string, line: RegExp][] = [
      [
        "--httpBindAddress=nowhere.invalid",
        /nowhere\.invalid:9890 \(httpBindAddress, httpPort\): /,
      ],
      ["--httpPort=65536", /httpPort=65536: must be a whole number from 0 to 65535/],
    ];
    for (const [argument, line] of refused) {
      const ended = await ServerProcess.run({ home, args: [argument], http: "default" });
      assert.equal(ended.code, 1);
      assert.match(ended.err.at(-1)!, line);
    }
  });

  it("is not opened where it is 0", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home, args: ["--httpPort=0"] });
    await server.stop();
    assert.ok(!server.err.all.some((line) => line.includes("HTTP port")));
  });

  itWithFlags("needs its permission when it is asked for, and else goes on without", async () => {
    await using home = await Home.make();
    const flags = [
      ...START_FLAGS.filter((flag) => !flag.startsWith("--allow-net")),
      "--allow-net=0.0.0.0",
    ];
    await using server = await ServerProcess.start({ home, flags, http: "default" });
    await server.err.find(/WARN no HTTP port .*--allow-net=127\.0\.0\.1:9890/);
    const args = ["--httpPort=9999"];
    const { code, err } = await ServerProcess.run({ home, flags, args });
    assert.equal(code, 1);
    assert.match(err.at(-1)!, /--allow-net=127\.0\.0\.1:9999/);
  });

  itWithFlags("is never asked about at the terminal", async () => {
    await using home = await Home.make();
    const flags = START_FLAGS.filter((flag) => flag !== "--no-prompt")
      .map((flag) => flag === "--allow-net" ? "--allow-net=0.0.0.0" : flag);
    await using server = await ServerProcess.start({ home, flags, http: "default" });
    await server.err.find(/WARN no HTTP port/);
  });
});

describe("/readyz", () => {
  const failed = async (response: Response): Promise<Record<string, string>> => {
    const { checks } = await response.json();
    return Object.fromEntries(
      checks.filter(({ ok }: { ok: boolean }) => !ok)
        .map(({ name, reason }: { name: string; reason: string }) => [name, reason]),
    );
  };

  it("fails while the KV file can't be written, and makes nothing", async () => {
    await using http = await HttpServerProcess.start();
    assert.equal((await http.get("/readyz")).status, 200);
    const folder = http.home.file("namesrv");
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder);
    await Deno.writeTextFile(folder, "a file in the folder's place");
    // The result of the first check is cached for a second.
    const response = await http.getUntil("/readyz", 503);
    const { kvFile, ...others } = await failed(response);
    assert.deepEqual(others, {});
    assert.match(kvFile!, /namesrv\/kvConfig\.json/);
    await Deno.remove(folder);
    await http.getUntil("/readyz", 200);
  });

  it("fails until needWaitForService has elapsed", async () => {
    await using folder = await Home.make();
    const file = await folder.configFile({ needWaitForService: "true" });
    await using http = await HttpServerProcess.start({ args: ["-c", file] });
    const response = await http.get("/readyz");
    assert.equal(response.status, 503);
    assert.match((await failed(response)).waitForService!, /^route queries are refused for \d+ s/);
    await using peer = await Peer.connect(http.server.port);
    const update = { code: RequestCode.UPDATE_NAMESRV_CONFIG, body: "waitSecondsForService=0" };
    assert.equal((await peer.call(update)).code, 0);
    assert.equal((await http.get("/readyz")).status, 200);
  });

  it("fails as soon as a stop begins; the server is alive until it has stopped", async () => {
    await using folder = await Home.make();
    const file = await folder.configFile({
      enableShutdownGracefully: "true",
      // Long enough for a few requests before it is over.
      shutdownWaitTimeSeconds: "4",
    });
    await using http = await HttpServerProcess.start({ args: ["-c", file] });
    assert.equal((await http.get("/readyz")).status, 200);
    http.server.kill("SIGTERM");
    await http.server.err.find(/stopping/);
    const response = await http.get("/readyz");
    assert.equal(response.status, 503);
    assert.deepEqual(await failed(response), { notStopping: "the server is stopping" });
    assert.equal((await http.get("/livez")).status, 200);
    const { code } = await withLimit(http.server.ended, "the server has not stopped");
    assert.equal(code, 0);
    await assert.rejects(http.get("/livez"));
  });
});

describe("a stop", () => {
  it("does not wait for open connections to the HTTP port", async () => {
    await using http = await HttpServerProcess.start();
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port: http.httpPort });
    using _idle = await connect();
    using half = await connect();
    await half.write(new TextEncoder().encode("GET /livez HTTP/1.1\r\nHo"));
    const { code, err } = await http.server.stop();
    assert.equal(code, 0);
    assert.match(err.at(-1)!, /INFO stopped$/);
  });
});
