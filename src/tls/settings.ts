import { StartupError } from "../startup_error.ts";

/** The value of an option. Errors name both. */
export interface Setting {
  readonly option: string;
  readonly value: string;
}

/** How a port accepts TLS connections, from whichever options it has for that. */
export interface TlsSettings {
  /** PEM file of the private key. */
  readonly key: Setting;
  readonly keyPassword: Setting;
  /** PEM file of the certificate, followed by those of its issuers. */
  readonly cert: Setting;
  /** PEM file of the authorities for client certificates. If absent, none is verified. */
  readonly trust?: Setting;
  readonly clientCertificate: "none" | "optional" | "require";
  /** Names of OpenSSL or Java, separated by commas; empty for all. */
  readonly ciphers?: Setting;
  /** `TLSv1.2`, `TLSv1.3` or both, separated by commas; empty for both. */
  readonly protocols?: Setting;
  /** Whether the port serves nothing but TLS, so that an expired certificate stops the start. */
  readonly enforcing: boolean;
  /**
   * The option by which a self-signed certificate is made in memory when the first connection needs
   * it. No file is read then.
   */
  readonly selfSignedBy?: string;
}

/**
 * A TLS option that can't be satisfied. The message is one line that names the option and the file.
 */
export class TlsConfigError extends StartupError {
  override name = "TlsConfigError";
}
