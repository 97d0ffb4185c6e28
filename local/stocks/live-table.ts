import { formatTable } from '../core/progress.ts';
import type { StocksLab } from './lab.ts';

/** What is shown of a symbol while ticks stream. */
interface Line {
  symbol: string;
  price: number;
  trend: string;
  ticks: number;
  /** Oldest first. */
  prices: number[];
}

export interface Snapshot {
  lines: Line[];
  ticks: number;
  /** Milliseconds from a trade to the transaction that put it into SQL; none before the first. */
  p50: number | null;
  p99: number | null;
  most: number | null;
}

const arrows: Readonly<Record<string, string>> = {
  up: '▲',
  down: '▼',
  flat: '■',
  'warming-up': '…',
  late: '·',
};

/** The symbols that traded most, and how soon ticks of the last seconds were in SQL. @param seconds of which it tells */
export async function snapshot(lab: StocksLab, symbols: number, seconds: number): Promise<Snapshot> {
  // Up to the newest tick that is there: what comes after it is on its way.
  const recent = `at_ns > (SELECT MAX(at_ns) FROM stocks.ticks) - ${seconds}000000000`;
  const [all] = await lab.query<{ ticks: number; p50: number; p99: number; most: number }>(
    'SELECT COUNT(*)::int AS ticks, percentile_cont(0.5) WITHIN GROUP (ORDER BY freshness_ms) AS p50, ' +
      `percentile_cont(0.99) WITHIN GROUP (ORDER BY freshness_ms) AS p99, MAX(freshness_ms)::int AS most FROM stocks.ticks WHERE ${recent}`,
  );
  const lines = await lab.query<Line>(
    'SELECT l.symbol, l.price::float8 AS price, l.trend, t.ticks, t.prices FROM stocks.latest AS l JOIN (' +
      'SELECT symbol, COUNT(*)::int AS ticks, (array_agg(price::float8 ORDER BY at_ns DESC))[1:16] AS prices ' +
      `FROM stocks.ticks WHERE ${recent} GROUP BY symbol) AS t USING (symbol) ` +
      `ORDER BY t.ticks DESC, l.symbol LIMIT ${symbols}`,
  );
  return {
    lines: lines.map((line) => ({ ...line, prices: [...line.prices].reverse() })),
    ticks: all?.ticks ?? 0,
    p50: all?.p50 ?? null,
    p99: all?.p99 ?? null,
    most: all?.most ?? null,
  };
}

const bars = '▁▂▃▄▅▆▇█';

/** A line of bars, the lowest value the lowest bar. */
export function sparkline(values: readonly number[]): string {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const range = high - low || 1;
  return values.map((value) => bars[Math.round(((value - low) / range) * (bars.length - 1))]).join('');
}

/** @param seconds of which the snapshot tells */
export function liveTable({ lines, ticks, p50, p99 }: Snapshot, seconds: number): string {
  const table = formatTable(
    ['symbol', 'price', 'trend', 'last prices', 'ticks/s'],
    lines.map(({ symbol, price, trend, ticks: own, prices }) => [
      symbol,
      price.toFixed(2),
      `${arrows[trend] ?? ''} ${trend}`,
      sparkline(prices),
      (own / seconds).toFixed(1),
    ]),
  );
  const all = `all symbols: ${(ticks / seconds).toFixed(0)} ticks/s`;
  const delay =
    p50 === null || p99 === null
      ? 'nothing in SQL yet'
      : `trade to SQL p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms`;
  return `${table}\n${all}, ${delay}`;
}
