/** What the fast path has to know of a column. */
export interface PlainColumn {
  /** `text` takes any bytes; `ascii` those below 128; `date` YYYY-MM-DD; `decimal` digits; `other` is judged by PostgreSQL. */
  kind: 'text' | 'ascii' | 'date' | 'decimal' | 'other' | 'never';
  /** Bytes of text, or digits behind the point of a decimal that are kept. */
  width: number;
  /** An empty unquoted field is a value that PostgreSQL reads as Redshift does. */
  mayBeEmpty: boolean;
}

export interface PlainRun {
  /** Where the first record that is not plain, or not whole, begins. */
  end: number;
  /** Records before it. */
  records: number;
  /** Lines before it: more than records where quoted fields hold newlines. */
  lines: number;
  /** Of each record of several lines: how many lines are before it, and how many lines it has. */
  tall: { before: number; lines: number }[];
  /** True when the bytes ended inside of that record, and it was plain as far as they went. */
  cut: boolean;
}

const [newline, carriageReturn, quote, comma, minus, plus, point, zero, nine, backslash] = [
  10, 13, 34, 44, 45, 43, 46, 48, 57, 92,
];

/**
 * How far the records from `start` on are plain: PostgreSQL's `COPY ... (FORMAT csv)` reads their very bytes as
 * Redshift's COPY does, so they need not be taken apart here. Whatever might differ is not plain: another number of
 * fields, a CR, a NUL, a quote inside of an unquoted field, a text that is too long, a date or a decimal in another
 * form, an empty field where that is not NULL.
 */
export function plainRun(bytes: Uint8Array, start: number, columns: readonly PlainColumn[]): PlainRun {
  // Nothing behind the last newline is whole, and every loop below ends at one: no read is out of bounds, which is slow.
  const limit = bytes.lastIndexOf(newline) + 1;
  const last = columns.length - 1;
  const tall: PlainRun['tall'] = [];
  let records = 0;
  let lines = 0;
  let newlines = 0;
  let recordStart = start;
  let at = start;
  const stop = (cut: boolean): PlainRun => ({ end: recordStart, records, lines, tall, cut });
  while (at < limit) {
    for (let index = 0; index <= last; index++) {
      const { kind, width, mayBeEmpty } = columns[index] as PlainColumn;
      const separator = index === last ? newline : comma;
      const from = at;
      let byte = bytes[at] as number;
      if (byte === quote) {
        if (kind !== 'text') return stop(false);
        for (;;) {
          if (++at >= limit) return stop(true);
          byte = bytes[at] as number;
          if (byte === quote) {
            if (bytes[++at] !== quote) break; // below the limit: a quote is not its newline
          } else if (byte === newline) newlines++;
          else if (byte === carriageReturn || byte === 0) return stop(false);
        }
        // Doubled quotes count twice here: a field that is not too long that way is not too long.
        if (bytes[at] !== separator || at - from - 2 > width || at - from === 2) return stop(false);
        at++;
        continue;
      }
      switch (kind) {
        case 'text':
        case 'ascii': {
          if (byte === backslash) return stop(false);
          const highest = kind === 'text' ? 255 : 127;
          while (byte !== separator) {
            if (byte === comma || byte < 32 || byte === quote || byte > highest) return stop(false);
            byte = bytes[++at] as number;
          }
          if (at - from > width) return stop(false);
          break;
        }
        case 'other':
          if (byte === backslash) return stop(false);
          while (byte !== separator) {
            if (byte === comma || byte < 32 || byte === quote) return stop(false);
            byte = bytes[++at] as number;
          }
          break;
        case 'date':
          if (byte === separator) break;
          for (let place = 0; place < 10; place++) {
            byte = bytes[at++] as number;
            if (place === 4 || place === 7 ? byte !== minus : byte < zero || byte > nine) return stop(false);
          }
          if (bytes[at] !== separator) return stop(false);
          break;
        case 'decimal': {
          if (byte === separator) break;
          if (byte === minus || byte === plus) byte = bytes[++at] as number;
          const digits = at;
          while (byte >= zero && byte <= nine) byte = bytes[++at] as number;
          if (at === digits) return stop(false);
          if (byte === point) {
            const fraction = at + 1;
            do byte = bytes[++at] as number;
            while (byte >= zero && byte <= nine);
            if (at - fraction > width) return stop(false);
          }
          if (byte !== separator) return stop(false);
          break;
        }
        default:
          return stop(false);
      }
      if (at === from && !mayBeEmpty) return stop(false);
      at++;
    }
    records++;
    if (newlines > 0) {
      tall.push({ before: lines, lines: newlines + 1 });
      lines += newlines;
      newlines = 0;
    }
    lines++;
    recordStart = at;
  }
  return stop(true);
}

/**
 * Where the record that begins at `start` ends, its line end included; -1 when the bytes end before it. A quote opens
 * at the start of a field alone; whether what follows is right is for the reader of the record to say.
 */
export function recordEnd(
  bytes: Uint8Array,
  start: number,
  delimiter: number,
  quoted: number,
  whole: boolean,
): number {
  let at = start;
  for (;;) {
    if (bytes[at] === quoted) {
      for (;;) {
        const close = bytes.indexOf(quoted, at + 1);
        if (close < 0) return whole ? bytes.length : -1;
        at = close + 1;
        if (bytes[at] !== quoted) break;
      }
    }
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === delimiter) break;
      if (byte === newline) return at + 1;
      if (byte === carriageReturn) {
        if (at + 1 === bytes.length && !whole) return -1; // may be half of a CRLF
        return bytes[at + 1] === newline ? at + 2 : at + 1;
      }
    }
    if (at >= bytes.length) return whole ? bytes.length : -1;
    at++;
  }
}
