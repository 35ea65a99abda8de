/** The largest share of differing letters between a key and a suggested name. */
const MAX_DIFFERENCE = 0.5;
/** Shorter keys are part of too many names. */
const MIN_PART = 3;

/**
 * Returns the name closest to `key`, ignoring case; `undefined` when none is close enough to suggest.
 */
export function nearestName<N extends string>(key: string, names: readonly N[]): N | undefined {
  // No name is longer than this, so the rest of a longer key changes nothing.
  const wanted = key.slice(0, 100).toLowerCase();
  let nearest: N | undefined;
  let least = { difference: MAX_DIFFERENCE, edits: Infinity };
  for (const name of names) {
    const { difference, edits } = compare(wanted, name.toLowerCase());
    if (difference > least.difference) continue;
    if (difference === least.difference && edits >= least.edits) continue;
    nearest = name;
    least = { difference, edits };
  }
  return nearest;
}

/** The distance between two names: edits, and their share of the longer name. */
function compare(a: string, b: string): { difference: number; edits: number } {
  const edits = editDistance(a, b);
  const difference = edits / Math.max(a.length, b.length, 1);
  const [part, whole] = a.length < b.length ? [a, b] : [b, a];
  const isPart = part.length >= MIN_PART && whole.includes(part);
  return { difference: isPart ? Math.min(difference, MAX_DIFFERENCE) : difference, edits };
}

/** The Levenshtein distance between two texts. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
