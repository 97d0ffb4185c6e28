import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../domain/errors.ts';

export interface BufferOptions<T> {
  /** Bytes that are kept in memory; what is more goes to the disk. */
  memoryBytes: number;
  /** A directory for the file; made if it is not there. */
  directory: string;
  /** About how much memory an item takes. */
  bytesOf: (item: T) => number;
  /** An item as one line, and back. */
  write: (item: T) => string;
  read: (line: string) => T;
}

/** Bytes that are written, and read, in one go, at most. */
const largestChunk = 256 * 1024;

/**
 * A queue, first in, first out, that never drops: what does not fit into memory waits in a file. The file has no name while
 * it is used (it is unlinked once it is open), so that it is gone with the process, crash included: what it held is
 * fetched from the provider's history by whoever comes next. Files are written and read synchronously, a quarter of a
 * megabyte at a time: order needs no lock then, and a disk takes that in well under a millisecond.
 */
export class SpillBuffer<T> {
  readonly #options: BufferOptions<T>;
  readonly #chunk: number;
  #head: T[] = [];
  #next = 0;
  #headBytes = 0;
  /** Lines that are not in the file yet: they come after those that are. */
  #tail: string[] = [];
  #tailBytes = 0;
  #file: number | undefined;
  #readAt = 0;
  #writeAt = 0;
  #spilled = 0;
  /** The cut-off line at the end of the last chunk. */
  #rest = Buffer.alloc(0);

  constructor(options: BufferOptions<T>) {
    this.#options = options;
    this.#chunk = Math.max(1, Math.min(largestChunk, Math.floor(options.memoryBytes / 4)));
  }

  get length(): number {
    return this.#head.length - this.#next + this.#spilled;
  }

  /** Bytes in memory and on the disk. */
  get bytes(): number {
    return this.#headBytes + this.#tailBytes + this.spilledBytes;
  }

  get spilledBytes(): number {
    return this.#writeAt - this.#readAt + this.#rest.length;
  }

  /**
   * @throws SpillFailed when the disk takes no more: then this item is not in the queue, and all before it are
   */
  push(item: T): void {
    const { bytesOf, memoryBytes, write } = this.#options;
    const bytes = bytesOf(item);
    if (this.#spilled === 0 && this.#headBytes + bytes <= memoryBytes) {
      this.#head.push(item);
      this.#headBytes += bytes;
      return;
    }
    const line = `${write(item)}\n`;
    const lineBytes = Buffer.byteLength(line);
    if (this.#tailBytes + lineBytes > this.#chunk) this.#writeTail();
    this.#tail.push(line);
    this.#tailBytes += lineBytes;
    this.#spilled += 1;
  }

  shift(): T | undefined {
    if (this.#next === this.#head.length && this.#spilled > 0) this.#refill();
    const item = this.#head[this.#next];
    if (item === undefined) return undefined;
    this.#next += 1;
    this.#headBytes -= this.#options.bytesOf(item);
    if (this.#next === this.#head.length) this.#setHead([]);
    else if (this.#next >= 4096) this.#setHead(this.#head.slice(this.#next), this.#headBytes);
    return item;
  }

  /** Forgets everything, and gives the file back. */
  clear(): void {
    this.#setHead([]);
    this.#tail = [];
    this.#tailBytes = 0;
    this.#spilled = 0;
    this.#rest = Buffer.alloc(0);
    this.#readAt = 0;
    this.#writeAt = 0;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #setHead(head: T[], bytes = 0): void {
    this.#head = head;
    this.#next = 0;
    this.#headBytes = bytes;
  }

  #writeTail(): void {
    if (this.#tail.length === 0) return;
    const bytes = Buffer.from(this.#tail.join(''));
    try {
      this.#file ??= this.#open();
      // A part that was written before an error is written over by the next attempt.
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file, bytes, done, bytes.length - done, this.#writeAt + done);
    } catch (error) {
      throw new LabError('SpillFailed', `${this.#options.directory}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    this.#writeAt += bytes.length;
    this.#tail = [];
    this.#tailBytes = 0;
  }

  #open(): number {
    const { directory } = this.#options;
    mkdirSync(directory, { recursive: true });
    const file = path.join(directory, `spill-${process.pid}-${process.hrtime.bigint()}`);
    const descriptor = openSync(file, 'wx+', 0o600);
    unlinkSync(file);
    return descriptor;
  }

  /** Takes the oldest of what was spilled into memory; the head is empty. */
  #refill(): void {
    const lines: string[] = [];
    while (lines.length === 0 && this.#file !== undefined && this.#readAt < this.#writeAt) {
      const bytes = Buffer.allocUnsafe(Math.min(this.#chunk, this.#writeAt - this.#readAt));
      const count = readSync(this.#file, bytes, 0, bytes.length, this.#readAt);
      if (count === 0)
        throw new LabError('SpillFailed', `${this.#options.directory}: the file was cut short`);
      this.#readAt += count;
      const read = Buffer.concat([this.#rest, bytes.subarray(0, count)]);
      const end = read.lastIndexOf(0x0a);
      this.#rest = Buffer.from(read.subarray(end + 1));
      if (end >= 0) lines.push(...read.toString('utf8', 0, end).split('\n'));
    }
    if (lines.length === 0) {
      for (const line of this.#tail) lines.push(line.slice(0, -1));
      this.#tail = [];
      this.#tailBytes = 0;
    }
    if (this.#readAt === this.#writeAt && this.#file !== undefined) {
      ftruncateSync(this.#file);
      this.#readAt = 0;
      this.#writeAt = 0;
    }
    this.#spilled -= lines.length;
    const items = lines.map(this.#options.read);
    this.#setHead(
      items,
      items.reduce((sum, item) => sum + this.#options.bytesOf(item), 0),
    );
  }
}
