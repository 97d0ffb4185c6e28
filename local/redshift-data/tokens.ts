import { loadModule, scanSync } from 'libpg-query';
import { notInRedshift, SqlError } from './sql-error.ts';

await loadModule();

/** A lexical token of PostgreSQL's own scanner. Offsets are bytes of the UTF-8 text. */
export interface Token {
  start: number;
  end: number;
  text: string;
  /** Lower-case text of an unquoted word, else ''. */
  word: string;
  /** Identifier as the catalogue holds it (folded or unquoted), else ''. */
  name: string;
  kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol';
  /** Parentheses open around it. */
  depth: number;
}

/** Replaces bytes [start, end) of a statement. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** Tokens of one statement without comments and the closing semicolon. More than one statement is an error. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (const raw of scan(sql)) {
    if (raw.tokenName === 'SQL_COMMENT' || raw.tokenName === 'C_COMMENT') continue;
    if (raw.text === ')') depth--;
    tokens.push({ start: raw.start, end: raw.end, text: raw.text, depth, ...classify(raw) });
    if (raw.text === '(') depth++;
  }
  while (tokens.at(-1)?.text === ';') tokens.pop();
  if (tokens.length === 0) throw new SqlError('the statement is empty');
  if (tokens.some((token) => token.kind === 'symbol' && token.text === ';')) {
    throw new SqlError('cannot insert multiple commands into a prepared statement');
  }
  return tokens;
}

function scan(sql: string) {
  try {
    return scanSync(sql).tokens;
  } catch (error) {
    throw new SqlError((error as Error).message);
  }
}

function classify(raw: {
  text: string;
  tokenName: string;
  keywordKind: number;
}): Pick<Token, 'kind' | 'word' | 'name'> {
  const { text, tokenName } = raw;
  if (tokenName === 'SCONST') {
    // Redshift still reads a backslash in a plain literal as an escape, PostgreSQL does not.
    if (text.startsWith("'") && text.includes('\\')) {
      throw notInRedshift(
        'a backslash in a plain literal as ordinary text',
        'hand the value in as a parameter',
      );
    }
    return { kind: 'string', word: '', name: '' };
  }
  if (tokenName === 'PARAM') throw new SqlError(`there is no parameter ${text}`);
  if (tokenName === 'ICONST' || tokenName === 'FCONST') return { kind: 'number', word: '', name: '' };
  if (text.startsWith('"'))
    return { kind: 'quoted', word: '', name: text.slice(1, -1).replaceAll('""', '"') };
  if (tokenName === 'IDENT' || raw.keywordKind > 0) {
    const word = text.toLowerCase();
    return { kind: 'word', word, name: word };
  }
  if (tokenName.startsWith('U') && /^u&/i.test(text)) throw notInRedshift('U& text');
  return { kind: 'symbol', word: '', name: '' };
}

/** The text with the edits made; edits must not overlap. */
export function applyEdits(sql: string, edits: Edit[]): string {
  if (edits.length === 0) return sql;
  const source = Buffer.from(sql, 'utf8');
  const parts: string[] = [];
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(source.subarray(at, edit.start).toString('utf8'), edit.text);
    at = edit.end;
  }
  parts.push(source.subarray(at).toString('utf8'));
  return parts.join('');
}

/** The text with something put behind its first word, comments left aside. */
export function afterFirstWord(sql: string, text: string): string {
  const first = scan(sql).find(({ tokenName }) => tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT');
  const end = first?.end ?? 0;
  return applyEdits(sql, [{ start: end, end, text }]);
}

/** Value of a plain string token: 'it''s' -> it's. */
export function stringValue(token: Token): string {
  if (token.kind !== 'string' || !token.text.startsWith("'")) {
    throw new SqlError(`syntax error at or near "${token.text}"`);
  }
  return token.text.slice(1, -1).replaceAll("''", "'");
}

/** Doubled quotes: an identifier that can stand in SQL text. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
