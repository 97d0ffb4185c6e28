/**
 * Sets the times inside of a zip file, so that the same content is the same bytes whenever it is made.
 *
 * Layout: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end); without
 * ZIP64, which a file under 4 GB does not need.
 */

const endOfDirectory = 0x0605_4b50;
const directoryEntry = 0x0201_4b50;
const localHeader = 0x0403_4b50;
const endLength = 22;

export interface ZipTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
}

/**
 * Gives every entry this time, in place. MS-DOS times are local, from 1980 on.
 *
 * @throws an Error when the bytes are no zip file
 */
export function setZipTimes(zip: Uint8Array, time: ZipTime): void {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const expect = (offset: number, signature: number): void => {
    if (view.getUint32(offset, true) !== signature) throw new Error(`no zip record at ${offset}`);
  };
  const clock = (time.hour << 11) | (time.minute << 5);
  const day = ((time.year - 1980) << 9) | (time.month << 5) | time.day;
  const stamp = (offset: number): void => {
    view.setUint16(offset, clock, true);
    view.setUint16(offset + 2, day, true);
  };

  // Ours have no comment, so the end of the directory is the end of the file.
  const end = zip.byteLength - endLength;
  expect(end, endOfDirectory);
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    expect(entry, directoryEntry);
    stamp(entry + 12);
    const header = view.getUint32(entry + 42, true);
    expect(header, localHeader);
    stamp(header + 10);
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(entry + field, true));
    entry += 46 + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
}
