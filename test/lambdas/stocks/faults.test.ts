/** What the trend leaves behind when something goes wrong: the same as if nothing had. */
import fc from 'fast-check';
import type { BatchRecord } from '../../../lambdas/stocks/apply-batch.ts';
import { Lab, record, shard, type Tick, tickRecord } from './batches.ts';
import type { Fault } from './fakes.ts';

const symbols = ['AAPL', 'AMZN', 'MSFT', 'NVDA'];

/** 40 ticks of four symbols, a duplicate, a late one, and poison in the middle. */
function manyRecords(): BatchRecord[] {
  const ticks = Array.from({ length: 40 }, (_, n): Tick => {
    const symbol = symbols[(n * 7) % 4] as string;
    return { symbol, id: n, price: 100 + ((n * 37) % 11), after: n * 10 };
  });
  const records = ticks.map((tick, index) => tickRecord(index, tick));
  const duplicate = tickRecord(40, ticks[36] as Tick);
  const late = tickRecord(41, { symbol: 'AAPL', id: 999, price: 1, after: 5 });
  const poison = record(42, 'not JSON');
  return [...records.slice(0, 30), poison, ...records.slice(30), duplicate, late].map((each, index) => ({
    ...each,
    sequence: record(index, '').sequence,
    arrived: record(index, '').arrived,
  }));
}

const records = manyRecords();

async function undisturbed() {
  const lab = new Lab();
  await lab.apply(records);
  return lab.outcome();
}
const again = () => false;
const halved = () => true;

/** The given write fails once. */
function once(what: (name: string) => boolean, fault: Fault): (name: string) => Fault {
  let isOver = false;
  return (name) => {
    if (isOver || !what(name)) return 'none';
    isOver = true;
    return fault;
  };
}

it('undisturbed: distinct ticks sent are rows, and what cannot be read is set aside', async () => {
  const { rows, setAside, states } = await undisturbed();
  expect(rows).toHaveLength(41);
  expect(setAside.map(([key]) => key)).toEqual([expect.stringMatching(/^set-aside\/2026\/11\/20\/shardId-/)]);
  expect(states.map(([symbol]) => symbol)).toEqual(symbols);
});

it('the same batch twice changes nothing, and gives no row the second time', async () => {
  const lab = new Lab();
  await lab.apply(records);
  const { writes } = lab.table;
  expect(await lab.apply(records)).toMatchObject({ ticks: 0, rows: 0, late: 0, duplicates: 0 });
  expect(lab.table.writes).toBe(writes);
  expect(lab.outcome()).toEqual(await undisturbed());
});

describe.each<[string, (lab: Lab) => void]>([
  ['before the rows object', (lab) => (lab.s3.faults = once((key) => key.startsWith('rows/'), 'before'))],
  ['after it, before any state', (lab) => (lab.s3.faults = once((key) => key.startsWith('rows/'), 'after'))],
  ['before what is set aside', (lab) => (lab.s3.faults = once((key) => key.startsWith('set-'), 'before'))],
  ['after what is set aside', (lab) => (lab.s3.faults = once((key) => key.startsWith('set-'), 'after'))],
  ['after some of the states', (lab) => (lab.table.faults = once((name) => name === 'MSFT', 'before'))],
  ['after a state, unknown to it', (lab) => (lab.table.faults = once((name) => name === 'AMZN', 'after'))],
])('a function that is killed %s', (_when, break_) => {
  it.each([
    ['gets the batch again', again],
    ['gets it in halves', halved],
  ])('%s, and leaves the same', async (_how, isHalved) => {
    const lab = new Lab();
    break_(lab);
    await expect(lab.apply(records)).rejects.toThrow(/rows|set-aside|MSFT|AMZN/);
    if (isHalved === halved) {
      await lab.deliver(records.slice(0, 20), isHalved);
      await lab.deliver(records.slice(20), isHalved);
    } else await lab.deliver(records, isHalved);
    expect(lab.outcome()).toEqual(await undisturbed());
  });
});

it('whatever fails whenever, in batches and halves of any size: the same is left', async () => {
  const expected = await undisturbed();
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: records.length - 1 }), { maxLength: 4 }),
      fc.array(fc.constantFrom<Fault>('none', 'none', 'before', 'after'), { maxLength: 40 }),
      fc.array(fc.boolean(), { maxLength: 10 }),
      fc.boolean(),
      async (cuts, faults, halves, isWarm) => {
        const lab = new Lab();
        lab.isWarm = isWarm;
        const left = [...faults];
        lab.s3.faults = lab.table.faults = () => left.shift() ?? 'none';
        const isHalved = () => halves.shift() ?? false;
        const edges = [0, ...cuts.sort((a, b) => a - b), records.length];
        for (const [index, from] of edges.slice(0, -1).entries())
          await lab.deliver(records.slice(from, edges[index + 1]), isHalved);
        expect(lab.outcome()).toEqual(expected);
      },
    ),
    { numRuns: 150 },
  );
});

it('the stream read again from its beginning changes nothing', async () => {
  const lab = new Lab();
  await lab.apply(records.slice(0, 25));
  await lab.apply(records.slice(25));
  await lab.deliver(records.slice(0, 33), again);
  await lab.deliver(records.slice(33), again);
  expect(lab.outcome()).toEqual(await undisturbed());
});

it('a process goes on from the table where another one was called in between', async () => {
  const lab = new Lab();
  lab.isWarm = true;
  await lab.apply(records.slice(0, 15));
  lab.isWarm = false;
  await lab.apply(records.slice(15, 30));
  lab.isWarm = true;
  await lab.apply(records.slice(30));
  expect(lab.outcome()).toEqual(await undisturbed());
});

it('a state that another batch advanced meanwhile is not overwritten: the batch comes again', async () => {
  const lab = new Lab();
  await lab.apply(records.slice(0, 10));
  const other = new Lab();
  for (const [symbol, item] of lab.table.items) other.table.items.set(symbol, item);
  await other.apply(records.slice(10, 20));
  // Between reading and writing, the other one is faster.
  lab.s3.faults = () => {
    for (const [symbol, item] of other.table.items) lab.table.items.set(symbol, item);
    for (const [key, object] of other.s3.objects) lab.s3.objects.set(key, object);
    return 'none';
  };
  await expect(lab.apply(records.slice(10))).rejects.toMatchObject({ code: 'StateConflict' });
  await lab.deliver(records.slice(10), again);
  expect(lab.outcome()).toEqual(await undisturbed());
});

it('batches that only share their first and last record keep their rows apart', async () => {
  // As after a change of the parallelization: first the records of two symbols, then those of all four.
  const ofTwo = records.filter(({ data }) => /AAPL|MSFT/.test(Buffer.from(data).toString()));
  const between = records.slice(
    records.indexOf(ofTwo[0] as BatchRecord),
    records.indexOf(ofTwo.at(-1) as BatchRecord) + 1,
  );
  const lab = new Lab();
  lab.table.faults = once((symbol) => symbol === 'AAPL', 'before');
  await expect(lab.apply(ofTwo)).rejects.toThrow('AAPL');
  await lab.deliver(between, again);
  await lab.deliver(records, again);
  expect(lab.outcome()).toEqual(await undisturbed());
  expect(lab.s3.keys('rows/').some((key) => key.includes(`${shard}-of`))).toBe(true);
});
