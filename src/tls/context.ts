import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { osReason } from "../os_error.ts";
import { type FileKinds, requireRegularFile } from "../regular_file.ts";
import { errorMessage } from "../error_message.ts";
import { HandshakeError } from "./handshake_error.ts";
import { certificateBlocks, privateKeyBlock } from "./pem.ts";
import type { TlsAccept, TlsSession } from "./session.ts";
import { type Setting, TlsConfigError, type TlsSettings } from "./settings.ts";

/** How many verified client certificates are remembered, for sessions that resume with them. */
const MAX_VERIFIED = 10_000;

/** The cipher suites that the runtime supports, by their OpenSSL and Java names. */
const TLS_13_SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];
const TLS_12_SUITES = new Map([
  ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
  ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
  ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
  ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
  ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
  ["ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
]);

/** The object identifier 1.2.840.113549.1.5.13 in DER. */
const PBES2 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";

/** The peer of a TLS connection. */
export interface TlsPeer {
  /** E.g. "TLSv1.3". */
  protocol: string;
  /** The cipher suite's IANA name. */
  cipher: string;
  /** The client's certificate, if it sent one. */
  certificate?: {
    subject: string;
    /** In OpenSSL's format, e.g. "DNS:a, IP Address:10.0.0.1". */
    subjectAltName?: string;
    /** SHA-256, in hexadecimal with colons. */
    fingerprint: string;
    /** Whether it is signed by a trusted authority. */
    verified: boolean;
    /** DER. */
    raw: Uint8Array<ArrayBuffer>;
  };
}

/** Contents of the files that the settings name, as PEM. */
export interface TlsFiles {
  key: string;
  cert: string;
  trust?: string;
}

/** The part of Deno that reads files. */
export interface TlsFileReader extends FileKinds {
  readTextFile(path: string): Promise<string>;
}

/**
 * Reads the files that the settings name.
 *
 * @throws {TlsConfigError} when a file can't be read
 */
export async function readTlsFiles(
  { key, cert, trust }: TlsSettings,
  files: TlsFileReader,
): Promise<TlsFiles> {
  const read = async ({ option, value: path }: Setting) => {
    try {
      await requireRegularFile(path, files);
      return await files.readTextFile(path);
    } catch (error) {
      const reason = osReason(error, `--allow-read=${path}`);
      throw new TlsConfigError(`${option}: cannot read ${path}: ${reason}`);
    }
  };
  return {
    key: await read(key),
    cert: await read(cert),
    ...(trust !== undefined && { trust: await read(trust) }),
  };
}

/**
 * Checks the settings that don't name files.
 *
 * @throws {TlsConfigError} when one can't be satisfied
 */
export function checkTlsSettings(settings: TlsSettings): void {
  versions(settings, parseCiphers(settings.ciphers));
}

/** Certificate, key and rules for new connections: replaced as a whole. */
export class TlsContext {
  /** Settings that the socket needs for the handshake. */
  readonly accept: TlsAccept;
  /** When the server's certificate expires, in milliseconds since 1970. */
  readonly expires: number;
  readonly #settings: TlsSettings;
  readonly #suites: ReadonlySet<string> | undefined;
  readonly #trust: string | undefined;
  #verified = new Set<string>();

  /** @throws {TlsConfigError} when the files and settings are not usable together */
  constructor(settings: TlsSettings, files: TlsFiles) {
    const { cert, trust, clientCertificate } = settings;
    this.#settings = settings;
    this.#trust = files.trust;
    const suites = parseCiphers(settings.ciphers);
    this.#suites = suites;
    const [minVersion, maxVersion] = versions(settings, suites);

    const certificate = readCertificates(cert, files.cert);
    const key = readKey(settings, files.key);
    if (!certificate.checkPrivateKey(key)) {
      throw new TlsConfigError(
        `${named(settings.key)} is not the key of the certificate in ${named(cert)}`,
      );
    }
    this.expires = Date.parse(certificate.validTo);
    if (trust !== undefined && files.trust !== undefined) readCertificates(trust, files.trust);
    try {
      const secureContext = tls.createSecureContext({
        cert: files.cert,
        // Decrypted once instead of for each connection.
        key: key.export({ type: "pkcs8", format: "pem" }),
        ca: files.trust,
        minVersion,
        maxVersion,
      });
      this.accept = { secureContext, requestCert: clientCertificate !== "none" };
    } catch (error) {
      throw new TlsConfigError(`${named(cert)} cannot be used: ${errorMessage(error)}`);
    }
  }

  /**
   * Keeps client certificates verified by the previous context, if the trusted authorities are the
   * same.
   */
  inherit(previous: TlsContext): void {
    if (previous.#trust === this.#trust) this.#verified = previous.#verified;
  }

  /**
   * Accepts or refuses a connection whose handshake is complete.
   *
   * @throws {HandshakeError} when it is refused
   */
  check(session: TlsSession, now: number): TlsPeer {
    const { protocol, cipher, certificate } = session;
    if (this.#suites !== undefined && !this.#suites.has(cipher)) {
      throw new HandshakeError(
        `TLS: the cipher suite ${cipher} is not one of ${this.#settings.ciphers?.option}`,
      );
    }
    const { clientCertificate, trust } = this.#settings;
    if (certificate === undefined) {
      if (clientCertificate === "require") {
        throw new HandshakeError("TLS: the client sent no certificate");
      }
      return { protocol, cipher };
    }
    const subject = certificate.subject.replaceAll("\n", ", ");
    const fingerprint = certificate.fingerprint256;
    const verified = trust !== undefined;
    if (verified) {
      const reason = this.#distrust(session, certificate, now);
      if (reason !== undefined) {
        throw new HandshakeError(`TLS: the client's certificate (${subject}) ${reason}`);
      }
    }
    const { subjectAltName } = certificate;
    const raw = new Uint8Array(certificate.raw);
    return {
      protocol,
      cipher,
      certificate: { subject, subjectAltName, fingerprint, verified, raw },
    };
  }

  /**
   * Returns why a client's certificate is refused. When a session is resumed, the runtime verifies
   * nothing, and it issues tickets even in sessions that are refused afterwards. So a resumed
   * session is accepted only if its certificate was verified before.
   */
  #distrust(session: TlsSession, certificate: X509Certificate, now: number): string | undefined {
    if (Date.parse(certificate.validTo) <= now) return `has expired: ${certificate.validTo}`;
    const { fingerprint256: fingerprint } = certificate;
    if (session.resumed) {
      return this.#verified.has(fingerprint) ? undefined : "was not verified in this session";
    }
    if (session.distrust !== undefined) return `is not trusted: ${session.distrust}`;
    this.#verified.delete(fingerprint);
    this.#verified.add(fingerprint);
    if (this.#verified.size > MAX_VERIFIED) {
      for (const oldest of this.#verified.values().take(1)) this.#verified.delete(oldest);
    }
    return undefined;
  }
}

/** Checks all certificates of a file, and returns the first. */
function readCertificates(file: Setting, pem: string): X509Certificate {
  const [certificate] = certificateBlocks(pem).map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      const place = `certificate ${i + 1} of ${named(file)}`;
      throw new TlsConfigError(`${place} cannot be read: ${errorMessage(error)}`);
    }
  });
  if (certificate === undefined) {
    throw new TlsConfigError(`${named(file)} contains no certificate (PEM)`);
  }
  return certificate;
}

function readKey({ key, keyPassword }: TlsSettings, text: string): KeyObject {
  const { option: passwordOption, value: passphrase } = keyPassword;
  const name = named(key);
  const pem = privateKeyBlock(text);
  if (pem === undefined) throw new TlsConfigError(`${name} contains no private key (PEM)`);
  const encrypted = /ENCRYPTED/.test(pem);
  if (encrypted && passphrase === "") {
    throw new TlsConfigError(`${name} is encrypted, and ${passwordOption} is empty`);
  }
  if (hasOldEncryption(pem)) {
    // Of the schemes before PBES2, the runtime decrypts none; OpenSSL 3 needs the legacy provider.
    const command = "openssl pkcs8 -topk8 -v2 aes-256-cbc -provider default -provider legacy " +
      "-in OLD -out NEW";
    throw new TlsConfigError(
      `${name} is encrypted with a scheme that is not supported; \`${command}\` converts it`,
    );
  }
  try {
    return createPrivateKey({ key: pem, ...(encrypted && { passphrase }) });
  } catch (error) {
    const reason = errorMessage(error);
    if (/decrypt/i.test(reason)) {
      throw new TlsConfigError(`${passwordOption} is not the right password for ${name}`);
    }
    throw new TlsConfigError(`${name} cannot be read as a private key (PEM): ${reason}`);
  }
}

/**
 * Whether a key is encrypted PKCS #8 with another scheme than PBES2 (RFC 5958, section 3, and
 * RFC 8018, appendix A). RocketMQ's guide makes such keys, with PBE-SHA1-RC4-128.
 */
function hasOldEncryption(pem: string): boolean {
  const base64 = /^-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*)/.exec(pem)?.[1];
  if (base64 === undefined) return false;
  // The scheme is the first thing in the structure.
  const start = atob(base64.replace(/\s/g, "").slice(0, 80));
  return !start.includes(PBES2);
}

/** @returns IANA names, or `undefined` for all */
function parseCiphers(setting: Setting | undefined): Set<string> | undefined {
  if (setting === undefined || setting.value.trim() === "") return undefined;
  const { option, value } = setting;
  const names = value.split(/[,:]/).map((name) => name.trim()).filter((name) => name !== "");
  const known = new Set([...TLS_13_SUITES, ...TLS_12_SUITES.values()]);
  const suites = names.map((name) => TLS_12_SUITES.get(name) ?? name)
    .filter((suite) => known.has(suite));
  if (suites.length === 0) {
    throw new TlsConfigError(
      `${option}=${value}: none of these is supported; supported are ${[...known].join(", ")}`,
    );
  }
  return new Set(suites);
}

/** The allowed versions that at least one of the suites belongs to. */
function versions(
  { protocols, ciphers }: TlsSettings,
  suites: ReadonlySet<string> | undefined,
): [tls.SecureVersion, tls.SecureVersion] {
  const given = `${protocols?.option}=${protocols?.value}`;
  const possible = ["TLSv1.2", "TLSv1.3"] as const;
  const names = (protocols?.value ?? "").split(",").map((name) => name.trim()).filter((name) =>
    name !== ""
  );
  const wrong = names.find((name) => !possible.some((version) => version === name));
  if (wrong !== undefined) {
    throw new TlsConfigError(
      `${given}: ${wrong} is not supported; supported are ${possible.join(", ")}`,
    );
  }
  const allowed = possible.filter((version) => {
    if (names.length > 0 && !names.includes(version)) return false;
    if (suites === undefined) return true;
    const ofVersion = version === "TLSv1.3" ? TLS_13_SUITES : [...TLS_12_SUITES.values()];
    return ofVersion.some((suite) => suites.has(suite));
  });
  const oldest = allowed.at(0);
  const newest = allowed.at(-1);
  if (oldest === undefined || newest === undefined) {
    throw new TlsConfigError(`${given}: none of ${ciphers?.option} works with these versions`);
  }
  return [oldest, newest];
}

function named({ option, value }: Setting): string {
  return `${value} (${option})`;
}
