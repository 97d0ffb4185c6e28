import { deferred } from '../../../local/core/deferred.ts';
import { acquireLease, patienceOf, type Tenure } from '../../../services/tick-feed/lease.ts';
import { FeedTable } from '../../../services/tick-feed/lease-table.ts';
import { FakeDynamo } from './fake-table.ts';
import { ManualClock, settled } from './manual-clock.ts';

const milliseconds = 10_000;
const log = { info: () => {}, warn: () => {} };

let clock: ManualClock;
let dynamo: FakeDynamo;
const stops: AbortController[] = [];
beforeEach(() => {
  clock = new ManualClock();
  dynamo = new FakeDynamo();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await clock.pass(milliseconds);
});

interface Candidate {
  tenure?: Tenure;
  stop: AbortController;
}

/** Someone who wants the lease, by a connection to the table of his own. */
function candidate(owner: string, send = dynamo.send): Candidate {
  const stop = new AbortController();
  stops.push(stop);
  const one: Candidate = { stop };
  void acquireLease(
    { table: new FeedTable({ send }, 'leases', 2_000), owner, milliseconds, clock, log },
    stop.signal,
  ).then((tenure) => {
    if (tenure) one.tenure = tenure;
  });
  return one;
}

const holders = (...all: Candidate[]) => all.filter(({ tenure }) => tenure?.held()).length;

it('a free lease is taken at once, with the first token', async () => {
  const one = candidate('one');
  await settled();
  expect(one.tenure).toMatchObject({ token: 1, takenOver: false });
  expect(dynamo.items.get('feed')).toMatchObject({ owner: 'one', token: 1 });
});

it('of many who want it at once, one has it', async () => {
  const all = Array.from({ length: 8 }, (_, n) => candidate(`feed ${n}`));
  await clock.pass(60_000, () => expect(holders(...all)).toBeLessThanOrEqual(1));
  expect(holders(...all)).toBe(1);
});

it('who renews it keeps it', async () => {
  const one = candidate('one');
  await settled();
  const two = candidate('two');
  await clock.pass(10 * milliseconds, () => expect(one.tenure?.held()).toBe(true));
  expect(two.tenure).toBeUndefined();
  expect(dynamo.items.get('feed')).toMatchObject({ owner: 'one', token: 1 });
});

it('given back, it is taken by a standby within a tenth of its time', async () => {
  const one = candidate('one');
  await settled();
  const two = candidate('two');
  await clock.pass(3_000);
  await one.tenure?.release();
  expect(one.tenure?.held()).toBe(false);
  await clock.pass(milliseconds / 10);
  expect(two.tenure).toMatchObject({ token: 2, takenOver: false });
});

it('when its owner is cut off from the table, the owner stops before a standby begins', async () => {
  let cut = false;
  const one = candidate('one', (command) => (cut ? new Promise(() => {}) : dynamo.send(command)));
  await settled();
  const two = candidate('two');
  await clock.pass(25_000);
  cut = true;
  await clock.pass(milliseconds * 2, () => expect(holders(one, two)).toBeLessThanOrEqual(1));
  expect(one.tenure?.lost.aborted).toBe(true);
  expect(two.tenure).toMatchObject({ token: 2, takenOver: true });
});

it('an owner that stood still for longer than the lease does not believe to have it', async () => {
  const one = candidate('one');
  await settled();
  clock.jump(milliseconds * 0.9);
  expect(one.tenure?.held()).toBe(false); // before any timer had a chance
  await clock.pass(1);
  expect(one.tenure?.lost.aborted).toBe(true);
});

it('an owner that stood still while its renewal was under way has lost it, though the answer comes', async () => {
  const answer = deferred<void>();
  let isSlow = false;
  const one = candidate('one', async (command) => {
    if (isSlow) await answer.promise;
    return dynamo.send(command);
  });
  await settled();
  isSlow = true;
  await clock.pass(milliseconds / 3);
  clock.jump(milliseconds * 0.6);
  expect(one.tenure?.held()).toBe(false);
  answer.resolve();
  await settled();
  expect(one.tenure?.held()).toBe(false);
  expect(one.tenure?.lost.aborted).toBe(true);
});

it('an owner that finds another one in the table has lost it', async () => {
  const one = candidate('one');
  await settled();
  dynamo.items.set('feed', { lease: 'feed', owner: 'somebody else', token: 7, beat: 99 });
  await clock.pass(milliseconds / 3);
  expect(one.tenure?.lost.aborted).toBe(true);
  expect(dynamo.items.get('feed')).toMatchObject({ owner: 'somebody else', token: 7 });
});

it('a renewal that fails is tried again in time', async () => {
  const one = candidate('one');
  await settled();
  dynamo.failures.push(...Array.from({ length: 5 }, () => new Error('throttled')));
  await clock.pass(5 * milliseconds);
  expect(one.tenure?.held()).toBe(true);
});

it('an answer that is lost changes nothing', async () => {
  dynamo.lostAnswers = 1;
  const one = candidate('one');
  await settled();
  expect(one.tenure).toMatchObject({ token: 1 });
  dynamo.lostAnswers = 1;
  await clock.pass(milliseconds);
  expect(one.tenure?.held()).toBe(true);
});

it('no wall clock decides: an expiry in the far future or past is not looked at', async () => {
  for (const expiresAt of [0, 9e15]) {
    dynamo.items.set('feed', { lease: 'feed', owner: 'gone', token: 3, beat: 5, expiresAt });
    const one = candidate('one');
    await clock.pass(milliseconds * 0.9);
    expect(one.tenure).toBeUndefined();
    await clock.pass(milliseconds * 0.3);
    expect(one.tenure).toMatchObject({ token: 4, takenOver: true });
    await one.tenure?.release();
  }
});

it.each([
  [600, 120_000],
  [10, 2_000],
  [1, 2_000],
])(
  'with a lease of %d s a call may take %d ms: what the owner keeps in reserve, and time to answer',
  (leaseSeconds, ms) => {
    expect(patienceOf({ leaseSeconds })).toBe(ms);
  },
);

it('a checkpoint of an earlier owner does not replace one of a later owner', async () => {
  const table = new FeedTable(dynamo, 'leases', 2_000);
  const at = 1_763_733_104_208_123_456n;
  const later = new Map([['AAPL', { at, ids: ['D|2026-11-20|1', 'Q|2026-11-20|2'] }]]);
  expect(await table.writeCheckpoint(2, later)).toBe(true);
  expect(await table.writeCheckpoint(1, new Map())).toBe(false);
  expect(await table.readCheckpoint()).toEqual(later);
});
