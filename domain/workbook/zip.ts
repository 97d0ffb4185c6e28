import { Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { LabError } from '../errors.ts';

/** Where the archive's bytes come from: memory, or ranged reads of an object. */
export interface ByteSource {
  size: number;
  /** Exactly `length` bytes from `offset`; never asked beyond `size`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A file in the archive, as the central directory tells it. */
export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflated. */
  method: number;
  encrypted: boolean;
  crc32: number;
  compressedBytes: number;
  inflatedBytes: number;
  /** Offset of the local header. */
  offset: number;
}

const unreadable = (why: string, cause?: unknown) => new LabError('WorkbookUnreadable', why, { cause });

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const end64LocatorSignature = 0x07064b50;
const directorySignature = 0x02014b50;
const localSignature = 0x04034b50;
const sentinel16 = 0xffff;
const sentinel32 = 0xffffffff;
/** A workbook has some dozens of parts; a directory above this is not one. */
const mostDirectoryBytes = 16 * 1024 * 1024;

/**
 * The central directory (PKWARE APPNOTE 4.3, ZIP64 included). Only the directory is believed, never the local headers, so
 * that files written front to back (with data descriptors) read the same. Entries that overlap are refused: honest writers
 * do not make them, zip bombs do.
 */
export async function zipDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const tailLength = Math.min(source.size, 22 + 20 + 65_535);
  const tail = viewOf(await source.read(source.size - tailLength, tailLength));
  let end = tailLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== endSignature) end--;
  if (end < 0) throw unreadable('it is not a zip archive, or the end of the file is missing');

  let entries = tail.getUint16(end + 10, true);
  let size = tail.getUint32(end + 12, true);
  let offset = tail.getUint32(end + 16, true);
  if (entries === sentinel16 || size === sentinel32 || offset === sentinel32) {
    if (end < 20 || tail.getUint32(end - 20, true) !== end64LocatorSignature)
      throw unreadable('its zip64 end is missing');
    const record = viewOf(await readWithin(source, number64(tail, end - 20 + 8), 56));
    if (record.getUint32(0, true) !== end64Signature) throw unreadable('its zip64 end is damaged');
    entries = number64(record, 32);
    size = number64(record, 40);
    offset = number64(record, 48);
  }
  if (size > mostDirectoryBytes) throw unreadable(`its directory has ${size} bytes`);
  const directory = parseDirectory(await readWithin(source, offset, size), entries);
  refuseOverlaps(directory, offset);
  return new Map(directory.map((entry) => [entry.name, entry]));
}

function parseDirectory(bytes: Uint8Array, entries: number): ZipEntry[] {
  const view = viewOf(bytes);
  const found: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < entries; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== directorySignature)
      throw unreadable('its directory is damaged');
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) throw unreadable('its directory is damaged');
    const [inflatedBytes = 0, compressedBytes = 0, offset = 0] = withZip64(
      [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
      view,
      at + 46 + nameLength,
      extraLength,
    );
    found.push({
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)),
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc32: view.getUint32(at + 16, true),
      compressedBytes,
      inflatedBytes,
      offset,
    });
    at = next;
  }
  return found;
}

/** The 64-bit values stand in the extra field 0x0001, in this order, for those that are all ones in the entry. */
function withZip64(values: number[], view: DataView, start: number, length: number): number[] {
  if (!values.includes(sentinel32)) return values;
  for (let at = start; at + 4 <= start + length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const end = Math.min(at + 4 + view.getUint16(at + 2, true), start + length);
    let field = at + 4;
    return values.map((value) => {
      if (value !== sentinel32) return value;
      if (field + 8 > end) throw unreadable('its directory is damaged');
      field += 8;
      return number64(view, field - 8);
    });
  }
  throw unreadable('its directory is damaged');
}

function refuseOverlaps(entries: readonly ZipEntry[], directoryOffset: number): void {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  sorted.forEach((entry, i) => {
    const next = sorted[i + 1]?.offset ?? directoryOffset;
    if (entry.offset + 30 + entry.compressedBytes > next)
      throw unreadable(`its parts overlap at ${entry.name}`);
  });
}

const pieceBytes = 1024 * 1024;

/** The part's bytes, inflated, in pieces. Ends with WorkbookUnreadable when length or checksum differ from the directory's. */
export async function* inflated(
  source: ByteSource,
  entry: ZipEntry,
): AsyncGenerator<Buffer, void, undefined> {
  if (entry.encrypted) throw new LabError('WorkbookEncrypted', entry.name);
  if (entry.method !== 0 && entry.method !== 8)
    throw unreadable(`${entry.name} is compressed by method ${entry.method}`);
  let checksum = 0;
  let bytes = 0;
  try {
    for await (const piece of entry.method === 8
      ? inflate(compressed(source, entry))
      : compressed(source, entry)) {
      bytes += piece.length;
      if (bytes > entry.inflatedBytes) break;
      checksum = crc32(piece, checksum);
      yield piece;
    }
  } catch (error) {
    if (error instanceof LabError || !isZlibError(error)) throw error;
    throw unreadable(`${entry.name} is damaged`, error);
  }
  if (bytes !== entry.inflatedBytes || checksum !== entry.crc32) throw unreadable(`${entry.name} is damaged`);
}

/** Back-pressure holds: a piece is read only when the one before has been taken. */
async function* inflate(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const input = Readable.from(pieces, { objectMode: false, highWaterMark: pieceBytes });
  const inflater = createInflateRaw({ chunkSize: 256 * 1024 });
  input.on('error', (error) => inflater.destroy(error));
  input.pipe(inflater);
  try {
    yield* inflater;
  } finally {
    input.destroy();
    inflater.destroy();
  }
}

async function* compressed(source: ByteSource, entry: ZipEntry): AsyncGenerator<Buffer, void, undefined> {
  const header = viewOf(await readWithin(source, entry.offset, 30));
  if (header.getUint32(0, true) !== localSignature) throw unreadable(`${entry.name} is damaged`);
  const start = entry.offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const end = start + entry.compressedBytes;
  for (let at = start; at < end; at += pieceBytes) {
    const piece = await readWithin(source, at, Math.min(pieceBytes, end - at));
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  }
}

/** The source's own errors are not the file's fault and pass as they are. */
function isZlibError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && /^Z_/.test(String(error.code));
}

async function readWithin(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  if (offset + length > source.size) throw unreadable('a part of the file is missing');
  return source.read(offset, length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw unreadable('its directory is damaged');
  return Number(value);
}
