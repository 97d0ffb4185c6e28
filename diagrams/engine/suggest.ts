/**
 * The name that was probably meant: the nearest by edit distance, at most a third of its letters away, else one that ends
 * alike; none where nothing is near.
 */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const candidates = [...names];
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.ceil(Math.max(name.length, candidate.length) / 3))
    .sort((one, other) => one.distance - other.distance);
  const end = `/${name.slice(name.lastIndexOf('/') + 1)}`;
  return best?.candidate ?? candidates.find((candidate) => candidate.endsWith(end));
}

/** `; <lead> "<nearest>"`, or nothing. */
export function hint(lead: string, name: string, names: Iterable<string>): string {
  const meant = nearest(name, names);
  return meant === undefined ? '' : `; ${lead} "${meant}"`;
}

/** Levenshtein: letters to insert, delete or replace. */
function distance(one: string, other: string): number {
  let row = [...Array(other.length + 1).keys()];
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++)
      next.push(
        Math.min(
          (next[j] as number) + 1,
          (row[j + 1] as number) + 1,
          (row[j] as number) + (one[i] === other[j] ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[other.length] as number;
}
