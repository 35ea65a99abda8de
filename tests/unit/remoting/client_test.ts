import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Signatures, SigningKey } from "../../../src/access/signature.ts";
import { RemotingClient } from "../../../src/remoting/client.ts";
import { FrameError } from "../../../src/remoting/wire/command.ts";
import { RequestSigner } from "../../../src/access/request_signer.ts";
import { DenoTransport } from "../../../src/remoting/transport/deno_transport.ts";
import { concat, int32, text, utf8 } from "../../support/bytes.ts";
import { BINARY_UNREGISTER, REGISTERED } from "../../support/recorded_frames.ts";
import { pause } from "../../support/wait.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { first } from "../../support/lists.ts";
import { cutFrames, frame } from "../../support/frames.ts";

const client = new RemotingClient(
  new DenoTransport(() => {}),
  100_000,
  new RequestSigner(() => undefined),
);
const REQUEST = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: [["topic", "T"]] as const };

/** The recorded response, as if to the client's first request. */
const ANSWER = (() => {
  const { header, body } = first(cutFrames(REGISTERED));
  return frame(utf8(text(header).replace('"opaque":101', '"opaque":0')), body);
})();

/** The recorded request, as if it were the response to the client's first one. */
const BINARY_ANSWER = (() => {
  const { header } = first(cutFrames(BINARY_UNREGISTER));
  header.set(concat(int32(0), int32(1)), 5);
  return frame(header, undefined, 1);
})();

/** Behaviour of the client's peer on its one connection. */
let serve: (conn: Deno.TcpConn) => Promise<void>;
let listener: Deno.TcpListener;
let served: Promise<void>;
let address: string;

/** Reads one frame with a JSON header. */
async function readRequest(conn: Deno.TcpConn) {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(65_536);
  while (bytes.length < 4 || bytes.length < 4 + new DataView(bytes.buffer).getInt32(0)) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("no whole request");
    bytes = concat(bytes, buffer.subarray(0, count));
  }
  const { header, body } = first(cutFrames(bytes));
  return { header: JSON.parse(text(header)), body: text(body) };
}

/** Waits until the peer closes. */
async function drain(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // A reset also means closed.
  }
}

/** Responds with these bytes and waits until the client closes. */
function answerWith(...parts: Uint8Array[]): typeof serve {
  return async (conn) => {
    await readRequest(conn);
    for (const part of parts) {
      await conn.write(part);
      await pause(5);
    }
    await drain(conn);
  };
}

describe("RemotingClient", () => {
  beforeEach(() => {
    listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    address = `127.0.0.1:${listener.addr.port}`;
    served = (async () => {
      const conn = await listener.accept();
      try {
        await serve(conn);
      } finally {
        conn.close();
      }
    })();
    served.catch(() => {});
  });

  afterEach(() => listener.close());

  it("sends a oneway request, and closes", async () => {
    let seen: Awaited<ReturnType<typeof readRequest>> | undefined;
    serve = async (conn) => {
      seen = await readRequest(conn);
      await drain(conn);
    };
    await client.invokeOneway(address, {
      code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
      extFields: [["minBrokerId", "1"]],
    }, 30_000);
    await served;
    assert.deepEqual(seen, {
      header: {
        code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
        extFields: { minBrokerId: "1" },
        flag: 2,
        language: "OTHER",
        opaque: 0,
        serializeTypeCurrentRPC: "JSON",
        version: 513,
      },
      body: "",
    });
  });

  it("signs what it sends, in place of a signature that there is", async () => {
    let seen: Awaited<ReturnType<typeof readRequest>> | undefined;
    serve = async (conn) => {
      seen = await readRequest(conn);
      await drain(conn);
    };
    const credentials = { accessKey: "AK-namesrv", secretKey: "secret" };
    const signer = new RequestSigner(() => credentials);
    const signing = new RemotingClient(new DenoTransport(() => {}), 100_000, signer);
    const extFields = [["minBrokerId", "1"], ["AccessKey", "AK"], ["Signature", "x"]] as const;
    await signing.invokeOneway(address, {
      code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
      extFields,
    }, 30_000);
    await served;
    const sent = new Map(Object.entries<string>(seen!.header.extFields));
    assert.deepEqual([...sent.keys()].sort(), ["AccessKey", "Signature", "minBrokerId"]);
    assert.equal(sent.get("AccessKey"), "AK-namesrv");
    const keys = [new SigningKey("secret")];
    assert.ok(new Signatures().verify({ extFields: sent, body: null }, keys));
  });

  it("sends a request and gives its answer", async () => {
    let seen: Awaited<ReturnType<typeof readRequest>> | undefined;
    serve = async (conn) => {
      seen = await readRequest(conn);
      await conn.write(ANSWER);
      await drain(conn);
    };
    const request = { ...REQUEST, version: 401, body: utf8("question") };
    const answer = await client.invoke(address, request, 30_000);
    assert.deepEqual(answer, {
      code: 0,
      language: "JAVA",
      version: 513,
      opaque: 0,
      flag: 1,
      remark: null,
      extFields: new Map([
        ["haServerAddr", "192.0.2.2:10916"],
        ["masterAddr", "127.0.0.1:10911"],
      ]),
      body: utf8('{"table":{"TopicB":"broker-b:4"}}'),
    });
    assert.equal(seen?.header.flag, 0);
    assert.equal(seen?.header.version, 401);
    assert.deepEqual(seen?.header.extFields, { topic: "T" });
    assert.equal(seen?.body, "question");
    // It must close, or this would wait forever.
    await served;
  });

  it("takes an answer in pieces, and a binary one", async () => {
    serve = answerWith(
      BINARY_ANSWER.subarray(0, 3),
      BINARY_ANSWER.subarray(3, 50),
      BINARY_ANSWER.subarray(50),
    );
    const answer = await client.invoke(address, REQUEST, 30_000);
    assert.equal(answer.extFields.get("brokerName"), "broker-a");
    assert.equal(answer.body, null);
    await served;
  });

  it("takes the first answer and nothing behind it", async () => {
    serve = answerWith(concat(ANSWER, int32(-1), utf8("garbage")));
    assert.equal((await client.invoke(address, REQUEST, 30_000)).opaque, 0);
    await served;
  });

  it("rejects an answer that is none", async () => {
    const cases = [
      int32(-1),
      int32(100_001),
      frame(utf8("x")),
      frame(new Uint8Array(5), undefined, 1),
      utf8("HTTP/1.1 400 Bad Request\r\n"),
    ];
    for (const garbage of cases) {
      serve = answerWith(garbage);
      await assert.rejects(client.invoke(address, REQUEST, 30_000), FrameError);
      await served;
      served = listener.accept().then((conn) => serve(conn).finally(() => conn.close()));
    }
    served.catch(() => {});
  });

  it("rejects when the peer closes without an answer", async () => {
    serve = async (conn) => void await readRequest(conn);
    await assert.rejects(client.invoke(address, REQUEST, 30_000), new RegExp(`${address} closed`));
  });

  it("rejects when the connection breaks", async () => {
    serve = async (conn) => {
      // With unread bytes left, the system resets the connection.
      await conn.read(new Uint8Array(1));
    };
    await assert.rejects(
      client.invoke(address, { ...REQUEST, body: new Uint8Array(1_000_000) }, 30_000),
      new RegExp(`${address} (closed|broke) the connection`),
    );
  });

  it("rejects when the peer gives no answer in time, and hangs up", async () => {
    serve = answerWith(ANSWER.subarray(0, 20));
    await assert.rejects(
      client.invoke(address, REQUEST, 50),
      new RegExp(`no answer from ${address}`),
    );
    await served;
  });

  it("rejects when the port is closed", async () => {
    serve = () => Promise.resolve();
    listener.close();
    await assert.rejects(client.invoke(address, REQUEST, 30_000));
    await assert.rejects(client.invokeOneway(address, REQUEST, 30_000));
    listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  });

  it("rejects an address that is none", async () => {
    serve = () => Promise.resolve();
    await assert.rejects(client.invoke("nowhere", REQUEST, 30_000), /nowhere/);
    await assert.rejects(client.invokeOneway("nowhere:", REQUEST, 30_000), /nowhere:/);
  });
});
