import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { StreamElement } from '../../../domain/stocks/alpaca.ts';
import { readTickRecord } from '../../../domain/stocks/tick-record.ts';
import { rfc3339 } from '../../../domain/stocks/trade.ts';
import { Arrivals } from '../../../services/tick-feed/arrivals.ts';
import { Intake } from '../../../services/tick-feed/intake.ts';

const open = 1_763_733_104_000_000_000n;
/** A clock that stands still, is set back, and jumps. */
const readings = fc.bigInt({ min: open - 5_000_000_000n, max: open + 5_000_000_000n });

it('stamps rise by a nanosecond at least, and are what the clock says where it went on', () => {
  fc.assert(
    fc.property(fc.array(readings), (clock) => {
      const arrivals = new Arrivals();
      let before = 0n;
      for (const at of clock) {
        const stamp = arrivals.stamp(at);
        expect(stamp).toBe(at > before ? at : before + 1n);
        expect(stamp).toBeGreaterThan(before);
        before = stamp;
      }
    }),
  );
});

const symbols = ['AAPL', 'MSFT'];
/** A trade's own time: any, so that messages are out of order more often than not. */
const trades = fc
  .array(fc.record({ symbol: fc.constantFrom(...symbols), at: readings }), { maxLength: 5 })
  .filter((message) => message.length > 0);
const steps = fc.array(
  fc.record({
    what: fc.constantFrom('live', 'live', 'history', 'malformed', 'gap', 'hold', 'release'),
    trades,
    clock: readings,
  }),
  { maxLength: 30 },
);

it('the order of what the feed received is that of `received`, whatever the clock and the order of the trades', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'arrivals-'));
  try {
    await fc.assert(
      fc.asyncProperty(steps, async (course) => {
        const intake = new Intake({
          token: 1,
          arrivals: new Arrivals(),
          overlapMs: 1_000,
          bufferBytes: 2_000, // some of it goes to the disk
          spillDirectory: directory,
          arrived: () => {},
        });
        /** What was told, in the order in which it came; the id of each trade says which it is. */
        const came: string[] = [];
        const tell = () => String(came.push(String(came.length)));
        const tradeText = ({ symbol, at }: { symbol: string; at: bigint }) =>
          `{"T":"t","S":"${symbol}","i":${tell()},"x":"V","p":1.5,"s":1,"t":"${rfc3339(at)}"}`;
        for (const { what, trades: told, clock } of course) {
          if (what === 'hold') intake.hold();
          else if (what === 'release') await intake.releaseHeld(async () => {}, new AbortController().signal);
          else if (what === 'malformed') intake.malformed(`none of the protocol ${tell()}`, clock);
          else if (what === 'gap')
            intake.gap({ from: open, to: clock, reason: 'mute', filled: Number(tell()) }, clock);
          else {
            const texts = told.map((each) => ({ symbol: each.symbol, text: tradeText(each) }));
            const parsed = texts.map((each) => ({ ...each, trade: JSON.parse(each.text) }));
            if (what === 'history') intake.history(parsed, clock);
            else
              intake.live(
                parsed.map((each): StreamElement => ({ kind: 'trade', ...each })),
                clock,
              );
          }
        }
        await intake.releaseHeld(async () => {}, new AbortController().signal);

        const went: { received: bigint; number: number }[] = [];
        for (let entry = intake.take(); entry; entry = intake.take()) {
          const { feed, trade, gap } = JSON.parse(entry.data);
          expect(BigInt(feed.received)).toBe(entry.received);
          const number = typeof trade === 'string' ? /\d+$/.exec(trade)?.[0] : (gap?.filled ?? trade.i);
          went.push({ received: entry.received, number: Number(number) });
        }
        intake.clear();
        expect(went).toHaveLength(came.length);
        const inOrder = went.toSorted((a, b) => (a.received < b.received ? -1 : 1));
        expect(new Set(inOrder.map(({ received }) => received)).size).toBe(went.length);
        expect(inOrder.map(({ number }) => number)).toEqual(came.map((_, index) => index + 1));
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('a record tells the reader what it was stamped with', () => {
  const intake = new Intake({
    token: 7,
    arrivals: new Arrivals(),
    overlapMs: 0,
    bufferBytes: 10_000,
    spillDirectory: tmpdir(),
    arrived: () => {},
  });
  const trade = { T: 't', S: 'AAPL', i: 1, x: 'V', p: 1, s: 1, t: rfc3339(open) };
  const text = JSON.stringify(trade);
  const element: StreamElement = { kind: 'trade', symbol: 'AAPL', text, trade };
  intake.live([element, element], open);
  const received = [intake.take(), intake.take()].map(
    (entry) => readTickRecord(entry?.data ?? '').feed.received,
  );
  expect(received).toEqual([open, open + 1n]);
});
