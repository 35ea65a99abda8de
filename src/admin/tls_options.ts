import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { osReason } from "../os_error.ts";
import type { TlsConnect } from "../remoting/transport/transport.ts";
import { CommandFailure, UsageError } from "./failures.ts";
import type { ServerOptions } from "./options.ts";
import type { Runtime } from "./runtime.ts";
import { errorMessage } from "../error_message.ts";
import { certificateBlocks, privateKeyBlock } from "../tls/pem.ts";

/**
 * Reads the options for TLS connections; returns `undefined` for plain ones. The files are checked
 * here, because a handshake would report their errors unclearly or not at all.
 *
 * @throws {UsageError} when options contradict each other
 * @throws {CommandFailure} when a file can't be used
 */
export async function readTls(
  options: ServerOptions,
  runtime: Pick<Runtime, "readTextFile">,
): Promise<TlsConnect | undefined> {
  const { tls, tlsTrust, tlsCert, tlsKey, tlsName, tlsInsecure } = options;
  const wanted = [tls, tlsTrust, tlsCert, tlsKey, tlsName, tlsInsecure];
  if (wanted.every((option) => option === undefined)) return undefined;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError("--tls-cert and --tls-key: both are needed");
  }
  if (tlsInsecure && tlsTrust !== undefined) {
    throw new UsageError(
      "--tls-insecure accepts any certificate, so it can't be combined with --tls-trust",
    );
  }
  const read = (option: string, path: string) => readFile(`${option} ${path}`, path, runtime);
  let ca: string | undefined;
  if (tlsTrust !== undefined) {
    ca = await read("--tls-trust", tlsTrust);
    readCertificates(`--tls-trust ${tlsTrust}`, ca);
  }
  let own: { cert: string; key: string } | undefined;
  if (tlsCert !== undefined && tlsKey !== undefined) {
    own = { cert: await read("--tls-cert", tlsCert), key: await read("--tls-key", tlsKey) };
    const certificate = readCertificates(`--tls-cert ${tlsCert}`, own.cert);
    if (!certificate.checkPrivateKey(privateKey(`--tls-key ${tlsKey}`, own.key))) {
      throw new CommandFailure(`--tls-key ${tlsKey}: does not match the certificate in ${tlsCert}`);
    }
  }
  return {
    ...(ca !== undefined && { ca }),
    ...own,
    rejectUnauthorized: tlsInsecure !== true,
    ...(tlsName !== undefined && { servername: tlsName }),
  };
}

async function readFile(
  what: string,
  path: string,
  runtime: Pick<Runtime, "readTextFile">,
): Promise<string> {
  try {
    return await runtime.readTextFile(path);
  } catch (error) {
    const reason = osReason(error, `--allow-read=${path}`);
    throw new CommandFailure(`${what}: cannot be read: ${reason}`);
  }
}

/** Checks all certificates in a PEM text, and returns the first. */
function readCertificates(what: string, pem: string): X509Certificate {
  const [certificate] = certificateBlocks(pem).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new CommandFailure(`${what}: not a valid certificate: ${errorMessage(error)}`);
    }
  });
  if (certificate === undefined) {
    throw new CommandFailure(`${what}: contains no certificate (PEM)`);
  }
  return certificate;
}

function privateKey(what: string, pem: string): KeyObject {
  const block = privateKeyBlock(pem);
  if (block === undefined) throw new CommandFailure(`${what}: contains no private key (PEM)`);
  if (block.includes("ENCRYPTED")) {
    throw new CommandFailure(`${what}: is encrypted: decrypt it with \`openssl pkey\``);
  }
  try {
    return createPrivateKey(block);
  } catch (error) {
    throw new CommandFailure(`${what}: not a valid private key: ${errorMessage(error)}`);
  }
}
