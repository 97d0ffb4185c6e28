import type { Edit, Token } from './tokens.ts';

/** A named parameter as the Data API takes it: always a string. */
export interface SqlParameter {
  name: string;
  value: string;
}

/**
 * Turns `:name` into `$1, $2, …`, one number per occurrence, so that each takes its type from where it stands
 * (Redshift converts the string by context; one number used as both text and integer would not resolve).
 * Returns the edits, the values in order and the names used. A name that was not handed in stays in `unknown`.
 */
export function bindParameters(tokens: Token[], parameters: readonly SqlParameter[]) {
  const values = new Map(parameters.map(({ name, value }) => [name, value]));
  const edits: Edit[] = [];
  const bound: string[] = [];
  const used = new Set<string>();
  const unknown: string[] = [];
  for (const [index, colon] of tokens.entries()) {
    const name = tokens[index + 1];
    if (colon.text !== ':' || colon.kind !== 'symbol' || !name || name.start !== colon.end) continue;
    if (name.kind !== 'word' && name.kind !== 'number') continue;
    const value = values.get(name.text);
    if (value === undefined) {
      unknown.push(name.text);
      continue;
    }
    used.add(name.text);
    bound.push(value);
    edits.push({ start: colon.start, end: name.end, text: `$${bound.length}` });
  }
  return { edits, bound, used, unknown };
}
