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
