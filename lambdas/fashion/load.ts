import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { LabError } from '../../domain/errors.ts';
import { checkedCsv, checkedLoad } from '../../domain/fashion/check.ts';
import {
  dropStem,
  type LoadDetail,
  type LoadRequest,
  type LoadResult,
  loadEnvironment,
  loadRequest,
  loadSteps,
  manifestKey,
  type Transformed,
} from '../../domain/fashion/contract.ts';
import { inventoryLayout } from '../../domain/fashion/inventory-layout.ts';
import {
  checkStatement,
  discardStatement,
  publishStatements,
  reconcileStatement,
  stageStatements,
} from '../../domain/fashion/sql.ts';
import { isCheckRequest } from '../../domain/shared/contract.ts';
import { copyManifest } from '../../domain/shared/copy-manifest.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import { DataApi, type Row } from '../shared/data-api.ts';
import { readEnvironment } from '../shared/environment.ts';
import { checkLoad } from '../shared/loader-check.ts';
import { logger, metrics } from '../shared/observability.ts';

const environment = readEnvironment(loadEnvironment);
const api = new DataApi({ workgroupName: environment.WORKGROUP_NAME, database: environment.DATABASE_NAME });
const s3 = new S3Client({});
const patienceMs = Number(environment.STATEMENT_PATIENCE_SECONDS) * 1000;

/**
 * One step of a load, which is one statement (or one batch, a transaction) of the warehouse. Handed in under a token made
 * of run, step and known failures: called twice, it runs once. A statement that outlasts this call's patience is handed
 * back as `running`; the state machine waits and calls again with it. A check is answered in place of that.
 */
export async function handler(event: unknown, context: Context): Promise<LoadResult | LoaderCheck> {
  if (isCheckRequest(event)) return check(context);
  const request = loadRequest.parse(event);
  logger.resetKeys();
  logger.appendKeys({ run: request.run, step: request.step, loadKey: request.transformed?.loadKey });

  const statement = request.statement ?? (await submit(request));
  const state = await api.wait(statement, patienceMs);
  logger.info('statement', { statement, status: state.status });
  switch (state.status) {
    case 'running':
      return { status: 'running', statement, error: null, detail: null };
    case 'failed':
      return { status: 'failed', statement: null, error: state.error, detail: null };
    case 'finished':
      return finish(request, statement, state.subStatements);
  }
}

/** Whether the warehouse would take the statements of every step, one after the other; nothing of them stays. */
async function check(context: Context): Promise<LoaderCheck> {
  // What the function has left, but for the time to say how it ended.
  const deadline = Date.now() + context.getRemainingTimeInMillis() - 5_000;
  const load = checkedLoad(`check-${context.awsRequestId}`);
  await s3.send(
    new PutObjectCommand({
      Bucket: environment.ARCHIVE_BUCKET,
      Key: load.transformed.csvKey,
      Body: checkedCsv(),
    }),
  );
  const all: string[] = [];
  for (const step of [...loadSteps, 'discard'] as const) all.push(...(await statements({ ...load, step })));
  return checkLoad(api, all, context.awsRequestId, deadline);
}

async function submit(request: LoadRequest): Promise<string> {
  return api.submit(await statements(request), request.run, request.step, request.failures);
}

async function statements(request: LoadRequest): Promise<string[]> {
  const { run, step } = request;
  switch (step) {
    case 'check':
      return [checkStatement(dropOf(request))];
    case 'stage':
      return stageStatements({
        layout: inventoryLayout,
        run,
        manifestUrl: await writeManifest(request),
        copyRoleArn: environment.COPY_ROLE_ARN,
      });
    case 'reconcile':
      return [reconcileStatement(inventoryLayout, run)];
    case 'publish':
      return publishStatements({
        layout: inventoryLayout,
        run,
        drop: dropOf(request),
        archiveKey: request.archiveKey,
        stagedAt: request.stagedAt ?? new Date().toISOString(),
        force: request.force,
      });
    case 'discard':
      return [discardStatement(run)];
  }
}

async function finish(request: LoadRequest, statement: string, parts: number): Promise<LoadResult> {
  const done = (detail: LoadDetail | null): LoadResult => ({
    status: 'done',
    statement: null,
    error: null,
    detail,
  });
  switch (request.step) {
    case 'check': {
      const [row] = await api.rows(statement);
      // A replay is asked for: it loads even what the ledger knows, and changes nothing if it is the same.
      const known = request.replay === null && Number(row?.loads) > 0;
      return known ? { status: 'skipped', statement: null, error: null, detail: null } : done(null);
    }
    case 'stage':
      return done({ stagedAt: new Date().toISOString() });
    case 'reconcile':
      return done(reconcile(dropOf(request), (await api.rows(statement))[0]));
    case 'publish': {
      const [row] = await api.rows(statement, parts);
      // A replay is asked for: what it loads again says nothing about the client's export.
      const unchanged = row?.is_unchanged === true && request.replay === null;
      metrics.addMetric('UnchangedDrops', MetricUnit.Count, unchanged ? 1 : 0);
      metrics.publishStoredMetrics();
      return done({
        outcome: row?.is_current === true ? 'current' : 'history',
        unchanged,
        loadedAt: new Date().toISOString(),
      });
    }
    case 'discard':
      return done(null);
  }
}

/** Rows in the workbook = rows in the CSV + rows set aside; rows in the CSV = rows staged; no position twice. */
function reconcile(drop: Transformed, row: Row | undefined): LoadDetail {
  const staged = Number(row?.staged);
  const positions = Number(row?.positions);
  if (drop.rowsIn !== drop.rowsOut + drop.rowsRejected || drop.rowsOut !== staged) {
    throw new LabError(
      'ReconcileMismatch',
      `workbook ${drop.rowsIn}, csv ${drop.rowsOut}, set aside ${drop.rowsRejected}, staged ${staged}`,
    );
  }
  if (positions !== staged)
    throw new LabError('PositionsDuplicated', `${staged} rows for ${positions} positions`);
  return { rowsStaged: staged };
}

async function writeManifest(request: LoadRequest): Promise<string> {
  const drop = dropOf(request);
  const key = manifestKey(dropStem(drop.drop), request.replay);
  await s3.send(
    new PutObjectCommand({
      Bucket: environment.ARCHIVE_BUCKET,
      Key: key,
      ContentType: 'application/json',
      Body: copyManifest(environment.ARCHIVE_BUCKET, [{ key: drop.csvKey, bytes: drop.csvBytes }]),
    }),
  );
  return `s3://${environment.ARCHIVE_BUCKET}/${key}`;
}

function dropOf(request: LoadRequest): Transformed {
  if (!request.transformed) throw new Error(`step ${request.step} needs a transformed drop`);
  return request.transformed;
}
