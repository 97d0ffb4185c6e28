import { setMaxListeners } from 'node:events';
import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CopyStatement } from './copy-statement.ts';
import { CsvReader, type CsvRecord, LoadError, maximumRow } from './csv.ts';
import { type PlainColumn, type PlainRun, plainRun, recordEnd } from './plain-records.ts';
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

/** PostgreSQL's line numbers and those of a file differ by a constant until lines are left out or another file begins. */
class LinePlaces {
  /** Lines sent to PostgreSQL so far, its header among them. */
  private sent = 1;
  private file = '';
  private readonly spans: { firstSent: number; file: string; ahead: number }[] = [];
  /** By the last line of a record: its first. */
  private readonly starts = new Map<number, number>();

  /** From the next line sent on: the file, and the line of it that comes next. */
  continueAt(file: string, line: number): void {
    this.file = file;
    this.spans.push({ firstSent: this.sent + 1, file, ahead: line - this.sent - 1 });
  }

  get currentFile(): string {
    return this.file;
  }

  /** Records that were sent; of one that has several lines PostgreSQL will name the last. */
  records({ lines, tall }: Pick<PlainRun, 'lines' | 'tall'>): void {
    for (const each of tall) {
      const first = this.sent + each.before + 1;
      this.starts.set(first + each.lines - 1, first);
    }
    this.sent += lines;
  }

  find(sent: number): { file: string; line: number } {
    const first = this.starts.get(sent) ?? sent;
    const span = this.spans.findLast(({ firstSent }) => firstSent <= first);
    return { file: span?.file ?? '', line: span ? first + span.ahead : 0 };
  }
}

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
  const stream = client.query(
    copyFrom(`COPY ${target} (${list}) FROM STDIN (FORMAT csv, HEADER, NULL '${nullMark(copy)}')`),
  );
  const places = new LinePlaces();
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
  let rows = 0;
  async function* pieces(): AsyncGenerator<Buffer> {
    let read = 0;
    // From its first line PostgreSQL learns how lines end; before that it does not count those inside of quotes.
    yield Buffer.from('\n');
    for await (const { source, body } of openedObjects(s3, sources, signal)) {
      read++;
      const encoder = new RowEncoder(columns, copy, places, `s3://${source.bucket}/${source.key}`);
      for await (const piece of uncompressed(body, copy)) {
        for (const encoded of encoder.push(piece)) yield encoded;
      }
      for (const encoded of encoder.end()) yield encoded;
      rows += encoder.rows;
    }
    if (read === 0) throw new SqlError('No files were found: none of the entries of the manifest exists');
  }
  try {
    await pipeline(Readable.from(pieces(), { objectMode: true, highWaterMark: 4 }), stream, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadError) {
      const column = columns.find((candidate) => candidate.name === error.column);
      throw new LoadFailed(
        copy.table,
        detailFor(column, error.line, places.currentFile, error.code, error.message),
      );
    }
    const place = /^COPY .*, line (\d+)(?:, column (.+?): )?/s.exec((error as pg.DatabaseError).where ?? '');
    if (place) {
      const { file, line } = places.find(Number(place[1]));
      const column = columns.find((candidate) => candidate.name === place[2]);
      const { code, message } = valueError((error as Error).message);
      throw new LoadFailed(copy.table, detailFor(column, line, file, code, message));
    }
    throw error;
  }
  return rows;
}

/** Unquoted text that PostgreSQL reads as NULL: nothing, or where nothing is an empty text, a mark. */
const nullMark = (copy: CopyStatement): string => (copy.emptyAsNull ? '' : '\\N');

/**
 * The bytes of one file to PostgreSQL's CSV. Plain records pass as they are; any other is taken apart, judged by
 * Redshift's rules, and written anew.
 */
class RowEncoder {
  rows = 0;
  private readonly columns: Column[];
  private readonly copy: CopyStatement;
  private readonly places: LinePlaces;
  private readonly plain: PlainColumn[];
  private readonly file: string;
  private readonly delimiter: number;
  private readonly quote: number;
  private rest: Buffer = Buffer.alloc(0);
  private skip: number;
  /** Of the file, from 1. */
  private line = 1;

  constructor(columns: Column[], copy: CopyStatement, places: LinePlaces, file: string) {
    this.columns = columns;
    this.copy = copy;
    this.places = places;
    this.file = file;
    this.delimiter = copy.delimiter.charCodeAt(0);
    this.quote = copy.quote.charCodeAt(0);
    this.skip = copy.ignoreHeader;
    this.plain = columns.map((column) => plainColumn(column, copy, columns.length === 1));
    places.continueAt(file, 1);
  }

  push(piece: Buffer): Buffer[] {
    this.rest = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    return this.drain(false);
  }

  /** The last record, when the file does not end with a newline. */
  end(): Buffer[] {
    return this.drain(true);
  }

  private drain(whole: boolean): Buffer[] {
    const bytes = this.rest;
    const encoded: Buffer[] = [];
    let at = 0;
    let batch = 1;
    while (this.skip > 0 && at < bytes.length) {
      // Quotes mean nothing in a header: with a delimiter that no byte is, the record is the line.
      const end = recordEnd(bytes, at, -1, -1, whole);
      if (end < 0) break;
      at = end;
      this.skip--;
      this.line++;
      this.places.continueAt(this.file, this.line);
    }
    while (this.skip === 0 && at < bytes.length) {
      const run = plainRun(bytes, at, this.plain);
      if (run.records > 0) {
        encoded.push(bytes.subarray(at, run.end));
        this.rows += run.records;
        this.line += run.lines;
        this.places.records(run);
        at = run.end;
      }
      if (at >= bytes.length || (run.cut && !whole)) break;
      // Where one is not plain the next ones may not be either: the more of them, the more are read at once.
      batch = run.records > 0 ? 1 : Math.min(batch * 2, 256);
      let end = at;
      for (let count = 0, next = at; count < batch && next < bytes.length; count++, end = next) {
        next = recordEnd(bytes, end, this.delimiter, this.quote, whole);
        if (next < 0) break;
      }
      if (end === at) break;
      encoded.push(Buffer.from(this.encode(bytes.subarray(at, end))));
      at = end;
    }
    this.rest = bytes.subarray(at);
    if (this.rest.length > maximumRow)
      throw new LoadError(1203, this.line, 'Input data row exceeds the limit of 4 MB');
    return encoded;
  }

  private encode(bytes: Buffer): string {
    let text = '';
    const reader = new CsvReader({ ...this.copy, ignoreHeader: 0 }, this.line);
    for (const record of [...reader.push(this.decode(bytes)), ...reader.end()]) {
      const blank = record.fields.length === 1 && record.fields[0] === '';
      if (blank && this.copy.ignoreBlankLines) {
        this.places.continueAt(this.file, record.nextLine);
        continue;
      }
      this.rows++;
      const lines = record.nextLine - record.line;
      this.places.records({ lines, tall: lines > 1 ? [{ before: 0, lines }] : [] });
      text += encodeRow(record, this.columns, this.copy);
    }
    this.line = reader.line;
    return text;
  }

  private decode(bytes: Buffer): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw new LoadError(1220, this.line, 'String contains invalid or unsupported UTF8 codepoints.');
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** When a field of this column is what PostgreSQL makes of it. */
function plainColumn(column: Column, copy: CopyStatement, alone: boolean): PlainColumn {
  const isText = textTypes.has(column.type);
  const special = copy.nullAs !== undefined || copy.blanksAsNull;
  const kinds: Record<string, PlainColumn['kind']> = {
    bpchar: 'ascii',
    date: 'date',
    timestamp: 'never',
    timestamptz: 'never',
    numeric: 'decimal',
  };
  return {
    kind:
      special || copy.delimiter !== ',' || copy.quote !== '"'
        ? 'never'
        : (kinds[column.type] ?? (isText ? 'text' : 'other')),
    width: column.type === 'numeric' ? column.scale : column.width > 0 ? column.width : maximumRow,
    // PostgreSQL reads it as NULL with EMPTYASNULL, which any other type is anyway, and as an empty text without.
    // A line without anything may be a blank one, which IGNOREBLANKLINES leaves out.
    mayBeEmpty: !alone && (copy.emptyAsNull ? !column.notNull : isText),
  };
}

/** Codes of the load error reference, and Redshift's words where they are known, for values PostgreSQL refuses. */
function valueError(message: string): { code: number; message: string } {
  if (message.includes('out of range') || message.includes('overflow')) return { code: 1216, message };
  if (message.startsWith('invalid input syntax')) return { code: 1207, message };
  if (message.startsWith('invalid byte sequence'))
    return { code: 1220, message: 'String contains invalid or unsupported UTF8 codepoints.' };
  return { code: 1200, message };
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

/** Objects that are asked for while the one before them is read: of many small ones, waiting is most of the time. */
const openedAhead = 8;

/** Each object that is there, in order. */
async function* openedObjects(
  s3: S3Client,
  sources: readonly Source[],
  signal: AbortSignal,
): AsyncGenerator<{ source: Source; body: Readable }> {
  const opening: Promise<Readable | undefined>[] = [];
  // Each of them listens for its end twice: the request, and the body.
  setMaxListeners(2 * openedAhead + 10, signal);
  try {
    for (const [index, source] of sources.entries()) {
      while (opening.length < sources.length && opening.length < index + openedAhead) {
        const next = openObject(s3, sources[opening.length] as Source, signal);
        next.catch(() => undefined); // it is told when its turn comes, if it does
        opening.push(next);
      }
      const body = await opening[index];
      if (body) yield { source, body };
    }
  } finally {
    // Those that were not read to their end hold a connection.
    for (const next of opening) next.then((body) => body?.destroy()).catch(() => undefined);
  }
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

/** The file in pieces that are large enough for what each costs on its way to PostgreSQL. */
async function* uncompressed(body: Readable, copy: CopyStatement): AsyncGenerator<Buffer> {
  const unzip = copy.gzip ? createGunzip() : undefined;
  // pipe() forwards no errors; a download that breaks off must end the read.
  if (unzip) body.on('error', (error) => unzip.destroy(error)).pipe(unzip);
  const pieces = (unzip ?? body)[Symbol.asyncIterator]();
  try {
    for (let done = false; !done; ) {
      const gathered: Buffer[] = [];
      for (let bytes = 0; bytes < pieceBytes && !done; bytes += gathered.at(-1)?.length ?? 0) {
        const next = await pieces.next().catch((error) => Promise.reject(downloadError(error)));
        done = next.done === true;
        if (!done) gathered.push(next.value as Buffer);
      }
      if (gathered.length > 0) yield Buffer.concat(gathered);
    }
  } finally {
    body.destroy();
  }
}

const pieceBytes = 128 * 1024;

function downloadError(error: NodeJS.ErrnoException): SqlError {
  return error.code?.startsWith('Z_')
    ? new SqlError(`Error reading a GZIP file: ${error.message}`)
    : new SqlError(`S3ServiceException: the download broke off: ${error.message}`);
}

/** One row in PostgreSQL's CSV, after Redshift's rules for each value. */
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
    text += `${index ? ',' : ''}${value === null ? nullMark(copy) : `"${value.replaceAll('"', '""')}"`}`;
  }
  return `${text}\n`;
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
