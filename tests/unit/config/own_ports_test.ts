import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { defaultOptions } from "../../../src/config/options.ts";
import { isOwnPort } from "../../../src/config/own_ports.ts";

describe("isOwnPort", () => {
  const options = {
    ...defaultOptions(),
    listenPort: 9876,
    httpPort: 9890,
    controllerDLegerPeers: "n0-10.0.0.1:9878",
    controllerDLegerSelfId: "n0",
  };
  const own = () => [9876, 9878, 9890, 10911].filter((port) => isOwnPort(port, options));

  it("knows the ports of the name server, of HTTP and of its controller", () => {
    assert.deepEqual(own(), [9876, 9890]);
    options.enableControllerInNamesrv = true;
    assert.deepEqual(own(), [9876, 9878, 9890]);
  });
});
