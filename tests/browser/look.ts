/**
 * Opens a page in the browser, and succeeds when it shows all these texts within a minute:
 *
 *     deno run -A tests/browser/look.ts URL TEXT...
 *
 * @module
 */

import { chromium } from "playwright-core";
import { WAIT_LIMIT_MS } from "../support/wait.ts";
import { findBrowser } from "./find_browser.ts";

const [url = "", ...texts] = Deno.args;
const browser = await chromium.launch({
  executablePath: await findBrowser(),
  args: ["--no-sandbox"],
  timeout: WAIT_LIMIT_MS,
});
try {
  const page = await browser.newPage({ locale: "en" });
  await page.goto(url);
  for (const text of texts) {
    await page.getByText(text).filter({ visible: true }).first().waitFor({ timeout: WAIT_LIMIT_MS })
      .catch(async () => {
        console.log(`does not show "${text}":\n${await page.locator("body").innerText()}`);
        Deno.exitCode = 1;
      });
  }
} finally {
  await browser.close();
}
