import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { LabError } from '../../../domain/errors.ts';
import type { CopiedObject } from '../../../domain/shared/copy-manifest.ts';
import { parseKey, type RowsKey, replayPrefix, rowsPrefix } from '../../../domain/stocks/keys.ts';
import type { Publication, Published } from '../../../domain/stocks/publication.ts';
import { compareSequences } from '../../../domain/stocks/sequence.ts';
import { mostObjectsToPublish } from '../../../domain/stocks/sql.ts';
import type { Progress } from '../../core/progress.ts';
import type { LabTarget } from '../../lab-target.ts';
import type { ReplayReport } from './report.ts';

export interface ReplayToPublish {
  target: LabTarget;
  bucket: string;
  s3: S3Client;
  /** @default one of the target */
  lambda?: Pick<LambdaClient, 'send'> | undefined;
  /** Name of the publish function. */
  publisher: string;
  result: ReplayReport;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Takes the rows of a replay into SQL, by the publish function of the stack: `mostObjectsToPublish` objects in one transaction,
 * in the order in which they were written. Repeated, after whatever end, it ends in the same rows.
 *
 * @throws ReplayUncertain before anything is changed; RowsNotPublished, which says how far it came
 */
export async function publishReplay(o: ReplayToPublish): Promise<void> {
  const { bucket, s3, publisher, result, progress, signal } = o;
  refuseUncertain(result);
  const { run, rowsCompared } = result;
  const objects = await objectsOf(s3, bucket, run);
  const lambda = o.lambda ?? new LambdaClient(o.target.clients);
  const sum: Published = { ticks: 0, replaced: 0, added: 0 };
  try {
    await progress.step('publish', async (step) => {
      for (let first = 0; first < objects.length; first += mostObjectsToPublish) {
        const part = objects.slice(first, first + mostObjectsToPublish);
        step.detail(`${first} of ${objects.length} objects`);
        try {
          signal.throwIfAborted();
          add(sum, await invoke(lambda, publisher, { run, objects: part }));
        } catch (error) {
          const done = `${amount(first)} of ${amount(objects.length)} objects of run ${run} are`;
          throw new LabError('RowsNotPublished', `${done}, then ${(error as Error).message}`, {
            cause: error,
          });
        }
      }
      step.detail(
        `${amount(sum.ticks)} ticks of ${amount(objects.length)} object${objects.length === 1 ? '' : 's'}`,
      );
    });
  } finally {
    if (!o.lambda) (lambda as LambdaClient).destroy();
  }
  progress.line(
    sum.replaced + sum.added === 0
      ? `SQL had all ${amount(sum.ticks)} ticks as they were replayed: nothing was changed.`
      : `SQL: ${amount(sum.replaced)} rows replaced, ${amount(sum.added)} added, ${amount(sum.ticks - sum.replaced - sum.added)} left as they were.`,
  );
  if (rowsCompared.onlyLive > 0)
    progress.line(`${amount(rowsCompared.onlyLive)} live rows have no replayed one and were left.`);
}

/** Rows that a longer warm-up would have otherwise may not take the place of better ones; equal live rows do not tell. */
function refuseUncertain({ warmUp: { from, uncertainRows, partDayRows }, awaitedRows }: ReplayReport): void {
  const why: string[] = [];
  if (uncertainRows > 0) why.push(`${amount(uncertainRows)} rows are of symbols that were not warm by then`);
  if (partDayRows > 0)
    why.push(`${amount(partDayRows)} rows are of a trading day whose beginning was not read`);
  if (why.length > 0)
    throw new LabError('ReplayUncertain', `ticks were read from ${from} on, ${why.join(', ')}`);
  if (awaitedRows > 0)
    throw new LabError(
      'ReplayUncertain',
      `the raw archive does not have the records of ${amount(awaitedRows)} live rows yet`,
    );
}

/** Of the run, in the order in which it wrote them. */
async function objectsOf(s3: S3Client, bucket: string, run: string): Promise<CopiedObject[]> {
  const objects: (CopiedObject & { first: string })[] = [];
  const below = { Bucket: bucket, Prefix: `${replayPrefix}${run}/${rowsPrefix}` };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, below)) {
    for (const { Key: key = '', Size: bytes = 0 } of Contents)
      objects.push({ key, bytes, first: (parseKey(key) as RowsKey).first });
  }
  return objects.sort((a, b) => compareSequences(a.first, b.first)).map(({ key, bytes }) => ({ key, bytes }));
}

/** @throws what the SDK throws, and an Error with what the function said */
async function invoke(
  lambda: Pick<LambdaClient, 'send'>,
  publisher: string,
  publication: Publication,
): Promise<Published> {
  // Not aborted on the way: the transaction would go on, and nobody would say how it ended.
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName: publisher, Payload: JSON.stringify(publication) }),
  );
  const answer = Payload ? JSON.parse(Buffer.from(Payload).toString()) : undefined;
  if (FunctionError !== undefined || !answer)
    throw new Error(String(answer?.errorMessage ?? 'the publish function gave no answer'));
  return answer as Published;
}

function add(sum: Published, { ticks, replaced, added }: Published): void {
  sum.ticks += ticks;
  sum.replaced += replaced;
  sum.added += added;
}

const amount = (count: number) => count.toLocaleString('en-US');
