import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { HttpProblem } from "../../../../src/http/server/answer.ts";
import { type Listing, PAGE_PARAMETERS, Pager } from "../../../../src/http/routes/pager.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { Query } from "../../../../src/http/server/query.ts";

interface Page {
  items: string[];
  total: number;
  next: string | null;
}

let clock: number;
let turns: number;
/** Called whenever other work gets a turn. */
let between: () => void;
let pager: Pager;

function setUp(): void {
  clock = 0;
  turns = 0;
  between = () => {};
  const slice = new WorkSlice((task) => {
    turns++;
    setImmediate(() => {
      between();
      task();
    });
  }, () => clock);
  pager = new Pager(slice);
}

const listing = (names: Iterable<string>): Listing<string> => ({
  entries: names,
  key: (name) => name,
  show: (name) => name,
});

async function page<T>(listing: Listing<T>, query = ""): Promise<Page> {
  const response = await pager.page(
    listing,
    new Query(new URLSearchParams(query), PAGE_PARAMETERS),
  );
  return await response.json();
}

/** All entries, page by page. */
async function walk<T>(listing: () => Listing<T>, query: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = "";
  do {
    const { items, next } = await page(listing(), query + cursor);
    pages.push(items);
    assert.ok(pages.length < 1000);
    cursor = next === null ? "" : `&after=${encodeURIComponent(next)}`;
  } while (cursor !== "");
  return pages;
}

const shuffled = (count: number) =>
  Array.from({ length: count }, (_, i) => `n${String((i * 7919) % count).padStart(6, "0")}`);

describe("Pager.page", () => {
  beforeEach(setUp);

  it("sorts, counts and cuts", async () => {
    const names = listing(["c", "a", "b", "e", "d"]);
    assert.deepEqual(await page(names), {
      items: ["a", "b", "c", "d", "e"],
      total: 5,
      next: null,
    });
    assert.deepEqual(await page(names, "limit=2"), { items: ["a", "b"], total: 5, next: "b" });
    assert.deepEqual(await page(names, "limit=2&after=b"), {
      items: ["c", "d"],
      total: 5,
      next: "d",
    });
    assert.deepEqual(await page(names, "limit=2&after=d"), { items: ["e"], total: 5, next: null });
    assert.deepEqual(await page(names, "after=e"), { items: [], total: 5, next: null });
    assert.deepEqual(await page(listing([])), { items: [], total: 0, next: null });
  });

  it("goes on behind an entry that is gone", async () => {
    assert.deepEqual((await page(listing(["a", "c"]), "after=b")).items, ["c"]);
  });

  it("searches, and filters by what a table has beside", async () => {
    const names = [..."abcab"].map((letter, i) => `${letter}${i}`);
    assert.deepEqual(await page(listing(names), "search=b"), {
      items: ["b1", "b4"],
      total: 2,
      next: null,
    });
    const even = { ...listing(names), matches: (name: string) => Number(name[1]) % 2 === 0 };
    assert.deepEqual((await page(even, "search=b")).items, ["b4"]);
    const turned = { ...listing(names), text: (name: string) => name.replace("a", "b") };
    assert.deepEqual((await page(turned, "search=b")).items, ["a0", "a3", "b1", "b4"]);
  });

  for (const limit of [1, 3, 100, 1000]) {
    it(`shows each of 2345 once, ${limit} at a time`, async () => {
      const names = shuffled(2345);
      const pages = await walk(
        () => listing(limit === 1 ? names.slice(0, 100) : names),
        `limit=${limit}`,
      );
      for (const items of pages.slice(0, -1)) assert.equal(items.length, limit);
      const expected = limit === 1 ? names.slice(0, 100) : names;
      assert.deepEqual(pages.flat(), expected.toSorted());
    });
  }

  it("has 100 on a page, and at most 1000", async () => {
    assert.equal((await page(listing(shuffled(200)))).items.length, 100);
    for (const query of ["limit=0", "limit=1001", "limit=x", `search=${"x".repeat(2049)}`]) {
      await assert.rejects(async () => await page(listing([]), query), HttpProblem);
    }
  });

  it("ends a page that grows long, behind the entry that made it so", async () => {
    const long = { ...listing(shuffled(20)), show: (name: string) => name.padEnd(300_000, "x") };
    const pages = await walk(() => long, "limit=20");
    assert.deepEqual(pages.map((items) => items.length), [4, 4, 4, 4, 4]);
    assert.deepEqual(pages.flat().map((item) => item.slice(0, 7)), shuffled(20).sort());
  });

  it("goes on behind the empty name, and names of all kinds", async () => {
    const names = ["", "__proto__", "constructor", "題", "\u{1f600}", "a b&c=d", "%41", "a/b", '"'];
    assert.deepEqual((await walk(() => listing(names), "limit=1")).flat(), names.toSorted());
  });

  it("has a cursor that fits into a URL, however long the names are", async () => {
    const names = ["a", "b".repeat(5000), "c\ud800", "d"];
    const shown = { ...listing(names), show: (name: string) => name[0] };
    assert.deepEqual(await walk(() => shown, "limit=1"), [["a"], ["b"], ["c"], ["d"]]);
  });

  it("gives others their turn while it looks and while it shows", async () => {
    const slow = {
      ...listing(shuffled(1000)),
      key: (name: string) => {
        clock += 0.1;
        return name;
      },
      show: (name: string) => {
        clock += 3;
        return name;
      },
    };
    const { items } = await page(slow, "limit=10");
    assert.equal(items.length, 10);
    // Sixteen steps of 64 entries and ten of formatting, each longer than a slice of half a millisecond.
    assert.ok(turns >= 24 && turns <= 27, `${turns} turns`);
  });

  it("stands tables that change meanwhile", async () => {
    const table = new Map(shuffled(500).map((name) => [name, 1]));
    const slow: Listing<string> = {
      entries: table.keys(),
      key: (name) => {
        clock += 0.02;
        return name;
      },
      show: (name) => table.has(name) ? name : undefined,
    };
    between = () => {
      // One is removed, one is added, and one is removed and added again, so it is seen twice.
      table.delete("n000005");
      table.set("n999999", 1);
      table.delete("n000001");
      table.set("n000001", 1);
    };
    const { items } = await page(slow, "limit=1000");
    assert.ok(turns > 1);
    const expected = new Set([...table.keys()]);
    assert.deepEqual(new Set(items), expected);
    assert.equal(items.length, expected.size);
  });
});
