import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { encodeFrame, type Request } from "../support/frames.ts";
import { kvPut, manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { pause, withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { int32 } from "../support/bytes.ts";

const MEGABYTE = 1024 * 1024;

/** A frame with this marker and rest. */
function frame(type: number, headerLength: number, rest: Uint8Array): Uint8Array {
  return Buffer.concat([int32(4 + rest.length), int32((type << 24) | headerLength), rest]);
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** Starts like a TLS handshake. */
const NO_TLS_HELLO = Uint8Array.fromHex("16666f6f626172666f6f626172");

const GARBAGE: [name: string, bytes: Uint8Array][] = [
  ["random bytes", Uint8Array.fromHex("9f3a5c77e1048bd2c6f05ae99b21d7483e6610fd")],
  ["an HTTP request", text("GET / HTTP/1.1\r\nHost: namesrv\r\n\r\n")],
  ["a TLS handshake that is none", NO_TLS_HELLO],
  ["a negative length", int32(-1)],
  ["a length of 0", int32(0)],
  ["a length beyond frameMaxLength", int32(16_777_217)],
  ["a header longer than its frame", frame(0, 100, text("{}"))],
  ["an unknown serializeType", frame(7, 2, text("{}"))],
  ["a header that is not JSON", frame(0, 9, text("{'code':1"))],
  ["a header that is JSON and no object", frame(0, 4, text("1234"))],
  ["a binary header that is too short", frame(1, 3, new Uint8Array(3))],
  ["a binary header with a length past its end", frame(1, 21, new Uint8Array(21).fill(0x7f))],
  ["a broken PROXY line", text("PROXY TCP4 999.1.1.1 nonsense\r\n")],
];

describe("garbage on the port", () => {
  let home: Home;
  let server: ServerProcess;
  let bystander: Peer;

  beforeAll(async () => {
    home = await Home.make();
    server = await ServerProcess.start({ home });
    bystander = await Peer.connect(server.port);
  });

  afterAll(async () => {
    const { err } = await server.stop();
    await home[Symbol.asyncDispose]();
    assert.deepEqual(err.filter((line) => /^\S+ ERROR /.test(line)), []);
  });

  for (const [name, bytes] of GARBAGE) {
    it(`${name} costs the connection, with a line that names the peer`, async () => {
      await using peer = await Peer.connect(server.port);
      await peer.send(bytes);
      await withLimit(peer.closed, "the connection is still open");
      const line = await server.err.find(new RegExp(`WARN .*${peer.address}\\b`));
      assert.ok(line.includes("reason="), line);
      assert.equal((await bystander.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    });
  }

  it("after a PROXY header is logged with the header's address", async () => {
    await using peer = await Peer.connect(server.port);
    await peer.send(text("PROXY TCP4 192.0.2.7 192.0.2.1 40123 9876\r\nnonsense"));
    await withLimit(peer.closed, "the connection is still open");
    await server.err.find(/WARN .*192\.0\.2\.7:40123/);
  });

  it("good frames before the garbage are answered", async () => {
    await using peer = await Peer.connect(server.port);
    const answer = peer.answer(77);
    await peer.send(
      Buffer.concat([encodeFrame({ code: RequestCode.GET_BROKER_CLUSTER_INFO }, 77), int32(-1)]),
    );
    assert.equal((await answer).code, 0);
    await withLimit(peer.closed, "the connection is still open");
  });

  it("a truncated frame affects no other connection", async () => {
    await using peer = await Peer.connect(server.port);
    await peer.send(encodeFrame({ code: RequestCode.GET_BROKER_CLUSTER_INFO }, 1).subarray(0, 20));
    assert.equal((await bystander.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    await withLimit(peer.end(), "the connection is still open");
    assert.equal((await bystander.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
  });

  it("what stands in a name or a value can't forge a line of the log", async () => {
    const forged = "x\n2030-01-01T00:00:00.000Z ERROR forged";
    const broker = { name: forged, addr: "10.0.0.9:10911", topics: manyTopics(2) };
    const { code, remark } = await bystander.call(registration(broker));
    assert.deepEqual([code, /brokerName/.test(remark ?? "")], [1, true]);
    assert.equal((await bystander.call(kvPut("n", "k", forged))).code, 0);
    await server.err.find(/KV put/);
    assert.ok(!server.err.all.some((line) => line.startsWith("2030-")));
  });
});

describe("an unreadable request", () => {
  it("is answered with a remark that names what is wrong; the connection stays", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const good = registration({ name: "broker-a", addr: "10.0.0.1:10911", topics: manyTopics(2) });
    const change = (fields: Record<string, string>) => ({
      ...good,
      extFields: { ...good.extFields, ...fields },
    });
    const without = (field: string) => {
      const { [field]: _, ...extFields } = good.extFields!;
      return { ...good, extFields };
    };
    const refused: [Request, string][] = [
      [without("brokerName"), "brokerName"],
      [without("brokerAddr"), "brokerAddr"],
      [without("clusterName"), "clusterName"],
      [change({ brokerId: "abc" }), "brokerId"],
      [change({ bodyCrc32: "1" }), "crc32"],
      [change({ compressed: "true" }), "zlib"],
      [{ ...good, body: "{]" }, "JSON"],
    ];
    for (const [request, word] of refused) {
      const { code, remark } = await peer.call(request);
      assert.equal(code, 1, word);
      assert.ok(remark!.toLowerCase().includes(word.toLowerCase()), `${word}: ${remark}`);
    }
    const { body } = await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
    assert.equal(
      new TextDecoder().decode(body),
      '{"brokerAddrTable":{},"clusterAddrTable":{}}',
    );
    assert.equal((await peer.call(good)).code, 0);
  });
});

describe("a peer that does not read its answers", () => {
  it("is not read any more, and does not make the memory grow without bounds", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using broker = await Peer.connect(server.port);
    const topics = manyTopics(10_000);
    await broker.call(registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }));
    const { body } = await broker.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER });
    const before = await server.residentBytes();

    await using slow = await Peer.connectSilently(server.port);
    const requests = Array.from(
      { length: 2000 },
      () => ({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }),
    );
    const answers = slow.callAll(requests);
    let most = before;
    for (let i = 0; i < 10; i++) {
      await pause(100);
      assert.equal((await broker.call(routeQuery("not-there"))).code, 17);
      most = Math.max(most, await server.residentBytes());
    }
    const unsent = requests.length * body.length;
    console.log(
      `measured: ${(unsent / MEGABYTE).toFixed()} MB of answers wait for a slow reader; ` +
        `resident ${(before / MEGABYTE).toFixed()} MB before, ${(most / MEGABYTE).toFixed()} MB`,
    );
    assert.ok(unsent > 500 * MEGABYTE);
    assert.ok(most - before < 100 * MEGABYTE, `${most - before} bytes more`);

    slow.read();
    for (const answer of answers) assert.equal((await answer).body.length, body.length);
  });
});
