/**
 * An error that a user can mend and that stops the start: a wrong option, a file or an address that
 * can't be used. The message names the option or the file, and is shown without a stack.
 */
export class StartupError extends Error {
  override name = "StartupError";
}
