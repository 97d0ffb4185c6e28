import { notInRedshift, notServed, SqlError } from './sql-error.ts';
import type { Edit, Token } from './tokens.ts';

const encodings = new Set(
  'auto raw az64 bytedict delta delta32k lzo mostly8 mostly16 mostly32 runlength text255 text32k zstd'.split(
    ' ',
  ),
);

/** True for CREATE [LOCAL] [TEMP|TEMPORARY] TABLE. */
export function isCreateTable(tokens: Token[]): boolean {
  if (tokens[0]?.word !== 'create') return false;
  let at = 1;
  while (['local', 'temp', 'temporary'].includes(tokens[at]?.word ?? '')) at++;
  return tokens[at]?.word === 'table';
}

/**
 * Takes Redshift's storage clauses out of CREATE TABLE (DISTSTYLE, DISTKEY, SORTKEY, ENCODE, BACKUP: accepted, without
 * effect here) and turns IDENTITY(seed, step) into the standard's words. Works on tokens: a string or a comment
 * that mentions a clause is not one, and the first word of a column definition is its name.
 * Source: Redshift Database Developer Guide, CREATE TABLE and CREATE TABLE AS.
 */
export function createTableEdits(tokens: Token[]): Edit[] {
  const edits: Edit[] = [];
  const cut = (from: number, to: number, text = '') => {
    const [first, last] = [tokens[from], tokens[to]];
    if (!first || !last)
      throw new SqlError(`syntax error at or near "${tokens[from]?.text ?? 'end of input'}"`);
    edits.push({ start: first.start, end: last.end, text });
  };
  const word = (at: number) => tokens[at]?.word ?? '';
  const expectWord = (at: number, choices: string[]) => {
    if (!choices.includes(word(at)))
      throw new SqlError(`syntax error at or near "${tokens[at]?.text ?? 'end of input'}"`);
  };
  /** Index of the parenthesis that closes the one at `at`. */
  const closing = (at: number) => {
    if (tokens[at]?.text !== '(')
      throw new SqlError(`syntax error at or near "${tokens[at]?.text ?? 'end of input'}"`);
    const depth = tokens[at].depth;
    const end = tokens.findIndex((token, index) => index > at && token.text === ')' && token.depth === depth);
    if (end < 0) throw new SqlError('syntax error at end of input');
    return end;
  };
  let nameEnds = tokens.findIndex((token) => token.word === 'table') + 1;
  if (word(nameEnds) === 'if') nameEnds += 3; // IF NOT EXISTS
  nameEnds += tokens[nameEnds + 1]?.text === '.' ? 3 : 1;
  let inColumns = tokens[nameEnds]?.text === '(';
  let elementStarts = false;
  for (let at = nameEnds; at < tokens.length; at++) {
    const token = tokens[at];
    if (!token) break;
    if (token.depth === 0 && token.text === ')') inColumns = false;
    if (token.depth === 0 && token.word === 'as') break; // the query of CREATE TABLE AS
    if (inColumns && token.depth === 1) {
      if (elementStarts || token.text === ',') {
        elementStarts = token.text === ',';
        continue;
      }
      const to = columnAttribute(at);
      if (to !== undefined) at = to;
    } else if (inColumns && token.depth === 0 && token.text === '(') {
      elementStarts = true;
    } else if (!inColumns && token.depth === 0) {
      const to = tableAttribute(at);
      if (to !== undefined) at = to;
    }
  }
  return edits;

  function columnAttribute(at: number): number | undefined {
    switch (word(at)) {
      case 'distkey':
      case 'sortkey':
        cut(at, at);
        return at;
      case 'encode':
        if (!encodings.has(word(at + 1)))
          throw new SqlError(`invalid encoding type specified: ${tokens[at + 1]?.text ?? ''}`);
        cut(at, at + 1);
        return at + 1;
      case 'collate':
        if (word(at + 1) === 'case_sensitive') {
          cut(at, at + 1);
          return at + 1;
        }
        throw word(at + 1) === 'case_insensitive'
          ? notServed('COLLATE CASE_INSENSITIVE')
          : notInRedshift('this COLLATE');
      case 'identity': {
        const end = closing(at + 1);
        const byDefault = word(at - 1) === 'as';
        const from = byDefault ? generatedStart(at) : at;
        const [seed, step] = [signed(at + 2), signed(end - 1)];
        cut(
          from,
          end,
          `generated ${byDefault ? 'by default' : 'always'} as identity (start with ${seed} increment by ${step})`,
        );
        return end;
      }
      default:
        return undefined;
    }
  }

  function generatedStart(at: number): number {
    if (word(at - 4) !== 'generated' || word(at - 3) !== 'by' || word(at - 2) !== 'default')
      throw notInRedshift('GENERATED ALWAYS AS IDENTITY');
    return at - 4;
  }

  function signed(at: number): string {
    const token = tokens[at];
    if (token?.kind !== 'number')
      throw new SqlError(`syntax error at or near "${token?.text ?? 'end of input'}"`);
    return tokens[at - 1]?.text === '-' ? `-${token.text}` : token.text;
  }

  function tableAttribute(at: number): number | undefined {
    switch (word(at)) {
      case 'diststyle':
        expectWord(at + 1, ['auto', 'even', 'key', 'all']);
        cut(at, at + 1);
        return at + 1;
      case 'distkey': {
        const end = closing(at + 1);
        cut(at, end);
        return end;
      }
      case 'compound':
      case 'interleaved':
        expectWord(at + 1, ['sortkey']);
        cut(at, at);
        return at;
      case 'sortkey': {
        const end = word(at + 1) === 'auto' ? at + 1 : closing(at + 1);
        cut(at, end);
        return end;
      }
      case 'encode':
        expectWord(at + 1, ['auto']);
        cut(at, at + 1);
        return at + 1;
      case 'backup':
        expectWord(at + 1, ['yes', 'no']);
        cut(at, at + 1);
        return at + 1;
      default:
        return undefined;
    }
  }
}
