import fc from 'fast-check';
import { manifestKey, parseKey, rawHourPrefix, rowsKey, setAsideKey } from '../../../domain/stocks/keys.ts';

const shards = fc.nat({ max: 9999 }).map((n) => `shardId-${String(n).padStart(12, '0')}`);
const sequences = fc.bigInt({ min: 0n, max: 10n ** 56n - 1n }).map(String);
const arrivals = fc.integer({ min: 0, max: Date.UTC(2261, 0, 1) });
const runs = fc.option(fc.stringMatching(/^[\w.-]{1,20}$/), { nil: undefined });
const hour = 3_600_000;

describe("the archive's keys", () => {
  it('are what Firehose, S3 and a reader see', () => {
    const arrived = Date.UTC(2026, 10, 20, 9, 59, 59, 999);
    const shard = 'shardId-000000000003';
    expect(rowsKey({ shard, first: '495', last: '499', arrived })).toBe(
      'rows/2026/11/20/09/shardId-000000000003-495-499.csv.gz',
    );
    expect(rowsKey({ shard, first: '495', last: '499', arrived, run: 'r1' })).toBe(
      'replay/r1/rows/2026/11/20/09/shardId-000000000003-495-499.csv.gz',
    );
    expect(setAsideKey({ shard, sequence: '495', arrived })).toBe(
      'set-aside/2026/11/20/shardId-000000000003-495.json',
    );
    expect(manifestKey('5f')).toBe('manifest/5f.json');
    expect(rawHourPrefix(arrived)).toBe('raw/2026/11/20/09/');
  });

  it('of rows are read back', () => {
    fc.assert(
      fc.property(shards, sequences, sequences, arrivals, runs, (shard, first, last, arrived, run) => {
        expect(parseKey(rowsKey({ shard, first, last, arrived, run }))).toEqual({
          kind: 'rows',
          shard,
          first,
          last,
          hour: arrived - (arrived % hour),
          ...(run === undefined ? {} : { run }),
        });
      }),
    );
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
