import fc from 'fast-check';
import {
  manifestKey,
  parseKey,
  rawHourPrefix,
  rowsHourPrefix,
  rowsKey,
  setAsideKey,
  tradingDaysOf,
} from '../../../domain/stocks/keys.ts';

const shards = fc.nat({ max: 9999 }).map((n) => `shardId-${String(n).padStart(12, '0')}`);
const sequences = fc.bigInt({ min: 0n, max: 10n ** 56n - 1n }).map(String);
const arrivals = fc.integer({ min: 0, max: Date.UTC(2261, 0, 1) });
const runs = fc.option(fc.stringMatching(/^[\w.-]{1,20}$/), { nil: undefined });
const date = fc
  .integer({ min: Date.UTC(1969, 11, 31), max: Date.UTC(2262, 0, 1) })
  .map((ms) => new Date(ms).toISOString().slice(0, 10));
const ranges = fc.tuple(date, date).map((days) => {
  const [from = '', to = ''] = days.sort();
  return { from, to };
});
const hour = 3_600_000;
/** As the first release read them, which a deployment that is rolled back does again. */
const firstRelease =
  /^(?:replay\/[\w.-]+\/)?rows\/\d{4}\/\d{2}\/\d{2}\/\d{2}\/([\w-]+?)-(\d+)-(\d+)\.csv\.gz$/;

describe("the archive's keys", () => {
  it('are what Firehose, S3 and a reader see', () => {
    const arrived = Date.UTC(2026, 10, 20, 9, 59, 59, 999);
    const shard = 'shardId-000000000003';
    const days = { from: '2026-11-19', to: '2026-11-20' };
    expect(rowsKey({ shard, days, first: '495', last: '499', arrived })).toBe(
      'rows/2026/11/20/09/shardId-000000000003-2026-11-19_2026-11-20-495-499.csv.gz',
    );
    expect(rowsKey({ shard, days, first: '495', last: '499', arrived, run: 'r1' })).toBe(
      'replay/r1/rows/2026/11/20/09/shardId-000000000003-2026-11-19_2026-11-20-495-499.csv.gz',
    );
    expect(rowsHourPrefix(arrived)).toBe('rows/2026/11/20/09/');
    expect(setAsideKey({ shard, sequence: '495', arrived })).toBe(
      'set-aside/2026/11/20/shardId-000000000003-495.json',
    );
    expect(manifestKey('5f')).toBe('manifest/5f.json');
    expect(rawHourPrefix(arrived)).toBe('raw/2026/11/20/09/');
  });

  it('of rows are read back', () => {
    fc.assert(
      fc.property(
        shards,
        ranges,
        sequences,
        sequences,
        arrivals,
        runs,
        (shard, days, first, last, arrived, run) => {
          const key = rowsKey({ shard, days, first, last, arrived, run });
          expect(parseKey(key)).toEqual({
            kind: 'rows',
            shard,
            days,
            first,
            last,
            hour: arrived - (arrived % hour),
            ...(run === undefined ? {} : { run }),
          });
          expect(firstRelease.exec(key)?.slice(2)).toEqual([first, last]);
        },
      ),
    );
  });

  it.each([
    ['of the first release', 'shardId-000000000003-495-499', { shard: 'shardId-000000000003' }],
    ['of it, beside another', 'shardId-000000000003-of7-495-499', { shard: 'shardId-000000000003-of7' }],
    [
      'with its days, beside another',
      'shardId-000000000003-of7-2026-11-20_2026-11-20-495-499',
      { shard: 'shardId-000000000003-of7', days: { from: '2026-11-20', to: '2026-11-20' } },
    ],
  ])('of rows, %s, are read', (_which, name, expected) => {
    expect(parseKey(`rows/2026/11/20/09/${name}.csv.gz`)).toEqual({
      kind: 'rows',
      ...expected,
      first: '495',
      last: '499',
      hour: Date.UTC(2026, 10, 20, 9),
    });
  });

  describe('of several objects', () => {
    const withDays = (from: string, to = from) =>
      rowsKey({ shard: 's', days: { from, to }, first: '1', last: '2', arrived: 0 });
    const without = 'rows/2026/11/20/09/shardId-000000000003-495-499.csv.gz';

    it('say the days from the first to the last of all', () => {
      const keys = [withDays('2026-11-20'), withDays('2026-11-18', '2026-11-19'), withDays('2026-11-19')];
      expect(tradingDaysOf(keys)).toEqual({ from: '2026-11-18', to: '2026-11-20' });
      expect(tradingDaysOf(keys.reverse())).toEqual({ from: '2026-11-18', to: '2026-11-20' });
    });

    it.each([
      ['one is of the first release', [withDays('2026-11-20'), without]],
      ['the first is', [without, withDays('2026-11-20')]],
      ['one is no key of rows', [withDays('2026-11-20'), 'manifest/a.json']],
      ['there is none', []],
    ])('say none where %s', (_why, keys) => {
      expect(tradingDaysOf(keys)).toBeUndefined();
    });
  });

  it('of what is set aside are read back', () => {
    fc.assert(
      fc.property(shards, sequences, arrivals, runs, (shard, sequence, arrived, run) => {
        expect(parseKey(setAsideKey({ shard, sequence, arrived, run }))).toEqual({
          kind: 'set-aside',
          shard,
          sequence,
          day: arrived - (arrived % (24 * hour)),
          ...(run === undefined ? {} : { run }),
        });
      }),
    );
  });

  it('of manifests and of the raw archive are read back', () => {
    expect(parseKey(manifestKey('load-5f', 'r1'))).toEqual({ kind: 'manifest', name: 'load-5f', run: 'r1' });
    expect(parseKey(`${rawHourPrefix(Date.UTC(2026, 10, 20, 9))}ticks-1-2026-11-20-09-00-00-abc.gz`)).toEqual(
      {
        kind: 'raw',
        hour: Date.UTC(2026, 10, 20, 9),
        name: 'ticks-1-2026-11-20-09-00-00-abc.gz',
      },
    );
  });

  it.each([
    '',
    'rows/',
    'raw/2026/11/20/09/',
    'raw/2026/11/20/09/a/b',
    'rows/2026/11/20/shardId-000000000003-1-2.csv.gz',
    'rows/2026/11/20/24/shardId-000000000003-1-2.csv.gz',
    'rows/2026/02/30/09/shardId-000000000003-1-2.csv.gz',
    'rows/2026/11/20/09/shardId-000000000003-2026-02-30_2026-03-01-1-2.csv.gz',
    'rows/2026/11/20/09/shardId-000000000003-2026-02-28_2026-02-29-1-2.csv.gz',
    'rows/2026/11/20/09/shardId-000000000003-1.csv',
    'set-aside/2026/13/20/shardId-000000000003-1.json',
    'manifest/a/b.json',
    'replay/r1/raw/2026/11/20/09/name',
    'replay//rows/2026/11/20/09/shardId-000000000003-1-2.csv.gz',
    'csv/date=2026-11-20/slot=0600/x.csv',
  ])('%j is none of them', (key) => {
    expect(() => parseKey(key)).toThrow(expect.objectContaining({ code: 'StockKeyInvalid' }));
  });

  it('a name or a run that would leave its folder is refused', () => {
    expect(() => manifestKey('../x')).toThrow(expect.objectContaining({ code: 'StockKeyInvalid' }));
    expect(() => manifestKey('x', 'a/b')).toThrow(expect.objectContaining({ code: 'StockKeyInvalid' }));
  });
});
