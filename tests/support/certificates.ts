/** Certificates made with the `openssl` command, in a folder of the test. */

/** Runs openssl in a folder; throws its output when it fails. */
export async function openssl(folder: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command("openssl", { args, cwd: folder, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`openssl ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Makes `<name>.key` and `<name>.pem`, a self-signed authority. */
export async function makeAuthority(folder: string, name: string): Promise<void> {
  await openssl(
    folder,
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", `/CN=${name}`],
    ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
  );
}

/** Makes `<name>.key` and `<name>.pem`, signed by an existing authority. */
export async function makeCertificate(
  folder: string,
  name: string,
  authority: string,
  { days = 30, isAuthority = false } = {},
): Promise<void> {
  await openssl(
    folder,
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`],
    ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
  );
  const extensions = `subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:${
    isAuthority ? "TRUE" : "FALSE"
  }\n`;
  await Deno.writeTextFile(`${folder}/${name}.ext`, extensions);
  await openssl(
    folder,
    ...["x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", `${days}`],
    ...["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial"],
    ...["-extfile", `${name}.ext`],
  );
}
