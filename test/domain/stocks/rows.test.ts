import fc from 'fast-check';
import Papa from 'papaparse';
import { rowColumns, rowsCsv, type TrendRow } from '../../../domain/stocks/rows.ts';
import { ruleVersion, SymbolTrend } from '../../../domain/stocks/trend.ts';
import { feed, sequenceOf, trade, trades } from './trades.ts';

function rowsOf(list: Parameters<SymbolTrend['apply']>[0][]): TrendRow[] {
  const trend = new SymbolTrend('AAPL');
  return list.flatMap((each, index) => {
    const { statistics } = trend.apply(each, sequenceOf(index));
    return statistics ? [{ trade: each, feed, statistics }] : [];
  });
}
const parsed = (csv: string) =>
  Papa.parse<Record<string, string>>(csv, { header: true, skipEmptyLines: true, delimiter: ',' });

/** A line by way of strings. */
function naiveLine({ trade, feed, statistics }: TrendRow): string {
  const rounded = (value: number | null, scale: number) => {
    if (value === null) return '';
    const scaled = Math.round(value * scale);
    return Number.isSafeInteger(scaled) ? scaled / scale : value;
  };
  const { trend, score, change, changePercent, simpleReturn, volatility, vwap, ticksPerSecond } = statistics;
  return `${[
    ...[trade.symbol, trade.venue, trade.tradingDay, trade.tradeId, trade.at, trade.price, trade.size],
    ...[trend, score ?? '', rounded(change, 1e6), rounded(changePercent, 1e6), rounded(simpleReturn, 1e9)],
    ...[rounded(volatility, 1e9), rounded(vwap, 1e6), rounded(ticksPerSecond, 1e6)],
    ...[feed.source, feed.token, feed.received, ruleVersion],
  ].join(',')}\n`;
}

describe('a rows object', () => {
  it('has a header, and a line for each row', () => {
    const list = [
      trade({ tradeId: '1', price: 200 }),
      trade({ tradeId: '2', price: 199.99, at: 1_795_185_000_500_000_000n }),
    ];
    const csv = rowsCsv(rowsOf(list)).split('\n');
    expect(csv).toEqual([
      'symbol,venue,trading_day,trade_id,at_ns,price,size,trend,score,change,change_percent,simple_return,volatility,vwap,ticks_per_second,source,feed_token,received_ns,rule_version',
      'AAPL,D,2026-11-20,1,1795185000000000000,200,100,warming-up,,,,,,200,,stream,3,1795185004000000000,1',
      'AAPL,D,2026-11-20,2,1795185000500000000,199.99,100,warming-up,,-0.01,-0.005,-0.00005,0.00005,199.995,2.005782,stream,3,1795185004000000000,1',
      '',
    ]);
  });

  it('any rows are read back by any reader of CSV, without quotes', () => {
    fc.assert(
      fc.property(trades(), (list) => {
        const rows = rowsOf(list);
        const csv = rowsCsv(rows);
        const { data, errors, meta } = parsed(csv);
        expect(csv).not.toMatch(/["\r]|NaN|Infinity|null|undefined/);
        expect(errors).toEqual([]);
        expect(meta.fields).toEqual([...rowColumns]);
        expect(data).toHaveLength(rows.length);
        for (const [index, row] of rows.entries()) {
          const line = data[index] as Record<string, string>;
          const near = (column: string, value: number | null) =>
            value === null
              ? expect([column, line[column]]).toEqual([column, ''])
              : expect(Math.abs(Number(line[column]) - value)).toBeLessThanOrEqual(1e-6);
          expect(line).toMatchObject({
            symbol: 'AAPL',
            venue: row.trade.venue,
            trading_day: row.trade.tradingDay,
            trade_id: row.trade.tradeId,
            at_ns: String(row.trade.at),
            price: String(row.trade.price),
            size: String(row.trade.size),
            trend: row.statistics.trend,
            score: String(row.statistics.score ?? ''),
          });
          near('change', row.statistics.change);
          near('change_percent', row.statistics.changePercent);
          near('simple_return', row.statistics.simpleReturn);
          near('volatility', row.statistics.volatility);
          near('vwap', row.statistics.vwap);
          near('ticks_per_second', row.statistics.ticksPerSecond);
        }
      }),
    );
  });

  it('any numbers are the text that String makes of them', () => {
    const number = fc.oneof(
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -1e7, max: 1e7, noNaN: true }),
      fc.double({ min: -2e-6, max: 2e-6, noNaN: true }),
      fc.tuple(fc.maxSafeInteger(), fc.nat({ max: 15 })).map(([digits, places]) => digits / 10 ** places),
    );
    const instant = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      fc.bigInt({ min: 0n, max: 2_000_000_000n }),
    );
    const statistics = fc.record({
      trend: fc.constantFrom('up', 'down', 'flat', 'warming-up', 'late'),
      score: fc.option(fc.integer({ min: -3, max: 3 })),
      change: number,
      changePercent: number,
      simpleReturn: number,
      volatility: number,
      vwap: number,
      ticksPerSecond: number,
    });
    const sixDigits = fc
      .double({ min: 0, max: 9e9, noNaN: true })
      .map((value) => Math.round(value * 1e6) / 1e6);
    const row = fc
      .record({
        trade: fc.record({
          at: instant,
          price: sixDigits,
          size: sixDigits,
          tradeId: fc.oneof(fc.nat(), fc.maxSafeNat()).map(String),
        }),
        feed: fc.record({
          token: fc.oneof(fc.nat(), fc.maxSafeNat()),
          received: instant,
          source: fc.constantFrom('stream', 'history'),
        }),
        statistics,
      })
      .map((each) => ({ ...each, trade: trade(each.trade) }) as TrendRow);
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(rowsCsv(rows)).toBe(`${rowColumns.join(',')}\n${rows.map(naiveLine).join('')}`);
      }),
    );
  });

  it('statistics of any size are rounded, without a negative zero', () => {
    const line = (change: number) =>
      rowsCsv([
        { trade: trade(), feed, statistics: { ...(rowsOf([trade()])[0] as TrendRow).statistics, change } },
      ]).split(',')[rowColumns.length - 1 + rowColumns.indexOf('change')];
    expect([-1e-9, -0.0000006, 0.0000005, 1 / 3, -2.5, 8_999_999_999.5, 1e21].map(line)).toEqual([
      '0',
      '-0.000001',
      '0.000001',
      '0.333333',
      '-2.5',
      '8999999999.5',
      '1e+21',
    ]);
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), (value) => {
        expect(Math.abs(Number(line(value)) - value)).toBeLessThanOrEqual(5.1e-7);
      }),
    );
  });

  it('no decimal has more than six digits after the point, nor an exponent: COPY would cut or refuse it', () => {
    const list = [0.000001, 0.000002, 8_999_999_999.999, 0.000001].map((price, index) =>
      trade({ price, tradeId: String(index) }),
    );
    for (const { price, change } of parsed(rowsCsv(rowsOf(list))).data) {
      expect(price).toMatch(/^\d{1,12}(\.\d{1,6})?$/);
      expect(change).toMatch(/^(-?\d{1,12}(\.\d{1,6})?)?$/);
    }
  });
});
