/** The largest share of differing letters between a key and a suggested name. */
const MAX_DIFFERENCE = 0.5;
/** Shorter keys are part of too many names. */
const MIN_PART = 3;

/**
 * Returns the name closest to `key`, ignoring case; `undefined` when none is close enough to suggest.
 * A name with the same beginning, such as `tls.`, comes before all others.
 */
export function nearestName<N extends string>(key: string, names: readonly N[]): N | undefined {
  // No name is longer than this, so the rest of a longer key changes nothing.
  const wanted = key.slice(0, 100).toLowerCase();
  const beginning = wanted.slice(0, wanted.indexOf(".") + 1);
  const related = names.filter((name) => name.toLowerCase().startsWith(beginning));
  return closest(wanted, related) ?? closest(wanted, names);
}

function closest<N extends string>(wanted: string, names: readonly N[]): N | undefined {
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
  // The distances from the part of `a` that was read to the empty text, and to each start of `b`.
  let first = 0;
  let row = Array.from(b, (_, index) => index + 1);
  for (let i = 0; i < a.length; i++) {
    let diagonal = first;
    let left = ++first;
    row = row.map((above, j) => {
      left = Math.min(diagonal + (a[i] === b[j] ? 0 : 1), above + 1, left + 1);
      diagonal = above;
      return left;
    });
  }
  return row.at(-1) ?? first;
}
