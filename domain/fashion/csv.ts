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

const quote = 34;

/**
 * Takes a piece of CSV; the producer waits for the promise before it goes on. A sink never ends its target: whoever opened
 * the target closes it, or throws it away when the producer fails. The piece is the sink's own, to be kept or changed.
 */
export type ByteSink = (chunk: Uint8Array) => void | Promise<void>;

/** Gathers CSV as bytes and hands it on in pieces of about `pieceBytes`, so that memory does not grow with the report. */
export class CsvWriter {
  /** What is gathered stands here up to `length`. May be replaced by any call that adds. */
  buffer = Buffer.alloc(0);
  /** To be set back only, to what it was, to take back what was added since. */
  length = 0;
  readonly #sink: ByteSink;
  readonly #pieceBytes: number;
  #bytes = 0;

  constructor(sink: ByteSink, pieceBytes = 256 * 1024) {
    this.#sink = sink;
    this.#pieceBytes = pieceBytes;
  }

  /** Bytes handed on so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(text: string): void {
    this.#reserve(text.length * 3);
    this.length += this.buffer.write(text, this.length);
  }

  addByte(byte: number): void {
    this.#reserve(1);
    this.buffer[this.length++] = byte;
  }

  /** Bytes as they are, from another buffer. */
  copy(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const { buffer } = this;
    let to = this.length;
    for (let i = start; i < end; i++) buffer[to++] = from[i] as number;
    this.length = to;
  }

  /** Bytes of a text that needs quotes. */
  copyQuoted(from: Uint8Array, start: number, end: number): void {
    this.#reserve(2 * (end - start) + 2);
    const { buffer } = this;
    let to = this.length;
    buffer[to++] = quote;
    for (let i = start; i < end; i++) {
      const byte = from[i] as number;
      if (byte === quote) buffer[to++] = quote;
      buffer[to++] = byte;
    }
    buffer[to++] = quote;
    this.length = to;
  }

  get isFull(): boolean {
    return this.length >= this.#pieceBytes;
  }

  async flush(): Promise<void> {
    if (this.length === 0) return;
    const piece = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.alloc(0);
    this.length = 0;
    this.#bytes += piece.length;
    await this.#sink(piece);
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    // A piece is full when a row ends, so it is a row longer than it should be; 4 KB hold most rows.
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.length * 2, this.#pieceBytes + 4096));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
