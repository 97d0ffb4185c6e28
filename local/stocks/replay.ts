import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { LabError } from '../../domain/errors.ts';
import { parseKey, rawPrefix, replayPrefix } from '../../domain/stocks/keys.ts';
import { ruleVersion } from '../../domain/stocks/trend.ts';
import { ArchivedBatches } from '../../lambdas/stocks/batch-objects.ts';
import type { Progress } from '../core/progress.ts';
import { type LabTarget, outputOf, told } from '../lab-target.ts';
import { rawRecords } from './raw-archive.ts';
import { applyArchived } from './replay/apply.ts';
import type { ArchivedRow } from './replay/archived-row.ts';
import { Comparison, type Reason } from './replay/comparison.ts';
import { liveRows } from './replay/live-rows.ts';
import { publishReplay } from './replay/publish.ts';
import { type ReplayReport, report } from './replay/report.ts';
import { setAsideThen } from './replay/set-aside.ts';
import { inStreamOrder, mostDisorder } from './replay/stream-order.ts';
import { beginOfTradingDay, WarmUp } from './replay/warm-up.ts';

export interface StocksReplayRequest {
  /** Epoch milliseconds: records that the feed received from then on, and before `to`. */
  from: number;
  to: number;
  /**
   * From when records are applied for the states alone: the beginning of the trading day of `from`, all that the archive has, or
   * epoch milliseconds. @default day
   */
  warmUp?: 'day' | 'all' | number;
  /** Times as fast as they were received. @default as fast as it goes */
  speed?: number | undefined;
  /** Gets the report as JSON. */
  json?: string | undefined;
  /** Takes the rows into SQL after the comparison. @default false */
  publish?: boolean;
}

const hourMs = 3_600_000;
const nanosecondsPerMs = 1_000_000n;
/** Firehose gathers for a minute by our stack's buffer, and the live trend may lag a little. */
const onItsWayMs = 120_000;

/**
 * Reads what the feed sent in a time from the raw archive, applies it by the handler's own code with states of its own, writes
 * the rows below `replay/<run>/`, and compares them with those that the live trend wrote. Neither SQL nor the live states are
 * touched, and no alarm hears of it. With `publish` the rows go into SQL then.
 *
 * Exit code 0: every row is equal, or its difference has a reason that {@link Reason} names, or the rows were published. 1: any
 * other difference.
 *
 * @throws RangeNotArchived, RowsUnreadable, StackUnreadable, AwsCallFailed; ReplayUncertain and RowsNotPublished with `publish`;
 *   when the signal was aborted, an Error that says so
 */
export async function replayStocks(o: {
  target: LabTarget;
  request: StocksReplayRequest;
  progress: Progress;
  signal: AbortSignal;
  /** @default one of the target */
  s3?: S3Client;
  /** @default one of the target */
  lambda?: Pick<LambdaClient, 'send'>;
}): Promise<number> {
  const { target, request, progress, signal } = o;
  const bucket = outputOf(target, 'ArchiveBucketName', 'stocks');
  const publisher = request.publish ? outputOf(target, 'PublishFunctionName', 'stocks') : undefined;
  const s3 =
    o.s3 ?? new S3Client({ ...target.clients, ...(target.pathStyle ? { forcePathStyle: true } : {}) });
  try {
    const result = await replayed({ s3, bucket, request, progress, signal });
    progress.line();
    for (const line of report(result)) progress.line(line);
    if (request.json !== undefined) {
      await writeFile(request.json, `${JSON.stringify(result, null, 2)}\n`);
      progress.line(`The report is in ${request.json}.`);
    }
    if (publisher === undefined) return result.unexplained === 0 ? 0 : 1;
    await publishReplay({ target, bucket, s3, lambda: o.lambda, publisher, result, progress, signal });
    return 0;
  } catch (error) {
    if (error instanceof LabError && error.code === 'RowsNotPublished') throw error;
    throw signal.aborted ? new Error(`stopped: ${signal.reason}`, { cause: error }) : told(error);
  } finally {
    if (!o.s3) s3.destroy();
  }
}

async function replayed(o: {
  s3: S3Client;
  bucket: string;
  request: StocksReplayRequest;
  progress: Progress;
  signal: AbortSignal;
}): Promise<ReplayReport> {
  const { s3, bucket, request, progress, signal } = o;
  const startedAt = Date.now();
  const run = runId(startedAt);
  const { from } = request;
  // What comes from now on is of another replay.
  const to = Math.min(request.to, Math.max(startedAt, from));
  const range = `${iso(from)} to ${iso(to)}`;
  const [fromNs, toNs] = [BigInt(from) * nanosecondsPerMs, BigInt(to) * nanosecondsPerMs];
  const begins = await archiveBegins(s3, bucket);
  if (begins === undefined || begins >= to + hourMs)
    throw new LabError(
      'RangeNotArchived',
      `${range}; it ${begins === undefined ? 'is empty' : `begins at ${iso(begins)}`}`,
    );
  const first = warmUpFrom(request, begins);
  const warmUp = new WarmUp({ from: BigInt(first) * nanosecondsPerMs, isWhole: begins >= first });
  progress.line(
    `Replay ${run} of ${range} by rule ${ruleVersion}, after what came from ${iso(Math.max(first, begins))} on`,
  );

  const isAsked = ({ received }: { received: bigint }) => received >= fromNs && received < toNs;
  const onItsWay = BigInt(startedAt - onItsWayMs) * nanosecondsPerMs;
  const comparison = new Comparison((row, columns) => whyNot(row, columns, warmUp, onItsWay));

  const totals = {
    records: 0,
    warmUpRecords: 0,
    ticks: 0,
    rows: 0,
    late: 0,
    duplicates: 0,
    setAside: 0,
    seconds: 0,
  };
  const applied = (rows: readonly ArchivedRow[]) => {
    for (const row of rows) {
      const isCompared = isAsked(row);
      warmUp.applied(row, isCompared);
      if (isCompared) comparison.replayed(row);
    }
  };
  // Hours before the archive begins are not looked for.
  const begin = Math.max(first, begins);
  const end = to + Number(mostDisorder / nanosecondsPerMs);
  let tell = (_read: number): void => undefined;
  async function* texts() {
    let read = 0;
    for await (const text of rawRecords(s3, bucket, { from: begin, to: end, writtenUntil: startedAt })) {
      signal.throwIfAborted();
      read += 1;
      if (read % 100 === 0) tell(read);
      yield text;
    }
  }
  async function* records() {
    for await (const part of inStreamOrder(texts(), { to: toNs })) {
      const read = part.filter(({ received }) => received >= warmUp.from && received < toNs);
      const asked = read.filter(isAsked).length;
      totals.records += asked;
      totals.warmUpRecords += read.length - asked;
      yield read;
    }
  }
  const batches = applyArchived(records(), {
    objects: new ArchivedBatches(s3, bucket, run),
    from: fromNs,
    speed: request.speed,
    applied,
    signal,
  });
  const live = liveRows(s3, bucket, { from: Math.max(from, begins), to: end });

  await progress.step('replay', async (step) => {
    tell = (read) => step.detail(`${read.toLocaleString('en-US')} records read`);
    // Whichever side has fewer rows without their other half goes on: what waits stays little.
    const isOver = { batches: false, live: false };
    while (!isOver.batches || !isOver.live) {
      signal.throwIfAborted();
      const { waiting } = comparison;
      if (!isOver.batches && (isOver.live || waiting.replayed <= waiting.live)) {
        const { done, value } = await batches.next();
        isOver.batches = done === true;
        if (!value) continue;
        totals.ticks += value.ticks;
        totals.rows += value.rows;
        totals.late += value.late;
        totals.duplicates += value.duplicates;
        totals.setAside += value.setAside;
        totals.seconds = (Date.now() - startedAt) / 1000;
        step.detail(
          `${totals.ticks.toLocaleString('en-US')} ticks, up to ${iso(Number(value.received / nanosecondsPerMs))}, ${perSecond(totals).toLocaleString('en-US')} ticks/s`,
        );
      } else {
        const { done, value } = await live.next();
        isOver.live = done === true;
        if (value) comparison.live(value, isAsked);
      }
    }
    if (totals.records === 0) throw new LabError('RangeNotArchived', range);
    await comparison.end(() => setAsideThen(s3, bucket, { from, to }));
    totals.seconds = (Date.now() - startedAt) / 1000;
  });

  return {
    run,
    rows: `s3://${bucket}/${replayPrefix}${run}/rows/`,
    from: iso(from),
    to: iso(to),
    ruleVersion,
    warmUp: {
      from: iso(first),
      isWhole: warmUp.isWhole,
      uncertainRows: warmUp.uncertain,
      partDayRows: warmUp.ofPartDay,
    },
    archive: { ...totals, ticksPerSecond: perSecond(totals) },
    rowsCompared: comparison.counts,
    reasons: Object.fromEntries(
      [...comparison.reasons].flatMap(([reason, count]) => (reason ? [[reason, count]] : [])),
    ),
    unexplained: comparison.reasons.get(null) ?? 0,
    awaitedRows: comparison.awaited,
    differences: comparison.differences,
  };
}

/** When the oldest hour of the raw archive begins, epoch milliseconds; undefined where it is empty. */
async function archiveBegins(s3: S3Client, bucket: string): Promise<number | undefined> {
  const { Contents } = await s3.send(
    new ListObjectsV2Command({ Bucket: bucket, Prefix: rawPrefix, MaxKeys: 1 }),
  );
  const key = Contents?.[0]?.Key;
  const parsed = key === undefined ? undefined : parseKey(key);
  return parsed?.kind === 'raw' ? parsed.hour : undefined;
}

function warmUpFrom({ from, warmUp = 'day' }: StocksReplayRequest, begins: number): number {
  if (warmUp === 'all') return Math.min(from, begins);
  if (warmUp === 'day') return Number(beginOfTradingDay(BigInt(from) * nanosecondsPerMs) / nanosecondsPerMs);
  return warmUp;
}

function whyNot(
  row: ArchivedRow,
  columns: readonly string[],
  warmUp: WarmUp,
  onItsWay: bigint,
): Reason | null {
  if (columns.length === 0 && row.received >= onItsWay) return 'on-its-way';
  return warmUp.explains(row, columns) ? 'warm-up' : null;
}

const perSecond = ({ ticks, seconds }: { ticks: number; seconds: number }) =>
  seconds > 0 ? Math.round(ticks / seconds) : 0;

const iso = (ms: number) => new Date(ms).toISOString();

/** `20261121T130501Z-ab12cd`. */
function runId(now: number): string {
  return `${iso(now).replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`;
}
