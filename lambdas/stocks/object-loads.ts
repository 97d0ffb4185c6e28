import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { LabError } from '../../domain/errors.ts';
import { type CopiedObject, copyManifest } from '../../domain/shared/copy-manifest.ts';
import { checkedRows } from '../../domain/stocks/check.ts';
import type { loadEnvironment } from '../../domain/stocks/contract.ts';
import { manifestKey } from '../../domain/stocks/keys.ts';
import { changesPart, loadId, loadStatements } from '../../domain/stocks/sql.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import { DataApi } from '../shared/data-api.ts';
import { checkLoad } from '../shared/loader-check.ts';

export interface ObjectLoadsProps {
  api: Pick<DataApi, 'submit' | 'wait' | 'rows'>;
  s3: Pick<S3Client, 'send'>;
  bucket: string;
  copyRoleArn: string;
  /** Whether the rows, of a replay, replace those that SQL has otherwise. @default false */
  replaces?: boolean;
  /** Milliseconds before a first repetition; it doubles up to ten times that. @default 500 */
  pauseMs?: number;
}

/** What one transaction loaded. */
export interface Load {
  objects: readonly CopiedObject[];
  /** Rows of the objects; those that SQL had already count too. */
  rows: number;
  /** Time of the newest tick, epoch milliseconds; undefined for objects without rows. */
  newestAt: number | undefined;
  /** Of a load that replaces. */
  changes?: Changes;
}

/** What a load that replaces made of SQL. */
export interface Changes {
  /** Of the objects, each once. */
  ticks: number;
  /** Of them: those that SQL had otherwise, and those that it did not have. */
  replaced: number;
  added: number;
}

export interface LoadResult {
  loads: Load[];
  /** What is not in SQL, and why. */
  failed: { objects: readonly CopiedObject[]; error: Error }[];
}

/** How often the warehouse may say that a transaction failed before its objects are looked at in halves. */
const mostFailures = 2;

/**
 * Objects of rows into the warehouse, in one transaction if that can be. Where it fails again, its halves are loaded each for
 * itself, and so on: one object that cannot be loaded does not keep out the others. Until the deadline everything is repeated;
 * repeated or not, in whatever halves, the tables end the same.
 */
export class ObjectLoads {
  readonly #props: ObjectLoadsProps;

  constructor(props: ObjectLoadsProps) {
    this.#props = props;
  }

  /**
   * @param objects at most `mostObjects` of domain/stocks/sql.ts, `mostObjectsToPublish` where they replace
   * @param call names this call: a statement handed in twice in one call runs once
   * @param deadline epoch milliseconds
   */
  async load(objects: readonly CopiedObject[], call: string, deadline: number): Promise<LoadResult> {
    const { pauseMs = 500 } = this.#props;
    let failures = 0;
    for (let attempt = 0; ; attempt++) {
      try {
        return { loads: [await this.#transaction(objects, call, attempt, deadline)], failed: [] };
      } catch (thrown) {
        const error = thrown as Error;
        if (error.name === 'WarehouseStatementFailed') failures += 1;
        const pause = pauseMs * Math.min(2 ** attempt, 10);
        const isOver = Date.now() + pause >= deadline;
        if (isOver || (failures === mostFailures && objects.length === 1))
          return { loads: [], failed: [{ objects, error }] };
        if (failures === mostFailures) return this.#halves(objects, call, deadline);
        await sleep(pause);
      }
    }
  }

  /**
   * Whether the warehouse would take a load: one of a row, of which nothing stays.
   *
   * @throws as `checkLoad`
   */
  async check(call: string, deadline: number): Promise<LoaderCheck> {
    const { api, s3, bucket, copyRoleArn, replaces = false } = this.#props;
    const rows = gzipSync(checkedRows());
    // Below the one prefix that a loader may write, and COPY reads.
    const object = { key: manifestKey('check-rows'), bytes: rows.length };
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: object.key, Body: rows }));
    const manifestUrl = `s3://${bucket}/${await this.#putManifest('check', [object])}`;
    const statements = loadStatements({ objects: [object], manifestUrl, copyRoleArn, replaces });
    return checkLoad(api, statements, call, deadline);
  }

  async #halves(objects: readonly CopiedObject[], call: string, deadline: number): Promise<LoadResult> {
    const middle = Math.ceil(objects.length / 2);
    const first = await this.load(objects.slice(0, middle), call, deadline);
    const second = await this.load(objects.slice(middle), call, deadline);
    return { loads: [...first.loads, ...second.loads], failed: [...first.failed, ...second.failed] };
  }

  /** @throws WarehouseStatementFailed, WarehouseSlow, and what the SDK throws */
  async #transaction(
    objects: readonly CopiedObject[],
    call: string,
    attempt: number,
    deadline: number,
  ): Promise<Load> {
    const { api, bucket, copyRoleArn, replaces = false } = this.#props;
    const load = loadId(objects);
    const manifestUrl = `s3://${bucket}/${await this.#putManifest(load, objects)}`;
    const statements = loadStatements({ objects, manifestUrl, copyRoleArn, replaces });
    const id = await api.submit(statements, call, load, attempt);
    const state = await api.wait(id, Math.max(0, deadline - Date.now()));
    if (state.status === 'failed') throw new LabError('WarehouseStatementFailed', state.error);
    if (state.status === 'running') throw new LabError('WarehouseSlow', `${id}, ${objects.length} objects`);
    const [row] = await api.rows(id, statements.length);
    const [changes] = replaces ? await api.rows(id, changesPart) : [];
    return {
      objects,
      rows: Number(row?.rows_staged),
      newestAt: row?.newest_at_ns == null ? undefined : Number(row.newest_at_ns) / 1e6,
      ...(changes && {
        changes: {
          ticks: Number(changes.ticks),
          replaced: Number(changes.rows_replaced),
          added: Number(changes.rows_added),
        },
      }),
    };
  }

  async #putManifest(load: string, objects: readonly CopiedObject[]): Promise<string> {
    const { s3, bucket } = this.#props;
    const key = manifestKey(load);
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        ContentType: 'application/json',
        Body: copyManifest(bucket, objects),
      }),
    );
    return key;
  }
}

/** As a function of the stack has them. */
export function objectLoadsOf(
  environment: Record<(typeof loadEnvironment)[number], string>,
  { replaces }: Pick<ObjectLoadsProps, 'replaces'> = {},
): ObjectLoads {
  return new ObjectLoads({
    api: new DataApi({ workgroupName: environment.WORKGROUP_NAME, database: environment.DATABASE_NAME }),
    s3: new S3Client({}),
    bucket: environment.ARCHIVE_BUCKET,
    copyRoleArn: environment.COPY_ROLE_ARN,
    ...(replaces && { replaces }),
  });
}
