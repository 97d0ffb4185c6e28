import { createHash, type Hash } from 'node:crypto';

/** One of the two files that were compared. */
export interface ComparedFile {
  /** Of all its bytes. */
  sha256: string;
  bytes: number;
  lines: number;
}

/** A line that is not the same in both, as JSON text (so that a carriage return shows); undefined past the file's end. */
export interface LineDifference {
  /** From 1. Lines end with a line feed, inside a quoted field as well. */
  line: number;
  archived: string | undefined;
  replayed: string | undefined;
}

export interface CsvComparison {
  archived: ComparedFile;
  replayed: ComparedFile;
  identical: boolean;
  /** The first of them. */
  differences: LineDifference[];
}

const mostDifferences = 5;
/** Characters of a line that are shown. */
const window = 120;

/** Reads both once, side by side and line by line: memory holds two lines. */
export async function compareCsv(
  archived: AsyncIterable<Uint8Array>,
  replayed: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<CsvComparison> {
  const sides = [new Side(), new Side()] as const;
  const readers = [sides[0].lines(archived), sides[1].lines(replayed)] as const;
  const differences: LineDifference[] = [];
  try {
    for (let line = 1; ; line += 1) {
      signal?.throwIfAborted();
      const [left, right] = await Promise.all([readers[0].next(), readers[1].next()]);
      if (left.done && right.done) break;
      if (differences.length === mostDifferences) continue; // the hashes and counts need the rest
      const [a, b] = [left.done ? undefined : left.value, right.done ? undefined : right.value];
      if (!a || !b || !a.equals(b)) differences.push({ line, ...shown(a, b) });
    }
  } finally {
    // A stream that is not read to its end keeps its connection: let go of both.
    await Promise.allSettled(readers.map((reader) => reader.return(undefined)));
  }
  const [first, second] = [sides[0].file(), sides[1].file()];
  return { archived: first, replayed: second, identical: first.sha256 === second.sha256, differences };
}

class Side {
  private readonly hash: Hash = createHash('sha256');
  private bytes = 0;
  private count = 0;

  async *lines(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
    let begun: Buffer[] = [];
    for await (const part of content) {
      const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
      this.hash.update(chunk);
      this.bytes += chunk.length;
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        this.count += 1;
        yield Buffer.concat([...begun, chunk.subarray(from, end + 1)]);
        begun = [];
        from = end + 1;
      }
      if (from < chunk.length) begun.push(chunk.subarray(from));
    }
    if (begun.length === 0) return;
    this.count += 1;
    yield Buffer.concat(begun);
  }

  file(): ComparedFile {
    return { sha256: this.hash.digest('hex'), bytes: this.bytes, lines: this.count };
  }
}

/** Both lines from the same column on, a little before the first character in which they differ. */
function shown(archived: Buffer | undefined, replayed: Buffer | undefined): Omit<LineDifference, 'line'> {
  const [a, b] = [archived?.toString(), replayed?.toString()];
  let same = 0;
  if (a !== undefined && b !== undefined) while (same < a.length && a[same] === b[same]) same += 1;
  const from = Math.max(0, same - window / 2);
  const cut = (text: string | undefined) =>
    text === undefined
      ? undefined
      : `${from > 0 ? '…' : ''}${JSON.stringify(text.slice(from, from + window))}${text.length > from + window ? '…' : ''}`;
  return { archived: cut(a), replayed: cut(b) };
}
