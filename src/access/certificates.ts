/** The names in a certificate that rules are compared with. */
export interface CertificateNames {
  /** The common names of the subject. */
  readonly commonNames: readonly string[];
  /** As in `DNS:a.example`, `URI:spiffe://a/b`, `IP Address:10.0.0.1`. */
  readonly altNames: readonly string[];
  /** SHA-256, in hexadecimal with colons. */
  readonly fingerprint: string;
}

/** Used instead of reading a certificate when no rule is about certificates. */
export const NO_NAMES: CertificateNames = { commonNames: [], altNames: [], fingerprint: "" };

/** The certificates that a rule is about: all conditions that are given must hold. */
export interface CertificateConditions {
  readonly subjectCN?: string;
  /** With its kind before it, as in `DNS:*.brokers.example`. */
  readonly san?: string;
  readonly fingerprint?: string;
}

/** Reads the names in a certificate (DER). Printed forms of them can be ambiguous. */
export type NamesReader = (der: Uint8Array<ArrayBuffer>) => Omit<CertificateNames, "fingerprint">;

const KINDS = new Map([["dns", "DNS"], ["url", "URI"], ["ip", "IP Address"]]);

/** Loads the library that reads certificates: most servers never need it. */
export async function loadNamesReader(): Promise<NamesReader> {
  const { SubjectAlternativeNameExtension, X509Certificate } = await import("@peculiar/x509");
  return (der) => {
    const certificate = new X509Certificate(der);
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    return {
      commonNames: certificate.subjectName.getField("CN"),
      altNames: names.flatMap(({ type, value }) => {
        const kind = KINDS.get(type);
        return kind === undefined ? [] : [`${kind}:${value}`];
      }),
    };
  };
}

/** Whether a certificate is one of those that conditions describe. */
export function matchesCertificate(
  { subjectCN, san, fingerprint }: CertificateConditions,
  names: CertificateNames,
): boolean {
  return (subjectCN === undefined || names.commonNames.some((name) => like(subjectCN, name))) &&
    (san === undefined || names.altNames.some((name) => like(san, name))) &&
    (fingerprint === undefined || plain(fingerprint) === plain(names.fingerprint));
}

/** `*` at the end stands for anything, `*.` at the start of a name for one label. */
function like(pattern: string, name: string): boolean {
  if (pattern.endsWith("*")) return name.startsWith(pattern.slice(0, -1));
  const [, kind, rest] = /^((?:DNS:)?)\*(\..+)$/s.exec(pattern) ?? [];
  if (kind === undefined || rest === undefined) return sameCase(pattern) === sameCase(name);
  if (!name.startsWith(kind)) return false;
  const host = name.slice(kind.length).toLowerCase();
  return host.endsWith(rest.toLowerCase()) && /^[^.]+$/.test(host.slice(0, -rest.length));
}

/** Host names are the same in any letter case. */
function sameCase(name: string): string {
  return name.startsWith("DNS:") ? name.toLowerCase() : name;
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}
