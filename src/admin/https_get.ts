import * as http from "node:http";
import * as tls from "node:tls";
import type { TlsConnect } from "../remoting/transport/transport.ts";

/**
 * Fetches an https URL. `fetch` can't skip the check of a certificate or expect another name in it, and
 * `node:https` needs a permission to read the system's authorities.
 */
export function httpsGet(
  url: string,
  { signal, headers }: { signal: AbortSignal; headers?: Record<string, string> },
  connect: TlsConnect,
): Promise<Response> {
  const { hostname, port, pathname, search } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port: Number(port || "443"), ...connect });
    const abort = () => socket.destroy(new Error("aborted"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    socket.once("close", () => signal.removeEventListener("abort", abort));
    const request = http.get(
      { host, port, path: pathname + search, headers, createConnection: () => socket },
      (answer) => {
        const { statusCode: status = 0, headers } = answer;
        const type = headers["content-type"] ?? "";
        const body = ReadableStream.from(answer);
        resolve(new Response(body, { status, headers: { "content-type": type } }));
      },
    );
    request.once("error", reject);
  });
}
