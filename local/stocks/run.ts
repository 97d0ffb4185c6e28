import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../domain/errors.ts';
import type { TetheredProcess } from '../core/child-process.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import type { RunningLab } from '../labs.ts';
import type { Laptop } from '../laptop.ts';
import { psqlLine } from '../warehouse.ts';
import { countAll, isWhole } from './counts.ts';
import { deployStocksLab, type StocksLab } from './lab.ts';
import { liveTable, snapshot } from './live-table.ts';

/** For how long ticks stream, and how many a second. */
const streamSeconds = 30;
const ticksPerSecond = 100;

/** Symbols in the live table, and how far back it looks. */
const shownSymbols = 10;
const shownSeconds = 10;

const latest = 'SELECT symbol, price, trend, score, volatility FROM stocks.latest ORDER BY symbol';

/** How long a feed may take to listen, and the last ticks to SQL, on a machine that is busy. */
const listeningMs = 120_000;
const patienceMs = 300_000;

/** Ticks of a made-up exchange for half a minute, from the websocket to SQL, and where each of them is afterwards. */
export async function runStocks(laptop: Laptop, progress: Progress): Promise<RunningLab> {
  const lab = await deployStocksLab(laptop, { progress, exchange: { ticksPerSecond } });
  laptop.onStop(() => lab.disconnect());
  const { exchange } = lab;
  await progress.step('feed', async (step) => {
    const feeds = [await lab.startFeed(), await lab.startFeed()];
    await untilListening(lab, feeds);
    step.detail(`two tasks, one of them listens on ${exchange.streamUrl}, the other stands by`);
  });

  progress.line();
  exchange.start();
  const block = progress.block();
  for (let second = 0; second < streamSeconds; second += 1) {
    await sleep(1000);
    block.show(liveTable(await snapshot(lab, shownSymbols, shownSeconds), shownSeconds));
  }
  exchange.stopTrading();
  block.end();
  progress.line();
  await progress.step('the last ticks to SQL', () => untilLoaded(lab));
  const counts = await progress.step('count, in the archive and in SQL', (step) => countAll(lab, step.bar));
  const whole = isWhole(counts);
  const { p50, p99, most } = await snapshot(lab, 1, streamSeconds * 10);
  progress.line();
  progress.line(
    formatTable(
      ['traded', 'archived', 'in SQL', 'set aside', 'twice', 'trade to SQL p50 ms', 'p99 ms', 'max ms'],
      [
        [
          counts.traded,
          counts.archived,
          counts.loaded,
          counts.setAside,
          counts.twice,
          ...[p50, p99, most].map((value) => (value === null ? null : Math.round(value))),
        ],
      ],
    ),
  );
  progress.line();
  progress.line(
    whole
      ? 'Every trade of the exchange is in the archive and in SQL, once.'
      : '✗ Trades are missing or too many.',
  );
  progress.line(
    'On AWS ticks are gathered for 5 s before each load (a prop). The emulator does not wait, and calls one function at a time.',
  );
  // It goes on for as long as it stays up.
  exchange.start();
  return {
    name: 'stocks',
    ok: whole,
    deployed: lab.lab,
    connect: ['SQL, while it is up:', `  ${await psqlLine(laptop, lab.lab, latest)}`],
  };
}

async function untilListening({ exchange }: StocksLab, feeds: readonly TetheredProcess[]): Promise<void> {
  const ended = Promise.race(feeds.map((feed) => feed.exited.then(() => feed)));
  for (const until = Date.now() + listeningMs; exchange.listening === 0; ) {
    const dead = await Promise.race([ended, sleep(50)]);
    if (dead) throw new LabError('ProcessDied', `${dead.name}\n${dead.tail(8)}`);
    if (Date.now() > until)
      throw new LabError(
        'ProcessDied',
        `no feed listens after ${listeningMs / 1000} s\n${feeds[0]?.tail(8)}`,
      );
  }
}

async function untilLoaded(lab: StocksLab): Promise<void> {
  const traded = lab.exchange.trades().length;
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(250)) {
    const [row] = await lab.query<{ ticks: number }>('SELECT COUNT(*)::int AS ticks FROM stocks.ticks');
    if ((row?.ticks ?? 0) >= traded) return;
  }
}
