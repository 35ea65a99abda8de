/**
 * The chunks of an answer's body. Use it where a signal may have to end the reading: Deno ends a body
 * by the signal of its request only as long as the Response is referenced.
 *
 * @throws the signal's reason, or the error that ended the connection
 */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  try {
    yield* response.body ?? [];
  } finally {
    // Keeps the reference until here.
    void response.bodyUsed;
  }
}

/**
 * The text of an answer's body, in UTF-8.
 *
 * @param most bytes
 * @throws what `tooLong` returns when there are more, and what {@link chunksOf} throws
 */
export async function bodyText(
  response: Response,
  most: number,
  tooLong: () => Error,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  // Leaving the loop by the error also cancels the body.
  for await (const chunk of chunksOf(response)) {
    length += chunk.length;
    if (length > most) throw tooLong();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
