import fc from 'fast-check';
import { type ArchivedRecord, inStreamOrder } from '../../../../local/stocks/replay/stream-order.ts';
import { gap, opened, type Sent, tick } from './archive-in-memory.ts';

async function ordered(
  texts: readonly string[],
  options?: { to?: bigint; disorder?: bigint; records?: number },
) {
  async function* read() {
    yield* texts;
  }
  const records: ArchivedRecord[] = [];
  for await (const part of inStreamOrder(read(), options)) records.push(...part);
  return records.map(({ text }) => text);
}

const texts = (sent: readonly Sent[]) => sent.map(({ text }) => text);

/** What a feed does after one another. Each takes a second of its time. */
type Step =
  | { kind: 'message'; trades: number }
  /** The history is told in pages while the new connection's messages are held back. */
  | { kind: 'gap'; missed: number[]; held: number[] }
  /** The same, but the connection ended before the history did: the next gap goes on with it. */
  | { kind: 'aborted'; missed: number[] }
  | { kind: 'failover' };

const few = fc.integer({ min: 1, max: 3 });
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('message' as const), trades: few }) },
    fc.record({
      kind: fc.constant('gap' as const),
      missed: fc.array(few, { maxLength: 3 }),
      held: fc.array(few, { maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('aborted' as const), missed: fc.array(few, { maxLength: 2 }) }),
    fc.constant({ kind: 'failover' as const }),
  ),
  { maxLength: 12 },
) as fc.Arbitrary<Step[]>;

/** The records in the order of the stream. */
function streamOf(done: readonly Step[]): Sent[] {
  const sent: Sent[] = [];
  let id = 0;
  let token = 1;
  let now = 0;
  const trades = (count: number, received: number, source: 'stream' | 'history'): Sent[] =>
    Array.from({ length: count }, () => {
      id += 1;
      // By its time a trade may be of long before: only what one message tells is in order.
      return tick({
        symbol: 'AAPL',
        id,
        price: 1,
        after: received - 900 + id / 1000,
        received,
        source,
        token,
      });
    });
  for (const step of done) {
    now += 1000;
    if (step.kind === 'failover') token += 1;
    if (step.kind === 'message') sent.push(...trades(step.trades, now, 'stream'));
    if (step.kind === 'aborted')
      for (const [page, count] of step.missed.entries()) sent.push(...trades(count, now + page, 'history'));
    if (step.kind !== 'gap') continue;
    const to = now;
    for (const [page, count] of step.missed.entries())
      sent.push(...trades(count, now + 100 + page * 10, 'history'));
    sent.push(gap({ from: to - 500, to, received: now + 200, filled: 1, token }));
    for (const [index, count] of step.held.entries())
      sent.push(...trades(count, now + 50 + index * 30, 'stream'));
  }
  return sent;
}

/** Without the gaps' own records, which belong to no symbol. */
const ofSymbols = (records: readonly string[]) => records.filter((text) => !text.includes('"gap"'));

it('whatever the feed did and however the archive mixed it, the order is that of the stream', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps.chain((done) => {
        const sent = texts(streamOf(done));
        const mixed = fc.shuffledSubarray(sent, { minLength: sent.length });
        return fc.tuple(fc.constant(sent), mixed, fc.subarray(sent));
      }),
      async ([sent, mixed, repeated]) => {
        expect(ofSymbols(await ordered([...mixed, ...repeated]))).toEqual(ofSymbols(sent));
      },
    ),
  );
});

it('lets records go when no earlier one can come, and keeps the order over all of them', async () => {
  const sent = Array.from({ length: 500 }, (_, n) =>
    tick({ symbol: 'AAPL', id: n, price: 1, after: n * 1000 }),
  );
  // Each four of them the other way round.
  const mixed = sent.map((_each, n) => sent[n - (n % 4) + 3 - (n % 4)] as Sent);
  expect(await ordered(texts(mixed), { disorder: 10_000_000_000n, records: 20 })).toEqual(texts(sent));
});

it('ends when no record of the time can follow, later the more the archive is mixed', async () => {
  const to = BigInt(opened + 100_000) * 1_000_000n;
  const sent = Array.from({ length: 500 }, (_, n) =>
    tick({ symbol: 'AAPL', id: n, price: 1, after: n * 1000 }),
  );
  expect(await ordered(texts(sent), { to })).toEqual(texts(sent.slice(0, 161)));
  // Objects of a minute, the second half of each before the first.
  const mixed = sent.map((_each, n) => sent[n - (n % 60) + ((n + 30) % 60)] ?? (sent[n] as Sent));
  const read = await ordered(texts(mixed), { to });
  expect(read).toEqual(expect.arrayContaining(texts(sent.slice(0, 200))));
  expect(read.length).toBeLessThan(350);
});

it('what does not say when it was received stays where it is', async () => {
  const at = (n: number) => tick({ symbol: 'AAPL', id: n, price: 1, after: n * 1000 }).text;
  expect(await ordered([at(1), at(2), 'not JSON', at(3)])).toEqual([at(1), at(2), 'not JSON', at(3)]);
});

it('reads records that another feed wrote with other spaces', async () => {
  const at = (n: number) => tick({ symbol: 'AAPL', id: n, price: 1, after: n * 1000 }).text;
  const spaced = JSON.stringify(JSON.parse(at(1)), null, 1).replaceAll('\n', ' ');
  expect(await ordered([at(2), spaced, at(3)])).toEqual([spaced, at(2), at(3)]);
});
