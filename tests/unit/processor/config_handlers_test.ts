import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Processors } from "../../support/route_processors.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const CONF = "/conf/namesrv.properties";
let server: Processors;

async function setUp(): Promise<void> {
  server = await Processors.create("# mine\n");
}

describe("UPDATE_NAMESRV_CONFIG", () => {
  beforeEach(setUp);

  it("is answered when the change is on disk and in effect, and logs who asked for which keys", async () => {
    const body = "orderMessageEnable=true\nwaitSecondsForService = 7";
    assert.deepEqual(await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body }), {
      code: 0,
    });
    assert.equal(server.config.values.orderMessageEnable, true);
    assert.equal(server.config.values.waitSecondsForService, 7);
    assert.match(server.configDisk.text(CONF, "power, names lost")!, /waitSecondsForService=7\n/);
    assert.deepEqual(server.log.events, [{
      level: "INFO",
      event: "configuration updated",
      fields: { peer: "10.0.0.9:1", keys: "orderMessageEnable,waitSecondsForService" },
    }]);
  });

  it("is success without a body, and for unknown keys", async () => {
    for (const body of ["", "noSuchOption=1\n", "# nothing\n", "__proto__=1"]) {
      assert.deepEqual(await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body }), {
        code: 0,
      });
    }
    assert.equal(server.configDisk.text(CONF), "# mine\n");
  });

  for (
    const key of [
      "kvConfigPath",
      "configStorePath",
      "configBlackList",
      "rocketmqHome",
      "logDir",
      "tls.server.keyPath",
    ]
  ) {
    it(`refuses ${key}, and all that comes with it`, async () => {
      const body = `waitSecondsForService=1\n${key}=/x\n`;
      assert.deepEqual(await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body }), {
        code: 16,
        remark: "Can not update config in black list.",
      });
      assert.equal(server.config.values.waitSecondsForService, 45);
      assert.equal(server.configDisk.text(CONF), "# mine\n");
    });
  }

  it("refuses a text that is no properties", async () => {
    assert.deepEqual(
      await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body: "a=\\uZZZZ\n" }),
      {
        code: 1,
        remark: "string2Properties error",
      },
    );
  });

  it("refuses a value that is not allowed, names it, and changes nothing", async () => {
    const body = "waitSecondsForService=1\nscanNotActiveBrokerInterval=abc\n";
    const answer = await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body });
    assert.equal(answer.code, 1);
    assert.match(answer.remark!, /^scanNotActiveBrokerInterval=abc: must be a whole number from /);
    assert.equal(server.config.values.waitSecondsForService, 45);
    assert.deepEqual(server.log.namesAt("WARN"), ["configuration not updated"]);
  });

  it("says why the disk did not take it, and changes nothing", async () => {
    server.configDisk.before = (call) => {
      if (call.startsWith("write")) throw new Error("No space left on device");
    };
    const answer = await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, {
      body: "waitSecondsForService=1",
    });
    assert.equal(answer.code, 1);
    assert.equal(
      answer.remark,
      "the configuration can't be written (configStorePath): writing aside: No space left on device",
    );
    assert.equal(server.config.values.waitSecondsForService, 45);
  });

  it("says that the file has become unreadable, without its path", async () => {
    server.configDisk.put(CONF, "a=\\u12\n");
    const answer = await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, {
      body: "waitSecondsForService=1",
    });
    assert.equal(answer.code, 1);
    assert.match(answer.remark!, /^the configuration file has become unreadable/);
    assert.doesNotMatch(answer.remark!, /conf\//);
  });
});

describe("GET_NAMESRV_CONFIG", () => {
  beforeEach(setUp);

  it("answers the sorted properties as they are now", async () => {
    const before = await server.ask(RequestCode.GET_NAMESRV_CONFIG);
    assert.deepEqual(before, { code: 0, body: server.config.format() });
    const lines = before.body!.split("\n");
    assert.equal(lines.pop(), "");
    assert.deepEqual(lines, [...lines].sort());
    assert.ok(lines.includes("scanNotActiveBrokerInterval=5000"));
    await server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, {
      body: "scanNotActiveBrokerInterval=7000",
    });
    assert.match(
      (await server.ask(RequestCode.GET_NAMESRV_CONFIG)).body!,
      /^scanNotActiveBrokerInterval=7000$/m,
    );
  });
});
