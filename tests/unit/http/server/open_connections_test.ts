import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { OpenConnections } from "../../../../src/http/server/open_connections.ts";

class Connection {
  closed = false;
  destroy(): void {
    this.closed = true;
  }
}

function opened(max: number, ...addresses: string[]) {
  const open = new OpenConnections<Connection>(() => max);
  const connections = addresses.map((address) => {
    const connection = new Connection();
    assert.deepEqual(open.add(connection, address), []);
    return connection;
  });
  return { open, connections };
}

describe("OpenConnections", () => {
  it("displaces the oldest idle one of the address that has most", () => {
    const { open, connections: [, flood] } = opened(4, "a", "b", "b", "b");
    assert.deepEqual(open.add(new Connection(), "a"), [flood]);
  });

  it("displaces none that is being answered; if none is idle, the new one goes", () => {
    const { open, connections: [first, second] } = opened(2, "a", "a");
    open.begin(first!);
    assert.deepEqual(open.add(new Connection(), "b"), [second]);
    const full = opened(1, "a");
    full.open.begin(full.connections[0]!);
    const late = new Connection();
    assert.deepEqual(full.open.add(late, "b"), [late]);
    full.open.end(full.connections[0]!);
    assert.deepEqual(full.open.add(late, "b"), full.connections);
  });

  it("counts requests in progress, and forgets those of a closed connection", () => {
    const { open, connections: [connection] } = opened(2, "a");
    assert.deepEqual([open.begin(connection!), open.begin(connection!), open.requests], [1, 2, 2]);
    assert.deepEqual([open.end(connection!), open.requests], [1, 1]);
    open.remove(connection!);
    assert.deepEqual([open.end(connection!), open.requests], [0, 0]);
  });

  it("closes the idle ones, or all", () => {
    const { open, connections: [busy, idle] } = opened(2, "a", "a");
    open.begin(busy!);
    open.close("idle");
    assert.deepEqual([busy!.closed, idle!.closed], [false, true]);
    open.close("all");
    assert.equal(busy!.closed, true);
  });
});
