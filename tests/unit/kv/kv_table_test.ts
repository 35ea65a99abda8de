import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { KvTable } from "../../../src/kv/kv_table.ts";
import { text, utf8 } from "../../support/bytes.ts";
import { chance } from "../../support/chance.ts";
import { changeKv, kvList } from "../../support/kv.ts";

describe("KvTable", () => {
  it("lists a namespace byte for byte as the reference does", () => {
    assert.equal(text(kvList([["TopicB", "broker-b:4"]])), '{"table":{"TopicB":"broker-b:4"}}');
    assert.equal(text(kvList([])), '{"table":{}}');
    const list = text(kvList([["__proto__", ""], ["é", "\n"]]));
    assert.equal(list, '{"table":{"__proto__":"","é":"\\n"}}');
  });

  it("encodes a list once until the namespace changes", () => {
    const table = new KvTable();
    changeKv(table, [["a", "k", "1"], ["b", "k", "1"]]);
    const list = table.namespace("a")!.list();
    changeKv(table, [["b", "k", "2"]]);
    assert.ok(table.namespace("a")!.list() === list);
    changeKv(table, [["a", "k", "2"]]);
    assert.equal(text(table.namespace("a")!.list()), '{"table":{"k":"2"}}');
  });

  it("agrees with a plain table after any changes, in content, sizes and file", () => {
    for (let seed = 1; seed <= 3; seed++) {
      const below = chance(seed);
      const table = new KvTable();
      const model = new Map<string, Map<string, string>>();
      for (let round = 0; round < 32; round++) {
        // In turn more puts and more deletions, so that pages fill and empty.
        const puts = round % 8 < 4 ? 9 : 2;
        const changes = Array.from({ length: below(200) }, () => {
          const length = below(20) === 0 ? below(20_000) : below(300);
          const value = below(10) < puts ? '"é'.repeat(length) : undefined;
          return [`n${below(3)}`, `k${below(300)}`, value] as const;
        });
        for (const [namespace, key, value] of changes) {
          const values = model.get(namespace) ?? new Map<string, string>();
          model.set(namespace, values);
          if (value === undefined) values.delete(key);
          else values.set(key, value);
        }
        const file = changeKv(table, changes);
        const told = `seed ${seed}, round ${round}`;
        const plain = Object.fromEntries(
          model.entries().map(([name, values]) => [name, Object.fromEntries(values)]),
        );
        assert.deepEqual(JSON.parse(file).configTable, plain, told);
        let values = 0;
        for (const [name, expected] of model) {
          const namespace = table.namespace(name)!;
          assert.equal(namespace.size, expected.size, told);
          values += namespace.size;
          assert.deepEqual(new Map(namespace), expected, told);
          for (const [key, value] of expected) assert.equal(namespace.get(key), value, told);
        }
        assert.equal(table.values, values, told);
        // Commas after the last members are counted, too.
        const filled = [...model.values()].filter(({ size }) => size > 0).length;
        const braces = '{"configTable":{}}'.length;
        const bytes = utf8(file).length - braces + filled + (model.size > 0 ? 1 : 0);
        assert.equal(table.bytes, bytes, told);
      }
    }
  });

  it("shows nothing of a draft before it is committed", () => {
    const table = new KvTable();
    changeKv(table, [["n", "a", "1"], ["n", "b", "1"]]);
    const draft = table.draft();
    draft.put("n", "a", "2");
    draft.delete("n", "b");
    draft.put("m", "c", "3");
    for (const _ of draft.seal());
    assert.deepEqual([...table.namespace("n")!], [["a", "1"], ["b", "1"]]);
    assert.equal(table.namespace("m"), undefined);
    assert.deepEqual([table.size, table.values], [1, 2]);
    draft.commit();
    assert.deepEqual([...table.namespace("n")!], [["a", "2"]]);
    assert.deepEqual([table.size, table.values], [2, 2]);
  });

  it("encodes for a change no more than the page it is in", () => {
    const table = new KvTable();
    changeKv(table, Array.from({ length: 20_000 }, (_, i) => ["n", `key${i}`, "v"] as const));
    const draft = table.draft();
    draft.put("n", "key7", "w");
    const pieces = () => new Set([...draft.file()].map((piece) => piece.buffer));
    const before = pieces();
    for (const _ of draft.seal());
    const fresh = [...pieces()].filter((piece) => !before.has(piece) && piece.byteLength > 100);
    assert.equal(fresh.length, 1);
    assert.ok(fresh[0]!.byteLength <= 64 * 1024);
  });
});
