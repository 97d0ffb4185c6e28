import { setTimeout as sleep } from 'node:timers/promises';
import { randomOf } from '../../../local/outside/random.ts';
import { systemClock } from '../../../services/tick-feed/clock.ts';
import { kinesisStream } from '../../../services/tick-feed/kinesis-stream.ts';
import {
  Publisher,
  type PublisherOptions,
  type StreamRecord,
} from '../../../services/tick-feed/publisher.ts';
import { FakeKinesis } from './fake-kinesis.ts';

let kinesis: FakeKinesis;
let published: StreamRecord[];
let refused: string[];
beforeEach(() => {
  kinesis = new FakeKinesis();
  published = [];
  refused = [];
});

const open: Publisher<StreamRecord>[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop();
});

function publisher(options: Partial<PublisherOptions<StreamRecord>> = {}) {
  const made = new Publisher<StreamRecord>({
    stream: kinesisStream(kinesis, 'ticks', 2_000),
    clock: systemClock,
    random: () => 0.01,
    batchRecords: 500,
    lingerMs: 5,
    batchesInFlight: 4,
    room: 10_000,
    hurryFromBacklog: 100,
    mayPublish: () => true,
    published: (records) => published.push(...records),
    refused: (codes) => refused.push(...codes.keys()),
    ...options,
  });
  open.push(made);
  return made;
}

const record = (key: string, data: string): StreamRecord => ({ key, data, bytes: key.length + data.length });

/** So many records of each key, numbered, the keys in turn. */
const numbered = (keys: number, each: number): StreamRecord[] =>
  Array.from({ length: keys * each }, (_, n) => record(`key ${n % keys}`, String(Math.floor(n / keys))));

function expectEachInOrder(records: readonly { key: string; data: string }[], each: number, keys: number) {
  const byKey = new Map<string, string[]>();
  for (const { key, data } of records) byKey.set(key, [...(byKey.get(key) ?? []), data]);
  expect(byKey.size).toBe(keys);
  for (const found of byKey.values())
    expect(found).toEqual(Array.from({ length: each }, (_, n) => String(n)));
}

it.each([0, 0.1, 0.5, 0.7])(
  'records of a key keep their order, and none is lost, when so much of them is refused: %s',
  async (share) => {
    const random = randomOf(7, String(share));
    kinesis.latency = () => random.integer(0, 3);
    kinesis.refuse = () => (random.chance(share) ? 'ProvisionedThroughputExceededException' : undefined);
    const tried = publisher();
    for (const one of numbered(12, 20)) tried.add(one);
    await tried.flush();
    expectEachInOrder(kinesis.records, 20, 12);
    expectEachInOrder(published, 20, 12);
    expect(kinesis.overlapping).toBe(0);
    expect(tried.pending).toBe(0);
    expect(new Set(refused)).toEqual(new Set(share > 0 ? ['ProvisionedThroughputExceededException'] : []));
  },
);

it('a key that is refused holds up no other one', async () => {
  kinesis.refuse = ({ key }) => (key === 'key 0' ? 'InternalFailure' : undefined);
  const tried = publisher();
  for (const one of numbered(5, 20)) tried.add(one);
  while (published.length < 80) await sleep(1);
  expect(published.some(({ key }) => key === 'key 0')).toBe(false);
  kinesis.refuse = () => undefined;
  await tried.flush();
  expectEachInOrder(kinesis.records, 20, 5);
});

it('records that come within the linger share a call', async () => {
  const tried = publisher({ lingerMs: 30 });
  for (let n = 0; n < 50; n += 1) tried.add(record(`key ${n}`, 'x'));
  while (published.length < 50) await sleep(1);
  expect(kinesis.calls).toEqual([{ records: 50, bytes: expect.any(Number) }]);
});

it('a full batch does not wait, and no call is larger than the stream takes', async () => {
  const tried = publisher({ lingerMs: 60_000 });
  for (let n = 0; n < 1_000; n += 1) tried.add(record(`key ${n}`, 'x'));
  while (published.length < 1_000) await sleep(1);
  expect(kinesis.calls.map(({ records }) => records)).toEqual([500, 500]);
  for (let n = 0; n < 20; n += 1) tried.add(record(`large ${n}`, 'x'.repeat(900_000)));
  await tried.flush();
  expect(published).toHaveLength(1_020);
});

it('several calls are under way at once, as many as it may', async () => {
  let underWay = 0;
  let most = 0;
  const stream = {
    put: async (records: readonly StreamRecord[]) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await sleep(5);
      underWay -= 1;
      return records.map(() => undefined);
    },
  };
  const tried = publisher({ stream, batchRecords: 2, batchesInFlight: 3 });
  for (const one of numbered(20, 3)) tried.add(one);
  await tried.flush();
  expect(most).toBe(3);
});

it('a long backlog of one key goes in runs, in order, once the stream has refused nothing for a while', async () => {
  let shift = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + shift };
  const tried = publisher({ clock });
  shift = 5_000;
  for (const one of numbered(1, 1_000)) tried.add(one);
  await tried.flush();
  expectEachInOrder(kinesis.records, 1_000, 1);
  expect(kinesis.calls.length).toBeLessThan(200);
  expect(Math.max(...kinesis.calls.map(({ records }) => records))).toBe(50);
});

it('a call that fails as a whole is made again', async () => {
  let calls = 0;
  kinesis.fail = () => {
    calls += 1;
    return calls < 4
      ? { error: Object.assign(new Error('no'), { name: 'TimeoutError' }), after: false }
      : undefined;
  };
  const tried = publisher();
  for (const one of numbered(3, 5)) tried.add(one);
  await tried.flush();
  expectEachInOrder(kinesis.records, 5, 3);
  expect(refused).toContain('TimeoutError');
});

it('nothing is sent once it may not publish any more', async () => {
  let may = true;
  const tried = publisher({ mayPublish: () => may });
  tried.add(record('key', '1'));
  await tried.flush();
  may = false;
  tried.add(record('key', '2'));
  await tried.flush();
  await sleep(20);
  expect(kinesis.records.map(({ data }) => data)).toEqual(['1']);
  expect(tried.stopped).toBe(true);
  expect(tried.hasRoom).toBe(false);
});

it('a flush ends when it is stopped, whatever the stream does', async () => {
  kinesis.refuse = () => 'ProvisionedThroughputExceededException';
  const tried = publisher();
  tried.add(record('key', '1'));
  const flushed = tried.flush();
  await sleep(10);
  tried.stop();
  await flushed;
  expect(tried.pending).toBe(1);
});
