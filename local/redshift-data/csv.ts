/** A record that breaks the CSV rules, or a value that breaks its column's. `code` as in SYS_LOAD_ERROR_DETAIL. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly code: number;
  readonly line: number;
  readonly column: string;

  constructor(code: number, line: number, message: string, column = '') {
    super(message);
    this.code = code;
    this.line = line;
    this.column = column;
  }
}

/** Redshift's largest row in a load file; also what bounds the memory of an unclosed quote. */
export const maximumRow = 4 * 1024 * 1024;

export interface CsvRecord {
  fields: string[];
  /** Line of the file the record starts on, from 1. */
  line: number;
  /** The line after it. */
  nextLine: number;
}

/**
 * Reads CSV as Redshift's COPY does: RFC 4180, LF, CRLF or CR between records, a quote inside a quoted field doubled.
 * Text comes in pieces of any size. A quote in the middle of an unquoted field, or after a closed one, is an error.
 */
export class CsvReader {
  readonly #delimiter: string;
  readonly #quote: string;
  #skip: number;
  #rest = '';
  #line: number;

  /** @param line of the file at which the text begins */
  constructor(options: { delimiter: string; quote: string; ignoreHeader: number }, line = 1) {
    this.#line = line;
    this.#delimiter = options.delimiter;
    this.#quote = options.quote;
    this.#skip = options.ignoreHeader;
  }

  /** The line after the last record. */
  get line(): number {
    return this.#line;
  }

  /** Records completed by this piece. */
  push(piece: string): CsvRecord[] {
    this.#rest += piece;
    return this.#drain(false);
  }

  /** The last record, when the file does not end with a newline. */
  end(): CsvRecord[] {
    return this.#drain(true);
  }

  #drain(last: boolean): CsvRecord[] {
    const records: CsvRecord[] = [];
    let at = 0;
    while (at < this.#rest.length) {
      const next = this.#skip > 0 ? this.#skipLine(at, last) : this.#record(at, last, records);
      if (next < 0) break;
      at = next;
    }
    this.#rest = this.#rest.slice(at);
    if (this.#rest.length > maximumRow)
      throw new LoadError(1203, this.#line, 'Input data row exceeds the limit of 4 MB');
    return records;
  }

  /** Position after the header line that starts at `at`, or -1 when it is not complete. */
  #skipLine(at: number, last: boolean): number {
    const end = this.#lineEnd(at);
    if (end < 0 && !last) return -1;
    if (end >= 0 && this.#rest[end] === '\r' && end + 1 === this.#rest.length && !last) return -1;
    this.#skip--;
    this.#line++;
    return end < 0 ? this.#rest.length : this.#afterNewline(end);
  }

  #lineEnd(at: number): number {
    for (let index = at; index < this.#rest.length; index++) {
      const code = this.#rest.charCodeAt(index);
      if (code === 10 || code === 13) return index;
    }
    return -1;
  }

  #afterNewline(at: number): number {
    return this.#rest[at] === '\r' && this.#rest[at + 1] === '\n' ? at + 2 : at + 1;
  }

  /** Reads one record from `start`; returns the position after it, or -1 when the text ends inside it. */
  #record(start: number, last: boolean, records: CsvRecord[]): number {
    const text = this.#rest;
    const delimiter = this.#delimiter.charCodeAt(0);
    const quote = this.#quote.charCodeAt(0);
    const fields: string[] = [];
    let newlines = 0;
    let at = start;
    for (;;) {
      let field: string;
      if (text.charCodeAt(at) === quote && at < text.length) {
        let from = at + 1;
        field = '';
        for (;;) {
          const close = text.indexOf(this.#quote, from);
          if (close < 0 || (close + 1 === text.length && !last)) {
            if (last) throw new LoadError(1214, this.#line, 'Delimited value missing end quote');
            return -1;
          }
          field += text.slice(from, close);
          if (text.charCodeAt(close + 1) !== quote || close + 1 >= text.length) {
            at = close + 1;
            break;
          }
          field += this.#quote;
          from = close + 2;
        }
        newlines += countNewlines(field);
      } else {
        const from = at;
        for (; at < text.length; at++) {
          const code = text.charCodeAt(at);
          if (code === delimiter || code === 10 || code === 13) break;
          if (code === quote)
            throw new LoadError(1212, this.#line + newlines, 'Invalid quote formatting for CSV');
        }
        field = text.slice(from, at);
      }
      fields.push(field);
      if (at >= text.length) {
        if (!last) return -1;
        break;
      }
      const code = text.charCodeAt(at);
      if (code === delimiter) {
        at++;
        continue;
      }
      if (code !== 10 && code !== 13)
        throw new LoadError(1212, this.#line + newlines, 'Invalid quote formatting for CSV');
      // A CR at the very end may be half of a CRLF.
      if (code === 13 && at + 1 === text.length && !last) return -1;
      at = this.#afterNewline(at);
      newlines++;
      break;
    }
    records.push({ fields, line: this.#line, nextLine: this.#line + newlines });
    this.#line += newlines;
    return at;
  }
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
