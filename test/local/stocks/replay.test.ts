import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { createProgress } from '../../../local/core/progress.ts';
import type { Difference } from '../../../local/stocks/replay/comparison.ts';
import type { ReplayReport } from '../../../local/stocks/replay/report.ts';
import { replayStocks, type StocksReplayRequest } from '../../../local/stocks/replay.ts';
import {
  ArchiveInMemory,
  archiveByEmulator,
  archiveByFirehose,
  gap,
  liveTrend,
  minuteMs,
  opened,
  type Sent,
  tick,
} from './replay/archive-in-memory.ts';

const symbols = ['AAPL', 'AMZN', 'MSFT', 'NVDA'];
const prices = (n: number) => 100 + ((n * 37) % 11) / 4;

/** A tick every 2 s for 80 minutes, over an hour's end. */
const manyTicks = (count = 2400): Sent[] =>
  Array.from({ length: count }, (_, n) =>
    tick({ symbol: symbols[(n * 7) % 4] as string, id: n, price: prices(n), after: n * 2000 }),
  );

const whole: StocksReplayRequest = { from: opened, to: opened + 120 * minuteMs };
const { signal } = new AbortController();

async function replay(
  archive: ArchiveInMemory,
  request: StocksReplayRequest = whole,
): Promise<{ code: number; text: string; report: ReplayReport }> {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const directory = await mkdtemp(join(tmpdir(), 'replay-'));
  try {
    const json = join(directory, 'report.json');
    const code = await replayStocks({
      target: {
        stack: 'StockTrends',
        clients: {},
        dataApi: {},
        pathStyle: false,
        outputs: { ArchiveBucketName: 'archive' },
      },
      request: { ...request, json },
      progress: createProgress({ animated: false, stream: { write } }),
      signal,
      s3: archive,
    });
    return { code, text, report: JSON.parse(await readFile(json, 'utf8')) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function archived(sent: readonly Sent[], write = archiveByFirehose): Promise<ArchiveInMemory> {
  const archive = new ArchiveInMemory();
  await liveTrend(archive, sent);
  write(archive, sent);
  return archive;
}

const columnsOf = ({ columns }: Difference) => columns.map(({ column }) => column);

describe('a replay of what is as it was', () => {
  it('gives every row again, below a run of its own, and leaves the rest of the archive alone', async () => {
    const archive = await archived(manyTicks());
    const before = new Map(archive.objects);
    const { code, report, text } = await replay(archive);
    expect(code).toBe(0);
    expect(report.rowsCompared).toMatchObject({ compared: 2400, equal: 2400, onlyLive: 0, onlyReplayed: 0 });
    expect(text).toContain('Every replayed row is the live one.');
    const written = [...archive.objects.keys()].filter((key) => !before.has(key));
    expect(written.length).toBeGreaterThan(0);
    for (const key of written)
      expect(key).toMatch(new RegExp(`^replay/${report.run}/rows/2026/11/20/1[56]/`));
    for (const [key, object] of before) expect(archive.objects.get(key)).toBe(object);
  });

  it('holds for an archive of one object for each record, whose names have no order', async () => {
    const sent = Array.from({ length: 300 }, (_, n) =>
      tick({ symbol: symbols[n % 2] as string, id: n, price: prices(n), after: n * 3 }),
    );
    const { code, report } = await replay(await archived(sent, archiveByEmulator));
    expect(report.rowsCompared).toMatchObject({ compared: 300, equal: 300 });
    expect(code).toBe(0);
  });

  it('holds for duplicates, late ticks, corrections and what cannot be read', async () => {
    const sent = manyTicks(60);
    const late = tick({ symbol: 'AAPL', id: 900, price: 90, after: 4000, received: 60_000 });
    const duplicate = tick({ symbol: 'MSFT', id: 30, price: prices(30), after: 60_000, received: 61_000 });
    const poison = { text: 'not JSON', arrived: opened + 61_500 };
    const correction = tick({ symbol: 'MSFT', id: 30, price: 1, after: 61_600 });
    correction.text = correction.text.replace('"T":"t"', '"T":"c"');
    sent.splice(31, 0, late, duplicate, poison, correction);
    const { code, report } = await replay(await archived(sent));
    expect(report.archive).toMatchObject({
      records: 64,
      ticks: 62,
      rows: 61,
      late: 1,
      duplicates: 1,
      setAside: 1,
    });
    expect(report.rowsCompared).toMatchObject({ compared: 61, equal: 61 });
    expect(code).toBe(0);
  });

  it('holds for a gap: the history came before trades that had been received sooner', async () => {
    const aapl = (id: number, after: number, rest: { received?: number; source?: 'history' } = {}) =>
      tick({ symbol: 'AAPL', id, price: prices(id), after, ...rest });
    const missed = [4, 5, 6].map((id) => aapl(id, id * 1000, { received: 9000, source: 'history' }));
    const held = [7, 8].map((id) => aapl(id, id * 1000));
    const sent = [
      ...[1, 2, 3].map((id) => aapl(id, id * 1000)),
      ...missed,
      gap({ from: 3000, to: 6500, received: 9100, filled: 3 }),
      ...held.map((each) => ({ ...each, arrived: opened + 9200 })),
      aapl(10, 10_000),
    ];
    for (const write of [archiveByFirehose, archiveByEmulator]) {
      const { code, report } = await replay(await archived(sent, write));
      expect(report.archive).toMatchObject({ records: 10, rows: 9, late: 0 });
      expect(report.rowsCompared).toMatchObject({ compared: 9, equal: 9 });
      expect(code).toBe(0);
    }
  });

  it('takes a record that Firehose delivered twice once, and rows that are in two live objects once', async () => {
    const sent = manyTicks(1200);
    const archive = await archived(sent);
    for (const key of archive.keys('raw/').slice(0, 2))
      archive.put(`${key}-again`, archive.objects.get(key)?.body as Buffer);
    const [first = ''] = archive.keys('rows/');
    const [, start, end] = /-(\d+)-(\d+)\.csv\.gz$/.exec(first) as unknown as [string, string, string];
    const half = archive.text(first).split('\n').slice(0, 4).join('\n');
    const shorter = first.replace(`-${end}.csv.gz`, `-${BigInt(start) + 2n}.csv.gz`);
    archive.put(shorter, gzipSync(`${half}\n`));
    const { code, report } = await replay(archive);
    expect(report.rowsCompared).toMatchObject({ compared: 1200, equal: 1200, onlyLive: 0, onlyReplayed: 0 });
    expect(code).toBe(0);
  });
});

describe('a replay of something else', () => {
  it('names the tick whose record was changed and those that follow from it, no other', async () => {
    const archive = await archived(manyTicks(400));
    const changed = 101; // of NVDA
    expect(
      archive.rewrite('raw/', (text) =>
        text.replace(
          `"i":${changed},"S":"NVDA","x":"D","p":${prices(changed)}`,
          `"i":${changed},"S":"NVDA","x":"D","p":50`,
        ),
      ),
    ).toBe(1);
    const { code, report, text } = await replay(archive);
    expect(code).toBe(1);
    const [first] = report.differences;
    expect(first?.tick).toBe('NVDA|D|2026-11-20|101');
    expect(columnsOf(first as Difference)).toEqual(
      expect.arrayContaining(['price', 'trend', 'score', 'change', 'volatility', 'vwap']),
    );
    // By the rule: three prices are compared, the volatility decays, the day's mean stays moved.
    const following = report.differences.slice(1);
    expect(
      following.every(({ tick: each }) => /^NVDA\|/.test(each) && Number(each.split('|')[3]) > changed),
    ).toBe(true);
    const withScore = report.differences.filter((each) => columnsOf(each).includes('score'));
    expect(withScore.length).toBeLessThanOrEqual(4);
    expect(
      following.some((each) => columnsOf(each).join() === 'vwap' || columnsOf(each).includes('vwap')),
    ).toBe(true);
    expect(
      report.differences.every(
        ({ liveRule, replayedRule, because }) => liveRule === '1' && replayedRule === '1' && because === null,
      ),
    ).toBe(true);
    expect(report.unexplained).toBe(report.rowsCompared.differ);
    expect(report.rowsCompared.compared).toBe(400);
    expect(text).toContain('NVDA|D|2026-11-20|101');
    expect(text).toMatch(/^✗ .* differ without an explanation/m);
  });

  it('says both versions of the rule, and is no mistake where they are not the same', async () => {
    const archive = await archived(manyTicks(40));
    archive.rewrite('rows/', (text) => text.replaceAll(/,1$/gm, ',0').replaceAll(/,down,/g, ',falling,'));
    const { code, report, text } = await replay(archive);
    expect(code).toBe(0);
    expect(report.differences.length).toBeGreaterThan(5);
    for (const difference of report.differences) {
      expect(difference).toMatchObject({ liveRule: '0', replayedRule: '1', because: 'other-rule' });
      expect(difference.columns).toEqual([{ column: 'trend', live: 'falling', replayed: 'down' }]);
    }
    expect(report.rowsCompared.equalByOtherRule).toBe(report.rowsCompared.equal);
    expect(report.unexplained).toBe(0);
    expect(text).toContain('another version of the rule');
  });

  it('reads rows of a version that had other columns', async () => {
    const archive = await archived(manyTicks(20));
    archive.rewrite('rows/', (text) =>
      text
        .replaceAll(/,1$/gm, ',0')
        .split('\n')
        .map((line) =>
          line
            .split(',')
            .filter((_field, index) => index !== 13)
            .join(','),
        )
        .join('\n'),
    );
    const { code, report } = await replay(archive);
    expect(code).toBe(0);
    expect(report.reasons).toEqual({ 'other-rule': 20 });
    for (const each of report.differences)
      expect(each.columns).toEqual([{ column: 'vwap', live: null, replayed: expect.any(String) }]);
  });

  it('tells a record that the archive has lost, and rows that the trend has not written', async () => {
    const archive = await archived(manyTicks(40));
    archive.rewrite('raw/', (text) =>
      text
        .split('\n')
        .filter((line) => !line.includes('"i":39,'))
        .join('\n'),
    );
    const [, , third = ''] = archive.keys('rows/');
    archive.objects.delete(third);
    const { code, report, text } = await replay(archive);
    expect(code).toBe(1);
    expect(report.rowsCompared).toEqual({
      compared: 32,
      equal: 32,
      equalByOtherRule: 0,
      differ: 0,
      onlyLive: 1,
      onlyReplayed: 7,
    });
    expect(text).toMatch(/the row +there +none/);
    expect(text).toMatch(/the row +none +there/);
  });

  it('explains rows of records that were set aside then and can be read now', async () => {
    const sent = manyTicks(40);
    const archive = new ArchiveInMemory();
    // As before its symbol was known.
    await liveTrend(
      archive,
      sent.map((each, n) =>
        n === 39
          ? {
              ...each,
              text: each.text.replace('"S":"AMZN"', '"S":"NEWCO"').replace('"S":"NVDA"', '"S":"NEWCO"'),
            }
          : each,
      ),
    );
    archive.rewrite('set-aside/', (text) => {
      const kept = JSON.parse(text);
      return JSON.stringify({ ...kept, payload: Buffer.from(sent[39]?.text ?? '').toString('base64') });
    });
    archiveByFirehose(archive, sent);
    const { code, report } = await replay(archive);
    expect(report.rowsCompared).toMatchObject({ equal: 39, onlyReplayed: 1 });
    expect(report.reasons).toEqual({ 'set-aside': 1 });
    expect(code).toBe(0);
  });

  it('says which object of rows cannot be read', async () => {
    const archive = await archived(manyTicks(20));
    archive.rewrite('rows/', (text) => text.replace('trade_id', 'id'));
    await expect(replay(archive)).rejects.toMatchObject({
      code: 'RowsUnreadable',
      message: expect.stringContaining('rows/2026/11/20/15/'),
    });
  });
});

describe('a replay from the middle', () => {
  const middle = { from: opened + 70 * minuteMs, to: opened + 75 * minuteMs };

  it('reads the trading day first, so that its rows are the live ones', async () => {
    const { code, report } = await replay(await archived(manyTicks()), middle);
    expect(report.warmUp).toMatchObject({ from: '2026-11-20T05:00:00.000Z', isWhole: true });
    expect(report.archive).toMatchObject({ records: 150, warmUpRecords: 2100 });
    expect(report.rowsCompared).toMatchObject({ compared: 150, equal: 150 });
    expect(code).toBe(0);
  });

  it('tells apart what differs because it began too late to know', async () => {
    const request = { ...middle, warmUp: middle.from };
    const { code, report, text } = await replay(await archived(manyTicks()), request);
    expect(report.warmUp).toMatchObject({ isWhole: false, uncertainRows: 150 });
    expect(report.rowsCompared.compared).toBe(150);
    expect(report.rowsCompared.differ).toBeGreaterThan(0);
    expect(report.reasons).toEqual({ 'warm-up': report.rowsCompared.differ });
    expect(text).toContain('The archive has more from before 2026-11-20T16:10:00.000Z: 150 rows');
    expect(code).toBe(0);
  });

  it('is certain again, but for the mean of the day, after 512 ticks and 40 minutes of a symbol', async () => {
    const sent = Array.from({ length: 1500 }, (_, n) =>
      tick({ symbol: 'AAPL', id: n, price: prices(n), after: n * 4000 }),
    );
    const archive = await archived(sent);
    const begin = opened + 15 * minuteMs;
    const request = { from: opened + 80 * minuteMs, to: opened + 120 * minuteMs, warmUp: begin };
    const explained = await replay(archive, request);
    expect(explained.report.warmUp).toMatchObject({ isWhole: false, uncertainRows: 0 });
    expect(explained.report.differences.every((each) => columnsOf(each).join() === 'vwap')).toBe(true);
    expect(explained.code).toBe(0);
    archive.rewrite('raw/', (text) =>
      text.replace(/"i":1300,"S":"AAPL","x":"D","p":[\d.]+/, '"i":1300,"S":"AAPL","x":"D","p":99'),
    );
    const mistaken = await replay(archive, request);
    expect(mistaken.code).toBe(1);
    expect(mistaken.report.differences.find(({ because }) => because === null)?.tick).toBe(
      'AAPL|D|2026-11-20|1300',
    );
  });
});

it('keeps time when it is asked to', async () => {
  const sent = Array.from({ length: 20 }, (_, n) =>
    tick({ symbol: 'AAPL', id: n, price: prices(n), after: n * 100 }),
  );
  const archive = await archived(sent);
  const written: { last: number; after: number }[] = [];
  const put = archive.put.bind(archive);
  const began = performance.now();
  archive.put = (key, ...rest) => {
    const [, last] = /^replay\/.*\/archive-.*-\d+-(\d+)\.csv/.exec(key) ?? [];
    if (last !== undefined) written.push({ last: Number(last), after: performance.now() - began });
    put(key, ...rest);
  };
  const { code, report } = await replay(archive, { ...whole, speed: 10 });
  expect(code).toBe(0);
  expect(report.archive.seconds).toBeGreaterThanOrEqual(0.18); // 1.9 s of ticks
  expect(written.at(-1)?.last).toBe(20);
  // How many objects a slow machine makes of them is its own affair: none is there before its last tick is due, but for 10 ms, which are not waited for.
  expect(written.filter(({ last, after }) => after < (last - 1) * 10 - 11)).toEqual([]);
});

it('lists no further into an archive that grows than what was there when it began', async () => {
  const sent = manyTicks(20);
  const archive = await archived(sent);
  archive.clock = Date.now() + 60 * minuteMs;
  const later = Array.from({ length: 200 }, (_, n) =>
    tick({ symbol: 'AAPL', id: 1000 + n, price: prices(n), after: 10 * minuteMs + n * 1000 }),
  );
  archiveByEmulator(archive, later);
  let pages = 0;
  const send = archive.send.bind(archive);
  archive.send = async (command) => {
    if (command instanceof ListObjectsV2Command && command.input.Prefix?.startsWith('raw/')) pages += 1;
    return send(command);
  };
  const { code, report } = await replay(archive);
  expect(report.rowsCompared).toMatchObject({ compared: 20, equal: 20 });
  expect(code).toBe(0);
  expect(pages).toBeLessThan(10); // of three keys each
});

it('rows that it writes are those that it compared', async () => {
  const archive = await archived(manyTicks(40));
  const { report } = await replay(archive, { from: opened + 20_000, to: opened + 40_000 });
  const rows = archive.keys(`replay/${report.run}/rows/`).flatMap((key) =>
    gunzipSync(archive.objects.get(key)?.body as Buffer)
      .toString()
      .trimEnd()
      .split('\n')
      .slice(1),
  );
  expect(rows).toHaveLength(10);
  expect(report.rowsCompared).toMatchObject({ compared: 10, equal: 10 });
});

it.each([
  ['a time before the archive', opened - 600 * minuteMs, /it begins at 2026-11-20T15:00/],
  ['a time after it', opened + 600 * minuteMs, /T01:00:00/],
])('%s is refused', async (_what, from, message) => {
  const archive = await archived(manyTicks(20));
  await expect(replay(archive, { from, to: from + minuteMs })).rejects.toMatchObject({
    code: 'RangeNotArchived',
    message: expect.stringMatching(message),
  });
});

it('an archive without anything is refused', async () => {
  await expect(replay(new ArchiveInMemory())).rejects.toMatchObject({ code: 'RangeNotArchived' });
});
