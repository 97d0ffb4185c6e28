import fc from 'fast-check';
import { scanTick } from '../../../domain/stocks/scan-tick.ts';
import { symbols } from '../../../domain/stocks/symbols.ts';
import { type Tick, tickOf } from '../../../domain/stocks/tick.ts';
import { farthestAhead, readTickRecord, tickRecordText } from '../../../domain/stocks/tick-record.ts';
import { rfc3339 } from '../../../domain/stocks/trade.ts';
import { open } from './trades.ts';

/** What JSON.parse and the checks on objects make of it; undefined for what is no trade, or refused. */
function slowly(data: Uint8Array): Tick | undefined {
  try {
    const read = readTickRecord(data);
    return read.kind === 'trade' ? tickOf(read.trade, read.feed) : undefined;
  } catch {
    return undefined;
  }
}

/** Read as the other way reads it, or left to that one. */
function expectSame(text: string | Uint8Array): void {
  const data = Buffer.from(text as string);
  const tick = scanTick(data);
  if (tick) expect(tick).toEqual(slowly(data));
}

const ns = fc.oneof(
  fc.bigInt({ min: open, max: open + 7_200_000_000_000n }),
  fc.bigInt({ min: 1_000_000_000_000_000_000n, max: 8_999_999_999_999_999_999n }),
);
/** As providers write times: zeros at the end dropped. */
const time = (at: bigint) => rfc3339(at).replace(/\.?0+Z$/, 'Z');

const feedText = (received: bigint | string, token: number | string = 1, source = 'stream') =>
  `{"token":${token},"received":"${received}","source":"${source}"}`;
const recordText = (feed: string, members: readonly string[]) =>
  `{"feed":${feed},"trade":{${members.join(',')}}}`;

/** Members as the provider sends them, in any order. */
const usualMembers = (at: bigint) =>
  fc
    .record({
      T: fc.constant('"T":"t"'),
      S: fc.constantFrom(...symbols).map((symbol) => `"S":"${symbol}"`),
      x: fc.constantFrom('D', 'Q', 'V', 'n').map((venue) => `"x":"${venue}"`),
      i: fc.nat({ max: 999_999_999_999_999 }).map((id) => `"i":${id}`),
      p: fc
        .tuple(fc.integer({ min: 1, max: 99_999_999 }), fc.nat({ max: 6 }))
        .map(([digits, places]) => `"p":${(digits / 10 ** places).toFixed(places)}`),
      s: fc.oneof(fc.nat({ max: 999_999_999 }), fc.constant('0.25')).map((size) => `"s":${size}`),
      t: fc.constant(`"t":"${time(at)}"`),
      c: fc.constantFrom('[]', '["@"]', '["@","I"]').map((conditions) => `"c":${conditions}`),
      z: fc.constant('"z":"C"'),
    })
    .chain((members) => fc.shuffledSubarray(Object.values(members), { minLength: 9 }));

const usual = ns.chain((at) =>
  fc
    .record({
      members: usualMembers(at),
      token: fc.nat(),
      source: fc.constantFrom('stream', 'history'),
    })
    .map(({ members, token, source }) => recordText(feedText(at, token, source), members)),
);

/** Values that JSON has, or nearly has, and a trade rarely. */
const odd = fc.oneof(
  fc.constantFrom('1e2', '1E+2', '1e21', '-0', '-1', '01', '.5', '5.', '0', '0.0', '0.0000001', '1.0000005'),
  fc.constantFrom(
    '9007199254740991',
    '9007199254740993',
    '999999999.999999',
    '9999999999',
    '123456789012345678',
  ),
  fc.constantFrom(
    '""',
    '"t"',
    '"\\u0041APL"',
    '"AA\\"PL"',
    '"é"',
    '"\u007f"',
    '"\t"',
    '" AAPL"',
    '"aapl"',
    '"AAPL ',
  ),
  fc.constantFrom(
    'null',
    'true',
    '{}',
    '[]',
    '[["@"]]',
    '["@",]',
    '[,]',
    '["@"',
    '[1]',
    '["\\n"]',
    '["\\q"]',
    '[ "@" ]',
  ),
  fc.constantFrom('"2026-02-30T15:00:00Z"', '"2026-11-20T15:00:00.Z"', '"2026-11-20T24:00:00Z"'),
  fc.constantFrom(
    '"2026-11-20T15:00:00.1234567890Z"',
    '"2026-11-20T15:00:00+01:00"',
    '"2026-11-20T15:00:60Z"',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.json(),
);
const name = fc.constantFrom(
  'T',
  'S',
  'x',
  'i',
  'p',
  's',
  't',
  'c',
  'z',
  'u',
  '\\u0053',
  '__proto__',
  '',
  '"',
);
const oddMember = fc
  .tuple(name, odd, fc.constantFrom('', ' ', '\n'))
  .map(([of, value, space]) => `"${of}":${space}${value}`);

it.each([
  ['the stream', { token: 12, received: open, source: 'stream' }],
  ['the history', { token: 1, received: open + 1n, source: 'history' }],
] as const)('a record as the feed writes it, of %s, is read by its bytes', (_what, feed) => {
  const trade = `{"T":"t","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"c":["@","I"],"z":"C","t":"${time(open)}"}`;
  const data = Buffer.from(tickRecordText(feed, trade));
  expect(scanTick(data)).toBeDefined();
  expectSame(data);
});

describe('a record that is read byte by byte', () => {
  it('is read at once as the feed writes it, whatever the order of its members', () => {
    fc.assert(
      fc.property(usual, (text) => {
        const tick = scanTick(Buffer.from(text));
        expect(tick).toBeDefined();
        expect(tick).toEqual(slowly(Buffer.from(text)));
      }),
      { numRuns: 300 },
    );
  });

  it('is left to JSON.parse, or read the same, with members that are odd, missing or there twice', () => {
    fc.assert(
      fc.property(
        usualMembers(open).chain((members) =>
          fc.record({
            members: fc.constant(members),
            more: fc.array(fc.tuple(oddMember, fc.nat({ max: 9 }), fc.boolean()), { maxLength: 3 }),
            left: fc.nat({ max: 30 }),
          }),
        ),
        ({ members, more, left }) => {
          const list = members.filter((_, index) => index !== left);
          for (const [member, place, replaces] of more) list.splice(place, replaces ? 1 : 0, member);
          expectSame(recordText(feedText(open), list));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is left to JSON.parse, or read the same, with one value that is odd', () => {
    fc.assert(
      fc.property(usualMembers(open), fc.nat({ max: 8 }), odd, (members, place, value) => {
        const list = members.map((each, index) => (index === place ? `${each.slice(0, 4)}${value}` : each));
        expectSame(recordText(feedText(open), list));
      }),
      { numRuns: 2000 },
    );
  });

  it('is left to JSON.parse, or read the same, with any feed', () => {
    const instants = fc.oneof(
      fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
      fc.bigInt({ min: open - 8_000_000_000_000n, max: open + 8_000_000_000_000n }).map(String),
      fc.constantFrom('', '0', '01795185000000000', '0795185000000000000', '9000000000000000000', '-1'),
    );
    fc.assert(
      fc.property(
        usualMembers(open),
        instants,
        fc.oneof(fc.maxSafeInteger(), odd),
        fc.constantFrom('stream', 'history', 'other', 'streams'),
        (members, received, token, source) =>
          expectSame(recordText(feedText(received, token, source), members)),
      ),
      { numRuns: 1000 },
    );
  });

  it.each([-1_000_000_000n, -1n, 0n, 1n, 1_000_000_000n])(
    'is believed from the future as far, and %d ns',
    (more) => {
      const at = rfc3339(open + farthestAhead + more);
      const members = ['"S":"AAPL"', '"x":"D"', '"i":1', '"p":200', '"s":1', `"t":"${at}"`];
      for (const received of [open, open + 999_999_999n]) expectSame(recordText(feedText(received), members));
    },
  );

  it('is left to JSON.parse, or read the same, with bytes changed, left out or put in', () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      leaves: fc.nat({ max: 2 }),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 2 }),
        fc.constantFrom('"', ',', '}', ' ', '0', '.', '\\', 'e'),
      ),
    });
    fc.assert(
      fc.property(usual, fc.array(change, { minLength: 1, maxLength: 2 }), (text, changes) => {
        let data = Buffer.from(text);
        for (const { at, leaves, bytes } of changes) {
          const place = Math.round(at * data.length);
          data = Buffer.concat([
            data.subarray(0, place),
            Buffer.from(bytes as string),
            data.subarray(place + leaves),
          ]);
        }
        expectSame(data);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['white space after it', `${recordText(feedText(open), [])} `],
    ['nothing', ''],
    ['a gap', `{"feed":${feedText(open)},"gap":null}`],
  ])('leaves %s', (_, text) => {
    expect(scanTick(Buffer.from(text))).toBeUndefined();
  });
});
