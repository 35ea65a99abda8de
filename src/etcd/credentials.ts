import type { Options } from "../config/options.ts";
import { errorMessage } from "../error_message.ts";
import type { WatchFileSystem } from "../file_watch.ts";
import { osReason } from "../os_error.ts";
import { requireRegularFile } from "../regular_file.ts";
import { StartupError } from "../startup_error.ts";

/** The part of Deno that reads the files of a client, and tells when they change. */
export interface EtcdFiles extends Omit<WatchFileSystem, "stat"> {
  readTextFile(path: string): Promise<string>;
  stat(path: string): Promise<{ isFile: boolean; dev: number; ino: number | null }>;
}

/** The part of Deno that makes HTTP clients. */
export type CreateHttpClient = (options: Deno.CreateHttpClientOptions) => Deno.HttpClient;

/** A file of a client that can't be read or used. The message names the option and the file. */
export class EtcdFileError extends StartupError {
  override name = "EtcdFileError";
}

/** Options that name the files. */
export type EtcdFileOptions = Readonly<
  Pick<Options, "etcdPasswordFile" | "etcdCaFile" | "etcdCertFile" | "etcdKeyFile">
>;

/** The contents of the files; empty ones for options that are not set. */
export interface CredentialFiles {
  readonly password: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The password, and a client with certificate and authorities. */
export interface Credentials {
  readonly password: string;
  readonly client: Deno.HttpClient;
}

/**
 * Reads the files that the options name. A newline at the end of the password's file is not part of
 * the password.
 *
 * @throws {EtcdFileError} when a file can't be read, or is not what it should be
 */
export async function readCredentialFiles(
  options: EtcdFileOptions,
  files: EtcdFiles,
): Promise<CredentialFiles> {
  const read = async (option: keyof EtcdFileOptions, block?: RegExp): Promise<string> => {
    const path = options[option];
    if (path === "") return "";
    let text: string;
    try {
      await requireRegularFile(path, files);
      text = await files.readTextFile(path);
    } catch (error) {
      const reason = osReason(error, `--allow-read=${path}`);
      throw new EtcdFileError(`${option}: cannot read ${path}: ${reason}`);
    }
    // The runtime takes a text without certificates as an empty list of them.
    if (block !== undefined && !block.test(text)) {
      throw new EtcdFileError(`${option}: ${path} has no ${block.source} in PEM`);
    }
    return text;
  };
  const password = (await read("etcdPasswordFile")).replace(/\r?\n$/, "");
  if (password === "" && options.etcdPasswordFile !== "") {
    throw new EtcdFileError(`etcdPasswordFile: ${options.etcdPasswordFile} is empty`);
  }
  const ca = await read("etcdCaFile", /BEGIN CERTIFICATE/);
  const cert = await read("etcdCertFile", /BEGIN CERTIFICATE/);
  const key = await read("etcdKeyFile", /PRIVATE KEY/);
  return { password, ca, cert, key };
}

/**
 * Makes what requests need.
 *
 * @throws {EtcdFileError} when certificate and key can't be used
 */
export function makeCredentials(
  { password, ca, cert, key }: CredentialFiles,
  options: EtcdFileOptions,
  createHttpClient: CreateHttpClient = Deno.createHttpClient,
): Credentials {
  try {
    const client = createHttpClient({
      // With HTTP/1.1, the end of a request that takes too long is the end of its connection.
      http2: false,
      ...(ca !== "" && { caCerts: [ca] }),
      ...(cert !== "" && { cert, key }),
    });
    return { password, client };
  } catch (error) {
    throw new EtcdFileError(
      `etcdCertFile, etcdKeyFile: ${options.etcdCertFile} and ${options.etcdKeyFile} can't be used: ` +
        errorMessage(error),
    );
  }
}
