/** monitoring/rules.yaml: the alerts as rules of Prometheus. */

import { type AlertRule, ALERTS } from "../src/metrics/alerts.ts";

const HEAD =
  `# Prometheus rules for the name servers. The name servers of one RocketMQ cluster share a job whose name
# begins with rocketmq-namesrv, e.g. rocketmq-namesrv-prod. One copy of this file serves all such jobs.
# docs/operations.md says what to do about each alert.
# Generated from src/metrics/alerts.ts by \`deno task docs\`.
groups:
  - name: rocketmq-namesrv
    rules:
`;

/** The text of the file. */
export function alertRules(): string {
  return HEAD + ALERTS.map(yaml).join("\n");
}

function yaml(rule: AlertRule): string {
  const { name, severity, note, summary } = rule;
  const expr = rule.expr.replaceAll("{limit}", `${rule.limit}`)
    .replaceAll("{window}", rule.window ?? "");
  const lines = expr.split("\n");
  return [
    `      - alert: ${name}`,
    ...(note === undefined ? [] : [`        # ${note}`]),
    ...(lines.length === 1
      ? [`        expr: ${expr}`]
      : ["        expr: |", ...lines.map((line) => `          ${line}`)]),
    ...(rule.for === undefined ? [] : [`        for: ${rule.for}`]),
    `        labels: { severity: ${severity} }`,
    "        annotations:",
    `          summary: ${scalar(summary)}`,
    "",
  ].join("\n");
}

/** A text of one line for YAML, in quotes only if it needs them. */
function scalar(text: string): string {
  return /^[\w(]/.test(text) && !/: | #|:$/.test(text) ? text : JSON.stringify(text);
}
