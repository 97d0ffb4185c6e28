import { nanoseconds, nanosecondsPerSecond } from './instant.ts';
import { symbols } from './symbols.ts';
import type { Tick } from './tick.ts';
import { farthestAhead } from './tick-record.ts';
import { tradingDayOfHour } from './trading-day.ts';

/**
 * Reads a trade's record as the feed writes it, byte by byte, without the text and the objects that JSON.parse would make.
 * What it reads is what `readTickRecord` reads. Whatever is unusual, valid or not, it leaves to that one: another order of
 * the feed's members, white space, escapes, exponents, a trade that is refused.
 *
 * @returns undefined for what it leaves
 */
export function scanTick(data: Uint8Array): Tick | undefined {
  let at = after(data, 0, beforeToken);
  if (at < 0) return undefined;
  at = whole(data, at);
  const token = value;
  at = after(data, at, beforeReceived);
  // The highest that a BIGINT holds begins with a 9, and shorter ones were before 2001.
  if (at < 0 || data[at] === digit0 || data[at] === digit0 + 9) return undefined;
  at = digits(data, at, 10);
  const receivedSeconds = value;
  at = digits(data, at, 9);
  const receivedNanoseconds = value;
  at = after(data, at, beforeSource);
  if (at < 0) return undefined;
  const isStream = data[at] === letterS;
  at = after(data, at, isStream ? streamThenTrade : historyThenTrade);
  if (at < 0) return undefined;

  let symbol: string | undefined;
  let venue = '';
  let id = 0;
  let price = 0;
  let size = 0;
  let seconds = 0;
  let nanosecondsOfSecond = 0;
  let found = 0;
  for (;;) {
    if (data[at] !== quote || data[at + 2] !== quote || data[at + 3] !== colon) return undefined;
    const name = data[at + 1] as number;
    at += 4;
    let bit = 0;
    switch (name) {
      case 0x54: // T
        if (data[at] !== quote || data[at + 1] !== letterT || data[at + 2] !== quote) return undefined;
        at += 3;
        break;
      case 0x53: // S
        at = knownSymbol(data, at);
        symbol = symbolRead;
        bit = 1;
        break;
      case 0x78: // x
        venue = letter(data[at + 1] as number);
        if (venue === '' || data[at] !== quote || data[at + 2] !== quote) return undefined;
        at += 3;
        bit = 2;
        break;
      case 0x69: // i
        at = whole(data, at);
        id = value;
        bit = 4;
        break;
      case 0x70: // p
        at = decimal(data, at);
        price = value;
        bit = 8;
        break;
      case 0x73: // s
        at = decimal(data, at);
        size = value;
        bit = 16;
        break;
      case 0x74: // t
        at = time(data, at);
        seconds = secondsRead;
        nanosecondsOfSecond = value;
        bit = 32;
        break;
      case 0x63: // c
        at = strings(data, at);
        break;
      case 0x7a: // z
        at = string(data, at);
        break;
      default:
        return undefined;
    }
    if (at < 0) return undefined;
    // A member that is there twice counts as the last one does, as in JSON.parse.
    found |= bit;
    const next = data[at++];
    if (next === comma) continue;
    if (next !== closeBrace) return undefined;
    break;
  }
  if (data[at] !== closeBrace || at + 1 !== data.length || (found & 63) !== 63) return undefined;
  if (symbol === undefined || price === 0 || seconds - receivedSeconds >= secondsAhead) return undefined;
  return {
    symbol,
    venue,
    tradingDay: tradingDayOfHour(Math.floor(seconds / 3600)),
    id,
    price,
    size,
    seconds,
    nanoseconds: nanosecondsOfSecond,
    token,
    source: isStream ? 'stream' : 'history',
    receivedSeconds,
    receivedNanoseconds,
  };
}

const digit0 = 0x30;
const quote = 0x22;
const comma = 0x2c;
const point = 0x2e;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const letterS = 0x73;
const letterT = 0x74;
const letterZ = 0x5a;
const closeBrace = 0x7d;

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
const beforeToken = bytesOf('{"feed":{"token":');
const beforeReceived = bytesOf(',"received":"');
const beforeSource = bytesOf('","source":"');
const streamThenTrade = bytesOf('stream"},"trade":{');
const historyThenTrade = bytesOf('history"},"trade":{');

/** From so many on, the nanoseconds decide, which is left to `readTickRecord`. */
const secondsAhead = Number(farthestAhead / nanosecondsPerSecond);

/*
 * Each of the following takes the place where it begins and gives the place where it ended, -1 for what is not to be read
 * here, also when it was called with -1; what it read is in these.
 */
let value = 0;
let secondsRead = 0;
let symbolRead: string | undefined;

/** Of exactly these bytes. */
function after(data: Uint8Array, from: number, bytes: Uint8Array): number {
  if (from < 0) return -1;
  for (let i = 0; i < bytes.length; i++) if (data[from + i] !== bytes[i]) return -1;
  return from + bytes.length;
}

/** That many digits. */
function digits(data: Uint8Array, from: number, count: number): number {
  if (from < 0) return -1;
  let read = 0;
  for (let at = from; at < from + count; at++) {
    const digit = (data[at] as number) - digit0;
    if (!(digit >= 0 && digit <= 9)) return -1;
    read = read * 10 + digit;
  }
  value = read;
  return from + count;
}

/** A whole number of at most 15 digits, so that it is exact. */
function whole(data: Uint8Array, from: number): number {
  let at = from;
  let read = 0;
  for (let digit = (data[at] as number) - digit0; digit >= 0 && digit <= 9; ) {
    read = read * 10 + digit;
    digit = (data[++at] as number) - digit0;
  }
  const length = at - from;
  if (length === 0 || length > 15 || (length > 1 && data[from] === digit0)) return -1;
  value = read;
  return at;
}

const powersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6] as const;

/**
 * At most nine digits, and six after a point. So few are the same number here and in JSON.parse, since one exact number is
 * divided by another, and rounding to six digits changes nothing.
 */
function decimal(data: Uint8Array, from: number): number {
  let at = whole(data, from);
  if (at < 0 || at - from > 9) return -1;
  if (data[at] !== point) return at;
  let read = value;
  const first = at + 1;
  at = first;
  for (let digit = (data[at] as number) - digit0; digit >= 0 && digit <= 9; ) {
    read = read * 10 + digit;
    digit = (data[++at] as number) - digit0;
  }
  const places = at - first;
  if (places === 0 || places > 6) return -1;
  value = read / (powersOfTen[places] as number);
  return at;
}

/** The symbols that we know by their letters, as a number of base 27. */
const symbolByLetters = new Map(
  symbols
    .filter((symbol) => /^[A-Z]{1,6}$/.test(symbol))
    .map((symbol) => [[...symbol].reduce((sum, each) => sum * 27 + each.charCodeAt(0) - 64, 0), symbol]),
);

function knownSymbol(data: Uint8Array, from: number): number {
  if (data[from] !== quote) return -1;
  let at = from + 1;
  let letters = 0;
  for (let each = (data[at] as number) - 64; each >= 1 && each <= 26 && at - from <= 6; ) {
    letters = letters * 27 + each;
    each = (data[++at] as number) - 64;
  }
  if (data[at] !== quote) return -1;
  symbolRead = symbolByLetters.get(letters);
  return at + 1;
}

/** One of each byte, so that none is made for a tick; empty where the byte is no letter or digit. */
const letters = Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte);
  return /[A-Za-z0-9]/.test(text) ? text : '';
});
const letter = (byte: number): string => letters[byte] ?? '';

/** Of the time that was read last, `2026-11-20T15:00:00`: most ticks are of the same second as the one before. */
const secondText = new Uint8Array(19);
let secondsOfText = -1;

/** Nine digits after the point at most, which become nanoseconds. */
function time(data: Uint8Array, from: number): number {
  if (data[from] !== quote) return -1;
  const first = from + 1;
  for (let i = 0; i < 19; i++) {
    if (data[first + i] === secondText[i]) continue;
    if (!readSecond(data.subarray(first, first + 19))) return -1;
    break;
  }
  let at = first + 19;
  let read = 0;
  if (data[at] === point) {
    const begin = ++at;
    for (let digit = (data[at] as number) - digit0; digit >= 0 && digit <= 9; ) {
      read = read * 10 + digit;
      digit = (data[++at] as number) - digit0;
    }
    const places = at - begin;
    if (places === 0 || places > 9) return -1;
    for (let i = places; i < 9; i++) read *= 10;
  }
  if (data[at] !== letterZ || data[at + 1] !== quote) return -1;
  secondsRead = secondsOfText;
  value = read;
  return at + 2;
}

function readSecond(text: Uint8Array): boolean {
  try {
    secondsOfText = Number(nanoseconds(`${Buffer.from(text).toString('latin1')}Z`) / nanosecondsPerSecond);
  } catch {
    return false;
  }
  secondText.set(text);
  return true;
}

/** Nothing that would be escaped, in ASCII. */
function string(data: Uint8Array, from: number): number {
  if (data[from] !== quote) return -1;
  for (let at = from + 1; ; at++) {
    const byte = data[at];
    if (byte === quote) return at + 1;
    if (byte === undefined || byte < 0x20 || byte >= 0x7f || byte === backslash) return -1;
  }
}

function strings(data: Uint8Array, from: number): number {
  if (data[from] !== openBracket) return -1;
  let at = from + 1;
  if (data[at] === closeBracket) return at + 1;
  for (;;) {
    at = string(data, at);
    if (at < 0) return -1;
    const next = data[at++];
    if (next === closeBracket) return at;
    if (next !== comma) return -1;
  }
}
