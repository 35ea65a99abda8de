import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { describe, it } from "@std/testing/bdd";
import { DEFINITIONS } from "../../src/metrics/definitions.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { dashboard, PANELS } from "../../tools/dashboard.ts";
import { call, PROJECT, Scratch, succeed } from "./tools.ts";

const RULES = `${PROJECT}/monitoring/rules.yaml`;
const DASHBOARD = `${PROJECT}/monitoring/dashboard.json`;

interface Rules {
  groups: {
    rules: { alert: string; expr: string; annotations: Record<string, string> }[];
  }[];
}

async function rules(): Promise<Rules["groups"][number]["rules"]> {
  return (parse(await Deno.readTextFile(RULES)) as Rules).groups.flatMap((group) => group.rules);
}

/** All series of the server, with their labels. */
function series(): Map<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const { name, type, labels } of DEFINITIONS) {
    if (type === "histogram") {
      found.set(`${name}_bucket`, new Set([...labels, "le"]));
      found.set(`${name}_sum`, new Set(labels));
      found.set(`${name}_count`, new Set(labels));
    } else found.set(name, new Set(labels));
  }
  return found;
}

/** Throws when an expression names an unknown metric or label. */
function assertKnown(expression: string, where: string): void {
  const known = series();
  const names = expression.matchAll(/\b((?:rocketmq|process|nodejs|v8)_\w+)(?:\{([^}]*)\})?/g);
  for (const [, name, matchers = ""] of names) {
    const labels = known.get(name!);
    assert.ok(labels !== undefined, `${where}: there is no ${name}`);
    for (const [, label] of matchers.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)) {
      const fromPrometheus = label === "job" || label === "instance";
      assert.ok(fromPrometheus || labels.has(label!), `${where}: ${name} has no label ${label}`);
    }
  }
  assert.match(expression, /\b(rocketmq_\w+|up\{)/, `${where} asks for no metric`);
}

describe("the alerts", () => {
  it("are rules, by promtool", async () => {
    await succeed("promtool", ["check", "rules", "--lint=all", "--lint-fatal", RULES]);
    await using folder = await Scratch.make();
    const wrong = `${folder.path}/rules.yaml`;
    const text = await Deno.readTextFile(RULES);
    await Deno.writeTextFile(wrong, text.replace("changes(", "change("));
    assert.notEqual((await call("promtool", ["check", "rules", wrong])).code, 0);
  });

  it("fire and are silent when they should", async () => {
    await succeed("promtool", ["test", "rules", "rules_test.yaml"], {
      cwd: `${PROJECT}/monitoring`,
    });
  });

  it("are tested, each of them, and explained in the operations guide", async () => {
    const tests = await Deno.readTextFile(`${PROJECT}/monitoring/rules_test.yaml`);
    const guide = await Deno.readTextFile(`${PROJECT}/docs/operations.md`);
    for (const { alert } of await rules()) {
      assert.match(tests, new RegExp(`alertname: ${alert}\\n +exp_alerts:\\n +- exp_labels`));
      assert.ok(guide.includes(`\n### ${alert}\n`), `${alert} is not in docs/operations.md`);
    }
    for (const [, alert] of guide.matchAll(/^### (Namesrv\w+)$/gm)) {
      assert.ok((await rules()).some((rule) => rule.alert === alert), `there is no ${alert}`);
    }
  });

  it("use only metrics and labels that the server has", async () => {
    for (const { alert, expr } of await rules()) assertKnown(expr, alert);
  });
});

describe("a scrape", () => {
  it("is as promtool wants it, and holds only metrics of the table", async () => {
    await using server = await HttpServerProcess.start();
    const text = await (await server.get("/metrics")).text();
    await succeed("promtool", ["check", "metrics"], { input: text });
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(names.toSorted(), DEFINITIONS.map(({ name }) => name).toSorted());
  });
});

describe("the dashboard", () => {
  it("is what its table says", async () => {
    assert.equal(await Deno.readTextFile(DASHBOARD), dashboard());
  });

  it("uses only metrics and labels that the server has", () => {
    for (const { title, queries } of PANELS) {
      for (const { expr } of queries) assertKnown(expr, title);
    }
  });

  it("has queries that Prometheus can read", async () => {
    await using folder = await Scratch.make();
    const file = `${folder.path}/rules.yaml`;
    const records = PANELS.flatMap(({ queries }) => queries).map(({ expr }, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", "j")
        .replaceAll("$instance", "i"),
    }));
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "p", rules: records }] }));
    await succeed("promtool", ["check", "rules", file]);
  });

  it("has panels that lie side by side, and numbers of their own", async () => {
    const { panels } = JSON.parse(await Deno.readTextFile(DASHBOARD)) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { gridPos: { x, y, w, h } } of panels) {
      assert.ok(x + w <= 24);
      for (let column = x; column < x + w; column++) {
        for (let row = y; row < y + h; row++) {
          assert.ok(!taken.has(`${column} ${row}`), `two panels at ${column} ${row}`);
          taken.add(`${column} ${row}`);
        }
      }
    }
  });
});

describe("the check of names", () => {
  it("fails at a metric or a label that there is none of", () => {
    assertKnown('rocketmq_namesrv_brokers{role="master", job="a"} > 0', "right");
    assert.throws(
      () => assertKnown("rocketmq_namesrv_broker > 0", "wrong"),
      /rocketmq_namesrv_broker$/,
    );
    assert.throws(() => assertKnown('rocketmq_namesrv_brokers{rolle="m"}', "wrong"), /rolle/);
    assert.throws(() => assertKnown("rocketmq_rpc_latency", "wrong"), /rocketmq_rpc_latency/);
    assert.throws(() => assertKnown("1 + 1", "wrong"), /no metric/);
  });
});
