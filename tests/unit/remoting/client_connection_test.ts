import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import {
  ClientConnection,
  NoAnswerError,
  StrangeAnswerError,
} from "../../../src/remoting/client_connection.ts";
import type { Transport } from "../../../src/remoting/transport/transport.ts";
import { concat, utf8 } from "../../support/bytes.ts";
import { FakeSocket } from "../../support/fake_socket.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { cutFrames, frame, opaques } from "../../support/frames.ts";

const REQUEST = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: [] };
let socket: FakeSocket;
let connection: ClientConnection;

const answer = (opaque: number, body = "", flag = 1) =>
  frame(utf8(JSON.stringify({ code: 0, flag, opaque, version: 513 })), utf8(body));

describe("ClientConnection", () => {
  beforeEach(async () => {
    socket = new FakeSocket();
    const transport = { connect: () => Promise.resolve(socket) } as Partial<Transport> as Transport;
    connection = await ClientConnection.open(transport, "10.0.0.1:1", {
      timeout: 1000,
      frameMaxLength: 1000,
    });
  });

  it("pairs answers with requests, in whatever order and pieces they come", async () => {
    const answers = ["a", "b", "c"].map(() => connection.invoke(REQUEST, 1000));
    assert.deepEqual(opaques(socket.received), [0, 1, 2]);
    const bytes = concat(answer(2, "c"), answer(0, "a"), answer(1, "b"));
    socket.send(bytes.slice(0, 5));
    socket.send(bytes.slice(5));
    const bodies = (await Promise.all(answers)).map(({ body }) => new TextDecoder().decode(body!));
    assert.deepEqual(bodies, ["a", "b", "c"]);
    connection.close();
    assert.ok(socket.closed);
  });

  it("ignores requests and unexpected responses", async () => {
    const asked = connection.invoke(REQUEST, 1000);
    socket.send(answer(0, "a request", 0), answer(7, "another's"), answer(0, "mine"));
    assert.deepEqual((await asked).body, utf8("mine"));
    connection.close();
  });

  it("lets a request that is late go, and answers the next one", async () => {
    await assert.rejects(connection.invoke(REQUEST, 10), { name: "NoAnswerError", kind: "silent" });
    const next = connection.invoke(REQUEST, 1000);
    socket.send(answer(0, "late"), answer(1, "in time"));
    assert.deepEqual((await next).body, utf8("in time"));
    connection.close();
  });

  it("rejects all that is under way when the peer ends, and all that follows", async () => {
    const asked = [connection.invoke(REQUEST, 1000), connection.invoke(REQUEST, 1000)];
    socket.sendEnd();
    for (const request of [...asked, connection.invoke(REQUEST, 1000)]) {
      await assert.rejects(
        request,
        (error) => error instanceof NoAnswerError && error.kind === "closed",
      );
    }
    assert.equal(cutFrames(socket.received).length, 2);
    assert.ok(socket.closed);
  });

  it("rejects what is no answer with its first bytes, and closes", async () => {
    const asked = connection.invoke(REQUEST, 1000);
    socket.send(utf8("HTTP"));
    await assert.rejects(
      asked,
      (error) =>
        error instanceof StrangeAnswerError && new TextDecoder().decode(error.start) === "HTTP",
    );
    assert.ok(socket.closed);
  });

  it("takes no frame beyond the limit", async () => {
    const asked = connection.invoke(REQUEST, 1000);
    socket.send(answer(0, "x".repeat(1000)));
    await assert.rejects(asked, StrangeAnswerError);
  });
});
