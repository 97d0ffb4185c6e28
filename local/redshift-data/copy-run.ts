import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CopyStatement } from './copy-statement.ts';
import { CsvReader, type CsvRecord, LoadError } from './csv.ts';
import { SqlError } from './sql-error.ts';
import { quoteIdentifier } from './tokens.ts';

/** A row of SYS_LOAD_ERROR_DETAIL, as far as COPY knows it. */
export interface LoadErrorDetail {
  tableId: number;
  fileName: string;
  lineNumber: number;
  columnName: string;
  columnType: string;
  columnLength: string;
  errorCode: number;
  errorMessage: string;
}

/** A COPY that fails on a row: the message Redshift gives, and the row its system table shows. */
export class LoadFailed extends SqlError {
  readonly detail: LoadErrorDetail;

  constructor(table: string, detail: LoadErrorDetail) {
    super(`Load into table '${table}' failed.  Check 'sys_load_error_detail' system table for details.`);
    this.detail = detail;
  }
}

interface Column {
  name: string;
  type: string;
  /** Declared width, or precision, and scale. */
  width: number;
  scale: number;
  notNull: boolean;
}

interface Source {
  bucket: string;
  key: string;
  mandatory: boolean;
}

const textTypes = new Set(['varchar', 'bpchar', 'text']);

/**
 * Runs COPY inside the session's transaction, with the caller's rights: rows stream from S3 through the CSV rules
 * into PostgreSQL's COPY FROM STDIN. One bad row fails the whole COPY. Returns the number of rows loaded.
 * `signal` stops the download; the session then fails with its reason.
 */
export async function runCopy(
  client: pg.Client,
  copy: CopyStatement,
  s3: S3Client,
  signal: AbortSignal,
): Promise<number> {
  const { tableId, columns } = await tableColumns(client, copy);
  const sources = copy.manifest
    ? await manifestSources(s3, copy, signal)
    : await prefixSources(s3, copy, signal);
  const target = copy.schema
    ? `${quoteIdentifier(copy.schema)}.${quoteIdentifier(copy.table)}`
    : quoteIdentifier(copy.table);
  const list = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const stream = client.query(copyFrom(`COPY ${target} (${list}) FROM STDIN`));
  const position = {
    rows: 0,
    file: '',
    line: 0,
    files: [] as { firstRow: number; file: string; lines: number[] }[],
  };
  const detailFor = (
    column: Column | undefined,
    line: number,
    file: string,
    code: number,
    message: string,
  ): LoadErrorDetail => ({
    tableId,
    fileName: file,
    lineNumber: line,
    columnName: column?.name ?? '',
    columnType: column?.type ?? '',
    columnLength: column && column.width > 0 ? String(column.width) : '',
    errorCode: code,
    errorMessage: message,
  });
  let read = 0;
  async function* rows(): AsyncGenerator<Buffer> {
    for (const source of sources) {
      const body = await openObject(s3, source, signal);
      if (!body) continue;
      read++;
      position.file = `s3://${source.bucket}/${source.key}`;
      const lines: number[] = [];
      position.files.push({ firstRow: position.rows, file: position.file, lines });
      for await (const records of csvRecords(body, copy)) {
        let text = '';
        for (const record of records) {
          if (copy.ignoreBlankLines && record.fields.length === 1 && record.fields[0] === '') continue;
          lines.push(record.line);
          position.rows++;
          text += encodeRow(record, columns, copy);
        }
        if (text) yield Buffer.from(text, 'utf8');
      }
    }
    if (read === 0) throw new SqlError('No files were found: none of the entries of the manifest exists');
  }
  try {
    await pipeline(Readable.from(rows(), { objectMode: true, highWaterMark: 2 }), stream, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError) {
      const column = columns.find((candidate) => candidate.name === error.column);
      throw new LoadFailed(
        copy.table,
        detailFor(column, error.line, position.file, error.code, error.message),
      );
    }
    const place = /^COPY .*, line (\d+)(?:, column (.+?): )?/s.exec((error as pg.DatabaseError).where ?? '');
    if (place) {
      const row = Number(place[1]) - 1;
      const file = position.files.findLast((candidate) => candidate.firstRow <= row);
      const column = columns.find((candidate) => candidate.name === place[2]);
      const message = (error as Error).message;
      throw new LoadFailed(
        copy.table,
        detailFor(
          column,
          file?.lines[row - file.firstRow] ?? 0,
          file?.file ?? '',
          valueCode(message),
          message,
        ),
      );
    }
    throw error;
  }
  return position.rows;
}

/** Error codes of the load error reference, for values PostgreSQL refuses. */
function valueCode(message: string): number {
  if (message.includes('out of range') || message.includes('overflow')) return 1216;
  if (message.startsWith('invalid input syntax')) return 1207;
  return 1200;
}

async function tableColumns(
  client: pg.Client,
  copy: CopyStatement,
): Promise<{ tableId: number; columns: Column[] }> {
  const name = copy.schema
    ? `${quoteIdentifier(copy.schema)}.${quoteIdentifier(copy.table)}`
    : quoteIdentifier(copy.table);
  const { rows } = await client.query(
    `SELECT a.attrelid::int8::int AS id, a.attname AS name, t.typname AS type, a.atttypmod AS typmod,
            a.attnotnull AS not_null, a.attidentity <> '' AS identity, c.relkind = 'r' AS is_table
       FROM pg_catalog.pg_attribute a
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum`,
    [name],
  );
  const shown = copy.schema ? `${copy.schema}.${copy.table}` : copy.table;
  if (rows.length === 0) throw new SqlError(`relation "${shown}" does not exist`);
  if (!rows[0].is_table) throw new SqlError(`"${copy.table}" is not a table`);
  const all = new Map(rows.map((row) => [row.name as string, row]));
  const wanted = copy.columns ?? rows.map((row) => row.name as string);
  if (new Set(wanted).size !== wanted.length)
    throw new SqlError(`a column of "${shown}" is specified more than once`);
  const columns = wanted.map((column) => {
    const row = all.get(column);
    if (!row) throw new SqlError(`column "${column}" of relation "${copy.table}" does not exist`);
    if (row.identity)
      throw new SqlError(`column "${column}" is an IDENTITY column; leave it out of COPY's column list`);
    const typmod = Number(row.typmod) - 4;
    const numeric = row.type === 'numeric';
    return {
      name: column,
      type: row.type as string,
      width: typmod < 0 ? 0 : numeric ? typmod >> 16 : typmod,
      scale: numeric && typmod >= 0 ? typmod & 0x7ff : 0,
      notNull: row.not_null as boolean,
    };
  });
  return { tableId: rows[0].id, columns };
}

/** All objects whose key begins with the prefix, in key order. */
async function prefixSources(s3: S3Client, copy: CopyStatement, signal: AbortSignal): Promise<Source[]> {
  const sources: Source[] = [];
  let token: string | undefined;
  do {
    const page = await s3
      .send(new ListObjectsV2Command({ Bucket: copy.bucket, Prefix: copy.key, ContinuationToken: token }), {
        abortSignal: signal,
      })
      .catch((error) => Promise.reject(storageError(error, signal)));
    for (const object of page.Contents ?? [])
      sources.push({ bucket: copy.bucket, key: object.Key ?? '', mandatory: true });
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token);
  if (sources.length === 0) throw new SqlError(`The specified S3 prefix '${copy.key}' does not exist`);
  return sources.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

/**
 * Entries of a manifest: `{"entries":[{"url":"s3://bucket/key","mandatory":true}]}`; mandatory defaults to false.
 * `meta.content_length` binds ORC and Parquet only, so CSV loads do not look at it (Developer Guide, "Using a manifest").
 */
async function manifestSources(s3: S3Client, copy: CopyStatement, signal: AbortSignal): Promise<Source[]> {
  const body = await openObject(s3, { bucket: copy.bucket, key: copy.key, mandatory: true }, signal);
  let manifest: { entries?: { url?: unknown; mandatory?: unknown }[] };
  try {
    const pieces: Buffer[] = [];
    for await (const piece of body as Readable) pieces.push(piece as Buffer);
    manifest = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (error) {
    signal.throwIfAborted();
    throw new SqlError(
      `Problem reading manifest file s3://${copy.bucket}/${copy.key}: ${(error as Error).message}`,
    );
  }
  if (!Array.isArray(manifest?.entries) || manifest.entries.length === 0) {
    throw new SqlError(`Problem reading manifest file s3://${copy.bucket}/${copy.key}: it has no entries`);
  }
  return manifest.entries.map(({ url, mandatory }) => {
    if (typeof url !== 'string') throw new SqlError('Mandatory url is not present in manifest file.');
    const location = /^s3:\/\/([^/]+)\/(.+)$/.exec(url);
    if (!location)
      throw new SqlError(`Problem reading manifest file: url '${url}' is not of the form s3://bucket/key`);
    return { bucket: location[1] as string, key: location[2] as string, mandatory: mandatory === true };
  });
}

/** The object's bytes, or undefined when it is missing and may be. */
async function openObject(s3: S3Client, source: Source, signal: AbortSignal): Promise<Readable | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: source.bucket, Key: source.key }), {
      abortSignal: signal,
    });
    // The signal of the request ends with its headers; a body that hangs has to end as well.
    return addAbortSignal(signal, Body as Readable);
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey' && !source.mandatory) return undefined;
    throw storageError(error, signal, `s3://${source.bucket}/${source.key}`);
  }
}

/** S3's own words, so that a missing grant shows its action. */
function storageError(error: unknown, signal: AbortSignal, where = ''): Error {
  signal.throwIfAborted();
  const { name, message, $metadata } = error as Error & {
    $metadata?: { httpStatusCode?: number; requestId?: string };
  };
  return new SqlError(
    `S3ServiceException:${message}${where ? ` (${where})` : ''},Status ${$metadata?.httpStatusCode ?? 0},Error ${name},Rid ${$metadata?.requestId ?? ''},CanRetry 0`,
  );
}

async function* csvRecords(body: Readable, copy: CopyStatement): AsyncGenerator<CsvRecord[]> {
  const reader = new CsvReader(copy);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 1;
  const decode = (bytes?: Buffer) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch {
      throw new LoadError(1220, line, 'String contains invalid or unsupported UTF8 codepoints.');
    }
  };
  const unzip = copy.gzip ? createGunzip() : undefined;
  // pipe() forwards no errors; a download that breaks off must end the read.
  if (unzip) body.on('error', (error) => unzip.destroy(error)).pipe(unzip);
  try {
    for await (const piece of unzip ?? body) {
      const records = reader.push(decode(piece as Buffer));
      line = records.at(-1)?.line ?? line;
      yield records;
    }
  } catch (error) {
    if (error instanceof LoadError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw new SqlError(`Error reading a GZIP file: ${message}`);
    throw new SqlError(`S3ServiceException: the download broke off: ${message}`);
  } finally {
    body.destroy();
  }
  yield [...reader.push(decode()), ...reader.end()];
}

/** One row in PostgreSQL's COPY text format, after Redshift's rules for each value. */
function encodeRow(record: CsvRecord, columns: Column[], copy: CopyStatement): string {
  const { fields, line } = record;
  if (fields.length < columns.length)
    throw new LoadError(1214, line, 'Delimiter not found', columns[fields.length - 1]?.name);
  if (fields.length > columns.length)
    throw new LoadError(1202, line, 'Extra column(s) found', columns.at(-1)?.name);
  let text = '';
  for (const [index, column] of columns.entries()) {
    const value = convert(fields[index] as string, column, copy, line);
    if (value === null && column.notNull)
      throw new LoadError(1213, line, 'Missing data for not-null field', column.name);
    text += `${index ? '\t' : ''}${value === null ? '\\N' : escapeText(value)}`;
  }
  return `${text}\n`;
}

function escapeText(value: string): string {
  return /[\\\t\n\r]/.test(value)
    ? value.replace(
        /[\\\t\n\r]/g,
        (found) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[found] as string,
      )
    : value;
}

const dateText = /^\d{4}-\d{2}-\d{2}$/;
const timestampText = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?([+-]\d{2}(:?\d{2})?)?$/;
const looseTimestampText =
  /^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?( ?(Z|UTC|[+-]\d{2}(:?\d{2})?))?)?$/i;
const decimalText = /^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$/;

function convert(value: string, column: Column, copy: CopyStatement, line: number): string | null {
  if (copy.nullAs !== undefined && value === copy.nullAs) return null;
  if (value.includes('\0'))
    throw new LoadError(1201, line, 'Missing newline: Unexpected character 0x0 found', column.name);
  if (textTypes.has(column.type)) {
    if (copy.emptyAsNull && value === '') return null;
    if (copy.blanksAsNull && value !== '' && value.trim() === '') return null;
    const bytes = Buffer.byteLength(value);
    if (column.type === 'bpchar' && bytes !== value.length) {
      throw new LoadError(1220, line, 'String contains invalid or unsupported UTF8 codepoints.', column.name);
    }
    if (column.width > 0 && bytes > column.width)
      throw new LoadError(1204, line, 'String length exceeds DDL length', column.name);
    return value;
  }
  // An empty field of any other type is NULL, whatever the options say.
  if (value === '') return null;
  switch (column.type) {
    case 'date':
      // DATEFORMAT 'auto' knows more spellings in Redshift; here ISO dates alone are read, anything else is an error.
      if (!dateText.test(value))
        throw new LoadError(1205, line, `Invalid Date Format - length must be 10 or more`, column.name);
      return value;
    case 'timestamp':
    case 'timestamptz':
      if (!(copy.timeFormat === 'auto' ? looseTimestampText : timestampText).test(value)) {
        throw new LoadError(
          1206,
          line,
          'Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]',
          column.name,
        );
      }
      return value;
    case 'numeric':
      return decimal(value, column, copy, line);
    default:
      return value;
  }
}

/** COPY cuts a decimal to the column's scale unless ROUNDEC is given; PostgreSQL would round. */
function decimal(value: string, column: Column, copy: CopyStatement, line: number): string {
  if (!decimalText.test(value))
    throw new LoadError(
      1207,
      line,
      `Invalid digit, Value '${value.slice(0, 1)}', Pos 0, Type: Decimal`,
      column.name,
    );
  if (copy.roundDecimals) return value;
  const trimmed = value.trim();
  const point = trimmed.indexOf('.');
  if (point < 0) return trimmed;
  const cut = trimmed.slice(0, column.scale > 0 ? point + 1 + column.scale : point);
  return /\d/.test(cut) ? cut : '0';
}
