/**
 * ASCII text written as bytes into one buffer that grows. Numbers are the text that `String` makes of them, which is most of
 * the time of a row when it is made number by number and put together.
 */
export class AsciiWriter {
  #bytes: Buffer;
  #end = 0;

  /** @param bytes about how many there will be */
  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes + mostBytes);
  }

  byte(byte: number): void {
    this.#bytes[this.#end++] = byte;
  }

  /** Leaves room for what bytes and numbers follow until the next text. */
  text(text: string): void {
    this.#room(text.length);
    const bytes = this.#bytes;
    let end = this.#end;
    for (let i = 0; i < text.length; i++) bytes[end++] = text.charCodeAt(i);
    this.#end = end;
  }

  /** A whole number of 0 to 2 ** 53. */
  whole(value: number): void {
    if (value < 1e9) this.#digits(value, lengthOf(value));
    else {
      const high = Math.floor(value / 1e9);
      this.#digits(high, lengthOf(high));
      this.#digits(value - high * 1e9, 9);
    }
  }

  /** Nanoseconds, given as seconds and those of the second, in one number without leading zeros. */
  instant(seconds: number, nanoseconds: number): void {
    if (seconds === 0) this.whole(nanoseconds);
    else {
      this.whole(seconds);
      this.#digits(nanoseconds, 9);
    }
  }

  /** As `String` has it after rounding half up to that many places after the point; nothing for null. */
  decimal(value: number | null, places: 6 | 9): void {
    if (value === null) return;
    const scale = places === 6 ? 1e6 : 1e9;
    const scaled = Math.round(value * scale);
    const size = Math.abs(scaled);
    // 15 digits are the shortest text of their number. Above is floating point's own, and below are exponents.
    if (!(size < 1e15) || (size < scale / 1e6 && size !== 0)) {
      this.text(String(Number.isSafeInteger(scaled) ? scaled / scale : value));
      return;
    }
    if (scaled < 0) this.byte(minus);
    const before = Math.floor(size / scale);
    this.#digits(before, lengthOf(before));
    let behind = size - before * scale;
    if (behind === 0) return;
    let length: number = places;
    for (let tenth = (behind / 10) | 0; tenth * 10 === behind; tenth = (behind / 10) | 0) {
      behind = tenth;
      length--;
    }
    this.byte(point);
    this.#digits(behind, length);
  }

  toString(): string {
    return this.#bytes.toString('latin1', 0, this.#end);
  }

  /** The last digits of a number below 2 ** 31, that many, from the last to the first. */
  #digits(value: number, length: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    const end = this.#end + length;
    for (let at = end - 1; at >= this.#end; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = zero + rest - tenth * 10;
      rest = tenth;
    }
    this.#end = end;
  }

  #room(more: number): void {
    if (this.#end + more + mostBytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * this.#bytes.length + more);
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** Of the bytes and the numbers between two texts. */
const mostBytes = 512;
const zero = 0x30;
const minus = 0x2d;
const point = 0x2e;

/** Digits of a whole number below 1e10. */
function lengthOf(value: number): number {
  if (value < 1e5) return value < 1e2 ? (value < 10 ? 1 : 2) : value < 1e3 ? 3 : value < 1e4 ? 4 : 5;
  if (value < 1e7) return value < 1e6 ? 6 : 7;
  return value < 1e8 ? 8 : value < 1e9 ? 9 : 10;
}
