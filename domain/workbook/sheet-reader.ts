import { classesOf, mostCellCharacters, refuseLongText, type SharedStrings } from './shared-strings.ts';
import { cellKind, isoInstant, mostColumns, mostRows, numberFlag, SheetRow } from './sheet-row.ts';
import {
  colon,
  equalsSign,
  greaterThan,
  lessThan,
  slash,
  space,
  textClass,
  textClasses,
  XmlReader,
} from './xml-reader.ts';
import { decodeText } from './xml-text.ts';

/** Values of a cell's attribute `t` (ECMA-376 Part 1, 18.18.11, ST_CellType). */
const cellType = { number: 0, shared: 1, formulaText: 2, inline: 3, boolean: 4, error: 5, date: 6 } as const;
const cellTypes = new Map<string, number>([
  ['n', cellType.number],
  ['s', cellType.shared],
  ['str', cellType.formulaText],
  ['inlineStr', cellType.inline],
  ['b', cellType.boolean],
  ['e', cellType.error],
  ['d', cellType.date],
]);

const cellTypeNames = [...cellTypes.keys()].map((name) => Buffer.from(name));
const cellTypeCodes = [...cellTypes.values()];

const attributeR = 114;
const attributeS = 115;
const attributeT = 116;
const doubleQuote = 34;

/** An inline string as nearly all writers write it. */
const inlineStart = Buffer.from('<is><t>');
const inlineEnd = Buffer.from('</t></is></c>');

const place = { beforeRoot: 0, inRoot: 1, inData: 2, behindRoot: 3 } as const;

/** What XML Schema takes for a double, INF and NaN left out: these are no values of a cell. */
const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads the rows of a worksheet part (ECMA-376 Part 1, 18.3): each `next` that is true has put one into {@link row}, where it
 * stays until the following `next` or `feed`.
 *
 * Rows and cells without `r` follow the one before. Numbers that do not ascend, a cell in the row of another, a row or column
 * beyond Excel's last, an index that the shared strings do not have, and a number or boolean that is none are damage, as they
 * are for Excel: WorkbookUnreadable. A cell with an empty value is a blank one: some writers leave the cached result of a
 * formula empty.
 */
export class SheetRowsReader extends XmlReader {
  readonly row: SheetRow;
  readonly #strings: SharedStrings;
  /** 1 for each style that shows dates. */
  readonly #dateStyles: Uint8Array;
  #place: number = place.beforeRoot;
  /** Length of the root element's prefix with its colon: what is written as the root is found faster. */
  #prefix = 0;
  /** Columns whose texts are to be decoded when the row is complete, and whether they are rich. */
  readonly #coded = new Uint16Array(mostColumns);
  readonly #codedRich = new Uint8Array(mostColumns);
  #codedCount = 0;
  #rowNumber = 0;

  constructor(part: string, strings: SharedStrings, dateStyles: Uint8Array, date1904: boolean) {
    super(part);
    this.row = new SheetRow(strings, date1904);
    this.#strings = strings;
    this.#dateStyles = dateStyles;
  }

  protected override step(): boolean {
    for (;;) {
      if (this.#place === place.behindRoot) return this.epilogue();
      const tagAt = this.markup(this.at, false);
      const behind = this.readTag(tagAt);
      const { tag } = this;
      if (tag === 'other') this.at = behind;
      else if (this.#place === place.inData) {
        if (tag !== 'end' && this.isNamed('row')) {
          this.at = this.#readRow(this.nameEnd);
          return true;
        }
        if (tag === 'end') {
          if (!this.isNamed('sheetData')) throw this.unreadable('is no well-formed XML');
          this.#place = place.inRoot;
        }
        this.at = tag === 'start' ? this.skipElement(behind) : behind;
      } else if (this.#place === place.beforeRoot) {
        if (tag !== 'start' || !this.isNamed('worksheet')) throw this.unreadable('is no worksheet');
        this.#prefix = this.nameStart - tagAt - 1;
        this.#place = place.inRoot;
        this.at = behind;
      } else if (tag === 'end') {
        if (!this.isNamed('worksheet')) throw this.unreadable('is no well-formed XML');
        this.#place = place.behindRoot;
        this.at = behind;
      } else if (this.isNamed('sheetData')) {
        if (tag === 'start') this.#place = place.inData;
        this.at = behind;
      } else this.at = tag === 'start' ? this.skipElement(behind) : behind;
    }
  }

  /** From behind the name of a `<row` to behind its end. */
  #readRow(behindName: number): number {
    const { bytes, row } = this;
    const prefix = this.#prefix;
    let number = this.#rowNumber + 1;
    let i = behindName;
    for (;;) {
      i = this.readAttribute(i);
      if (this.nameEnd === this.nameStart) break;
      if (this.nameEnd - this.nameStart === 1 && bytes[this.nameStart] === attributeR)
        number = this.#wholeValue();
    }
    if (number <= this.#rowNumber) throw this.unreadable(`has row ${number} behind row ${this.#rowNumber}`);
    if (number > mostRows) throw this.unreadable(`has a row ${number}`);
    row.number = number;
    row.bytes = bytes;
    row.width = 0;
    this.#codedCount = 0;

    if (bytes[i] === slash) i = this.#tagEnd(i);
    else {
      i++;
      for (;;) {
        if (bytes[i] !== lessThan) i = this.markup(i, false);
        // <c, and what ends a name
        if (bytes[i + 1 + prefix] === 99 && isNameEnd(bytes[i + 2 + prefix] as number)) {
          if (prefix === 0 || this.#hasPrefix(i)) {
            i = this.#readCell(i + 2 + prefix);
            continue;
          }
        }
        const behind = this.readTag(i);
        if (this.tag === 'end') {
          if (!this.isNamed('row')) throw this.unreadable('is no well-formed XML');
          i = behind;
          break;
        }
        if (this.tag === 'other') i = behind;
        else if (this.isNamed('c')) i = this.#readCell(this.nameEnd);
        else i = this.tag === 'start' ? this.skipElement(behind) : behind;
      }
    }
    this.#rowNumber = number;
    if (this.#codedCount > 0) this.#decodeTexts();
    return i;
  }

  /** At the `/` of an empty element. */
  #tagEnd(at: number): number {
    if (this.bytes[at + 1] !== greaterThan) this.unexpected(at + 1);
    return at + 2;
  }

  /** From behind the name of a `<c` to behind its end. */
  #readCell(behindName: number): number {
    const { bytes, row } = this;
    const prefix = this.#prefix;
    let column = row.width;
    let type: number = cellType.number;
    let style = 0;
    let i = behindName;
    for (;;) {
      let byte = bytes[i] as number;
      while (byte <= space && byte !== 0) byte = bytes[++i] as number;
      const quote = bytes[i + 2];
      // The common notations are read here, all others below: r="B12", s="1", t="s".
      if (bytes[i + 1] === equalsSign && quote === doubleQuote) {
        let k = i + 3;
        let value = bytes[k] as number;
        if (byte === attributeR) {
          let letters = 0;
          while (value >= 65 && value <= 90) {
            letters = (letters * 26 + (value - 64)) | 0;
            value = bytes[++k] as number;
          }
          let digits = 0;
          while (value >= 48 && value <= 57) {
            digits = (digits * 10 + (value - 48)) | 0;
            value = bytes[++k] as number;
          }
          // XFD1048576 is the longest; a longer one may have left the 32 bits.
          const fits = k - i <= 3 + 10 && letters > 0 && letters <= mostColumns;
          if (value === quote && digits === row.number && fits) {
            column = letters - 1;
            i = k + 1;
            continue;
          }
        } else if (byte === attributeS) {
          let digits = 0;
          while (value >= 48 && value <= 57) {
            digits = (digits * 10 + (value - 48)) | 0;
            value = bytes[++k] as number;
          }
          if (value === quote && k - i <= 3 + 9) {
            style = digits;
            i = k + 1;
            continue;
          }
        } else if (byte === attributeT && value === attributeS && bytes[k + 1] === quote) {
          type = cellType.shared;
          i = k + 2;
          continue;
        }
      }
      i = this.readAttribute(i);
      const { nameStart } = this;
      const nameLength = this.nameEnd - nameStart;
      if (nameLength === 0) break;
      if (nameLength !== 1) continue;
      if (byte === attributeR) column = this.#cellReference();
      else if (byte === attributeT) type = this.#cellType();
      else if (byte === attributeS) style = this.#wholeValue();
    }
    if (column < row.width) throw this.unreadable(`has cells out of order in row ${row.number}`);
    if (column >= mostColumns) throw this.unreadable(`has cells beyond the last column in row ${row.number}`);
    for (let gap = row.width; gap < column; gap++) row.kinds[gap] = cellKind.absent;
    row.kinds[column] = cellKind.absent;
    row.width = column + 1;

    if (bytes[i] === slash) return this.#tagEnd(i);
    i++;
    if (this.#follows(i, inlineStart)) {
      const behind = this.#readCommonInline(i + inlineStart.length, column);
      if (behind !== -1) return behind;
    }
    for (let hasValue = false; ; ) {
      if (bytes[i] !== lessThan) i = this.markup(i, false);
      const first = bytes[i + 1 + prefix];
      let behind: number;
      // <v>
      if (first === 118 && bytes[i + 2 + prefix] === greaterThan && (prefix === 0 || this.#hasPrefix(i))) {
        if (hasValue) throw this.#secondValue();
        i = this.#readValue(i + 3 + prefix, column, type, style);
        hasValue = true;
        continue;
      }
      // </c> without a prefix
      if (first === slash && bytes[i + 2] === 99 && bytes[i + 3] === greaterThan) return i + 4;
      behind = this.readTag(i);
      if (this.tag === 'start') {
        const isInline = this.isNamed('is');
        if (isInline || this.isNamed('v')) {
          if (hasValue) throw this.#secondValue();
          behind = isInline ? this.#readInline(behind, column) : this.#readValue(behind, column, type, style);
          hasValue = true;
        } else behind = this.skipElement(behind);
      } else if (this.tag === 'end') {
        if (!this.isNamed('c')) throw this.unreadable('is no well-formed XML');
        return behind;
      }
      i = behind;
    }
  }

  /** From behind `<is><t>` to behind `</t></is></c>`, -1 if the text is followed by something else. */
  #readCommonInline(from: number, column: number): number {
    const { bytes, row } = this;
    let i = from;
    let classes = 0;
    let each = textClasses[bytes[i] as number] as number;
    while ((each & textClass.stop) === 0) {
      classes |= each;
      each = textClasses[bytes[++i] as number] as number;
    }
    if (!this.#follows(i, inlineEnd)) return -1;
    row.kinds[column] = cellKind.text;
    row.starts[column] = from;
    row.ends[column] = i;
    row.flags[column] = classes;
    if ((classes & textClass.coded) !== 0) this.#codeLater(column, 0);
    else if (i - from > mostCellCharacters) refuseLongText(bytes, from, i, `a cell of row ${row.number}`);
    return i + inlineEnd.length;
  }

  /** The text is written over when the row is complete: an unfinished row is read again. */
  #codeLater(column: number, rich: number): void {
    this.#coded[this.#codedCount] = column;
    this.#codedRich[this.#codedCount++] = rich;
  }

  /** From behind an `<is>` to behind its end. */
  #readInline(from: number, column: number): number {
    const { row } = this;
    let rich = false;
    let i = this.readTag(this.markup(from, false));
    let behind = -1;
    if (this.isStartOf('t')) {
      i = this.readText(i, 't');
      const { valueStart, valueEnd, valueClass } = this;
      i = this.readTag(this.markup(i, false));
      if (this.isEndOf('is')) {
        this.valueStart = valueStart;
        this.valueEnd = valueEnd;
        this.valueClass = valueClass;
        behind = i;
      }
    }
    if (behind === -1) {
      rich = true;
      this.valueClass = textClass.coded;
      behind = this.readRichText(from, 'is', false);
      this.valueStart = from;
    }
    row.kinds[column] = cellKind.text;
    row.starts[column] = this.valueStart;
    row.ends[column] = this.valueEnd;
    row.flags[column] = this.valueClass;
    if (rich || (this.valueClass & textClass.coded) !== 0) this.#codeLater(column, rich ? 1 : 0);
    else refuseLongText(this.bytes, this.valueStart, this.valueEnd, `a cell of row ${row.number}`);
    return behind;
  }

  /** From behind a `<v>` to behind its end. */
  #readValue(from: number, column: number, type: number, style: number): number {
    const { bytes, row } = this;
    if (type === cellType.number || type === cellType.shared || type === cellType.boolean) {
      let i = from;
      let byte = bytes[i] as number;
      let flags = numberFlag.plain as number;
      if (byte === 45) {
        flags |= numberFlag.negative;
        byte = bytes[++i] as number;
      }
      const first = i;
      let digits = 0;
      let decimals = 0;
      while (byte >= 48 && byte <= 57) {
        digits = digits * 10 + (byte - 48);
        byte = bytes[++i] as number;
      }
      let count = i - first;
      if (byte === 46 && count > 0) {
        byte = bytes[++i] as number;
        const point = i;
        while (byte >= 48 && byte <= 57) {
          digits = digits * 10 + (byte - 48);
          byte = bytes[++i] as number;
        }
        decimals = i - point;
        count = decimals === 0 ? 0 : count + decimals;
      }
      // More than 15 digits may not fit into a double; a text of none, or with anything else in it, is looked at closely.
      if (byte === lessThan && count > 0 && count <= 15) {
        const behind = this.#valueEnd(i);
        if (behind !== -1) {
          if (type === cellType.shared) {
            if (flags !== numberFlag.plain || decimals > 0) throw this.#noValue(from, i);
            this.#shared(column, digits);
          } else if (type === cellType.boolean) {
            if (flags !== numberFlag.plain || i !== from + 1 || digits > 1) throw this.#noValue(from, i);
            row.kinds[column] = cellKind.boolean;
            row.digits[column] = digits;
          } else {
            row.kinds[column] = cellKind.number;
            row.flags[column] = (this.#dateStyles[style] ?? 0) === 0 ? flags : flags | numberFlag.dated;
            row.starts[column] = from;
            row.ends[column] = i;
            row.digits[column] = digits;
            row.decimals[column] = decimals;
          }
          return behind;
        }
      }
    }
    return this.#readOtherValue(from, column, type, style);
  }

  /** Behind a `</v>`, -1 if it is something else. */
  #valueEnd(at: number): number {
    const { bytes } = this;
    const prefix = this.#prefix;
    if (prefix === 0)
      return bytes[at + 1] === slash && bytes[at + 2] === 118 && bytes[at + 3] === greaterThan ? at + 4 : -1;
    const behind = this.readTag(at);
    return this.isEndOf('v') ? behind : -1;
  }

  #readOtherValue(from: number, column: number, type: number, style: number): number {
    const { bytes, row } = this;
    const behind = this.readText(from, 'v');
    const { valueStart, valueEnd } = this;
    const coded = (this.valueClass & textClass.coded) !== 0;
    row.starts[column] = valueStart;
    row.ends[column] = valueEnd;
    row.flags[column] = this.valueClass;
    if (type === cellType.formulaText || type === cellType.inline) {
      row.kinds[column] = cellKind.text;
      if (coded) this.#codeLater(column, 0);
      else refuseLongText(bytes, valueStart, valueEnd, `a cell of row ${row.number}`);
      return behind;
    }
    const text = this.#valueText(column);
    if (text === '') return behind;
    row.flags[column] = 0;
    switch (type) {
      case cellType.shared:
        if (!/^\d{1,9}$/.test(text)) throw this.#noValue(valueStart, valueEnd);
        this.#shared(column, Number(text));
        break;
      case cellType.number:
        if (!numberPattern.test(text)) throw this.#noValue(valueStart, valueEnd);
        row.kinds[column] = cellKind.number;
        if ((this.#dateStyles[style] ?? 0) !== 0) row.flags[column] = numberFlag.dated;
        break;
      case cellType.boolean:
        if (!/^(?:0|1|true|false)$/.test(text)) throw this.#noValue(valueStart, valueEnd);
        row.kinds[column] = cellKind.boolean;
        row.digits[column] = text === '1' || text === 'true' ? 1 : 0;
        break;
      case cellType.date:
        if (Number.isNaN(isoInstant(text))) throw this.#noValue(valueStart, valueEnd);
        row.kinds[column] = cellKind.date;
        break;
      default:
        row.kinds[column] = cellKind.error;
    }
    return behind;
  }

  /** The value as text, decoded where it stands when the row is complete. */
  #valueText(column: number): string {
    const copy = Buffer.from(this.bytes.subarray(this.valueStart, this.valueEnd));
    if ((this.valueClass & textClass.coded) === 0) return copy.toString('latin1').trim();
    this.#codeLater(column, 0);
    return copy.toString('utf8', 0, decodeText(copy, 0, copy.length, this.part)).trim();
  }

  #shared(column: number, index: number): void {
    const { row } = this;
    const strings = this.#strings;
    if (index >= strings.count)
      throw this.unreadable(`refers to the shared string ${index}, and there are ${strings.count}`);
    row.kinds[column] = cellKind.shared;
    row.flags[column] = strings.classes[index] as number;
    row.starts[column] = strings.starts[index] as number;
    row.ends[column] = strings.starts[index + 1] as number;
  }

  #decodeTexts(): void {
    const { bytes, row } = this;
    for (let i = 0; i < this.#codedCount; i++) {
      const column = this.#coded[i] as number;
      const start = row.starts[column] as number;
      if (this.#codedRich[i] === 1) this.readRichText(start, 'is', true);
      else this.valueEnd = decodeText(bytes, start, row.ends[column] as number, this.part);
      row.ends[column] = this.valueEnd;
      if (row.kinds[column] !== cellKind.text) continue;
      row.flags[column] = classesOf(bytes, start, this.valueEnd);
      refuseLongText(bytes, start, this.valueEnd, `a cell of row ${row.number}`);
    }
  }

  /** Whether what follows the `<` is as long as the root's prefix and ends as it does. */
  #hasPrefix(at: number): boolean {
    // Behind the end stand bytes of an earlier piece.
    return at + this.#prefix + 2 < this.end && this.bytes[at + this.#prefix] === colon;
  }

  /** `B12`: the column, from 0. */
  #cellReference(): number {
    const { bytes, row } = this;
    let i = this.valueStart;
    let column = 0;
    let byte = bytes[i] as number;
    while (byte >= 65 && byte <= 90) {
      column = column * 26 + (byte - 64);
      byte = bytes[++i] as number;
    }
    const letters = i - this.valueStart;
    if (letters === 0 || letters > 3 || column > mostColumns) throw this.#noReference();
    this.valueStart = i;
    if (this.#wholeValue() !== row.number) {
      this.valueStart = i - letters;
      throw this.#noReference();
    }
    return column - 1;
  }

  #noReference(): Error {
    const { valueStart, valueEnd, row } = this;
    const text = this.bytes.toString('latin1', valueStart, Math.min(valueEnd, valueStart + 40));
    return this.unreadable(`has a cell ${JSON.stringify(text)} in row ${row.number}`);
  }

  /** The digits of the attribute's value; -1 if there is anything else. */
  #wholeValue(): number {
    const { bytes, valueStart, valueEnd } = this;
    if (valueEnd === valueStart || valueEnd - valueStart > 9) return -1;
    let value = 0;
    for (let i = valueStart; i < valueEnd; i++) {
      const byte = bytes[i] as number;
      if (byte < 48 || byte > 57) return -1;
      value = value * 10 + (byte - 48);
    }
    return value;
  }

  #cellType(): number {
    for (let i = 0; i < cellTypeNames.length; i++) {
      const name = cellTypeNames[i] as Buffer;
      if (name.length !== this.valueEnd - this.valueStart || !this.#follows(this.valueStart, name)) continue;
      return cellTypeCodes[i] as number;
    }
    const name = this.bytes.toString(
      'latin1',
      this.valueStart,
      Math.min(this.valueEnd, this.valueStart + 40),
    );
    throw this.unreadable(`has a cell of type ${JSON.stringify(name)} in row ${this.row.number}`);
  }

  #follows(at: number, what: Buffer): boolean {
    const { bytes } = this;
    for (let k = 0; k < what.length; k++) if (bytes[at + k] !== what[k]) return false;
    return true;
  }

  #secondValue(): Error {
    return this.unreadable(`has a cell with two values in row ${this.row.number}`);
  }

  #noValue(start: number, end: number): Error {
    const text = this.bytes.toString('utf8', start, Math.min(end, start + 40));
    return this.unreadable(`has a cell with the value ${JSON.stringify(text)} in row ${this.row.number}`);
  }
}

function isNameEnd(byte: number): boolean {
  return byte === space || byte === greaterThan || byte === slash || byte === 9 || byte === 10 || byte === 13;
}
