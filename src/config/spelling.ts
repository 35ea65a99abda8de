/** Mistakes in the way a properties file spells a value, which its syntax allows. @module */

/** How a Windows path is to be written in a properties file. */
export const WINDOWS_PATH_HINT = "looks like a Windows path: write / or \\\\ in it";

/** Where a comment may stand in a properties file. */
export const COMMENT_HINT = "a comment needs a line of its own";

/** Whether a value begins like a Windows path with single backslashes, which begin escapes. */
export function isWindowsPath(raw: string): boolean {
  return /^[A-Za-z]:\\(?!\\)/.test(raw);
}

/**
 * Whether a path loses backslashes in a properties file.
 *
 * @param raw the path as the file spells it
 */
export function losesBackslashes(raw: string): boolean {
  const others = raw.replaceAll("\\\\", "");
  return isWindowsPath(raw) || /\\(?!u[\da-fA-F]{4})[\w.]/.test(others);
}

/** Whether a value ends in what is probably meant as a comment. */
export function hasComment(value: string): boolean {
  return /[ \t]#/.test(value);
}
