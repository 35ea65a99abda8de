import type { TlsSettings } from "../../tls/settings.ts";

/** Options of the same names. */
export interface TlsOptions {
  "tls.server.mode": "disabled" | "permissive" | "enforcing";
  "tls.test.mode.enable": boolean;
  "tls.server.need.client.auth": "none" | "optional" | "require";
  "tls.server.keyPath": string;
  "tls.server.keyPassword": string;
  "tls.server.certPath": string;
  "tls.server.authClient": boolean;
  "tls.server.trustCertPath": string;
  "tls.ciphers": string;
  "tls.protocols": string;
}

/** How the remoting port accepts TLS connections. */
export function remotingTls(options: Readonly<TlsOptions>): TlsSettings {
  const testMode = "tls.test.mode.enable";
  const setting = (option: keyof TlsOptions) => ({ option, value: String(options[option]) });
  const clientCertificate = options["tls.server.need.client.auth"];
  const common = {
    keyPassword: setting("tls.server.keyPassword"),
    ciphers: setting("tls.ciphers"),
    protocols: setting("tls.protocols"),
    enforcing: options["tls.server.mode"] === "enforcing",
  };
  if (options[testMode]) {
    return {
      ...common,
      selfSignedBy: testMode,
      key: { option: "tls.server.keyPath", value: `the key generated for ${testMode}` },
      cert: { option: "tls.server.certPath", value: `the certificate generated for ${testMode}` },
      keyPassword: { option: "tls.server.keyPassword", value: "" },
      // As in the reference: clients may send a certificate, but it is not verified.
      clientCertificate: "optional",
    };
  }
  return {
    ...common,
    key: setting("tls.server.keyPath"),
    cert: setting("tls.server.certPath"),
    clientCertificate,
    ...(options["tls.server.authClient"] && clientCertificate !== "none" && {
      trust: setting("tls.server.trustCertPath"),
    }),
  };
}
