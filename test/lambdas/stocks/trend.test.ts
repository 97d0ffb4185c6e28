/** What one batch becomes in the archive and in the table. */

import { parseKey } from '../../../domain/stocks/keys.ts';
import { symbols } from '../../../domain/stocks/symbols.ts';
import { gapRecordText } from '../../../domain/stocks/tick-record.ts';
import { Lab, opened, record, sequenceOf, shard, tickRecord } from './batches.ts';

const feed = { token: 12, received: 1_795_186_800_000_000_000n, source: 'stream' } as const;
const rising = [100, 101, 102, 103].map((price, n) =>
  tickRecord(n, { symbol: 'AAPL', id: n + 1, price, after: n * 100 }),
);

it('rows go into one object, named by shard, days, first and last record, below the hour of arrival', async () => {
  const lab = new Lab();
  await lab.apply(rising);
  const key = `rows/2026/11/20/15/${shard}-2026-11-20_2026-11-20-${sequenceOf(0)}-${sequenceOf(3)}.csv.gz`;
  expect(lab.s3.keys('')).toEqual([key]);
  const trends = lab.s3.text(key).trimEnd().split('\n').slice(1);
  expect(trends.map((line) => line.split(',').slice(7, 9))).toEqual([
    ['warming-up', ''],
    ['warming-up', ''],
    ['warming-up', ''],
    ['up', '3'],
  ]);
});

it('the trend goes on in the next batch where it was', async () => {
  const lab = new Lab();
  await lab.apply(rising);
  await lab.apply([tickRecord(4, { symbol: 'AAPL', id: 5, price: 50, after: 500 })]);
  expect([...lab.rows().values()].at(-1)).toContain(',down,-3,');
});

it('one read and one write a symbol and batch, however many its ticks', async () => {
  const lab = new Lab();
  const many = Array.from({ length: 300 }, (_, n) =>
    tickRecord(n, { symbol: n % 2 ? 'AAPL' : 'MSFT', id: n, price: 100 + (n % 5), after: n }),
  );
  expect(await lab.apply(many)).toMatchObject({ ticks: 300, rows: 300 });
  expect([lab.table.reads, lab.table.writes]).toEqual([[2], 2]);
});

it('states of over 100 symbols are read, and what the table leaves unprocessed is asked again', async () => {
  const lab = new Lab();
  const all = symbols.map((symbol, n) => tickRecord(n, { symbol, id: 1, price: 10, after: n }));
  await lab.apply(all);
  lab.table.mostRead = 60;
  lab.table.reads.length = 0;
  const next = symbols.map((symbol, n) => tickRecord(n + 500, { symbol, id: 2, price: 11, after: 1000 + n }));
  expect(await lab.apply(next)).toMatchObject({ ticks: symbols.length, rows: symbols.length });
  expect(lab.table.reads.length).toBeGreaterThan(2);
  expect(Math.max(...lab.table.reads)).toBe(100);
});

it('a record that cannot be read is set aside whole, with the reason and where it came from', async () => {
  const lab = new Lab();
  const poison = record(4, '{"feed":{"token":1');
  const unknown = tickRecord(5, { symbol: 'ZZZZ', id: 1, price: 5, after: 1 });
  const bytes = { ...record(6, ''), data: Uint8Array.of(0xff, 0, 0xfe) };
  expect(await lab.apply([...rising, poison, unknown, bytes])).toMatchObject({ rows: 4, setAside: 3 });
  const aside = lab.s3.keys('set-aside/').map((key) => JSON.parse(lab.s3.text(key)));
  expect(aside).toEqual([
    {
      code: 'TradeInvalid',
      reason: expect.stringContaining('not JSON'),
      shard,
      sequence: sequenceOf(4),
      arrived: new Date(opened + 4).toISOString(),
      payload: Buffer.from(poison.data).toString('base64'),
    },
    expect.objectContaining({ code: 'SymbolUnknown', reason: 'ZZZZ', sequence: sequenceOf(5) }),
    expect.objectContaining({ code: 'TradeInvalid', payload: '/wD+' }),
  ]);
  expect(lab.s3.keys('set-aside/')[0]).toBe(`set-aside/2026/11/20/${shard}-${sequenceOf(4)}.json`);
});

it('gaps, corrections and cancels are counted, and give no row and no object', async () => {
  const lab = new Lab();
  const gap = gapRecordText(feed, { from: 1n, to: 2n, reason: 'reconnect', filled: 3 });
  const other = (type: string) =>
    `{"feed":{"token":12,"received":"1","source":"stream"},"trade":{"T":"${type}","S":"AAPL"}}`;
  expect(await lab.apply([record(0, gap), record(1, other('c')), record(2, other('x'))])).toEqual({
    ticks: 0,
    rows: 0,
    late: 0,
    duplicates: 0,
    setAside: 0,
    gaps: 1,
    corrections: 2,
  });
  expect([lab.s3.keys(''), lab.table.reads]).toEqual([[], []]);
});

it('a duplicate gives no row and is counted; a late tick is a row that says so', async () => {
  const lab = new Lab();
  const duplicate = tickRecord(4, { symbol: 'AAPL', id: 2, price: 101, after: 100 });
  const late = tickRecord(5, { symbol: 'AAPL', id: 9, price: 7, after: 50 });
  expect(await lab.apply([...rising, duplicate, late])).toMatchObject({
    ticks: 6,
    rows: 5,
    late: 1,
    duplicates: 1,
  });
  expect([...lab.rows().values()].filter((line) => line.includes(',late,'))).toHaveLength(1);
});

it('duplicates alone advance the state without an object', async () => {
  const lab = new Lab();
  await lab.apply(rising);
  await lab.apply([tickRecord(9, { symbol: 'AAPL', id: 2, price: 101, after: 100 })]);
  expect(lab.s3.keys('rows/')).toHaveLength(1);
  expect(lab.table.items.get('AAPL')?.through?.S).toBe(sequenceOf(9));
});

it('after-hours ticks over midnight UTC keep their trading day', async () => {
  const lab = new Lab();
  const hours = 9 * 3600 * 1000; // 00:00 UTC of the next day, 19:00 in New York
  await lab.apply([
    tickRecord(0, { symbol: 'AAPL', id: 1, price: 100, after: hours - 1 }),
    tickRecord(1, { symbol: 'AAPL', id: 2, price: 101, after: hours + 1 }),
  ]);
  expect([...lab.rows().keys()]).toEqual(['AAPL|D|2026-11-20|1', 'AAPL|D|2026-11-20|2']);
});

describe('the key of a batch says the first and the last trading day of its trades', () => {
  const day = 24 * 3600 * 1000;
  const tick = (index: number, id: number, after: number, symbol = 'AAPL') =>
    tickRecord(index, { symbol, id, price: 100, after });
  const daysOf = (lab: Lab) => lab.s3.keys('rows/').map((key) => parseKey(key));

  it.each([
    ['in order', [-day, 0, day]],
    ['late ones among them', [day, -day, 0]],
    ['the last day first', [day, 0, -day]],
  ])('%s', async (_which, afters) => {
    const lab = new Lab();
    await lab.apply(afters.map((after, n) => tick(n, n + 1, after)));
    expect(daysOf(lab)).toMatchObject([{ days: { from: '2026-11-19', to: '2026-11-21' } }]);
    for (const identity of lab.rows().keys())
      expect(['2026-11-19', '2026-11-20', '2026-11-21']).toContain(identity.split('|')[2]);
  });

  it('those that give no row too: whichever attempt writes it, it is the same object', async () => {
    // The attempt that failed had moved the state of AAPL on, so the next one has rows of MSFT alone.
    const batch = [tick(0, 1, -day), tick(1, 1, 0, 'MSFT'), tick(2, 2, day)];
    const lab = new Lab();
    lab.table.faults = (symbol) => (symbol === 'MSFT' ? 'before' : 'none');
    await expect(lab.apply(batch)).rejects.toThrow('MSFT');
    lab.table.faults = () => 'none';
    expect(await lab.apply(batch)).toMatchObject({ rows: 1 });
    expect(daysOf(lab)).toMatchObject([{ days: { from: '2026-11-19', to: '2026-11-21' } }]);
    expect(lab.rows().size).toBe(3);
  });
});
