import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { until, withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const TOPICS_QUERY = { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER };

/** Limits a process to this many more open files and sockets. */
async function leaveDescriptors(pid: number, count: number): Promise<void> {
  const script = `n=$(ls /proc/${pid}/fd | wc -l); prlimit --pid ${pid} --nofile=$((n + ${count}))`;
  const { success, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Opens more connections to a port than the process can accept. */
async function crowd(port: number): Promise<Disposable> {
  const connections: Deno.TcpConn[] = [];
  for (let i = 0; i < 60; i++) {
    // A port that has failed in the meantime refuses the rest.
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    if (connection === undefined) break;
    connections.push(connection);
  }
  return {
    [Symbol.dispose]() {
      for (const connection of connections) connection.close();
    },
  };
}

describe("a server that runs out of file descriptors", () => {
  for (const transport of ["deno", "node"]) {
    it(`lives on, says so, and takes connections again when there are some (${transport})`, () =>
      runsShort(transport));
  }
});

async function runsShort(transport: string): Promise<void> {
  await using http = await HttpServerProcess.start({ args: [`--transport=${transport}`] });
  const { server, httpPort } = http;
  await using peer = await Peer.connect(server.port);
  const isServed = async () => {
    await using newcomer = await Peer.connect(server.port);
    assert.equal((await withLimit(newcomer.call(TOPICS_QUERY), "no answer")).code, 0);
    const probe = await http.get("/livez", { headers: { connection: "close" } });
    assert.equal((await probe.json()).alive, true);
  };
  await isServed();
  await leaveDescriptors(server.pid, 20);
  for (const port of [server.port, httpPort]) {
    {
      using _crowd = await crowd(port);
      // Others are served as before, and a probe that can't be accepted does no harm.
      assert.equal((await peer.call(TOPICS_QUERY)).code, 0);
      using _probe = await crowd(httpPort);
      await server.err.find(/ERROR connection not accepted .*Too many open files/);
      await server.err.find(/WARN HTTP connection not accepted .*Too many open files/);
      assert.equal((await peer.call(TOPICS_QUERY)).code, 0);
    }
    const served = () => isServed().then(() => true, () => false);
    await until(served, "newcomers are served again");
  }
  const { code } = await server.stop();
  assert.equal(code, 0);
}
