/** One part of a topic's order configuration. */
export interface OrderPart {
  readonly broker: string;
  readonly queues: number;
}

/** The namespace of the order configuration; the keys are topics. */
export const ORDER_TOPIC_CONFIG = "ORDER_TOPIC_CONFIG";

const PART = /^([^:;]+):(\d{1,9})$/;

/**
 * Reads the order configuration of a topic, `broker:queues;broker:queues`, as clients do.
 *
 * @returns `undefined` when a client could not read it
 */
export function parseOrderConfig(text: string): OrderPart[] | undefined {
  const parts: OrderPart[] = [];
  for (const part of text.split(";")) {
    if (part === "") continue;
    const [, broker, queues] = PART.exec(part) ?? [];
    if (broker === undefined) return undefined;
    parts.push({ broker, queues: Number(queues) });
  }
  return parts;
}

/** Writes the order configuration of a topic. */
export function formatOrderConfig(parts: readonly OrderPart[]): string {
  return parts.map(({ broker, queues }) => `${broker}:${queues}`).join(";");
}

/** The kinds of faults of {@linkcode faultOf}. */
export type OrderFault = "none" | "broker" | "queues" | "twice";

/** Returns why parts are no order configuration; `undefined` if they are one. */
export function faultOf(parts: readonly OrderPart[]): OrderFault | undefined {
  if (parts.length === 0) return "none";
  if (parts.some(({ broker }) => broker === "" || /[:;]/.test(broker))) return "broker";
  if (parts.some(({ queues }) => !Number.isInteger(queues) || queues < 1)) return "queues";
  return new Set(parts.map(({ broker }) => broker)).size < parts.length ? "twice" : undefined;
}
