import fc from 'fast-check';
import { symbols } from '../../../domain/stocks/symbols.ts';
import {
  type Feed,
  farthestAhead,
  gapReasons,
  gapRecordText,
  readTickRecord,
  tickRecordText,
} from '../../../domain/stocks/tick-record.ts';
import { parseTrade, rfc3339 } from '../../../domain/stocks/trade.ts';
import { feed, open } from './trades.ts';

const tradeText = (change: object = {}) =>
  JSON.stringify({ T: 't', i: 96921, S: 'AAPL', x: 'D', p: 126.55, s: 1, t: rfc3339(open), ...change });
const bytes = (text: string) => new TextEncoder().encode(text);
const instants = fc.bigInt({ min: 0n, max: 8_999_999_999_999_999_999n });
const feeds: fc.Arbitrary<Feed> = fc.record({
  token: fc.maxSafeNat(),
  received: instants,
  source: fc.constantFrom('stream', 'history'),
});

describe('a record of the stream', () => {
  it("holds the provider's text unchanged", () => {
    const text = '{"T":"t", "i":96921,"p":126.550,"new":[1, 2]}';
    expect(tickRecordText({ token: 12, received: 1n, source: 'history' }, text)).toBe(
      `{"feed":{"token":12,"received":"1","source":"history"},"trade":${text}}`,
    );
  });

  it('is read from bytes, a part of a buffer, or text', () => {
    const text = tickRecordText(feed, tradeText());
    const padded = Buffer.from(`xx${text}yy`);
    for (const data of [text, bytes(text), padded.subarray(2, -2)])
      expect(readTickRecord(data)).toEqual({
        kind: 'trade',
        feed,
        trade: parseTrade(JSON.parse(tradeText())),
      });
  });

  it('any feed and any symbol are read back', () => {
    fc.assert(
      fc.property(feeds, fc.constantFrom(...symbols), (of, S) => {
        const t = rfc3339(of.received);
        const record = readTickRecord(tickRecordText(of, tradeText({ S, t })));
        expect(record).toMatchObject({ kind: 'trade', feed: of, trade: { symbol: S } });
      }),
    );
  });

  it('any gap is read back', () => {
    const gaps = fc.record({
      from: instants,
      to: instants,
      reason: fc.constantFrom(...gapReasons),
      filled: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(feeds, gaps, (of, gap) => {
        expect(readTickRecord(gapRecordText(of, gap))).toEqual({ kind: 'gap', feed: of, gap });
      }),
    );
  });

  it.each(['c', 'x'])('a correction or cancel (%s) is told apart from a trade', (T) => {
    expect(readTickRecord(tickRecordText(feed, tradeText({ T })))).toEqual({ kind: 'other', feed, type: T });
  });

  it('what was no JSON when it came, put in as a string of itself, is refused as a trade', () => {
    expect(() => readTickRecord(tickRecordText(feed, JSON.stringify('{"T":"t", "p":12')))).toThrow(
      expect.objectContaining({ code: 'TradeInvalid' }),
    );
  });

  it('a symbol that nobody subscribed to is refused by its own name', () => {
    const text = tickRecordText(feed, tradeText({ S: 'ZZZT' }));
    expect(() => readTickRecord(text)).toThrow(
      expect.objectContaining({ code: 'SymbolUnknown', value: 'ZZZT' }),
    );
    expect(readTickRecord(text, (symbol) => symbol === 'ZZZT').kind).toBe('trade');
  });

  it('a clock that is off is believed up to an hour, a trade of the future is not', () => {
    const at = (ns: bigint) => tickRecordText({ ...feed, received: open }, tradeText({ t: rfc3339(ns) }));
    expect(readTickRecord(at(open + farthestAhead)).kind).toBe('trade');
    expect(() => readTickRecord(at(open + farthestAhead + 1n))).toThrow(
      expect.objectContaining({ code: 'TradeInvalid' }),
    );
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '"text"',
    '{"feed":',
    `{"trade":${tradeText()}}`,
    `{"feed":null,"trade":${tradeText()}}`,
    `{"feed":{"token":-1,"received":"1","source":"stream"},"trade":${tradeText()}}`,
    `{"feed":{"token":1,"received":1,"source":"stream"},"trade":${tradeText()}}`,
    `{"feed":{"token":1,"received":"01","source":"stream"},"trade":${tradeText()}}`,
    `{"feed":{"token":1,"received":"9000000000000000000","source":"stream"},"trade":${tradeText()}}`,
    `{"feed":{"token":1,"received":"1","source":"other"},"trade":${tradeText()}}`,
    '{"feed":{"token":1,"received":"1","source":"stream"}}',
    '{"feed":{"token":1,"received":"1","source":"stream"},"trade":null}',
    '{"feed":{"token":1,"received":"1","source":"stream"},"gap":null}',
    '{"feed":{"token":1,"received":"1","source":"stream"},"gap":{"from":"1","to":"2","reason":"sleep","filled":0}}',
    '{"feed":{"token":1,"received":"1","source":"stream"},"gap":{"from":1,"to":"2","reason":"mute","filled":0}}',
    '{"feed":{"token":1,"received":"1","source":"stream"},"gap":{"from":"1","to":"2","reason":"mute","filled":-1}}',
  ])('%s is refused', (text) => {
    expect(() => readTickRecord(text)).toThrow(expect.objectContaining({ code: 'TradeInvalid' }));
  });

  it('whatever the bytes are, they are read or refused by name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (data) => {
        try {
          readTickRecord(data);
        } catch (error) {
          expect(['TradeInvalid', 'SymbolUnknown']).toContain((error as Error).name);
        }
      }),
    );
  });
});
