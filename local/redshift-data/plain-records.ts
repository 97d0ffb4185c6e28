/** What the fast path has to know of a column. */
export interface PlainColumn {
  /** `text` takes any bytes; `ascii` those below 128; `date` YYYY-MM-DD; `decimal` digits; `other` is judged by PostgreSQL. */
  kind: 'text' | 'ascii' | 'date' | 'decimal' | 'other' | 'never';
  /** Bytes of text, or digits behind the point of a decimal that are kept. */
  limit: number;
  /** An empty unquoted field is a value that PostgreSQL reads as Redshift does. */
  mayBeEmpty: boolean;
}

export interface PlainRun {
  /** Where the first record that is not plain, or not whole, begins. */
  end: number;
  /** Records before it. */
  records: number;
  /** True when the bytes ended inside of that record, and it was plain as far as they went. */
  cut: boolean;
}

const [newline, carriageReturn, quote, comma, minus, plus, point, zero, nine, backslash] = [
  10, 13, 34, 44, 45, 43, 46, 48, 57, 92,
];

/**
 * How far the records from `start` on are plain: PostgreSQL's `COPY ... (FORMAT csv)` reads their very bytes as
 * Redshift's COPY does, so they need not be taken apart here. Whatever might differ is not plain: another number of
 * fields, a CR, a NUL, a quote inside of an unquoted field, a newline inside of a quoted one (it would shift line
 * numbers), a text that is too long, a date or a decimal in another form, an empty field where that is not NULL.
 */
export function plainRun(bytes: Uint8Array, start: number, columns: readonly PlainColumn[]): PlainRun {
  const length = bytes.length;
  const last = columns.length - 1;
  let records = 0;
  let recordStart = start;
  let at = start;
  const stop = (cut: boolean): PlainRun => ({ end: recordStart, records, cut });
  for (;;) {
    for (let index = 0; index <= last; index++) {
      const { kind, limit, mayBeEmpty } = columns[index] as PlainColumn;
      const separator = index === last ? newline : comma;
      const from = at;
      let byte = bytes[at];
      if (byte === quote) {
        if (kind !== 'text') return stop(false);
        at++;
        for (;;) {
          byte = bytes[at++];
          if (byte === quote) {
            if (bytes[at] !== quote) break;
            at++;
          } else if (byte === newline || byte === carriageReturn || byte === 0) return stop(false);
          else if (byte === undefined) return stop(true);
        }
        if (at >= length) return stop(true);
        // Doubled quotes count twice here: a field that is not too long that way is not too long.
        if (bytes[at] !== separator || at - from - 2 > limit || at - from === 2) return stop(false);
        at++;
        continue;
      }
      switch (kind) {
        case 'text':
          if (byte === backslash) return stop(false);
          while (byte !== separator) {
            if (byte === undefined) return stop(true);
            if (byte === comma || byte === newline || byte === quote || byte === carriageReturn || byte === 0)
              return stop(false);
            byte = bytes[++at];
          }
          if (at - from > limit) return stop(false);
          break;
        case 'ascii':
          if (byte === backslash) return stop(false);
          while (byte !== separator) {
            if (byte === undefined) return stop(true);
            if (byte > 127 || byte === comma || byte < 32 || byte === quote) return stop(false);
            byte = bytes[++at];
          }
          if (at - from > limit) return stop(false);
          break;
        case 'other':
          while (byte !== separator) {
            if (byte === undefined) return stop(true);
            if (byte === comma || byte < 32 || byte === quote || byte === backslash) return stop(false);
            byte = bytes[++at];
          }
          break;
        case 'date':
          if (byte === separator) break;
          if (at + 10 >= length) return stop(true);
          for (let place = 0; place < 10; place++) {
            byte = bytes[at++] as number;
            if (place === 4 || place === 7 ? byte !== minus : byte < zero || byte > nine) return stop(false);
          }
          if (bytes[at] !== separator) return stop(false);
          break;
        case 'decimal': {
          if (byte === separator) break;
          if (byte === minus || byte === plus) byte = bytes[++at];
          const digits = at;
          while (byte !== undefined && byte >= zero && byte <= nine) byte = bytes[++at];
          if (byte !== undefined && at === digits) return stop(false);
          if (byte === point) {
            const fraction = ++at;
            byte = bytes[at];
            while (byte !== undefined && byte >= zero && byte <= nine) byte = bytes[++at];
            if (at - fraction > limit) return stop(false);
          }
          if (byte === undefined) return stop(true);
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
    recordStart = at;
    if (at >= length) return stop(true);
  }
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
