import { hashSecret } from "../../src/access/secret_hash.ts";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfiguration } from "../../src/config/load.ts";
import { KvConfigError } from "../../src/kv/kv_config.ts";
import type { RepeatLimits } from "../../src/log/repeats.ts";
import type { LogLevel } from "../../src/log/log.ts";
import { ListenError, Namesrv } from "../../src/namesrv.ts";
import type { Listener, Socket } from "../../src/remoting/transport/transport.ts";
import { environmentWith } from "../support/config_fixtures.ts";
import { concat, text, utf8 } from "../support/bytes.ts";
import { FakeHttpListener } from "../support/fake_http_listener.ts";
import { type FakeSocket, FakeSocket as Peer, FakeTransport } from "../support/fake_socket.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { RecordedLog } from "../support/recorded_log.ts";
import { BROKER, registration } from "../support/route_processors.ts";
import { TestClock } from "../support/test_clock.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { first } from "../support/lists.ts";
import { cutFrames, frame, readAnswers, request, type SeenAnswer } from "../support/frames.ts";

/** A transport that also connects, and whose port may be in use. */
class Network extends FakeTransport {
  taken: Error | undefined;
  /** Addresses to which the server connected, and their sockets. */
  readonly connected: { address: string; timeout: number; socket: FakeSocket }[] = [];
  unreachable: Error | undefined;

  override listen(...args: Parameters<FakeTransport["listen"]>): Promise<Listener> {
    return this.taken === undefined ? super.listen(...args) : Promise.reject(this.taken);
  }

  override connect(hostname?: string, port?: number, timeout = 0): Promise<Socket> {
    const socket = new Peer();
    socket.start({ onData() {}, onDrain() {}, onEnd() {}, onClose() {} });
    this.connected.push({ address: `${hostname}:${port}`, timeout, socket });
    return this.unreachable === undefined
      ? Promise.resolve(socket)
      : Promise.reject(this.unreachable);
  }
}

/** Sends a request over a connection and waits for the response. */
async function ask(
  peer: FakeSocket,
  code: number,
  extFields: Record<string, string> = {},
  body?: string,
): Promise<SeenAnswer> {
  const before = peer.received.length;
  peer.send(request({ code, extFields, body: body === undefined ? undefined : utf8(body) }));
  await until(() => peer.received.length > before || peer.closed);
  assert.equal(peer.closed, false, "the server closed the connection");
  return first(readAnswers(peer.received.slice(before)));
}

async function register(peer: FakeSocket, fields: Record<string, string> = {}): Promise<void> {
  const answer = await ask(
    peer,
    RequestCode.REGISTER_BROKER,
    { ...BROKER, ...fields },
    registration(["T1", "T2"]),
  );
  assert.equal(answer.code, 0);
}

async function route(peer: FakeSocket, topic = "T1") {
  const { code, body } = await ask(peer, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic });
  return code === 0 ? JSON.parse(body) : code;
}

describe("Namesrv", () => {
  let dir: string;
  let network: Network;
  let log: RecordedLog;
  let levels: LogLevel[];
  let limits: Partial<RepeatLimits>[];
  let running: Namesrv | undefined;

  beforeEach(async () => {
    dir = await Deno.makeTempDir();
    network = new Network();
    log = new RecordedLog(false);
    levels = [];
    limits = [];
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await Deno.remove(dir, { recursive: true });
  });

  async function start(
    conf = "",
    http?: FakeHttpListener,
    disk?: MemoryDisk,
  ): Promise<Namesrv> {
    const file = join(dir, "namesrv.properties");
    await Deno.writeTextFile(file, `kvConfigPath=${join(dir, "kv.json")}\n${conf}`);
    const configuration = await loadConfiguration(
      { configFile: file },
      environmentWith({ HOME: dir }),
      Deno,
    );
    running = await Namesrv.start({
      configuration,
      transport: network,
      files: Deno,
      ...(disk && { disk }),
      log,
      setLogLevel: (level) => void levels.push(level),
      http,
      setLogLimits: (limit) => void limits.push(limit),
      clock: new TestClock(),
    });
    return running;
  }

  async function stop(): Promise<void> {
    const server = running!;
    running = undefined;
    await server.stop();
  }

  const events = (from = 0) => log.events.slice(from).map((it) => it.event);

  describe("start", () => {
    it("loads the KV table, then makes the processors, then the schedules, then listens", async () => {
      await Deno.writeTextFile(join(dir, "kv.json"), '{"configTable":{"n":{"k":"v"}}}');
      const server = await start("listenPort=1234\nbindAddress=127.0.0.1\n");
      assert.deepEqual(events(), [
        "KV table loaded",
        "request processors registered",
        "schedules started",
        "listening",
      ]);
      assert.deepEqual(log.events[3]!.fields, { address: "127.0.0.1", port: 1234 });
      assert.equal(server.address, "127.0.0.1:1234");
      const { hostname, port, backlog, waterMarks } = network.listened[0]!;
      assert.deepEqual([hostname, port, backlog], ["127.0.0.1", 1234, 4096]);
      assert.deepEqual([waterMarks.high(), waterMarks.low()], [1_048_576, 524_288]);
      const answer = await ask(network.open(), RequestCode.GET_KV_CONFIG, {
        namespace: "n",
        key: "k",
      });
      assert.deepEqual(answer.extFields, { value: "v" });
    });

    it("tells the port that the system chose", async () => {
      const server = await start("listenPort=0\n");
      assert.equal(server.port, 40000);
      assert.equal(server.address, "0.0.0.0:40000");
    });

    it("listens on IPv4 and IPv6 by default, and on an IPv6 address in brackets", async () => {
      await start();
      assert.deepEqual(network.listened.map(({ hostname }) => hostname), ["::"]);
      await stop();
      network = new Network();
      const server = await start("bindAddress=[::1]\nlistenPort=1234\n");
      assert.deepEqual(network.listened.map(({ hostname }) => hostname), ["::1"]);
      assert.equal(server.address, "[::1]:1234");
      await stop();
      network = new Network();
      network.taken = new Deno.errors.AddrInUse("Address already in use");
      await assert.rejects(start("bindAddress=::1\nlistenPort=1234\n"), {
        message: "cannot listen on [::1]:1234 (bindAddress, listenPort): Address already in use",
      });
    });

    it("fails in one line at a port that is taken", async () => {
      network.taken = new Deno.errors.AddrInUse("Address already in use (os error 98)");
      await assert.rejects(start("listenPort=1234\n"), (error) => {
        assert.ok(error instanceof ListenError);
        assert.equal(
          error.message,
          "cannot listen on 0.0.0.0:1234 (bindAddress, listenPort): " +
            "Address already in use (os error 98)",
        );
        return true;
      });
    });

    it("leaves no schedule running when it fails", async () => {
      using time = new FakeTime();
      log.debugEnabled = true;
      network.taken = new Error("taken");
      await assert.rejects(start(), ListenError);
      const from = log.events.length;
      time.tick(1_000_000);
      assert.deepEqual(events(from), []);
    });

    it("names the flag where Deno's permission is missing", async () => {
      network.taken = new Deno.errors.NotCapable("Requires net access");
      await assert.rejects(start("listenPort=1234\n"), {
        name: "ListenError",
        message: /start Deno with --allow-net=0\.0\.0\.0:1234$/,
      });
    });

    it("fails at a KV file that is broken, before it listens", async () => {
      await Deno.writeTextFile(join(dir, "kv.json"), "{nonsense");
      await assert.rejects(start(), KvConfigError);
      assert.deepEqual(network.listened, []);
    });
  });

  describe("the HTTP port", () => {
    const taken = new Deno.errors.AddrInUse("Address already in use (os error 98)");
    const listener = (refusal?: Error) => {
      const http = new FakeHttpListener();
      http.refusal = refusal;
      http.shutDown.resolve();
      return http;
    };

    it("is opened where nothing is said, on 127.0.0.1:9890", async () => {
      const http = listener();
      await start("", http);
      assert.deepEqual(http.address, { hostname: "127.0.0.1", port: 9890 });
      assert.equal(events().at(-1), "HTTP port open");
      assert.equal((await http.ask("/readyz")).status, 200);
      assert.match(await (await http.ask("/metrics")).text(), /^# HELP /);
    });

    it("is opened where it is asked for, or not at all", async () => {
      const http = listener();
      await start("httpPort=1234\nhttpBindAddress=::1\n", http);
      assert.deepEqual(http.address, { hostname: "::1", port: 1234 });
      await stop();
      const none = listener();
      await start("httpPort=0\n", none);
      assert.equal(none.address, undefined);
    });

    it("is open to everyone off loopback without rules, which is a warning", async () => {
      const rules = join(dir, "access.yml");
      await Deno.writeTextFile(rules, "mode: audit\n", { mode: 0o600 });
      const warned = async (conf: string) => {
        const from = log.events.length;
        await start(conf, listener());
        await stop();
        return log.events.slice(from).filter(({ event }) =>
          event === "the HTTP port is open to everyone"
        );
      };
      for (const address of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
        assert.deepEqual(await warned(`httpBindAddress=${address}\n`), []);
      }
      assert.deepEqual(await warned(`httpBindAddress=0.0.0.0\naccessFile=${rules}\n`), []);
      for (const address of ["0.0.0.0", "::", "10.0.0.1"]) {
        const [warning, ...more] = await warned(`httpBindAddress=${address}\n`);
        assert.equal(warning?.level, "WARN");
        assert.equal(warning.fields.address, address);
        assert.match(
          `${warning.fields.reason}`,
          /^without accessFile, everyone .* can read brokers, /,
        );
        assert.deepEqual(more, []);
      }
    });

    it("takes tokens in clear off loopback without TLS, which is a warning", async () => {
      const warned = async (address: string, account: string) => {
        const rules = join(dir, "access.yml");
        const text = `mode: audit\naccounts: [{accessKey: AK, ${account}, may: viewer}]\n`;
        await Deno.writeTextFile(rules, text, { mode: 0o600 });
        const from = log.events.length;
        await start(`httpBindAddress=${address}\naccessFile=${rules}\n`, listener());
        await stop();
        return log.events.slice(from).filter(({ level, event }) =>
          level === "WARN" && event === "tokens cross the network in clear"
        ).length;
      };
      const token = `tokens: ["${await hashSecret("AK.secret")}"]`;
      assert.equal(await warned("0.0.0.0", token), 1);
      assert.equal(await warned("127.0.0.1", token), 0);
      assert.equal(await warned("0.0.0.0", "secret: a-secret-of-some-length"), 0);
    });

    it("is left out when it can't be opened and was not configured", async () => {
      await start("", listener(taken));
      const { level, event, fields } = log.events.at(-1)!;
      assert.deepEqual([level, event], ["WARN", "no HTTP port"]);
      assert.equal(
        fields.reason,
        "cannot listen on 127.0.0.1:9890 (httpBindAddress, httpPort): " +
          "Address already in use (os error 98)",
      );
      const peer = network.open();
      await register(peer);
      // `top` asks for the port, which another server may have.
      assert.match((await ask(peer, RequestCode.GET_NAMESRV_CONFIG)).body, /^httpPort=0$/m);
    });

    for (const asked of ["httpPort=9890", "httpBindAddress=127.0.0.1"]) {
      it(`fails the start in one line when it can't be opened and ${asked} is set`, async () => {
        await assert.rejects(start(asked, listener(taken)), {
          name: "ListenError",
          message: "cannot listen on 127.0.0.1:9890 (httpBindAddress, httpPort): " +
            "Address already in use (os error 98)",
        });
        assert.equal(network.listening, false);
      });
    }

    it("names the flag where Deno's permission is missing", async () => {
      const refusal = new Deno.errors.NotCapable("--allow-net=127.0.0.1:9890");
      await assert.rejects(start("httpPort=9890", listener(refusal)), {
        message: /start Deno with --allow-net=127\.0\.0\.1:9890$/,
      });
    });

    it("tells of what brokers register, and of their connections", async () => {
      const http = listener();
      await start("", http);
      await register(network.open("10.0.0.9:1234"));
      const { items: [broker] } = await (await http.ask("/api/v1/brokers")).json();
      assert.equal(broker.members[0].connection.peer, "10.0.0.9:1234");
      assert.equal(broker.members[0].connection.software.language, "JAVA");
    });

    it("is not ready while it waits for service", async () => {
      const http = listener();
      await start("needWaitForService=true\n", http);
      const response = await http.ask("/readyz");
      assert.equal(response.status, 503);
      const failed = (await response.json()).checks.filter((it: { ok: boolean }) => !it.ok);
      assert.deepEqual(failed.map((it: { name: string }) => it.name), ["waitForService"]);
    });

    it("does not say that the remoting port is open when a stop has closed it", async () => {
      const http = listener();
      await start("", http);
      const stopped = stop();
      const { checks } = await (await http.ask("/readyz")).json();
      const failed = checks.filter((it: { ok: boolean }) => !it.ok);
      assert.deepEqual(failed.map((it: { name: string }) => it.name), ["listening", "notStopping"]);
      await stopped;
    });

    it("is not ready as soon as a stop begins, alive until the end, and closed last", async () => {
      const http = listener();
      await start("enableShutdownGracefully=true\nshutdownWaitTimeSeconds=1\n", http);
      const stopped = stop();
      const response = await http.ask("/readyz");
      assert.equal(response.status, 503);
      assert.match(await response.text(), /the server is stopping/);
      assert.equal((await http.ask("/livez")).status, 200);
      assert.deepEqual(http.events, ["listen"]);
      await stopped;
      assert.deepEqual(http.events, ["listen", "shutdown"]);
      assert.equal(events().at(-1), "stopped");
    });
  });

  describe("requests", () => {
    it("are answered over one connection, in both serializations", async () => {
      await start();
      const peer = network.open();
      await register(peer);
      assert.equal((await route(peer)).brokerDatas[0].brokerName, "b-a");
      assert.equal(await route(peer, "nope"), 17);
      assert.equal((await ask(peer, 999)).remark, " request type 999 not supported");
      peer.writes = [];
      const header = concat(
        Uint8Array.of(0, 206, 0, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0),
        new Uint8Array(8),
      );
      peer.send(frame(header, undefined, 1));
      await until(() => peer.writes.length > 0);
      const [answer] = cutFrames(peer.received);
      assert.equal(answer!.serializeType, 1);
      assert.equal(text(answer!.body), '{"topicList":["T1","T2"]}');
    });

    it("of one connection lose all of its brokers when it closes", async () => {
      await start();
      const [container, client] = [network.open(), network.open()];
      await register(container);
      await register(container, { brokerName: "b-b" });
      await register(client, { brokerName: "b-c" });
      container.break("reset");
      await until(() => events().filter((it) => it === "broker unregistered").length === 2);
      const { body } = await ask(client, RequestCode.GET_BROKER_CLUSTER_INFO);
      assert.deepEqual(body.match(/b-\w(?=":\{)/g), ["b-c"]);
    });

    it("for routes are answered at once, however many come", async () => {
      await start();
      const peer = network.open();
      await register(peer);
      peer.writes = [];
      const extFields = { topic: "T1" };
      const opaques = Array.from({ length: 500 }, (_, i) => i + 1);
      peer.send(
        ...opaques.map((opaque) =>
          request({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC, opaque, extFields })
        ),
      );
      assert.deepEqual(readAnswers(peer.received).map((it) => it.opaque), opaques);
    });

    it("for routes are answered while others of their connection wait for the disk", async () => {
      await start();
      const peer = network.open();
      await register(peer);
      peer.writes = [];
      const kv = { namespace: "n", key: "k", value: "v" };
      peer.send(
        request({ code: RequestCode.PUT_KV_CONFIG, opaque: 1, extFields: kv }),
        request({
          code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
          opaque: 2,
          extFields: { topic: "T1" },
        }),
      );
      assert.deepEqual(readAnswers(peer.received).map((it) => it.opaque), [2]);
      await until(() => readAnswers(peer.received).length === 2);
    });
  });

  it("reads the rules of access control again when it is told to", async () => {
    const rules = join(dir, "access.yml");
    await Deno.writeTextFile(rules, "mode: audit\n", { mode: 0o600 });
    const server = await start(`accessFile=${rules}\n`);
    const modes = () =>
      log.events.filter(({ event }) => event === "access rules loaded")
        .map(({ fields }) => fields.mode);
    assert.deepEqual(modes(), ["audit"]);
    await Deno.writeTextFile(rules, "mode: enforce\n");
    await server.reload();
    assert.deepEqual(modes(), ["audit", "enforce"]);
  });

  describe("a live change", () => {
    const change = async (peer: FakeSocket, body: string) =>
      assert.equal((await ask(peer, RequestCode.UPDATE_NAMESRV_CONFIG, {}, body)).code, 0);

    it("of orderMessageEnable reaches routes that are cached, and so does one of the table", async () => {
      await start();
      const peer = network.open();
      await register(peer);
      const namespace = "ORDER_TOPIC_CONFIG";
      await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace, key: "T1", value: "b-a:8" });
      assert.equal((await route(peer)).orderTopicConf, undefined);
      await change(peer, "orderMessageEnable=true");
      assert.equal((await route(peer)).orderTopicConf, "b-a:8");
      await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace, key: "T1", value: "b-a:4" });
      assert.equal((await route(peer)).orderTopicConf, "b-a:4");
      await ask(peer, RequestCode.DELETE_KV_CONFIG, { namespace, key: "T1" });
      assert.equal((await route(peer)).orderTopicConf, undefined);
    });

    it("of supportActingMaster reaches routes that are cached", async () => {
      await start();
      const peer = network.open();
      await register(peer, { brokerId: "3", enableActingMaster: "true" });
      const ids = async () => Object.keys((await route(peer)).brokerDatas[0].brokerAddrs);
      assert.deepEqual(await ids(), ["3"]);
      await change(peer, "supportActingMaster=true");
      assert.deepEqual(await ids(), ["0"]);
      await change(peer, "supportActingMaster=false");
      assert.deepEqual(await ids(), ["3"]);
    });

    it("of clusterTest reaches routes that are cached", async () => {
      await start();
      const peer = network.open();
      await register(peer);
      await ask(peer, RequestCode.PUT_KV_CONFIG, {
        namespace: "ORDER_TOPIC_CONFIG",
        key: "T1",
        value: "b-a:8",
      });
      assert.equal((await route(peer)).orderTopicConf, undefined);
      await change(peer, "clusterTest=true");
      assert.equal((await route(peer)).orderTopicConf, "b-a:8");
    });

    it("of the log's level reaches the log, and of the water marks the connections", async () => {
      await start();
      const peer = network.open();
      await change(
        peer,
        "logLevel=DEBUG\nlogRepeatLimit=5\nlogPeerLimit=7\nwriteBufferHighWaterMark=65536",
      );
      assert.deepEqual([levels, limits], [["DEBUG"], [{ kind: 5 }, { peers: 7 }]]);
      const { waterMarks } = network.listened[0]!;
      assert.deepEqual([waterMarks.high(), waterMarks.low()], [65_536, 32_768]);
    });

    it("of returnOrderTopicConfigToBroker and the lists is in effect at once", async () => {
      await start();
      const peer = network.open();
      await ask(peer, RequestCode.PUT_KV_CONFIG, {
        namespace: "ORDER_TOPIC_CONFIG",
        key: "T1",
        value: "b-a:8",
      });
      await change(peer, "returnOrderTopicConfigToBroker=false\nenableAllTopicList=false");
      const { body } = await ask(
        peer,
        RequestCode.REGISTER_BROKER,
        BROKER,
        registration(["T1", "T2"]),
      );
      assert.equal(body, "");
      assert.equal(
        (await ask(peer, RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).remark,
        "disable",
      );
    });

    it("of scanNotActiveBrokerInterval moves the next scan", async () => {
      using time = new FakeTime();
      await start();
      const peer = network.open();
      await register(peer, { heartbeatTimeoutMillis: "1" });
      await change(peer, "scanNotActiveBrokerInterval=100");
      time.tick(99);
      assert.equal(peer.closed, false);
      time.tick(1);
      assert.equal(peer.closed, true);
      await until(() => events().includes("broker unregistered"));
      await stop();
    });
  });

  describe("schedules", () => {
    it("print the KV table after a minute and then every ten, and close silent brokers", async () => {
      using time = new FakeTime();
      await start();
      const peer = network.open();
      await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v" });
      await register(peer, { heartbeatTimeoutMillis: "3000" });
      const printed = () => events().filter((it) => it === "configTable").length;
      time.tick(4999);
      assert.equal(peer.closed, false);
      time.tick(1);
      assert.equal(peer.closed, true);
      assert.equal(printed(), 0);
      time.tick(55_000);
      assert.equal(printed(), 1);
      const at = events().indexOf("configTable");
      assert.deepEqual(log.events[at]!.fields, { size: 1 });
      assert.deepEqual(log.events[at + 1], {
        level: "INFO",
        event: "configTable entry",
        fields: { namespace: "n", key: "k", value: "v" },
      });
      time.tick(1_200_000);
      assert.equal(printed(), 3);
      await stop();
      time.tick(1_200_000);
      assert.equal(printed(), 3);
    });

    it("print the water marks every second, to debug only", async () => {
      using time = new FakeTime();
      await start();
      const printed = () => events().filter((it) => it === "water mark").length;
      time.tick(3000);
      assert.equal(printed(), 0);
      log.debugEnabled = true;
      time.tick(3000);
      assert.equal(printed(), 3);
      await stop();
    });

    it("close connections that idle", async () => {
      using time = new FakeTime();
      await start("serverChannelMaxIdleTimeSeconds=60\n");
      const peer = network.open();
      time.tick(59_000);
      assert.equal(peer.closed, false);
      time.tick(3000);
      assert.equal(peer.closed, true);
      await stop();
    });
  });

  describe("a smaller brokerId", () => {
    const CONF = "notifyMinBrokerIdChanged=true\n";
    const slave = { brokerId: "1", brokerAddr: "10.0.0.2:10911" };

    it("is sent to the others of the group, one-way, within 300 ms", async () => {
      await start(CONF);
      const peer = network.open();
      await register(peer, slave);
      await register(peer);
      await until(() => network.connected[0]?.socket.closed ?? false);
      assert.deepEqual(
        network.connected.map(({ address, timeout }) => [address, timeout]),
        [["10.0.0.2:10911", 300]],
      );
      const [told] = readAnswers(network.connected[0]!.socket.received);
      assert.deepEqual([told!.code, told!.flag, told!.body], [
        RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
        2,
        "",
      ]);
      assert.deepEqual(told!.extFields, {
        minBrokerId: "0",
        minBrokerAddr: "10.0.0.1:10911",
        haBrokerAddr: "10.0.0.1:10912",
      });
    });

    it("is also sent when a master left", async () => {
      await start(CONF);
      const peers = [network.open(), network.open()];
      await register(peers[0]!, { enableActingMaster: "true" });
      await register(peers[1]!, { ...slave, enableActingMaster: "true" });
      peers[0]!.break("reset");
      await until(() => network.connected[0]?.socket.closed ?? false);
      const [told] = readAnswers(network.connected[0]!.socket.received);
      assert.deepEqual(told!.extFields, {
        minBrokerId: "1",
        minBrokerAddr: "10.0.0.2:10911",
        offlineBrokerAddr: "10.0.0.1:10911",
      });
    });

    for (const [what, addr] of [["can't be reached", "10.0.0.2:1"], ["is no address", "nowhere"]]) {
      it(`is logged once for a broker that ${what}`, async () => {
        await start(CONF);
        network.unreachable = new Error("connection refused");
        const peer = network.open();
        await register(peer, { ...slave, brokerAddr: addr! });
        await register(peer);
        await until(() => log.namesAt("WARN").length > 0);
        assert.deepEqual(log.namesAt("WARN"), ["broker not notified"]);
        const { fields } = log.events.at(-1)!;
        assert.deepEqual([fields.broker, fields.addr], ["b-a", addr]);
      });
    }

    it("is not sent unless notifyMinBrokerIdChanged is on", async () => {
      await start();
      const peer = network.open();
      await register(peer, slave);
      await register(peer);
      assert.deepEqual(network.connected, []);
    });
  });

  describe("stop", () => {
    it("stops accepting, closes the connections, stops the schedules, and tells each", async () => {
      await start();
      const [broker, idle] = [network.open(), network.open()];
      await register(broker);
      const from = log.events.length;
      await stop();
      assert.equal(network.listening, false);
      assert.deepEqual([broker.closed, idle.closed], [true, true]);
      // The broker is not lost: the server is stopping.
      assert.deepEqual(events(from), ["stopping", "connections closed", "stopped"]);
      assert.deepEqual(log.events[from]!.fields, { connections: 2 });
    });

    it("answers what was read, and has it on disk", async () => {
      await start();
      const peer = network.open();
      const kv = { namespace: "n", key: "k", value: "v" };
      peer.send(request({ code: RequestCode.PUT_KV_CONFIG, opaque: 5, extFields: kv }));
      await stop();
      const [answer] = readAnswers(peer.received);
      assert.deepEqual([answer!.opaque, answer!.code], [5, 0]);
      const file = await Deno.readTextFile(join(dir, "kv.json"));
      assert.deepEqual(JSON.parse(file), { configTable: { n: { k: "v" } } });
    });

    it("writes pending changes to disk after their peers have gone", async () => {
      await start();
      const peer = network.open();
      peer.send(
        request({
          code: RequestCode.PUT_KV_CONFIG,
          extFields: { namespace: "n", key: "k", value: "v" },
        }),
      );
      peer.break("reset");
      await stop();
      const file = await Deno.readTextFile(join(dir, "kv.json"));
      assert.deepEqual(JSON.parse(file), { configTable: { n: { k: "v" } } });
    });

    it("does not wait without limit for a disk that hangs", async () => {
      const disk = new MemoryDisk();
      await start("", undefined, disk);
      disk.before = () => new Promise(() => {});
      const calls = disk.calls.length;
      network.open().send(
        request({
          code: RequestCode.PUT_KV_CONFIG,
          extFields: { namespace: "n", key: "k", value: "v" },
        }),
      );
      await until(() => disk.calls.length > calls);
      await stop();
      assert.deepEqual(log.namesAt("ERROR"), [
        "KV changes are not written: the disk does not answer",
      ]);
      assert.equal(events().at(-1), "stopped");
    });

    it("sends clients away first, with enableShutdownGracefully", async () => {
      using time = new FakeTime();
      await start("enableShutdownGracefully=true\nshutdownWaitTimeSeconds=30\n");
      const peer = network.open();
      await register(peer);
      const ended = spy();
      const stopped = stop().then(ended);
      const answer = await ask(peer, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" });
      assert.deepEqual([answer.code, answer.remark], [1500, "please go away"]);
      await time.tickAsync(29_999);
      await time.runMicrotasks();
      assert.equal(peer.closed, false);
      assertSpyCalls(ended, 0);
      await time.tickAsync(1);
      await stopped;
      assert.equal(peer.closed, true);
      assert.equal(events().at(-1), "stopped");
    });
  });
});
