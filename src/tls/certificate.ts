import type { TlsFiles } from "./context.ts";

const TEN_YEARS = 10 * 365 * 24 * 3_600_000;
/** Clients' clocks may be behind. */
const ONE_DAY = 24 * 3_600_000;

/**
 * Makes a key and a self-signed certificate for `localhost`. It provides encryption only: no client
 * has a reason to trust it.
 *
 * @param now milliseconds since 1970
 */
export async function selfSigned(now: number): Promise<TlsFiles> {
  // Loaded here, because most servers never need it.
  const { X509CertificateGenerator } = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - ONE_DAY),
    notAfter: new Date(now + TEN_YEARS),
  });
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const lines = pkcs8.toBase64().match(/.{1,64}/g) ?? [];
  return {
    key: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
    cert: certificate.toString("pem"),
  };
}
