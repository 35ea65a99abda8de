import denoJson from "../deno.json" with { type: "json" };

/** What this program is. */
export const SOFTWARE = {
  name: "rocketmq-namesrv",
  version: denoJson.version,
  /** The version of RocketMQ whose protocol it speaks, as MQVersion names it. */
  protocol: "V5_5_0",
} as const;
