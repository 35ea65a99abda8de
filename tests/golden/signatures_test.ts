/** The requests that real peers signed, against our reading of the rule. */

import assert from "node:assert/strict";
import { COMMON_FIELDS } from "../../src/access/access_control.ts";
import { actionOfCode } from "../../src/access/actions.ts";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { Signatures, type Signed, SigningKey } from "../../src/access/signature.ts";
import { Flag } from "../../src/remoting/wire/command.ts";
import { Frame } from "../../src/remoting/wire/frame_decoder.ts";
import { decodeHeader } from "../../src/remoting/wire/header_codec.ts";

const SECRETS = new Map([
  ["AK-test", "SK-test-1234"],
  ["AK-app-1", "SK-app-1234"],
  ["AK-broker", "SK-broker-1234"],
]);

/** How many requests of each recording are signed by the plain rule, by an exception, and not. */
const EXPECTED = {
  "signed-admin49": [26, 0, 0],
  "signed-admin55": [71, 0, 0],
  "signed-admin55-binary": [11, 0, 0],
  "signed-broker-binary": [1265, 0, 0],
  "signed-broker-json": [169, 0, 0],
  "signed-broker-zone": [135, 0, 0],
  "signed-broker49": [0, 0, 25],
  "signed-broker49-query": [0, 0, 7],
  "signed-client49": [42, 0, 0],
  "signed-client55": [9, 0, 0],
  "signed-client55-binary": [36, 0, 0],
  "signed-client55-token": [7, 0, 0],
  "signed-client55-zone": [0, 5, 0],
  "signed-go": [4, 4, 2],
  "signed-proxy55": [6, 0, 0],
  "signed-python-cpp": [15, 0, 0],
};

interface Request extends Signed {
  readonly file: string;
  readonly line: number;
  readonly code: number;
}

const FOLDER = new URL("recorded/signed/", import.meta.url);

async function readRequests(file: string): Promise<Request[]> {
  const opened = await Deno.open(new URL(`${file}.jsonl.gz`, FOLDER));
  const unpacked = opened.readable.pipeThrough(new DecompressionStream("gzip"));
  const requests: Request[] = [];
  for (const [i, json] of (await new Response(unpacked).text()).trim().split("\n").entries()) {
    const { from, hex } = JSON.parse(json) as { from: string; hex?: string };
    if (hex === undefined || from !== "client") continue;
    const bytes = Uint8Array.fromHex(hex);
    const frame = new Frame(bytes, 0, bytes.length - 4, true);
    const { code, extFields, flag } = decodeHeader(frame.header, frame.serializeType);
    if ((flag & Flag.RESPONSE) !== 0) continue;
    const body = frame.end > frame.headerEnd ? frame.body : null;
    requests.push({ file, line: i + 1, code, extFields, body });
  }
  return requests;
}

function keyOf({ extFields }: Signed): SigningKey[] {
  return [new SigningKey(SECRETS.get(extFields.get("AccessKey")!)!)];
}

function without({ extFields, body }: Signed, ...names: string[]): Signed {
  return { extFields: new Map([...extFields].filter(([name]) => !names.includes(name))), body };
}

/** Every request that differs from a signed one by one bit of a value, of the body, or of the signature. */
function* forgeries(request: Request): Generator<Signed> {
  const { extFields, body, file } = request;
  for (const [name, value] of extFields) {
    // Two kinds of clients do not sign these fields.
    const unsigned = file === "signed-go" ? /^SecurityToken$/ : /^__ZONE_/;
    if (value === "" || (file !== "signed-broker-zone" && unsigned.test(name))) continue;
    const last = value.length - 1;
    const flipped = String.fromCharCode(value.charCodeAt(last) ^ 1);
    yield { extFields: new Map(extFields).set(name, value.slice(0, last) + flipped), body };
  }
  if (body === null) return;
  const other = body.slice();
  other[other.length >> 1]! ^= 1;
  yield { extFields, body: other };
}

describe("recorded signatures", () => {
  let requests: Request[];
  const signatures = new Signatures();

  beforeAll(async () => {
    requests = [];
    for await (const { name } of Deno.readDir(FOLDER)) {
      if (!name.endsWith(".jsonl.gz")) continue;
      requests.push(...await readRequests(name.replace(/\.jsonl\.gz$/, "")));
    }
  });

  it("verify, all of them; real peers leave fields out of some", () => {
    const counts = new Map<string, [plain: number, exception: number, unsigned: number]>();
    for (const request of requests) {
      const count = counts.get(request.file) ?? [0, 0, 0];
      counts.set(request.file, count);
      const { extFields, file, line } = request;
      if (!extFields.has("Signature")) {
        count[2]++;
        continue;
      }
      const keys = keyOf(request);
      assert.ok(signatures.verify(request, keys), `${file}:${line}`);
      const values = [...extFields.keys()].sort().filter((name) => name !== "Signature");
      const plain = signatures.sign(
        values.filter((name) => name !== "AccessKey").map((name) => [name, extFields.get(name)!]),
        request.body ?? undefined,
        {
          accessKey: extFields.get("AccessKey")!,
          secretKey: SECRETS.get(extFields.get("AccessKey")!)!,
        },
      );
      const exact = plain.find(([name]) => name === "Signature")![1] === extFields.get("Signature");
      count[exact ? 0 : 1]++;
    }
    assert.deepEqual(Object.fromEntries([...counts].sort()), EXPECTED);
  });

  it("fail when one bit of a value, of the body or of the signature is another", () => {
    let forged = 0;
    for (const request of requests) {
      if (!request.extFields.has("Signature")) continue;
      for (const forgery of forgeries(request)) {
        const keys = keyOf(request);
        assert.ok(!signatures.verify(forgery, keys), `${request.file}:${request.line}`);
        forged++;
      }
    }
    assert.equal(forged, 8010);
  });

  it("belong to requests whose fields are all known", () => {
    for (const { file, line, code, extFields } of requests) {
      const action = actionOfCode(code);
      assert.ok(action, `${file}:${line}: ${code}`);
      const unknown = [...extFields.keys()].filter((name) =>
        !action.fields.has(name) && !COMMON_FIELDS.has(name)
      );
      assert.deepEqual(unknown, [], `${file}:${line}: ${code}`);
    }
  });

  it("fail with another account's secret, and without the signature", () => {
    for (const request of requests.filter(({ extFields }) => extFields.has("Signature"))) {
      assert.ok(!signatures.verify(request, [new SigningKey("SK-other-1234")]));
      assert.ok(!signatures.verify(without(request, "Signature"), keyOf(request)));
    }
  });
});
