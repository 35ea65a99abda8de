/** Names of programs that are, or stand for, Chromium. */
const NAMES = "chromium chromium-browser google-chrome";

/** The path of a browser on this machine; `undefined` if there is none. */
export async function findBrowser(): Promise<string | undefined> {
  const search = `for it in ${NAMES}; do command -v $it && exit; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", search], stderr: "null" })
    .output();
  return new TextDecoder().decode(stdout).trim() || undefined;
}
