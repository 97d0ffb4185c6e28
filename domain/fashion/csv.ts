/**
 * The CSV that Redshift's `COPY ... FORMAT CSV IGNOREHEADER 1 EMPTYASNULL` takes (RFC 4180 but for the line ends, which
 * are LF): a field is quoted only when it holds a comma, a quote, CR or LF; NULL is an empty unquoted field.
 * Formulas are not defused: the reader is a database, and a changed value would be a wrong one.
 */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}

/**
 * Takes a piece of CSV; the producer waits for the promise before it goes on. A sink never ends its target: whoever opened
 * the target closes it, or throws it away when the producer fails.
 */
export type ByteSink = (chunk: Uint8Array) => void | Promise<void>;

/** Gathers lines and hands them on in pieces of about `pieceCharacters`, so that memory does not grow with the report. */
export class CsvWriter {
  readonly #sink: ByteSink;
  readonly #pieceCharacters: number;
  #pending: string[] = [];
  #characters = 0;
  #bytes = 0;

  constructor(sink: ByteSink, pieceCharacters = 256 * 1024) {
    this.#sink = sink;
    this.#pieceCharacters = pieceCharacters;
  }

  /** Bytes handed on so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(line: string): void {
    this.#pending.push(line);
    this.#characters += line.length;
  }

  get isFull(): boolean {
    return this.#characters >= this.#pieceCharacters;
  }

  async flush(): Promise<void> {
    if (this.#characters === 0) return;
    const piece = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    this.#characters = 0;
    this.#bytes += piece.length;
    await this.#sink(piece);
  }
}
