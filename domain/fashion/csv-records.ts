/**
 * Counts the records of a CSV as RFC 4180 has them, pieces of any size: a line feed within quotes ends none. The last
 * record may lack its line feed.
 */
export class CsvRecordCounter {
  private count = 0;
  private quoted = false;
  private open = false;

  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x22) this.quoted = !this.quoted; // an escaped quote is two of them, and turns twice
      if (byte === 0x0a && !this.quoted) {
        this.count += 1;
        this.open = false;
      } else {
        this.open = true;
      }
    }
  }

  /** The header counts too. */
  records(): number {
    return this.count + (this.open ? 1 : 0);
  }
}
