import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { startProcess, type TetheredProcess } from '../local/core/child-process.ts';
import { deferred } from '../local/core/deferred.ts';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { type OneFeedAws, oneFeedEnvironment, startOneFeedAws } from '../local/stocks/one-feed-aws.ts';
import type { Requirement } from './requirement.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, '.local', 'bench');

export interface MemoryResult {
  ticks: number;
  ticksPerSecond: number;
  /** Resident megabytes of the feed while it put each quarter of the ticks on the stream, medians. */
  quartersMb: [number, number, number, number];
  /** The last quarter over the second. */
  growth: number;
}

export interface MemoryOptions {
  /** @default 1,000,000 */
  ticks?: number;
  /** @default 5,000: over three minutes */
  ticksPerSecond?: number;
  progress: Progress;
  signal: AbortSignal;
}

/** How many times memory is looked at, evenly over the ticks: on a slow machine, too, there is a look in each quarter. */
const looks = 800;
const everyMs = 250;
/** The longest that no further tick may come to the stream. */
const patienceMs = 30_000;

/**
 * Resident memory of the feed's process, the program that Fargate runs, while ticks of an exchange in another process go
 * through it to a stream that takes everything.
 *
 * @throws Error when not all of them come to the stream
 */
export async function benchMemory(o: MemoryOptions): Promise<MemoryResult> {
  const { ticks = 1_000_000, ticksPerSecond = 5_000, progress, signal } = o;
  const login = { key: 'BENCH', secret: 'bench' };
  const directory = await mkdtemp(join(tmpdir(), 'stocks-bench-'));
  let exchange: ChildProcess | undefined;
  let feed: TetheredProcess | undefined;
  let aws: OneFeedAws | undefined;
  try {
    await build({
      entryPoints: {
        'stocks-exchange': join(root, 'bench', 'stocks-exchange.ts'),
        'tick-feed': join(root, 'services', 'tick-feed', 'main.ts'),
      },
      outdir: built,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
    });
    exchange = fork(
      join(built, 'stocks-exchange.mjs'),
      [String(ticks), String(ticksPerSecond), login.key, login.secret],
      { execArgv: [], env: { PATH: process.env.PATH } },
    );
    const told = { ticks: 0, done: false };
    const [urls] = (await once(exchange, 'message', { signal })) as [object];
    exchange.on('message', (message: { told: number; done?: boolean }) => {
      told.ticks = message.told;
      told.done ||= message.done === true;
    });
    const started = deferred<number>();
    const samples: { trades: number; mb: Promise<number> }[] = [];
    let next = 0;
    const stream = await startOneFeedAws({
      secret: () => JSON.stringify({ ...login, ...urls }),
      onTrades: (trades) => {
        if (trades < next) return;
        next = trades + ticks / looks;
        // The first trades may come before it is known here that the feed has started.
        const mb = started.promise.then(residentMb).catch(() => Number.NaN); // ended: ticks will be missing
        samples.push({ trades, mb });
      },
    });
    aws = stream;
    feed = await startProcess({
      name: 'feed',
      command: process.execPath,
      args: [join(built, 'tick-feed.mjs')],
      logFile: join(directory, 'feed.log'),
      env: {
        PATH: process.env.PATH,
        ...oneFeedEnvironment(aws),
        FEED_SETTINGS: JSON.stringify({ alwaysOpen: true, spillDirectory: join(directory, 'spill') }),
      },
    });
    started.resolve(feed.pid);
    await progress.step(`feed, ${ticks.toLocaleString('en')} ticks`, async (step) => {
      let moved = performance.now();
      for (
        let before = 0;
        !told.done || stream.trades < told.ticks;
        await sleep(everyMs, undefined, { signal })
      ) {
        const { trades } = stream;
        if (trades > before) moved = performance.now();
        if (performance.now() - moved > patienceMs)
          throw new Error(`${trades} of ${told.ticks} ticks came to the stream\n${feed?.tail(8)}`);
        before = trades;
        step.bar(Math.min(trades, ticks), ticks);
      }
    });
    const looked = await Promise.all(samples.map(async ({ trades, mb }) => ({ trades, mb: await mb })));
    return memoryResult(looked, { ticks, ticksPerSecond });
  } finally {
    await feed?.stop();
    await aws?.close();
    if (exchange?.connected) {
      exchange.disconnect();
      await once(exchange, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
  }
}

/** By `ps`, which macOS has too: kilobytes. */
async function residentMb(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}

/** @param samples trades on the stream so far, and the memory at that moment */
export function memoryResult(
  samples: readonly { trades: number; mb: number }[],
  { ticks, ticksPerSecond }: { ticks: number; ticksPerSecond: number },
): MemoryResult {
  const quarter = (index: number) => {
    const of = samples.filter(({ trades }) => Math.min(3, Math.floor((4 * trades) / ticks)) === index);
    const sorted = of.map(({ mb }) => mb).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const quartersMb: MemoryResult['quartersMb'] = [quarter(0), quarter(1), quarter(2), quarter(3)];
  return { ticks, ticksPerSecond, quartersMb, growth: quartersMb[3] / quartersMb[1] };
}

export function memoryTable({ ticks, ticksPerSecond, quartersMb, growth }: MemoryResult): string {
  return formatTable(
    [
      `feed, ${ticks.toLocaleString('en')} ticks at ${ticksPerSecond.toLocaleString('en')}/s`,
      'first quarter MB',
      'second',
      'third',
      'last',
      'last / second',
    ],
    [['resident memory, median', ...quartersMb.map(Math.round), growth.toFixed(2)]],
  );
}

/** What the lab demands of its feed. */
export const memoryRequirements = ({
  ticks,
  growth,
}: Pick<MemoryResult, 'ticks' | 'growth'>): Requirement[] => [
  {
    what: `feed's memory in the last quarter of ${ticks.toLocaleString('en')} ticks over that in the second`,
    required: '<= 1.1',
    measured: growth.toFixed(2),
    met: growth <= 1.1,
  },
];
