import { LabError } from '../errors.ts';

export interface Migration {
  /** Four digits. */
  version: string;
  name: string;
  sql: string;
  /** SHA-256 of the file, hexadecimal. */
  checksum: string;
}

/**
 * Those that the ledger does not know, in order. A migration that was applied and has changed since, one that was applied
 * and is gone, or a new one before an applied one is an error: the tables would not be what the files say.
 *
 * One that was applied and is newer than every file is none: that is a deploy which was rolled back after its migration.
 * Nothing takes a migration back, so that each of them leaves tables with which the programs of the deploy before go on: it
 * adds, and what nobody uses any more goes with a later deploy.
 */
export function pendingMigrations(
  files: readonly Migration[],
  applied: readonly { version: string; checksum: string }[],
): Migration[] {
  const known = new Map(applied.map((row) => [row.version, row.checksum]));
  const last = [...known.keys()].sort().at(-1) ?? '';
  const pending: Migration[] = [];
  const versions = new Set<string>();
  for (const file of [...files].sort((a, b) => (a.version < b.version ? -1 : 1))) {
    if (versions.has(file.version)) throw new LabError('MigrationVersionRepeated', file.version);
    versions.add(file.version);
    const checksum = known.get(file.version);
    if (checksum === undefined) {
      if (file.version < last) throw new LabError('MigrationOutOfOrder', `${file.version} after ${last}`);
      pending.push(file);
    } else if (checksum !== file.checksum) {
      throw new LabError('MigrationChanged', `${file.version}_${file.name}`);
    }
  }
  const newest = [...versions].at(-1) ?? '';
  for (const version of known.keys()) {
    if (version < newest && !versions.has(version)) throw new LabError('MigrationMissing', version);
  }
  return pending;
}

/**
 * The statements of a file: separated by semicolons outside of literals, quoted names and comments. A comment becomes a
 * blank, as in SQL.
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  // Literal, quoted name, line comment, beginning of a block comment, semicolon, or any other run of text.
  const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*|;|[^'"\-/;]+|[\s\S]/y;
  for (let match = tokens.exec(sql); match; match = tokens.exec(sql)) {
    const [token] = match;
    if (token === ';') {
      statements.push(current);
      current = '';
    } else if (token === '/*') {
      tokens.lastIndex = commentEnd(sql, match.index);
      current += ' ';
    } else {
      current += token.startsWith('--') ? ' ' : token;
    }
  }
  statements.push(current);
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

/** Where the block comment that begins at `start` ends: they nest, in PostgreSQL and in Redshift. */
function commentEnd(sql: string, start: number): number {
  let depth = 0;
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  for (let match = marks.exec(sql); match; match = marks.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}
