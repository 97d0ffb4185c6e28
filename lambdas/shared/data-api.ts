import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  type DescribeStatementCommandOutput,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';

/** Where statements run, and as whom: with `secretArn` as the administrator, else as the caller's own database user. */
export interface DataApiTarget {
  workgroupName: string;
  database: string;
  secretArn?: string;
}

export type Row = Record<string, string | number | boolean | null>;

export type StatementState =
  | { status: 'running'; id: string }
  /** `part`: which statement of a batch failed, from 1; undefined where the service names none. */
  | { status: 'failed'; id: string; error: string; part: number | undefined }
  /** `subStatements`: how many a batch had, 0 for a single statement. */
  | { status: 'finished'; id: string; subStatements: number };

/** Seconds for which the Data API holds an answer back at most. */
const longestWait = 30;

/**
 * The Redshift Data API is asynchronous: a call hands in the SQL and gets an id. `submit` is idempotent by its token
 * for eight hours, so a caller that died after handing in may hand in again and gets the same statement.
 */
export class DataApi {
  private readonly client: RedshiftDataClient;
  private readonly target: DataApiTarget;

  constructor(target: DataApiTarget, client = new RedshiftDataClient({})) {
    this.target = target;
    this.client = client;
  }

  /** @param token parts that name this statement: equal parts, one execution. */
  async submit(sqls: string[], ...token: (string | number)[]): Promise<string> {
    const common = {
      WorkgroupName: this.target.workgroupName,
      Database: this.target.database,
      SecretArn: this.target.secretArn,
      ClientToken: createHash('sha256').update(JSON.stringify(token)).digest('hex'),
    };
    const output =
      sqls.length === 1
        ? await this.client.send(new ExecuteStatementCommand({ ...common, Sql: sqls[0] }))
        : await this.client.send(new BatchExecuteStatementCommand({ ...common, Sqls: sqls }));
    if (!output.Id) throw new Error('the Data API answered without a statement id');
    return output.Id;
  }

  /**
   * Looks at a statement until it has ended or the patience is over. The service is asked to answer when the statement has
   * ended, so that one look is enough and no time is lost between two; one that answers at once is asked again.
   */
  async wait(id: string, patienceMs: number): Promise<StatementState> {
    const until = Date.now() + patienceMs;
    for (let pause = 20; ; pause = Math.min(pause * 1.6, 1000)) {
      const left = Math.floor((until - Date.now()) / 1000);
      const look = new DescribeStatementCommand({
        Id: id,
        WaitTimeSeconds: left > 0 ? Math.min(left, longestWait) : undefined,
      });
      const state = interpret(id, await this.client.send(look));
      if (state.status !== 'running' || Date.now() + pause > until) return state;
      await sleep(pause);
    }
  }

  /** All rows of a finished statement; `part` names one of a batch, from 1. */
  async rows(id: string, part?: number): Promise<Row[]> {
    const rows: Row[] = [];
    let token: string | undefined;
    do {
      const page = await this.client.send(
        new GetStatementResultCommand({ Id: part === undefined ? id : `${id}:${part}`, NextToken: token }),
      );
      const names = (page.ColumnMetadata ?? []).map((column) => column.name ?? '');
      for (const record of page.Records ?? []) {
        rows.push(
          Object.fromEntries(
            record.map((field, index) => [
              names[index],
              field.isNull
                ? null
                : (field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue ?? null),
            ]),
          ),
        );
      }
      token = page.NextToken;
    } while (token);
    return rows;
  }
}

function interpret(id: string, output: DescribeStatementCommandOutput): StatementState {
  switch (output.Status) {
    case 'FINISHED':
      return { status: 'finished', id, subStatements: output.SubStatements?.length ?? 0 };
    case 'FAILED':
    case 'ABORTED': {
      const parts = output.SubStatements ?? [];
      const failed = parts.findIndex((part) => part.Status === 'FAILED');
      return {
        status: 'failed',
        id,
        error:
          output.Error ??
          parts.find((part) => part.Error)?.Error ??
          `the statement was ${output.Status.toLowerCase()}`,
        part: failed < 0 ? undefined : failed + 1,
      };
    }
    default:
      return { status: 'running', id };
  }
}
