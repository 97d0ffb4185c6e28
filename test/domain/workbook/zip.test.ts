import { strToU8, zipSync } from 'fflate';
import { bytesSource, inflated, zipDirectory } from '../../../domain/workbook/zip.ts';

const text = 'inventory '.repeat(1000);
const archive = zipSync({ 'a.xml': strToU8(text), 'b.xml': [strToU8(text), { level: 0 }] });
const unreadable = expect.objectContaining({ code: 'WorkbookUnreadable' });

async function contentOf(bytes: Uint8Array, name: string): Promise<string> {
  const source = bytesSource(bytes);
  const entry = (await zipDirectory(source)).get(name);
  if (!entry) throw new Error(`no ${name}`);
  const pieces: Buffer[] = [];
  for await (const piece of inflated(source, entry)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

/** Offset of the nth central directory entry. */
function directoryEntry(bytes: Uint8Array, n: number): number {
  let at = -1;
  for (let i = 0; i <= n; i++) at = Buffer.from(bytes).indexOf(Buffer.from('PK\x01\x02', 'latin1'), at + 1);
  return at;
}

function changed(change: (bytes: Buffer) => void): Uint8Array {
  const copy = Buffer.from(archive);
  change(copy);
  return new Uint8Array(copy);
}

describe('a part of the archive', () => {
  it('inflates, or is stored', async () => {
    expect(await contentOf(archive, 'a.xml')).toBe(text);
    expect(await contentOf(archive, 'b.xml')).toBe(text);
  });

  it('is found by the directory alone: its local header may leave lengths and checksum to a data descriptor', async () => {
    const described = changed((bytes) => {
      bytes.writeUInt16LE(8, 6);
      bytes.fill(0, 14, 26);
    });
    expect(await contentOf(described, 'a.xml')).toBe(text);
  });

  it('is found in an archive with a comment', async () => {
    const comment = Buffer.from('made by hand, PK');
    const commented = Buffer.concat([archive, comment]);
    commented.writeUInt16LE(comment.length, archive.length - 2);
    expect(await contentOf(new Uint8Array(commented), 'a.xml')).toBe(text);
  });

  it.each<[string, (bytes: Buffer) => void]>([
    ['has another checksum', (bytes) => bytes.writeUInt32LE(1, directoryEntry(bytes, 0) + 16)],
    [
      'inflates to more than the directory says',
      (bytes) => bytes.writeUInt32LE(100, directoryEntry(bytes, 0) + 24),
    ],
    ['inflates to less', (bytes) => bytes.writeUInt32LE(1_000_000, directoryEntry(bytes, 0) + 24)],
    ['is compressed in another way', (bytes) => bytes.writeUInt16LE(12, directoryEntry(bytes, 0) + 10)],
    ['overlaps another', (bytes) => bytes.writeUInt32LE(4, directoryEntry(bytes, 1) + 42)],
    ['lies beyond the end', (bytes) => bytes.writeUInt32LE(1_000_000, directoryEntry(bytes, 1) + 42)],
    ['is no deflate stream', (bytes) => bytes.fill(0xff, 40, 60)],
  ])('that %s is refused', async (_what, change) => {
    await expect(contentOf(changed(change), 'a.xml')).rejects.toEqual(unreadable);
  });

  it('that is encrypted is refused as such', async () => {
    const encrypted = changed((bytes) => bytes.writeUInt16LE(1, directoryEntry(bytes, 0) + 8));
    await expect(contentOf(encrypted, 'a.xml')).rejects.toEqual(
      expect.objectContaining({ code: 'WorkbookEncrypted' }),
    );
  });

  it('is not inflated further than it is read', async () => {
    const source = bytesSource(zipSync({ 'bomb.xml': new Uint8Array(50_000_000) }));
    const entry = [...(await zipDirectory(source)).values()][0];
    if (!entry) throw new Error('no entry');
    let seen = 0;
    for await (const piece of inflated(source, entry)) {
      seen += piece.length;
      break;
    }
    expect(seen).toBeLessThan(1_000_000);
  });
});

it('an archive with sizes of 64 bits reads the same', async () => {
  const body = strToU8(text);
  const stored = zipSync({ 'b.xml': [body, { level: 0 }] });
  const start = directoryEntry(stored, 0);
  const entry = Buffer.from(stored.subarray(start, start + 46 + 5));
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(body.length), 4);
  extra.writeBigUInt64LE(BigInt(body.length), 12);
  entry.writeUInt32LE(0xffffffff, 20);
  entry.writeUInt32LE(0xffffffff, 24);
  entry.writeUInt32LE(0xffffffff, 42);
  entry.writeUInt16LE(extra.length, 30);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(1n, 32);
  record.writeBigUInt64LE(BigInt(entry.length + extra.length), 40);
  record.writeBigUInt64LE(BigInt(start), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(start + entry.length + extra.length), 8);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(0xffff, 10);
  end.writeUInt32LE(0xffffffff, 12);
  end.writeUInt32LE(0xffffffff, 16);
  const large = Buffer.concat([stored.subarray(0, start), entry, extra, record, locator, end]);
  expect(await contentOf(new Uint8Array(large), 'b.xml')).toBe(text);
});
