import { LabError } from '../errors.ts';
import { textClass, textClasses, XmlReader } from './xml-reader.ts';
import { characters, decodeText } from './xml-text.ts';

/** Characters that a cell can hold, by Excel's specification; a longer text is an attempt on the reader's memory. */
export const mostCellCharacters = 32_767;

/** Throws ReportTooLarge when a text is longer than a cell can hold. */
export function refuseLongText(bytes: Buffer, start: number, end: number, where: string): void {
  if (end - start <= mostCellCharacters) return;
  const count = characters(bytes, start, end);
  if (count > mostCellCharacters) throw new LabError('ReportTooLarge', `${where} has ${count} characters`);
}

/** Whether a CSV field with this text would be quoted. */
export function classesOf(bytes: Buffer, start: number, end: number): number {
  let classes = 0;
  for (let i = start; i < end; i++) classes |= textClasses[bytes[i] as number] as number;
  return classes;
}

/** The texts of a shared string table in one piece of memory: UTF-8, text `i` from `starts[i]` to `starts[i + 1]`. */
export class SharedStrings {
  /** Where the texts stand. */
  bytes: Buffer;
  starts = new Uint32Array(1024);
  /** Classes of each text's bytes. */
  classes = new Uint8Array(1024);
  count = 0;

  /** `mostBytes`: no text is longer than its markup, so the size of the part is enough. Untouched memory costs nothing. */
  constructor(mostBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(mostBytes);
  }

  add(from: Buffer, start: number, end: number): void {
    const to = this.starts[this.count] as number;
    if (this.count + 2 > this.starts.length) {
      const [starts, classes] = [this.starts, this.classes];
      this.starts = new Uint32Array(starts.length * 2);
      this.starts.set(starts);
      this.classes = new Uint8Array(classes.length * 2);
      this.classes.set(classes);
    }
    from.copy(this.bytes, to, start, end);
    this.classes[this.count] = classesOf(from, start, end);
    this.starts[++this.count] = to + end - start;
  }
}

/** Reads the part of the shared strings (ECMA-376 Part 1, 18.4.9): each `next` that is true has read one more. */
export class SharedStringsReader extends XmlReader {
  readonly strings: SharedStrings;
  readonly #most: number;
  /** 0 before the root element, 1 in it, 2 behind it. */
  #place = 0;

  constructor(part: string, mostBytes: number, mostStrings: number) {
    super(part);
    this.strings = new SharedStrings(mostBytes);
    this.#most = mostStrings;
  }

  protected override step(): boolean {
    for (;;) {
      if (this.#place === 2) return this.epilogue();
      const behind = this.readTag(this.markup(this.at, false));
      if (this.tag === 'other') this.at = behind;
      else if (this.#place === 0) {
        if (!this.isNamed('sst') || this.tag === 'end') throw this.unreadable('has no shared strings');
        this.#place = this.tag === 'empty' ? 2 : 1;
        this.at = behind;
      } else if (this.tag === 'end') {
        if (!this.isNamed('sst')) throw this.unreadable('is no well-formed XML');
        this.#place = 2;
        this.at = behind;
      } else if (this.isNamed('si')) {
        this.at = this.#readString(behind);
        return true;
      } else this.at = this.tag === 'start' ? this.skipElement(behind) : behind;
    }
  }

  #readString(behindTag: number): number {
    if (this.strings.count >= this.#most)
      throw new LabError('ReportTooLarge', `over ${this.#most} distinct strings`);
    if (this.tag === 'empty') {
      this.strings.add(this.bytes, behindTag, behindTag);
      return behindTag;
    }
    let behind = this.#plainString(behindTag);
    if (behind === -1) {
      // To its end first: it is decoded in place, and an unfinished one would be read again.
      this.readRichText(behindTag, 'si', false);
      behind = this.readRichText(behindTag, 'si', true);
    }
    refuseLongText(this.bytes, this.valueStart, this.valueEnd, `a text of ${this.part}`);
    this.strings.add(this.bytes, this.valueStart, this.valueEnd);
    return behind;
  }

  /** The common case, one `<t>` and nothing else: -1 if it is another. */
  #plainString(from: number): number {
    let i = this.readTag(this.markup(from, false));
    if (!this.isStartOf('t')) return -1;
    i = this.readText(i, 't');
    const { valueStart, valueClass } = this;
    let { valueEnd } = this;
    i = this.readTag(this.markup(i, false));
    if (!this.isEndOf('si')) return -1;
    if ((valueClass & textClass.coded) !== 0)
      valueEnd = decodeText(this.bytes, valueStart, valueEnd, this.part);
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    return i;
  }
}
