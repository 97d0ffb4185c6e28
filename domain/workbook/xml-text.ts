import { LabError } from '../errors.ts';

/**
 * What a text of a workbook stands for, written over it: XML's entities, CDATA sections and line ends (XML 1.0, 2.7, 2.11,
 * 4.1, 4.6), comments left out, then the `_xHHHH_` of ECMA-376 Part 1, 22.9.2.19 (ST_Xstring), where `_x005F_` is the
 * underscore that would begin one. Gives the new end. Half a surrogate pair, which only `_xHHHH_` can write, becomes the
 * three bytes that UTF-8 would have for it.
 */
export function decodeText(bytes: Buffer, start: number, end: number, part: string): number {
  return unescaped(bytes, start, unmarked(bytes, start, end, part));
}

/** The five names that XML has without a document type. */
const references = [
  { name: Buffer.from('amp'), code: 0x26 },
  { name: Buffer.from('lt'), code: 0x3c },
  { name: Buffer.from('gt'), code: 0x3e },
  { name: Buffer.from('quot'), code: 0x22 },
  { name: Buffer.from('apos'), code: 0x27 },
];

const numberSign = 35;

function unmarked(bytes: Buffer, start: number, end: number, part: string): number {
  let to = start;
  let cdataEnd = -1;
  for (let i = start; i < end; ) {
    const byte = bytes[i] as number;
    if (i === cdataEnd) i += 3;
    else if (byte === 13) {
      bytes[to++] = 10;
      i += bytes[i + 1] === 10 && i + 1 < end ? 2 : 1;
    } else if (i < cdataEnd || (byte !== 38 && byte !== 60)) {
      bytes[to++] = byte;
      i++;
    } else if (byte === 38) {
      const semicolon = bytes.indexOf(59, i);
      const code = semicolon > i && semicolon < end ? characterOf(bytes, i + 1, semicolon) : undefined;
      if (code === undefined) {
        const text = bytes.toString('utf8', i, Math.min(end, i + 20));
        throw new LabError('WorkbookUnreadable', `${part} has a reference to no character: ${text}`);
      }
      to = putCharacter(bytes, to, code);
      i = semicolon + 1;
    } else if (bytes[i + 1] === 63) i = bytes.indexOf('?>', i + 2) + 2;
    else if (bytes[i + 2] === 45) i = bytes.indexOf('-->', i + 4) + 3;
    else {
      cdataEnd = bytes.indexOf(']]>', i + 9);
      i += 9;
    }
  }
  return to;
}

/** XML allows no NUL, and no half of a surrogate pair. */
function characterOf(bytes: Buffer, start: number, end: number): number | undefined {
  if (bytes[start] !== numberSign) {
    for (let i = 0; i < references.length; i++) {
      const { name, code } = references[i] as { name: Buffer; code: number };
      let k = 0;
      while (k < name.length && bytes[start + k] === name[k]) k++;
      if (k === name.length && start + k === end) return code;
    }
    return undefined;
  }
  const numeric = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(bytes.toString('latin1', start, end));
  if (!numeric) return undefined;
  const code = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? code : undefined;
}

function unescaped(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && !(bytes[i] === 95 && bytes[i + 1] === 120)) i++;
  let to = i;
  while (i < end) {
    let code = escapeAt(bytes, i, end);
    if (code === -1) {
      bytes[to++] = bytes[i++] as number;
      continue;
    }
    i += 7;
    if (code >= 0xd800 && code < 0xdc00) {
      const low = escapeAt(bytes, i, end);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
        i += 7;
      }
    }
    to = putCharacter(bytes, to, code);
  }
  return to;
}

/** The UTF-16 unit that `_xHHHH_` names, -1 if there is none. */
function escapeAt(bytes: Buffer, at: number, end: number): number {
  if (at + 7 > end || bytes[at] !== 95 || bytes[at + 1] !== 120 || bytes[at + 6] !== 95) return -1;
  let code = 0;
  for (let k = at + 2; k < at + 6; k++) {
    const digit = hexDigit(bytes[k] as number);
    if (digit === -1) return -1;
    code = code * 16 + digit;
  }
  return code;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function putCharacter(bytes: Buffer, at: number, code: number): number {
  let to = at;
  if (code < 0x80) bytes[to++] = code;
  else if (code < 0x800) {
    bytes[to++] = 0xc0 | (code >> 6);
    bytes[to++] = 0x80 | (code & 0x3f);
  } else {
    if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12);
    else {
      bytes[to++] = 0xf0 | (code >> 18);
      bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[to++] = 0x80 | (code & 0x3f);
  }
  return to;
}

/** The text of these bytes, half surrogate pairs included. */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\ufffd') ? withHalves(bytes, start, end) : text;
}

/** UTF-8 has ED A0..BF for no character: only `_xHHHH_` made these. */
function withHalves(bytes: Buffer, start: number, end: number): string {
  let text = '';
  let done = start;
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0xed || (bytes[i + 1] as number) < 0xa0) continue;
    const unit = 0xd000 | (((bytes[i + 1] as number) & 0x3f) << 6) | ((bytes[i + 2] as number) & 0x3f);
    text += bytes.toString('utf8', done, i) + String.fromCharCode(unit);
    done = i + 3;
  }
  return text + bytes.toString('utf8', done, end);
}

/** Whether a text that was decoded holds what is no UTF-8 for Redshift: a NUL, or half a surrogate pair. */
export function isForbidden(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++)
    if (bytes[i] === 0 || (bytes[i] === 0xed && (bytes[i + 1] as number) >= 0xa0)) return true;
  return false;
}

/** UTF-16 units of valid UTF-8. */
export function characters(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if ((byte & 0xc0) !== 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}
