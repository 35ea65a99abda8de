import { bodyText } from "../chunks_of.ts";

const TIMEOUT = 3000;
/** Some thousand addresses. */
const MAX_BODY = 64 * 1024;

/**
 * Gets a text over HTTP.
 *
 * @throws when the server does not answer within 3 s, not with a success, or with more than 64 KiB
 */
export async function getText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status}`);
  }
  return await bodyText(
    response,
    MAX_BODY,
    () => new Error(`the response is longer than ${MAX_BODY} bytes`),
  );
}
