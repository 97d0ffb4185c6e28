/**
 * A SQL string. Redshift reads a backslash in a plain literal as an escape and PostgreSQL does not, so none is written
 * into one: a workbook that a person put back may have any name.
 */
export function text(value: string): string {
  if (value.includes('\0')) throw new Error('a SQL literal cannot hold a NUL character');
  const literals = value.split('\\').map((part) => `'${part.replaceAll("'", "''")}'`);
  return literals.length === 1 ? (literals[0] as string) : `(${literals.join(' || CHR(92) || ')})`;
}

/** ISO 8601 in UTC to a TIMESTAMP literal (which has no zone; the warehouse runs in UTC). */
export function timestamp(iso: string): string {
  return `${text(iso.replace('T', ' ').replace('Z', ''))}::TIMESTAMP`;
}
