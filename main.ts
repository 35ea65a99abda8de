import { refuseOldDeno } from "./src/cli/deno_version.ts";

// All else is loaded after this check, as an older Deno may not even link it.
const refusal = refuseOldDeno(Deno.version.deno);
if (refusal !== undefined) {
  console.error(refusal);
  Deno.exit(1);
}

// Commands and server are loaded on demand, so that a command does not load the server.
if (Deno.args[0] !== undefined && !Deno.args[0].startsWith("-")) {
  const { runCommand } = await import("./src/admin/run.ts");
  Deno.exit(await runCommand(Deno.args, Deno));
} else {
  const { serve } = await import("./src/serve.ts");
  await serve(Deno.args);
}
