import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { bundledCase } from './bundled-case.ts';
import { pythonPeers } from './python-peers.ts';
import type { Requirement } from './requirement.ts';
import { tickRecords, writeRecords } from './stocks-records.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** What bench/stocks-case.ts measures. */
const cases = ['floor', 'handler', 'with items', 'gzip', 'replay'] as const;
type Case = (typeof cases)[number];

/** What the same rule said in two programs. */
interface Summary {
  /** Rows of each trend. */
  trends: Record<string, number>;
  /** Of some columns, over all rows. */
  sums: Record<string, number>;
}

export interface HandlerResult {
  records: number;
  batch: number;
  rounds: number;
  /** Ticks a second of one core, best of the rounds. */
  ticksPerSecond: Record<Case, number>;
  /** Speed of the handler over that of the floor. */
  ratio: number;
  /** The same rule in pandas, or why there is no figure. */
  pandas: { read: number; rule: number; rows: number; whole: number } | { failed: string };
}

export interface HandlerOptions {
  /** @default 200,000 */
  records?: number;
  /** Records of a batch. @default 1000 */
  batch?: number;
  /** @default 7 */
  rounds?: number;
  /** False leaves out pandas, which would be installed first. @default true */
  pandas?: boolean;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * The trend handler's own work, beside decoding and parsing the same records, and beside the same rule in pandas.
 *
 * @throws Error when pandas comes to another result
 */
export async function benchHandler(o: HandlerOptions): Promise<HandlerResult> {
  const { records = 200_000, batch = 1000, rounds = 7, progress, signal } = o;
  const directory = await mkdtemp(join(tmpdir(), 'stocks-bench-'));
  try {
    const file = join(directory, 'records.jsonl');
    const bundle = await progress.step(
      `${records.toLocaleString('en')} records of the exchange`,
      async () => {
        await writeRecords(file, tickRecords({ seed: 1, count: records, ticksPerSecond: 1000 }));
        return bundledCase('stocks-case');
      },
    );
    const ours = await progress.step(`handler and floor, ${rounds} rounds`, async () => {
      const { stdout } = await run(process.execPath, [bundle, file, String(rounds), String(batch)], {
        signal,
      });
      return JSON.parse(stdout) as Summary & { milliseconds: Record<Case, number[]> };
    });
    const speed = (ms: number) => (records * 1000) / ms;
    const ticksPerSecond = Object.fromEntries(
      cases.map((name) => [name, speed(Math.min(...ours.milliseconds[name]))]),
    ) as Record<Case, number>;
    return {
      records,
      batch,
      rounds,
      ticksPerSecond,
      ratio: ticksPerSecond.handler / ticksPerSecond.floor,
      pandas:
        o.pandas === false
          ? { failed: 'not measured' }
          : await progress.step('the same rule in pandas', async (step) => {
              const theirs = await inPandas(file, Math.min(rounds, 3), signal);
              if ('failed' in theirs) {
                step.detail(`not measured: ${theirs.failed}`);
                return theirs;
              }
              mustAgree(ours, theirs);
              const { read, rule, rows } = theirs.milliseconds;
              return {
                read: speed(Math.min(...read)),
                rule: speed(Math.min(...rule)),
                rows: speed(Math.min(...rows)),
                whole: speed(Math.min(...read.map((ms, i) => ms + (rule[i] ?? 0) + (rows[i] ?? 0)))),
              };
            }),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type PandasOutput = Summary & { milliseconds: Record<'read' | 'rule' | 'rows', number[]> };

async function inPandas(
  file: string,
  rounds: number,
  signal: AbortSignal,
): Promise<PandasOutput | { failed: string }> {
  let python: string;
  try {
    python = await pythonPeers(join(root, '.local', 'bench'), signal);
  } catch (error) {
    signal.throwIfAborted();
    return { failed: (error as Error).message };
  }
  const { stdout } = await run(python, [join(root, 'bench', 'stocks_pandas.py'), file, String(rounds)], {
    signal,
  });
  return JSON.parse(stdout) as PandasOutput;
}

/** Otherwise two different things would be compared. @throws Error */
export function mustAgree(ours: Summary, theirs: Summary): void {
  const differing = [
    ...Object.keys({ ...ours.trends, ...theirs.trends }).filter(
      (trend) => ours.trends[trend] !== theirs.trends[trend],
    ),
    ...Object.keys({ ...ours.sums, ...theirs.sums }).filter((column) => {
      const [a = Number.NaN, b = Number.NaN] = [ours.sums[column], theirs.sums[column]];
      // Rows are rounded to six digits or nine.
      return !(Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a)));
    }),
  ];
  if (differing.length > 0)
    throw new Error(`pandas has another ${differing.join(', ')}: ${JSON.stringify([ours, theirs])}`);
}

const thousands = (value: number) => Math.round(value / 1000);

export function handlerTable({ ticksPerSecond, records, batch, pandas }: HandlerResult): string {
  const { floor } = ticksPerSecond;
  const line = (what: string, speed: number) => [what, (speed / floor).toFixed(2), thousands(speed)];
  const rows = [
    line('base64 + JSON.parse: the floor', floor),
    line('handler: decode, read, rule, rows', ticksPerSecond.handler),
    line('with its states from and to items', ticksPerSecond['with items']),
    line('gzip of the rows alone', ticksPerSecond.gzip),
    ...('failed' in pandas
      ? [['pandas', '-', pandas.failed]]
      : [
          line('pandas: read, rule, rows', pandas.whole),
          line('  its json.loads', pandas.read),
          line('  its rule', pandas.rule),
          line('  its to_csv', pandas.rows),
        ]),
  ];
  const head = [
    `${records.toLocaleString('en')} ticks, ${batch.toLocaleString('en')} a batch`,
    'x floor',
    'k ticks/s',
  ];
  return `${formatTable(head, rows)}\nSeconds are those that one processor worked. pandas has all ticks at once, the handler a batch at a time.`;
}

export function replayTable({ ticksPerSecond }: HandlerResult): string {
  return formatTable(
    ['replay, in memory', 'k ticks/s'],
    [
      [
        'records of the archive, put in order, through the handler, to rows',
        thousands(ticksPerSecond.replay),
      ],
    ],
  );
}

/** What the lab demands of its handler. */
export const handlerRequirements = ({ ratio }: Pick<HandlerResult, 'ratio'>): Requirement[] => [
  {
    what: 'handler over base64 + JSON.parse of the same records (aim 0.7)',
    required: '>= 0.4',
    measured: ratio.toFixed(2),
    met: ratio >= 0.4,
  },
];
