/** Returns the message of an error, and for other thrown values their text. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
