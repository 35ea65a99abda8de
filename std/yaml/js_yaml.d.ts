/** The part of js-yaml 4 that the stand-in uses: the package itself comes without types. */
export class Type {
  constructor(tag: string, options: {
    kind: "scalar";
    resolve: (text: string | null) => boolean;
    construct: (text: string) => unknown;
  });
}
export interface Schema {
  extend(types: { implicit: Type[] }): Schema;
}
export const DEFAULT_SCHEMA: Schema;
export const FAILSAFE_SCHEMA: Schema;
export class YAMLException extends Error {
  reason: string;
  mark?: { line: number; column: number; position: number };
}
export function load(content: string, options: { schema: Schema }): unknown;
