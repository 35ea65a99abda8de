import denoJson from "../deno.json" with { type: "json" };

/** Name and versions of this program. */
export const SOFTWARE = {
  name: "rocketmq-namesrv",
  version: denoJson.version,
  /** The RocketMQ version whose protocol it speaks, by its MQVersion name. */
  protocol: "V5_5_0",
} as const;
