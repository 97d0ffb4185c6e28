import { dow30, formerSymbols, isKnownSymbol, nasdaq100, symbols } from '../../../domain/stocks/symbols.ts';

describe('the symbols', () => {
  it('are thirty of the Dow, and 101 of the hundred companies of the Nasdaq-100', () => {
    expect([new Set(dow30).size, dow30.length]).toEqual([30, 30]);
    expect([new Set(nasdaq100).size, nasdaq100.length]).toEqual([101, 101]);
  });

  it('are subscribed to once each', () => {
    expect(symbols).toEqual([...new Set([...dow30, ...nasdaq100])].sort());
    for (const symbol of symbols) expect(symbol).toMatch(/^[A-Z]{1,5}$/);
  });

  it('have among them none that has left', () => {
    expect(formerSymbols.filter((symbol) => symbols.includes(symbol))).toEqual([]);
  });

  it('are known, as those are that have left: the archive has their trades', () => {
    expect(formerSymbols.every(isKnownSymbol)).toBe(true);
  });

  it('are known, others are not', () => {
    expect(symbols.every(isKnownSymbol)).toBe(true);
    expect(isKnownSymbol('ZZZT')).toBe(false);
  });
});
