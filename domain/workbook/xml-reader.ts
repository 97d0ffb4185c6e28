import { isUtf8 } from 'node:buffer';
import { LabError } from '../errors.ts';
import { decodeText } from './xml-text.ts';

export const lessThan = 60;
export const greaterThan = 62;
export const slash = 47;
export const equalsSign = 61;
export const colon = 58;
export const space = 32;

/** What a byte of text means to its reader; a text has the union of its bytes' classes. */
export const textClass = {
  /** A CSV field with this byte is quoted. */
  quoted: 1,
  /** The text is not the bytes as they stand: an entity, a line end to be normalized, perhaps an `_xHHHH_`. */
  coded: 2,
  /** Ends a run of text: markup, or the end of the bytes. */
  stop: 4,
  /** NUL, or perhaps the begin of half a surrogate pair; only an `_xHHHH_` makes them. */
  doubtful: 8,
} as const;

export const textClasses = new Uint8Array(256);
for (const byte of Buffer.from('",\n')) textClasses[byte] = textClass.quoted;
for (const byte of Buffer.from('&_')) textClasses[byte] = textClass.coded;
textClasses[13] = textClass.quoted | textClass.coded;
textClasses[lessThan] = textClass.stop;
textClasses[0xed] = textClass.doubtful;
textClasses[0] = textClass.stop | textClass.doubtful;

export type TagKind = 'start' | 'end' | 'empty' | 'other';

/** Thrown inside a reader only: the element goes on in the next piece. */
const outOfBytes = Symbol('out of bytes');

/** The largest element (a row, a shared string, a comment) that is waited for. 16,384 cells of 1 KB each. */
const mostElementBytes = 16 * 1024 * 1024;

/**
 * Reads the bytes of one XML part, which arrive in pieces, element by element: {@link step} finds the next one between
 * {@link at} and {@link end}. When the bytes end within it, it begins anew with the next piece, so nothing has to be
 * remembered inside an element; an element that never ends is refused.
 *
 * XML 1.0 as Office Open XML allows it: UTF-8, or UTF-16 with a byte order mark (ECMA-376 Part 2), any namespace prefix, no
 * document type. It is a reader of well-formed XML: what is not breaks off with WorkbookUnreadable where it disturbs the
 * reading, but not every rule of the grammar is checked.
 */
export abstract class XmlReader {
  /** Unread are the bytes from `at` to `end`. Behind them stands a zero, which no text contains: it ends every loop. */
  protected bytes = Buffer.alloc(1);
  protected at = 0;
  protected end = 0;
  /** Of the tag that `readTag` read last: kind, and where its name stands, the prefix left out. */
  protected tag: TagKind = 'other';
  protected nameStart = 0;
  protected nameEnd = 0;
  /** Of the attribute or text that was read last. */
  protected valueStart = 0;
  protected valueEnd = 0;
  /** Union of the text's classes. */
  protected valueClass = 0;
  protected readonly part: string;

  #wanted = 0;
  #checked = 0;
  #finished = false;
  #decode: ((piece: Uint8Array | undefined) => Uint8Array) | undefined;
  #start: Buffer | undefined = Buffer.alloc(0);

  constructor(part: string) {
    this.part = part;
  }

  /** Reads on from `at`, and moves it behind what is done with. True when there is something for the consumer. */
  protected abstract step(): boolean;

  /** To be called until it is false; then the next piece is due. */
  next(): boolean {
    if (this.end - this.at < this.#wanted) return false;
    try {
      return this.step();
    } catch (error) {
      if (error !== outOfBytes) throw error;
      if (this.#finished) throw this.unreadable('stops in the middle');
      // Twice as much, so that a long element in many pieces is not read from its start with each of them.
      this.#wanted = 2 * (this.end - this.at);
      if (this.#wanted > 2 * mostElementBytes)
        throw new LabError('ReportTooLarge', `${this.part} has an element of over ${mostElementBytes} bytes`);
      return false;
    }
  }

  /** The piece may be used for something else afterwards. */
  feed(piece: Uint8Array): void {
    if (this.#start) {
      // Enough to know the encoding by.
      const start = Buffer.concat([this.#start, piece]);
      if (start.length < 4) {
        this.#start = start;
        return;
      }
      this.#start = undefined;
      this.#decode = decoderOf(start);
      this.#append(this.#decode ? this.#decode(start) : start.subarray(startsWith(start, 'efbbbf') ? 3 : 0));
    } else this.#append(this.#decode ? this.#decode(piece) : piece);
  }

  /** There are no more pieces; `next` is to be called once more until it is false. */
  finish(): void {
    if (this.#start) this.#append(this.#start);
    this.#start = undefined;
    if (this.#decode) this.#append(this.#decode(undefined));
    this.#finished = true;
    this.#wanted = 0;
    this.#check(this.end);
  }

  protected unreadable(why: string): LabError {
    return new LabError('WorkbookUnreadable', `${this.part} ${why}`);
  }

  /** For a byte that cannot stand there. */
  protected unexpected(at: number): never {
    if (at >= this.end) throw outOfBytes;
    throw this.unreadable('is no well-formed XML');
  }

  #append(piece: Uint8Array): void {
    const unread = this.end - this.at;
    const needed = unread + piece.length + 1;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * unread));
      this.bytes.copy(larger, 0, this.at, this.end);
      this.bytes = larger;
    } else if (this.at > 0) this.bytes.copyWithin(0, this.at, this.end);
    this.#checked -= this.at;
    this.at = 0;
    this.bytes.set(piece, unread);
    this.end = unread + piece.length;
    this.bytes[this.end] = 0;
    // A character may go on in the next piece: its first byte is among the last three.
    let whole = this.end;
    for (let i = this.end - 1; i >= this.#checked && i >= this.end - 3; i--)
      if ((this.bytes[i] as number) >= 0xc0) whole = i;
    this.#check(whole);
  }

  #check(upTo: number): void {
    if (!isUtf8(this.bytes.subarray(this.#checked, upTo))) throw this.unreadable('is not UTF-8');
    this.#checked = upTo;
  }

  /** Position of the next `<`; what precedes it has to be white space, unless `anyText`. */
  protected markup(from: number, anyText: boolean): number {
    const { bytes } = this;
    let i = from;
    for (let byte = bytes[i] as number; byte !== lessThan; byte = bytes[++i] as number) {
      if (byte === 0 || (byte > space && !anyText)) this.unexpected(i);
    }
    return i;
  }

  /** The tag, comment, CDATA section or processing instruction at a `<`. Gives the position behind it. */
  protected readTag(from: number): number {
    const { bytes } = this;
    let i = from + 1;
    let byte = bytes[i] as number;
    if (byte === 33 || byte === 63) return this.#readOther(i);
    const isEnd = byte === slash;
    if (isEnd) byte = bytes[++i] as number;
    this.nameStart = i;
    while (byte > space && byte !== greaterThan && byte !== slash && byte !== lessThan) {
      if (byte === colon) this.nameStart = i + 1;
      byte = bytes[++i] as number;
    }
    if (i === this.nameStart) this.unexpected(i);
    this.nameEnd = i;
    let quote = 0;
    for (; byte !== greaterThan || quote !== 0; byte = bytes[++i] as number) {
      if (byte === 0 || byte === lessThan) this.unexpected(i);
      if (quote !== 0) {
        if (byte === quote) quote = 0;
      } else if (byte === 34 || byte === 39) quote = byte;
    }
    this.tag = isEnd ? 'end' : bytes[i - 1] === slash ? 'empty' : 'start';
    return i + 1;
  }

  /** At the `!` or `?`. */
  #readOther(from: number): number {
    const { bytes } = this;
    this.tag = 'other';
    const closing = bytes[from] === 63 ? '?>' : this.#opens(from, '!--') ? '-->' : ']]>';
    if (closing === ']]>' && !this.#opens(from, '![CDATA['))
      throw this.unreadable('declares a document type');
    let i = from + (closing === '-->' ? 3 : closing === '?>' ? 1 : 8);
    const last = closing.length - 1;
    for (;;) {
      // The window is searched natively: a comment may be long.
      const found = bytes.indexOf(closing.charCodeAt(last), i);
      if (found === -1 || found >= this.end) this.unexpected(this.end);
      i = found + 1;
      let k = last;
      while (k > 0 && bytes[found - last + k - 1] === closing.charCodeAt(k - 1)) k--;
      if (k === 0) return i;
    }
  }

  #opens(from: number, text: string): boolean {
    for (let k = 0; k < text.length; k++) {
      if (this.bytes[from + k] === text.charCodeAt(k)) continue;
      if (from + k >= this.end) throw outOfBytes;
      return false;
    }
    return true;
  }

  /** Whether the last tag has this name. */
  protected isNamed(name: string): boolean {
    if (this.nameEnd - this.nameStart !== name.length) return false;
    for (let k = 0; k < name.length; k++)
      if (this.bytes[this.nameStart + k] !== name.charCodeAt(k)) return false;
    return true;
  }

  /** Behind the root element: nothing but comments. False, as nothing is there for the consumer. */
  protected epilogue(): boolean {
    for (;;) {
      let i = this.at;
      while (this.bytes[i] !== 0 && (this.bytes[i] as number) <= space) i++;
      this.at = i;
      if (i === this.end) return false;
      this.at = this.readTag(this.markup(i, false));
      if (this.tag !== 'other') throw this.unreadable('is no well-formed XML');
    }
  }

  protected isStartOf(name: string): boolean {
    return this.tag === 'start' && this.isNamed(name);
  }

  protected isEndOf(name: string): boolean {
    return this.tag === 'end' && this.isNamed(name);
  }

  /** From behind a start tag to behind its end tag. */
  protected skipElement(from: number): number {
    let i = from;
    for (let depth = 1; depth > 0; ) {
      i = this.readTag(this.markup(i, true));
      if (this.tag === 'start') depth++;
      else if (this.tag === 'end') depth--;
    }
    return i;
  }

  /**
   * The next attribute of a start tag: its name stands from `nameStart` to `nameEnd` with its prefix, its value from
   * `valueStart` to `valueEnd` as it is written. Gives the position behind it; at the `>` or `/` of the tag's end when
   * there is none, with `nameStart` = `nameEnd`.
   */
  protected readAttribute(from: number): number {
    const { bytes } = this;
    let i = from;
    let byte = bytes[i] as number;
    while (byte <= space && byte !== 0) byte = bytes[++i] as number;
    this.nameStart = i;
    while (byte > space && byte !== equalsSign && byte !== greaterThan && byte !== slash && byte !== lessThan)
      byte = bytes[++i] as number;
    this.nameEnd = i;
    if (i === this.nameStart) {
      if (byte !== greaterThan && byte !== slash) this.unexpected(i);
      return i;
    }
    while (byte <= space && byte !== 0) byte = bytes[++i] as number;
    if (byte !== equalsSign) this.unexpected(i);
    do byte = bytes[++i] as number;
    while (byte <= space && byte !== 0);
    if (byte !== 34 && byte !== 39) this.unexpected(i);
    const quote = byte;
    this.valueStart = ++i;
    for (byte = bytes[i] as number; byte !== quote; byte = bytes[++i] as number)
      if (byte === 0 || byte === lessThan) this.unexpected(i);
    this.valueEnd = i;
    return i + 1;
  }

  /**
   * Text from behind a start tag to its end tag, comments and CDATA sections within. Leaves where it stands and its classes
   * in `valueStart`, `valueEnd` and `valueClass`; gives the position behind the end tag.
   */
  protected readText(from: number, element: string): number {
    const { bytes } = this;
    this.valueStart = from;
    let classes = 0;
    for (let i = from; ; ) {
      let each = textClasses[bytes[i] as number] as number;
      while ((each & textClass.stop) === 0) {
        classes |= each;
        each = textClasses[bytes[++i] as number] as number;
      }
      if (bytes[i] === 0) this.unexpected(i);
      const behind = this.readTag(i);
      if (this.tag === 'other') classes |= textClass.coded;
      else if (this.isEndOf(element)) {
        this.valueEnd = i;
        this.valueClass = classes;
        return behind;
      } else throw this.unreadable(`has an element <${element}> with more than text in it`);
      i = behind;
    }
  }

  /**
   * Rich text from behind a start tag (`is`, `si`) to behind its end tag: the texts of its runs, phonetic hints left out. The
   * result is written over the markup, as what it stands for is never longer than the markup: this can be done once only.
   * With `inPlace` false it only looks for the end.
   */
  protected readRichText(from: number, element: string, inPlace: boolean): number {
    let to = from;
    for (let i = from; ; ) {
      const at = this.markup(i, false);
      i = this.readTag(at);
      if (this.tag === 'end') {
        if (this.isNamed(element)) {
          this.valueStart = from;
          this.valueEnd = to;
          return i;
        }
        if (!this.isNamed('r')) throw this.unreadable('is no well-formed XML');
      } else if (this.tag === 'start') {
        if (this.isNamed('t')) {
          i = this.readText(i, 't');
          if (inPlace) {
            const end =
              (this.valueClass & textClass.coded) === 0
                ? this.valueEnd
                : decodeText(this.bytes, this.valueStart, this.valueEnd, this.part);
            this.bytes.copyWithin(to, this.valueStart, end);
            to += end - this.valueStart;
          }
        } else if (!this.isNamed('r')) i = this.skipElement(i);
      }
    }
  }
}

function startsWith(bytes: Buffer, hex: string): boolean {
  return bytes.subarray(0, hex.length / 2).toString('hex') === hex;
}

/** By the byte order mark, or by a first `<` without one; undefined for UTF-8 (XML 1.0, appendix F). */
function decoderOf(start: Buffer): ((piece: Uint8Array | undefined) => Uint8Array) | undefined {
  let encoding: string;
  if (startsWith(start, 'fffe') || startsWith(start, '3c00')) encoding = 'utf-16le';
  else if (startsWith(start, 'feff') || startsWith(start, '003c')) encoding = 'utf-16be';
  else return undefined;
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (piece) => {
    try {
      return Buffer.from(decoder.decode(piece, { stream: piece !== undefined }));
    } catch (error) {
      throw new LabError('WorkbookUnreadable', 'a part is not UTF-16', { cause: error });
    }
  };
}
