import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Signatures, SigningKey } from "../../../src/access/signature.ts";
import { FakeNameServers, run } from "../../support/fake_name_servers.ts";

const A = "10.0.0.1:9876";
const TOOLS = "/opt/rmq/conf/tools.yml";
const env = { ROCKETMQ_HOME: "/opt/rmq" };
const keys = [new SigningKey("secret")];

describe("credentials", () => {
  /** The fields of the one request of `kv put`. */
  async function asked(
    args: string[],
    options: { files?: Record<string, string>; env?: Record<string, string> },
  ) {
    const servers = new FakeNameServers(new Map([[A, () => ({})]]));
    const ran = await run(servers, ["kv", "put", "N", "K", "ü", "-n", A, ...args], options);
    return { ...ran, fields: servers.seen.get(A)?.[0]?.fields };
  }

  it("come from mqadmin's conf/tools.yml, and sign each request", async () => {
    const files = { [TOOLS]: "accessKey: AK\nsecretKey: secret\n" };
    const { fields } = await asked([], { files, env });
    assert.equal(fields!.get("AccessKey"), "AK");
    assert.ok(new Signatures().verify({ extFields: fields!, body: null }, keys));
    assert.equal(fields!.get("SecurityToken"), undefined);
  });

  it("of --credentials win, with a token where there is one", async () => {
    const files = {
      [TOOLS]: "accessKey: AK\nsecretKey: other\n",
      "c.yml": "{accessKey: AK2, secretKey: secret, securityToken: T}",
    };
    const { fields } = await asked(["--credentials", "c.yml"], { files, env });
    assert.equal(fields!.get("AccessKey"), "AK2");
    assert.equal(fields!.get("SecurityToken"), "T");
    assert.ok(new Signatures().verify({ extFields: fields!, body: null }, keys));
  });

  it("are none where mqadmin has none: no file, no variable, nothing in it", async () => {
    for (const options of [{}, { env }, { env, files: { [TOOLS]: "" } }]) {
      const { fields } = await asked([], options);
      assert.deepEqual([...fields!.keys()], ["namespace", "key", "value"]);
    }
  });

  it("that can't be read stop a command before it asks, and show no secret", async () => {
    for (
      const [args, files, expected] of [
        [["--credentials", "c.yml"], {}, /^credentials: cannot read c.yml: not found\n$/],
        [[], { [TOOLS]: "accessKey: AK\n" }, /tools.yml needs accessKey and secretKey, a value/],
        [[], { [TOOLS]: "accessKey: [AK\n" }, /^credentials: .*tools.yml:2:1: [^A]*\n$/],
      ] as const
    ) {
      const { code, err, fields } = await asked([...args], { files, env });
      assert.equal(code, 1);
      assert.match(err, expected);
      assert.equal(fields, undefined);
    }
  });
});
