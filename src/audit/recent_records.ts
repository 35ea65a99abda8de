import type { AuditRecord } from "./record.ts";

/** The limits of {@link RecentRecords}. */
export interface RecentRecordsOptions {
  /** How many of the last records are kept for queries. */
  readonly auditRecentRecords: number;
  /** Characters of JSON that they may have together. */
  readonly auditRecentMaxBytes: number;
}

/** A record kept in memory, its number among all records, and the characters of its JSON. */
interface Kept {
  readonly record: AuditRecord;
  readonly number: number;
  readonly size: number;
}

/** The last records of one kind. */
export class RecentRecords {
  readonly #options: Readonly<RecentRecordsOptions>;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(options: Readonly<RecentRecordsOptions>) {
    this.#options = options;
  }

  /** @param size the characters of its JSON */
  add(record: AuditRecord, number: number, size: number): void {
    const { auditRecentRecords: most, auditRecentMaxBytes: mostBytes } = this.#options;
    this.#kept.push({ record, number, size });
    this.#bytes += size;
    // Cut rarely: it moves what stays.
    if (this.#kept.length <= 2 * most && this.#bytes <= 2 * mostBytes) return;
    this.#kept = this.all();
    this.#bytes = this.#kept.reduce((sum, { size }) => sum + size, 0);
  }

  /** Those that the limits allow, the oldest first. */
  all(): Kept[] {
    const { auditRecentRecords: most, auditRecentMaxBytes: mostBytes } = this.#options;
    let first = this.#kept.length;
    const end = Math.max(0, first - most);
    for (let bytes = 0; first > end; first--) {
      bytes += this.#kept[first - 1]?.size ?? 0;
      if (bytes > mostBytes) break;
    }
    return this.#kept.slice(first);
  }
}
