import { rfc3339 } from '../../../domain/stocks/trade.ts';
import { type Cell, formatTable } from '../../core/progress.ts';
import type { ComparisonCounts, Difference, Reason } from './comparison.ts';

/** What a replay found: what `--json` writes. */
export interface ReplayReport {
  run: string;
  /** Where its rows are. */
  rows: string;
  /** ISO 8601. */
  from: string;
  to: string;
  ruleVersion: string;
  /**
   * `isWhole`: the archive has nothing from before. `uncertainRows`: received before their symbol was warm. `partDayRows`: of a
   * trading day whose beginning was not read.
   */
  warmUp: { from: string; isWhole: boolean; uncertainRows: number; partDayRows: number };
  archive: {
    /** Of the time that was asked for, and of the warm-up. */
    records: number;
    warmUpRecords: number;
    /** Of both together. */
    ticks: number;
    rows: number;
    late: number;
    duplicates: number;
    setAside: number;
    seconds: number;
    ticksPerSecond: number;
  };
  rowsCompared: ComparisonCounts;
  /** Differences that are explained. */
  reasons: Partial<Record<Reason, number>>;
  /** Differences that are not. */
  unexplained: number;
  /** Live rows of the last moments whose records the raw archive did not have. */
  awaitedRows: number;
  /** The first of them. */
  differences: readonly Difference[];
}

/** Differences that are shown. */
const shown = 20;

const meaning: Readonly<Record<Reason, string>> = {
  'other-rule': 'written by another version of the rule',
  'warm-up': 'the replay began too late to know: try --warm-up all',
  'on-its-way': 'received moments ago, the other row may still come',
  'set-aside': 'set aside then, readable now',
};

/** The lines that a person reads. */
export function report(result: ReplayReport): string[] {
  const { rowsCompared: counts, warmUp, differences, unexplained } = result;
  const lines = [
    formatTable(
      ['archived records', 'compared', 'equal', 'differ', 'only live', 'only replayed'],
      [
        [
          result.archive.records,
          counts.compared,
          counts.equal,
          counts.differ,
          counts.onlyLive,
          counts.onlyReplayed,
        ],
      ],
    ),
    '',
  ];
  if (!warmUp.isWhole) lines.push(uncertainty(warmUp));
  if (counts.equalByOtherRule > 0)
    lines.push(
      `${amount(counts.equalByOtherRule)} are equal although another version of the rule wrote them.`,
    );
  for (const [reason, count] of Object.entries(result.reasons))
    lines.push(`${amount(count)} differ, explained: ${meaning[reason as Reason]}.`);
  lines.push(verdict(result), `The replayed rows are in ${result.rows}`);
  if (differences.length === 0) return lines;
  // What is not explained comes first.
  const listed = [...differences].sort((a, b) => Number(a.because !== null) - Number(b.because !== null));
  const total = unexplained + Object.values(result.reasons).reduce((sum, count) => sum + count, 0);
  lines.push('', total > shown ? `The first ${shown} of ${amount(total)} differences:` : 'Differences:');
  lines.push(
    formatTable(
      ['tick', 'traded at', 'column', 'live', 'replayed', 'rule live', 'rule replayed', 'explained'],
      listed.slice(0, shown).flatMap(differenceLines),
    ),
  );
  return lines;
}

function differenceLines(difference: Difference): Cell[][] {
  const { tick, at, liveRule, replayedRule, columns, because } = difference;
  const place = [tick, rfc3339(BigInt(at))];
  const rest = [liveRule ?? '', replayedRule ?? '', because ?? ''];
  if (columns.length === 0)
    return [
      [
        ...place,
        'the row',
        liveRule === null ? 'none' : 'there',
        replayedRule === null ? 'none' : 'there',
        ...rest,
      ],
    ];
  return columns.map(({ column, live, replayed }, index) => [
    ...(index === 0 ? place : ['', '']),
    column,
    live ?? 'none',
    replayed ?? 'none',
    ...(index === 0 ? rest : []),
  ]);
}

function verdict({ unexplained, rowsCompared: { compared, equal } }: ReplayReport): string {
  if (unexplained > 0) return `✗ ${amount(unexplained)} differ without an explanation.`;
  if (compared === 0) return 'Nothing was compared.';
  return equal === compared ? 'Every replayed row is the live one.' : 'Every difference is explained.';
}

function uncertainty({ from, uncertainRows }: ReplayReport['warmUp']): string {
  return (
    `The archive has more from before ${from}: ${amount(uncertainRows)} were received before 512 ticks and 40 minutes of ` +
    'their symbol had been read, and may differ for that.'
  );
}

const amount = (rows: number) => `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`;
