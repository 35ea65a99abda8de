import { ConnectTimeout } from "./transport.ts";

/**
 * Connects to a peer. Rejects with what the runtime throws, or with a {@link ConnectTimeout} when the
 * time (ms) is over.
 */
export async function connectWithin(
  timeout: number,
  hostname: string,
  port: number,
): Promise<Deno.TcpConn> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeout);
  try {
    const conn = await Deno.connect({ hostname, port, signal: late.signal });
    conn.setNoDelay();
    return conn;
  } catch (error) {
    throw late.signal.aborted ? new ConnectTimeout(false) : error;
  } finally {
    clearTimeout(timer);
  }
}
