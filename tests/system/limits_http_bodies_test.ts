import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { hashSecret } from "../../src/access/secret_hash.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { parseScrape } from "../support/scrape.ts";
import { Home } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";

const TOKEN = "AK-robot.some-token";

describe("bodies of requests to the HTTP port", () => {
  let home: Home;
  let http: HttpServerProcess;

  beforeEach(async () => {
    home = await Home.make();
    const accessFile = await home.write(
      "access.yml",
      `mode: enforce\naccounts:\n  - {accessKey: AK-robot, tokens: ["${await hashSecret(
        TOKEN,
      )}"], may: [admin]}\n`,
    );
    const args = [`--accessFile=${accessFile}`, "--httpRequestTimeoutSeconds=3"];
    http = await HttpServerProcess.start({ args });
  });
  afterEach(async () => {
    await http[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  /** Sends the beginning of a change whose body has 1000 bytes. */
  async function begin(token: string, body: string): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: http.httpPort });
    const headers =
      `Host: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1000\r\n` +
      "Content-Type: application/json\r\n\r\n";
    const text = `PUT /api/v1/kv/N/K HTTP/1.1\r\n${headers}${body}`;
    await conn.write(new TextEncoder().encode(text));
    return conn;
  }

  const rest = (conn: Deno.TcpConn) =>
    withLimit(new Response(conn.readable).text().catch(() => ""), "the connection is not closed");

  it("that do not come in time end the connection, and hold up nobody", async () => {
    const slow = [];
    for (let i = 0; i < 20; i++) slow.push(await begin(TOKEN, '{"value":'));
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const put = await http.get("/api/v1/kv/N/K", {
      method: "PUT",
      headers,
      body: '{"value":"x"}',
    });
    assert.equal(put.status, 200);
    await put.body?.cancel();
    for (const conn of slow) assert.equal(await rest(conn), "");
    const { values } = parseScrape(await (await http.get("/metrics")).text());
    assert.equal(values.get('rocketmq_namesrv_http_refused_total{reason="slow"}'), 20);
    const after = await (await http.get("/api/v1/kv/N", { headers })).json();
    assert.deepEqual(after.items, [{ key: "K", value: "x" }]);
  });

  it("are not waited for when their sender may not change anything", async () => {
    const conn = await begin("AK-robot.wrong", "");
    assert.match(await rest(conn), /^HTTP\/1\.1 401 /);
  });
});
