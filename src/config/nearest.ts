/** The name, of one or more, that `key` most likely meant: the least edits, letter case apart. */
export function nearestName<N extends string>(key: string, names: readonly N[]): N {
  // Nothing is near to a key that is longer than any name could be.
  const wanted = key.slice(0, 100).toLowerCase();
  let nearest = names[0]!;
  let least = Infinity;
  for (const name of names) {
    const edits = editDistance(wanted, name.toLowerCase());
    if (edits < least) [nearest, least] = [name, edits];
  }
  return nearest;
}

/** How many letters must be put in, left out or replaced to make `a` into `b` (Levenshtein). */
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
