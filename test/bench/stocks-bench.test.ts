import { jest } from '@jest/globals';
import { benchHandler, handlerTable, replayTable } from '../../bench/stocks-handler.ts';
import { benchMemory, memoryTable } from '../../bench/stocks-memory.ts';
import { tickRecords } from '../../bench/stocks-records.ts';
import { symbols } from '../../domain/stocks/symbols.ts';
import { readTickRecord } from '../../domain/stocks/tick-record.ts';
import { createProgress } from '../../local/core/progress.ts';

jest.setTimeout(300_000); // processes of their own, on a machine that may be busy

const progress = createProgress({ quiet: true });
const { signal } = new AbortController();

it('records are the same for the same seed, of many symbols, and each can be read', () => {
  const records = tickRecords({ seed: 1, count: 2000, ticksPerSecond: 1000 });
  expect(tickRecords({ seed: 1, count: 2000, ticksPerSecond: 1000 })).toEqual(records);
  const read = records.map((record) => readTickRecord(record));
  const traded = new Set(read.map((record) => (record.kind === 'trade' ? record.trade.symbol : record.kind)));
  expect(traded.size).toBe(symbols.length);
});

it('handler, floor, gzip and replay are measured over every record, and the tables show them', async () => {
  // It checks by itself that each record gave a row.
  const result = await benchHandler({ records: 500, batch: 200, rounds: 2, pandas: false, progress, signal });
  const { floor, handler } = result.ticksPerSecond;
  expect(result.ratio).toBeCloseTo(handler / floor);
  expect(handlerTable(result)).toContain(result.ratio.toFixed(2));
  expect(replayTable(result)).toContain('replay');
});

it('every tick of the exchange goes through the process of the feed while its memory is looked at', async () => {
  // It checks by itself that all came to the stream.
  const result = await benchMemory({ ticks: 3000, ticksPerSecond: 2000, progress, signal });
  for (const mb of result.quartersMb) expect(mb).toBeGreaterThan(10);
  expect(memoryTable(result)).toContain(result.growth.toFixed(2));
});
