import { type Environment, readVariable } from "./environment.ts";

/** The user's home folder, looked up on first use. */
export class HomeFolder {
  readonly #environment: Environment;
  readonly #missing: () => void;
  #folder: string | undefined;

  /**
   * @param given overrides the environment
   * @param missing called when there is no home folder, and the current one is used
   */
  constructor(environment: Environment, given: string | undefined, missing: () => void) {
    this.#environment = environment;
    this.#missing = missing;
    this.#folder = given && asFolder(given);
  }

  /** Returns `~/namesrv/<file>`. */
  path(file: string): string {
    return `${this.#find()}namesrv/${file}`;
  }

  /** Replaces a leading `~/`. */
  expand(path: string): string {
    return /^~[\\/]/.test(path) ? this.#find() + path.slice(2) : path;
  }

  #find(): string {
    if (this.#folder !== undefined) return this.#folder;
    const home = readVariable(this.#environment, "HOME") ??
      readVariable(this.#environment, "USERPROFILE");
    if (home === undefined) this.#missing();
    return this.#folder = home === undefined ? "./" : asFolder(home);
  }
}

function asFolder(path: string): string {
  return path.replace(/[\\/]*$/, "/");
}
