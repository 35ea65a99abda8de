import type { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";

/** Settings for accepting a TLS handshake. */
export interface TlsAccept {
  /** Key, certificate, versions, and the authorities for client certificates. */
  secureContext: SecureContext;
  /** Whether the client is asked for a certificate. It may still send none, or an untrusted one. */
  requestCert: boolean;
}

/** The result of a TLS handshake. */
export interface TlsSession {
  /** E.g. "TLSv1.3". */
  protocol: string;
  /** The cipher suite's IANA name. */
  cipher: string;
  /**
   * Whether an earlier session was resumed. The client's certificate is then the one from that
   * session.
   */
  resumed: boolean;
  /** The client's certificate, if it sent one. */
  certificate?: X509Certificate;
  /**
   * Why the certificate is not trusted. Always absent in a resumed session, where nothing is
   * verified.
   */
  distrust?: string;
}
