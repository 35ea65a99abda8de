/** The console in the browser. */

import { render } from "preact";
import { startLive } from "./live.ts";
import { loadSession } from "./session.ts";
import { Shell } from "./shell.tsx";

const root = document.getElementById("console");
if (root !== null) render(<Shell />, root);
startLive();
// If the server is not reached, live.ts asks again.
loadSession().catch(() => {});
