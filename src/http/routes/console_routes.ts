import type { ConsoleAsset } from "../../console/built/assets.ts";
import { answer, HttpProblem } from "../server/answer.ts";
import type { Route, RouteRequest } from "../server/router.ts";

const ROOT = "/console/";
const INDEX = "index.html";
/** Seconds in a year: longer is not usual. */
const FOREVER = 31_536_000;
/** A page of the console gets nothing from elsewhere, and no other page may show it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");
const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  vary: "accept-encoding",
};

/** A file of the console, ready to be sent. */
interface File {
  readonly type: string;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

/**
 * The routes of the console's files. They need no permission: they are the same for everyone.
 *
 * @param load returns the files; called when somebody asks for the first one
 */
export function consoleRoutes(load: () => Promise<readonly ConsoleAsset[]>): Route[] {
  let files: Promise<ReadonlyMap<string, File>> | undefined;
  return [
    { path: "/", answer: redirect },
    { path: "/console", answer: redirect },
    { path: ROOT, answer: (asked) => file(INDEX, asked) },
    { path: `${ROOT}:file`, answer: (asked) => file(asked.path.get("file") ?? "", asked) },
  ];

  async function file(name: string, { sender: { headers } }: RouteRequest): Promise<Response> {
    const found = (await (files ??= decode(load))).get(name);
    if (found === undefined) throw new HttpProblem(404, "no such file of the console");
    const lasting = name === INDEX ? "no-cache" : `public, max-age=${FOREVER}, immutable`;
    const own = { ...HEADERS, "cache-control": lasting };
    if (takesGzip(headers.get("accept-encoding"))) {
      return answer(found.gzip, found.type, { headers: { ...own, "content-encoding": "gzip" } });
    }
    return answer(await inflated(found.gzip), found.type, { headers: own });
  }
}

function redirect(): Response {
  return answer("", "text/plain", { status: 302, headers: { location: ROOT } });
}

async function decode(
  load: () => Promise<readonly ConsoleAsset[]>,
): Promise<ReadonlyMap<string, File>> {
  const assets = await load();
  return new Map(
    assets.map(({ name, type, gzip }) => [name, { type, gzip: Uint8Array.fromBase64(gzip) }]),
  );
}

function takesGzip(header: string | null): boolean {
  const codings = (header ?? "").toLowerCase().split(",").map((coding) => coding.trim());
  return codings.some((coding) => /^gzip *(;|$)/.test(coding) && !/; *q=0(\.0*)?$/.test(coding));
}

async function inflated(gzip: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([gzip]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).bytes();
}
