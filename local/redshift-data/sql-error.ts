import type { DatabaseError } from 'pg';

/** A statement that fails the way Redshift fails it. `message` is what DescribeStatement shows after `ERROR: `. */
export class SqlError extends Error {
  override readonly name = 'SqlError';
}

/** A construct PostgreSQL has and Redshift has not. Passing here would mean failing in AWS. */
export function notInRedshift(construct: string, instead?: string): SqlError {
  return new SqlError(`${construct} is not supported by Redshift${instead ? `; ${instead}` : ''}`);
}

/** A construct Redshift has and this server cannot honour: refused by name, never faked. */
export function notServed(construct: string): SqlError {
  return new SqlError(`${construct} is valid in Redshift but not served by the local Redshift Data API`);
}

/** Names of the CHECK constraints that stand in for byte widths; `system-schema.ts` makes them. */
const byteWidth = /^bytes_(\d+)_\d+$/;
const asciiOnly = /^ascii_\d+$/;

/**
 * Redshift's words for a PostgreSQL error, without the leading `ERROR: `.
 * 40001 and 40P01 are what Redshift reports as 1023: two transactions wrote the same rows.
 */
export function redshiftMessage(error: unknown): string {
  if (error instanceof SqlError) return error.message;
  const { code, constraint, message, detail } = error as DatabaseError;
  const width = constraint?.match(byteWidth);
  if (code === '23514' && width) return `value too long for type character varying(${width[1]})`;
  if (code === '23514' && constraint && asciiOnly.test(constraint))
    return 'CHAR string contains invalid ASCII character';
  if (code === '40001' || code === '40P01')
    return `1023 Detail: Serializable isolation violation: ${message}`;
  return detail ? `${message} Detail: ${detail}` : message;
}
