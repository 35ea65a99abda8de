import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { controllerGroup, ControllerGroupError } from "../../../src/config/controller_group.ts";
import { defaultOptions, type Options } from "../../../src/config/options.ts";
import { findContradictions } from "../../../src/config/values.ts";

const DLEDGER: Partial<Options> = {
  enableControllerInNamesrv: true,
  controllerDLegerGroup: "ctl",
  controllerDLegerPeers: "n0-127.0.0.1:9878",
  controllerDLegerSelfId: "n0",
};
const JRAFT: Partial<Options> = {
  enableControllerInNamesrv: true,
  controllerType: "jRaft",
  jRaftGroupId: "ctl",
  jRaftServerId: "127.0.0.1:9880",
  jRaftInitConf: "127.0.0.1:9880",
  jRaftControllerRPCAddr: "127.0.0.1:9770",
};

const optionsOf = (changes: Partial<Options>): Options => ({ ...defaultOptions(), ...changes });

describe("controllerGroup", () => {
  it("reads the options of either kind", () => {
    const self = { id: "n0", address: "127.0.0.1:9878" };
    assert.deepEqual(controllerGroup(optionsOf(DLEDGER)), {
      name: "ctl",
      self,
      peers: [self],
      peerList: "n0:127.0.0.1:9878;",
    });
    const other = { id: "127.0.0.1:9880", address: "127.0.0.1:9770" };
    assert.deepEqual(controllerGroup(optionsOf(JRAFT)), {
      name: "ctl",
      self: other,
      peers: [other],
      peerList: "127.0.0.1:9770;",
    });
  });

  it("keeps all of an id and of an IPv6 address", () => {
    const peers = { ...DLEDGER, controllerDLegerPeers: " n0-[::1]:9878 ; " };
    assert.equal(controllerGroup(optionsOf(peers)).self.address, "[::1]:9878");
  });

  it("names the option that is wrong", () => {
    const cases: [Partial<Options>, string][] = [
      [{ ...DLEDGER, controllerDLegerPeers: "" }, "controllerDLegerPeers"],
      [{ ...DLEDGER, controllerDLegerPeers: "127.0.0.1:9878" }, "controllerDLegerPeers"],
      [{ ...DLEDGER, controllerDLegerPeers: "n0-127.0.0.1" }, "controllerDLegerPeers"],
      [{ ...DLEDGER, controllerDLegerPeers: "n0-127.0.0.1:0" }, "controllerDLegerPeers"],
      [{ ...DLEDGER, controllerDLegerPeers: "n0-a:1;n1-b:1" }, "controllerDLegerPeers"],
      [
        { ...DLEDGER, controllerStore: "etcd", controllerDLegerPeers: "n0-a:1;n0-b:1" },
        "controllerDLegerPeers",
      ],
      [{ ...DLEDGER, controllerDLegerSelfId: "n1" }, "controllerDLegerSelfId"],
      [{ ...JRAFT, jRaftServerId: "127.0.0.1:1" }, "jRaftServerId"],
      [{ ...JRAFT, jRaftControllerRPCAddr: "a:1,b:2" }, "jRaftControllerRPCAddr"],
      [{
        ...JRAFT,
        jRaftInitConf: "a:1,b:2",
        jRaftControllerRPCAddr: "a:3,b:4",
        jRaftServerId: "a:1",
      }, "jRaftInitConf"],
    ];
    for (const [changes, option] of cases) {
      const failure = (() => {
        try {
          return controllerGroup(optionsOf(changes));
        } catch (error) {
          return error;
        }
      })();
      assert.ok(failure instanceof ControllerGroupError, JSON.stringify(changes));
      assert.equal(failure.option, option);
    }
  });

  it("must have a port of its own", () => {
    const found = findContradictions(optionsOf({ ...DLEDGER, listenPort: 9878 }));
    assert.deepEqual(found.map(({ name }) => name), ["controllerDLegerPeers"]);
    assert.match(found[0]?.reason ?? "", /9878, must differ from listenPort/);
    assert.deepEqual(findContradictions(optionsOf(DLEDGER)), []);
  });
});
