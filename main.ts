// What is not asked for is not loaded: a command answers sooner, and more so as the server grows.
if (Deno.args.length > 0 && !Deno.args[0]!.startsWith("-")) {
  const { runCommand } = await import("./src/admin/run.ts");
  Deno.exit(await runCommand(Deno.args, Deno));
} else {
  const { serve } = await import("./src/serve.ts");
  await serve(Deno.args);
}
