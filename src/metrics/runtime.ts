import process from "node:process";
import { getHeapStatistics } from "node:v8";
import denoJson from "../../deno.json" with { type: "json" };
import { MqVersion } from "../protocol/codes.ts";
import type { Runtime } from "./sources.ts";

/** What Deno tells of this process. */
export function denoRuntime(): Runtime {
  const { version } = denoJson;
  const protocol = Object.entries(MqVersion).at(-1)![0];
  return {
    memory() {
      const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
      return { resident: rss, heapUsed, heapTotal, external };
    },
    heapLimit: () => getHeapStatistics().heap_size_limit,
    cpu() {
      const { user, system } = process.cpuUsage();
      return { user: user / 1e6, system: system / 1e6 };
    },
    startTime: performance.timeOrigin,
    versions: { version, protocol, deno: Deno.version.deno, v8: Deno.version.v8 },
  };
}
