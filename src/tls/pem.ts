/** Returns the certificates in a PEM text, each as PEM. */
export function certificateBlocks(text: string): string[] {
  return text.match(/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END [^-]*-----/g) ?? [];
}

/** Returns the first private key in a PEM text, which may also contain certificates, as PEM. */
export function privateKeyBlock(text: string): string | undefined {
  return text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [^-]*-----/)?.[0];
}
