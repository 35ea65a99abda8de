/** Memory of a process, as reported by Linux. */

/** Resident memory of a process in bytes. @throws {Error} when it is gone */
export async function residentBytes(pid: number): Promise<number> {
  // Deno allows reading /proc only with `-A`, so cat does it.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  const found = /^VmRSS:\s+(\d+) kB/m.exec(new TextDecoder().decode(stdout));
  if (!found) throw new Error(`no process ${pid}`);
  return Number(found[1]) * 1024;
}
