import process from "node:process";
import { getHeapStatistics } from "node:v8";
import { SOFTWARE } from "../version.ts";
import type { Runtime } from "./sources.ts";

/** Reads the properties of this process from Deno. */
export function denoRuntime(): Runtime {
  const { version, protocol } = SOFTWARE;
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
