import { courseOf, cover, type RowsObject, type StreamedTick } from '../../bench/stocks-course.ts';
import { handlerRequirements, mustAgree } from '../../bench/stocks-handler.ts';
import { hopsOf, percentiles, type RateResult, stocksHopsText } from '../../bench/stocks-hops.ts';
import { memoryRequirements, memoryResult } from '../../bench/stocks-memory.ts';
import { consumersOf, doNothing } from '../../bench/stocks-no-op.ts';
import type { Template } from '../../local/assembly.ts';

const shard = 'shardId-000000000000';
const tick = (sequence: string, changes: Partial<StreamedTick> = {}): StreamedTick => ({
  shard,
  sequence,
  at: 1_000_000_000n,
  received: 1_002_500_000n,
  arrived: 1010,
  ...changes,
});
const object = (first: string, last: string, changes: Partial<RowsObject> = {}): RowsObject => ({
  shard,
  first,
  last,
  written: 1050,
  visible: 6000,
  ...changes,
});

describe('where a tick was when', () => {
  it('is told in milliseconds from hop to hop, which add up to the whole', () => {
    const course = courseOf(tick('1'), { ...object('1', '1'), visible: 6000 });
    expect(course).toEqual({ received: 2.5, streamed: 7.5, written: 40, visible: 4950, whole: 5000 });
  });

  it.each<[string, StreamedTick, RowsObject[], number]>([
    ['of its shard', tick('5'), [object('1', '9')], 1],
    ['by value, not as text', tick('10'), [object('9', '11')], 1],
    [
      'that begins before another one that does not reach it',
      tick('50'),
      [object('1', '99'), object('20', '30')],
      1,
    ],
    ['of none after the last', tick('100'), [object('1', '99')], 0],
    ['of none before the first', tick('1'), [object('2', '99')], 0],
    ['of no other shard', tick('5', { shard: 'shardId-000000000001' }), [object('1', '9')], 0],
  ])('belongs to the object %s', (_what, one, objects, covered) => {
    expect(cover([one], objects, () => true)).toBe(covered);
  });

  it('is that of the object that was written first, where its batch came again in parts', () => {
    const asked: number[] = [];
    const parts = [
      object('1', '9', { written: 3 }),
      object('1', '4', { written: 1 }),
      object('5', '9', { written: 2 }),
    ];
    cover([tick('4')], parts, ({ written }) => asked.push(written) < 0);
    expect(asked).toEqual([1, 3]);
  });
});

it('percentiles are values that were measured, by nearest rank', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(percentiles(values)).toEqual({ p50: 100, p99: 198, max: 200 });
  expect(percentiles([7])).toEqual({ p50: 7, p99: 7, max: 7 });
});

it('hops are shown beside those of consumers that do nothing, and each rate with whether it was held', () => {
  const at = (rate: number, held: boolean, ms: number): RateResult => ({
    rate,
    made: rate,
    ticks: rate,
    drainedMs: held ? 5000 : undefined,
    held,
    hops: hopsOf([{ received: 1, streamed: 2, written: ms, visible: 4000, whole: 4003 + ms }]),
  });
  const text = stocksHopsText({
    seconds: 20,
    lab: [at(1000, true, 30), at(2000, false, 60)],
    noOp: [at(1000, true, 10)],
  });
  expect(text).toMatch(/-> rows object written +3\.0 +30 +30 +30 +10 +10 +10/);
  expect(text).toMatch(/1,000 .* held\n/);
  expect(text).toMatch(/2,000 .* > 120 s +not held/);
  expect(text).toContain('Emulator-bound');
});

describe('consumers that do nothing', () => {
  const template = (): Template => ({
    Resources: {
      Trend: {
        Type: 'AWS::Lambda::Function',
        Properties: { Code: {}, Handler: 'main.handler', Role: 'its own' },
      },
      Load: {
        Type: 'AWS::Lambda::Function',
        Properties: { Code: {}, Handler: 'main.handler', Role: 'its own' },
      },
      FromStream: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: { FunctionName: { Ref: 'Trend' }, StartingPosition: 'TRIM_HORIZON' },
      },
      FromQueue: { Type: 'AWS::Lambda::EventSourceMapping', Properties: { FunctionName: { Ref: 'Load' } } },
    },
  });

  it('are what stream and queue call', () => {
    expect(consumersOf(template())).toEqual({ trend: 'Trend', load: 'Load' });
    expect(() => consumersOf({ Resources: {} })).toThrow('no function is called by the stream');
  });

  it('take the place of code and handler, and nothing else', () => {
    const changed = template();
    doNothing(changed);
    for (const id of ['Trend', 'Load'])
      expect(changed.Resources[id]?.Properties).toEqual({
        Code: { ZipFile: expect.stringContaining('exports.handler') },
        Handler: 'index.handler',
        Role: 'its own',
      });
    expect(changed.Resources.FromStream).toEqual(template().Resources.FromStream);
  });
});

describe('what the lab demands of itself', () => {
  it.each([
    [0.4, true],
    [0.39, false],
  ])('a handler of %d of the floor: %s', (ratio, met) => {
    expect(handlerRequirements({ ratio })).toMatchObject([{ met }]);
  });

  it.each([
    [1.1, true],
    [1.11, false],
  ])('memory that grows %d times: %s', (growth, met) => {
    expect(memoryRequirements({ ticks: 8, growth })).toMatchObject([{ met }]);
  });

  it('memory is compared by the medians of quarters of the ticks, not of the time', () => {
    const samples = [1, 2, 3, 3, 4, 5, 7, 8, 9].map((trades) => ({
      trades,
      mb: trades === 5 ? 900 : 100 + trades,
    }));
    expect(memoryResult(samples, { ticks: 8, ticksPerSecond: 1 })).toMatchObject({
      quartersMb: [101, 103, 900, 108],
      growth: 108 / 103,
    });
  });
});

describe('the rule in two programs', () => {
  const said = { trends: { up: 3, flat: 1 }, sums: { vwap: 1_000_000 } };

  it('agrees where sums differ by what rounding takes', () => {
    expect(() => mustAgree(said, { ...said, sums: { vwap: 1_000_001 } })).not.toThrow();
  });

  it.each([
    ['flat', { ...said, trends: { up: 4 } }],
    ['late', { ...said, trends: { ...said.trends, late: 1 } }],
    ['vwap', { ...said, sums: { vwap: 1_000_100 } }],
    ['change', { ...said, sums: { ...said.sums, change: 0 } }],
  ])('does not where %s is another', (what, other) => {
    expect(() => mustAgree(said, other)).toThrow(what);
  });
});
