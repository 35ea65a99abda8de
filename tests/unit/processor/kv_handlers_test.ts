import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BROKER, Processors } from "../../support/route_processors.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

let server: Processors;

async function setUp(): Promise<void> {
  server = await Processors.create();
}

const NULL = { code: 1, remark: "namespace or key is null" };

describe("PUT_KV_CONFIG", () => {
  beforeEach(setUp);

  it("is answered when the value is on disk", async () => {
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    server.kvDisk.before = (call) => {
      if (!call.startsWith("rename")) return;
      server.kvDisk.before = () => {};
      reached.resolve();
      return held.promise;
    };
    let answered = false;
    const answer = server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v" });
    void answer.then(() => answered = true);
    await reached.promise;
    assert.equal(answered, false);
    assert.equal(
      (await server.ask(RequestCode.GET_KV_CONFIG, { namespace: "n", key: "k" })).code,
      22,
    );
    held.resolve();
    assert.deepEqual(await answer, { code: 0 });
    const file = server.kvDisk.text("/data/kv.json", "power, names lost")!;
    assert.deepEqual(JSON.parse(file), { configTable: { n: { k: "v" } } });
  });

  it("is refused without namespace or key, or with one called null", async () => {
    const whole = { namespace: "n", key: "k", value: "v" };
    assert.deepEqual(await server.ask(RequestCode.PUT_KV_CONFIG, { key: "k", value: "v" }), NULL);
    assert.deepEqual(
      await server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", value: "v" }),
      NULL,
    );
    assert.deepEqual(await server.ask(RequestCode.PUT_KV_CONFIG), NULL);
    assert.deepEqual(
      await server.ask(RequestCode.PUT_KV_CONFIG, { ...whole, namespace: "null" }),
      NULL,
    );
    assert.deepEqual(await server.ask(RequestCode.PUT_KV_CONFIG, { ...whole, key: "null" }), NULL);
    assert.deepEqual([...server.kv.entries()], []);
  });

  it("is refused without a value, and takes an empty one", async () => {
    assert.deepEqual(await server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k" }), {
      code: 1,
      remark: "the field <value> is missing",
    });
    assert.equal(server.kv.list("n"), undefined);
    assert.deepEqual(
      await server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "" }),
      { code: 0 },
    );
    assert.deepEqual(await server.ask(RequestCode.GET_KV_CONFIG, { namespace: "n", key: "k" }), {
      code: 0,
      ext: { value: "" },
    });
  });

  it("says why the disk did not take it, and nothing changes", async () => {
    server.kvDisk.before = (call) => {
      if (call.startsWith("write")) throw new Error("No space left on device");
    };
    const answer = await server.ask(RequestCode.PUT_KV_CONFIG, {
      namespace: "n",
      key: "k",
      value: "v",
    });
    assert.equal(answer.code, 1);
    assert.equal(
      answer.remark,
      "the KV table can't be written (kvConfigPath): writing aside: No space left on device",
    );
    const logged = server.kvLog.events.find(({ level }) => level === "ERROR");
    assert.match(String(logged?.fields.error), /\/data\/kv\.json.*No space/);
    assert.equal(
      (await server.ask(RequestCode.GET_KV_CONFIG, { namespace: "n", key: "k" })).code,
      22,
    );
  });

  it("is logged with the peer, and so is a deletion", async () => {
    await server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v" });
    await server.ask(RequestCode.DELETE_KV_CONFIG, { namespace: "n", key: "k" });
    const lines = server.kvLog.events.filter(({ event }) => /^KV (put|deleted)$/.test(event));
    assert.deepEqual(lines.map(({ fields }) => fields.peer), ["10.0.0.9:1", "10.0.0.9:1"]);
  });

  it("takes names and values of every kind", async () => {
    for (const name of ["__proto__", "constructor", "", "題-ü-🗝", '"\\', "x".repeat(255)]) {
      const fields = { namespace: name, key: name };
      const value = `${name}\n\u0000${"x".repeat(48_000)}`;
      assert.deepEqual(await server.ask(RequestCode.PUT_KV_CONFIG, { ...fields, value }), {
        code: 0,
      });
      assert.deepEqual(await server.ask(RequestCode.GET_KV_CONFIG, fields), {
        code: 0,
        ext: { value },
      });
      const { body } = await server.ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: name });
      const table: [string, unknown][] = Object.entries(JSON.parse(body!).table);
      assert.deepEqual(table, [[name, value]]);
    }
  });

  it("says which limit refuses it", async () => {
    const put = (fields: Record<string, string>) =>
      server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v", ...fields });
    const name = { code: 1, remark: "the field <namespace> has a control character" };
    assert.deepEqual(await put({ namespace: "n\n" }), name);
    const value = { code: 1, remark: "value has 70000 bytes: at most 49152 (maxKvValueBytes)" };
    assert.deepEqual(await put({ value: "é".repeat(35_000) }), value);
  });
});

describe("a disk that hangs", () => {
  beforeEach(setUp);

  it("holds up those who change what is on it, and no others", async () => {
    const held = Promise.withResolvers<void>();
    server.kvDisk.before = server.configDisk.before = () => held.promise;
    const places = server.options.defaultThreadPoolNums;
    const waiting = Array.from({ length: 2 * places }, (_, i) => [
      server.ask(RequestCode.PUT_KV_CONFIG, { namespace: "n", key: `k${i}`, value: "v" }),
      server.ask(RequestCode.UPDATE_NAMESRV_CONFIG, {}, { body: "waitSecondsForService=7" }),
    ]).flat();
    assert.equal((await server.register()).code, 0);
    assert.equal((await server.ask(RequestCode.BROKER_HEARTBEAT, BROKER)).code, 0);
    assert.equal((await server.ask(RequestCode.GET_BROKER_CLUSTER_INFO)).code, 0);
    assert.equal(
      (await server.ask(RequestCode.GET_KV_CONFIG, { namespace: "n", key: "k0" })).code,
      22,
    );
    assert.equal((await server.ask(RequestCode.GET_NAMESRV_CONFIG)).code, 0);
    held.resolve();
    for (const { code } of await Promise.all(waiting)) assert.equal(code, 0);
    assert.equal(server.kv.valueCount, 2 * places);
  });
});

describe("GET_KV_CONFIG", () => {
  beforeEach(setUp);

  it("answers an empty object of fields where there is nothing", async () => {
    await server.kv.put("n", "k", "v");
    for (const [namespace, key] of [["n", "q"], ["m", "k"], ["constructor", "name"]]) {
      assert.deepEqual(
        await server.ask(RequestCode.GET_KV_CONFIG, { namespace: namespace!, key: key! }),
        {
          code: 22,
          remark: `No config item, Namespace: ${namespace} Key: ${key}`,
          ext: {},
        },
      );
    }
  });

  it("is refused without namespace or key", async () => {
    assert.deepEqual(await server.ask(RequestCode.GET_KV_CONFIG, { key: "k" }), {
      code: 1,
      remark: "the field <namespace> is missing",
    });
    assert.deepEqual(await server.ask(RequestCode.GET_KV_CONFIG, { namespace: "n" }), {
      code: 1,
      remark: "the field <key> is missing",
    });
  });
});

describe("DELETE_KV_CONFIG", () => {
  beforeEach(setUp);

  it("deletes what is there, and is success for what is not", async () => {
    await server.kv.put("n", "k", "v");
    for (const namespace of ["n", "n", "nowhere"]) {
      assert.deepEqual(await server.ask(RequestCode.DELETE_KV_CONFIG, { namespace, key: "k" }), {
        code: 0,
      });
    }
    assert.equal(server.kv.get("n", "k"), undefined);
    assert.deepEqual(await server.ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: "n" }), {
      code: 0,
      body: '{"table":{}}',
    });
    assert.equal(server.kv.list("nowhere"), undefined);
  });

  it("is refused without namespace or key", async () => {
    assert.deepEqual(await server.ask(RequestCode.DELETE_KV_CONFIG, { key: "k" }), {
      code: 1,
      remark: "the field <namespace> is missing",
    });
    assert.deepEqual(await server.ask(RequestCode.DELETE_KV_CONFIG, { namespace: "n" }), {
      code: 1,
      remark: "the field <key> is missing",
    });
  });
});

describe("GET_KVLIST_BY_NAMESPACE", () => {
  beforeEach(setUp);

  it("lists a namespace", async () => {
    await server.kv.put("n", "k", "v");
    await server.kv.put("n", "ü", "");
    assert.deepEqual(await server.ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: "n" }), {
      code: 0,
      body: '{"table":{"k":"v","ü":""}}',
    });
  });

  it("does not know others", async () => {
    for (const namespace of ["m", "constructor", ""]) {
      assert.deepEqual(await server.ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace }), {
        code: 22,
        remark: `No config item, Namespace: ${namespace}`,
      });
    }
    assert.deepEqual(await server.ask(RequestCode.GET_KVLIST_BY_NAMESPACE), {
      code: 1,
      remark: "the field <namespace> is missing",
    });
  });
});
