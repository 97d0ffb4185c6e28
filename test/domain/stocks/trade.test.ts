import { parseTrade, tradeIdentity } from '../../../domain/stocks/trade.ts';

const alpaca = {
  T: 't',
  i: 96921,
  S: 'AAPL',
  x: 'D',
  p: 126.55,
  s: 1,
  t: '2021-02-22T15:51:44.208123456Z',
  c: ['@', 'I'],
  z: 'C',
};

describe("a trade of Alpaca's", () => {
  it('is read to the nanosecond, and known by symbol, venue, day and id', () => {
    expect(parseTrade(alpaca)).toEqual({
      symbol: 'AAPL',
      venue: 'D',
      tradeId: '96921',
      price: 126.55,
      size: 1,
      at: 1_614_009_104_208_123_456n,
      tradingDay: '2021-02-22',
    });
    expect(tradeIdentity(parseTrade(alpaca))).toBe('AAPL|D|2021-02-22|96921');
  });

  it('of the history, without T, is the same trade', () => {
    const { T, ...history } = alpaca;
    expect(parseTrade(history)).toEqual(parseTrade(alpaca));
  });

  it('an id of fourteen digits, as the FINRA venues give, is exact', () => {
    expect(parseTrade({ ...alpaca, i: 71_675_577_320_661 }).tradeId).toBe('71675577320661');
  });

  it('prices and sizes are rounded to six digits after the point, which is what SQL holds', () => {
    const { price, size } = parseTrade({ ...alpaca, p: 126.123_456_7, s: 0.000_000_4 });
    expect([price, size]).toEqual([126.123457, 0]);
  });

  it('a price of 750,000, a size of 4,294,967,295 and a symbol with a class are trades', () => {
    expect(parseTrade({ ...alpaca, S: 'BRK.A', p: 750_000.01, s: 4_294_967_295 })).toMatchObject({
      symbol: 'BRK.A',
      price: 750_000.01,
      size: 4_294_967_295,
    });
  });

  it.each([
    ['another type of message', { T: 'q' }],
    ['no symbol', { S: undefined }],
    ['a symbol with a comma', { S: 'AA,PL' }],
    ['a symbol in small letters', { S: 'aapl' }],
    ['no venue', { x: undefined }],
    ['an empty venue', { x: '' }],
    ['a venue with the separator of identities', { x: 'D|Q' }],
    ['no id', { i: undefined }],
    ['an id of text', { i: '96921' }],
    ['an id with a fraction', { i: 1.5 }],
    ['a negative id', { i: -1 }],
    ['an id of more than 53 bits, of which two could be one', { i: 2 ** 53 }],
    ['no price', { p: undefined }],
    ['a price of text', { p: '126.55' }],
    ['a price of zero', { p: 0 }],
    ['a price that rounds to zero', { p: 4e-7 }],
    ['a negative price', { p: -1 }],
    ['a price that SQL could not hold', { p: 1e10 }],
    ['a price beyond numbers', { p: Number.POSITIVE_INFINITY }],
    ['no size', { s: undefined }],
    ['a negative size', { s: -1 }],
    ['a size that SQL could not hold', { s: 1e10 }],
    ['no time', { t: undefined }],
    ['a time in seconds', { t: 1_614_009_104 }],
    ['a day that does not exist', { t: '2021-02-30T15:51:44Z' }],
  ])('%s is refused', (_, change) => {
    expect(() => parseTrade({ ...alpaca, ...change })).toThrow(
      expect.objectContaining({ code: 'TradeInvalid' }),
    );
  });

  it.each([undefined, null, 'text', 1, [], [alpaca], {}])('%j is none', (value) => {
    expect(() => parseTrade(value)).toThrow(expect.objectContaining({ code: 'TradeInvalid' }));
  });
});
