/** A server-sent event, or only the position after it. */
export interface StreamEvent {
  readonly id: string | undefined;
  /** `undefined` for a position. */
  readonly name: string | undefined;
  readonly data: string;
}

/** Most characters of an event. */
const MAX_EVENT = 1_000_000;

/**
 * Reads server-sent events.
 *
 * @param chunks the body of a response
 * @throws {RangeError} when an event is too long to be one of a name server
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    if (text.length > MAX_EVENT) throw new RangeError("an event is too long");
    for (const block of blocks) yield parse(block);
  }
}

function parse(block: string): StreamEvent {
  let id: string | undefined;
  let name: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  return { id, name, data: data.join("\n") };
}
