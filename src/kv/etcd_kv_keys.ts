/**
 * Keys of the KV table in etcd. `<prefix>/kv/table` holds the name of the table, and
 * `<prefix>/kv/<table>/<namespace>/<key>` its values. In a namespace, `%` and `/` are written as `%25`
 * and `%2F`.
 */
export class EtcdKvKeys {
  /** The beginning of all these keys. */
  readonly all: string;
  /** The key that holds the name of the table. */
  readonly table: string;

  /** @param prefix the option etcdPrefix */
  constructor(prefix: string) {
    this.all = `${prefix}/kv/`;
    this.table = `${this.all}table`;
  }

  /** The beginning of the keys of a table. */
  folderOf(table: string): string {
    return `${this.all}${table}/`;
  }

  /** Whether a key belongs to a table. */
  isOf(table: string, at: string): boolean {
    return at.startsWith(this.folderOf(table));
  }

  keyOf(table: string, namespace: string, key: string): string {
    const escaped = namespace.replaceAll("%", "%25").replaceAll("/", "%2F");
    return `${this.folderOf(table)}${escaped}/${key}`;
  }

  /** Reads a key of a table; `undefined` when it has another form. */
  parse(at: string): { namespace: string; key: string } | undefined {
    const inTable = at.indexOf("/", this.all.length) + 1;
    const end = at.indexOf("/", inTable);
    if (end < 0) return undefined;
    const escaped = at.slice(inTable, end);
    if (/%(?!25|2F)/.test(escaped)) return undefined;
    const namespace = escaped.replaceAll("%2F", "/").replaceAll("%25", "%");
    return { namespace, key: at.slice(end + 1) };
  }
}
