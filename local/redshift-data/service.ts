import type { S3Client } from '@aws-sdk/client-s3';
import { execute, StepFailed } from './execution.ts';
import type { SqlParameter } from './parameters.ts';
import { recordsJson } from './results.ts';
import { ServiceError, validation } from './service-error.ts';
import { redshiftMessage } from './sql-error.ts';
import {
  isOver,
  type Statement,
  type StatementPart,
  StatementStore,
  type Status,
} from './statement-store.ts';
import type { DatabaseIdentity, Warehouse, Workgroup } from './warehouse.ts';

/** Who calls, as IAM knows him and as the database will. */
export interface Caller extends DatabaseIdentity {
  principalArn: string;
  /** aws:userid: `AROA…:session`, `AIDA…`. */
  userId: string;
}

/** An action the real service has IAM evaluate. */
export interface RequiredAction {
  action: string;
  resource: string;
  /** Condition keys of the request. */
  context?: Record<string, string>;
}

/** What the service needs of its surroundings. */
export interface ServiceOptions {
  region: string;
  account: string;
  workgroups: Workgroup[];
  s3For: (roleArn: string) => Promise<S3Client>;
  onStatement?: (event: StatementEvent) => void;
  /** Statements that run at a time; the others wait as SUBMITTED. */
  concurrency: number;
  /** Rows of a page of GetStatementResult. */
  pageRows: number;
}

/** For the log: a statement changed its state. */
export interface StatementEvent {
  id: string;
  status: Status;
  databaseUser: string;
  sqls: string[];
  durationMs: number;
  error?: string;
}

/** Asks IAM: resolves to the caller, or throws an AccessDeniedException that names the action. */
export type Authorize = (actions: RequiredAction[], secretArn?: string) => Promise<Caller>;

/** Body of a response: an object, or JSON text where numbers do not fit JavaScript's. */
export type Response = Record<string, unknown> | string;

// biome-ignore lint/suspicious/noExplicitAny: request bodies are open JSON; each member is checked where it is read.
type Body = any;

const limits = { statementBytes: 100_000, batch: 40, active: 500, waitSeconds: 30, list: 100 };

/** The operations of the Redshift Data API (API version 2019-12-20) over a warehouse. */
export class DataService {
  readonly #options: ServiceOptions;
  readonly #warehouse: Warehouse;
  readonly #store = new StatementStore(Date.now);
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #queryId = Math.floor(Date.now() / 1000);
  #closed = false;

  constructor(warehouse: Warehouse, options: ServiceOptions) {
    this.#warehouse = warehouse;
    this.#options = options;
  }

  /** Name -> operation; a name that is not here is refused by name. */
  readonly operations: Record<string, (body: Body, authorize: Authorize) => Promise<Response>> = {
    ExecuteStatement: (body, authorize) => this.#submit('ExecuteStatement', body, [body.Sql], authorize),
    BatchExecuteStatement: (body, authorize) =>
      this.#submit('BatchExecuteStatement', body, body.Sqls, authorize),
    DescribeStatement: (body, authorize) => this.#describe(body, authorize),
    GetStatementResult: (body, authorize) => this.#result(body, authorize),
    CancelStatement: (body, authorize) => this.#cancel(body, authorize),
    ListStatements: (body, authorize) => this.#list(body, authorize),
  };

  /** Ends every statement and waits for their sessions. */
  async close(): Promise<void> {
    this.#closed = true;
    const active = this.#store.active;
    for (const statement of active) statement.abort.abort(new Error('the server is closing'));
    for (const next of this.#waiting.splice(0)) next();
    await Promise.all(active.map((statement) => statement.done));
  }

  async #submit(operation: string, body: Body, sqls: unknown, authorize: Authorize): Promise<Response> {
    const texts = checkSqls(sqls, operation);
    const parameters = checkParameters(body.Parameters);
    refuseMembers(body, operation);
    const workgroup = this.#workgroup(body);
    if (typeof body.Database !== 'string' || body.Database === '') throw validation('Database is required');
    const caller = await authorize(
      [
        { action: `redshift-data:${operation}`, resource: workgroup.arn },
        body.SecretArn === undefined
          ? { action: 'redshift-serverless:GetCredentials', resource: workgroup.arn }
          : { action: 'secretsmanager:GetSecretValue', resource: body.SecretArn },
      ],
      body.SecretArn,
    );
    // From here to `remember` nothing awaits: two requests with one token cannot both pass.
    const { WaitTimeSeconds: wait, ...request } = body;
    const known = this.#store.byToken(caller.userId, body.ClientToken, { operation, request });
    const statement =
      known ?? this.#start(operation === 'BatchExecuteStatement', texts, parameters, body, workgroup, caller);
    if (!known) this.#store.remember(caller.userId, body.ClientToken, { operation, request }, statement.id);
    await waitFor(statement, wait);
    return {
      Id: statement.id,
      CreatedAt: seconds(statement.createdAt),
      Database: statement.database,
      DbUser: statement.databaseUser,
      DbGroups: [],
      WorkgroupName: statement.workgroup,
      ...(statement.secretArn ? { SecretArn: statement.secretArn } : {}),
      ...(wait
        ? {
            Status: statement.status,
            HasResultSet: statement.parts.some((part) => part.result),
            RedshiftPid: statement.pid,
          }
        : {}),
    };
  }

  #start(
    batch: boolean,
    texts: string[],
    parameters: SqlParameter[],
    body: Body,
    workgroup: Required<Workgroup>,
    caller: Caller,
  ): Statement {
    if (this.#closed) throw new ServiceError('InternalServerException', 'the server is closing', {}, 500);
    if (this.#store.active.length >= limits.active) {
      throw new ServiceError(
        'ActiveStatementsExceededException',
        'Active statements exceeded the allowed quota (500).',
      );
    }
    const now = Date.now();
    const statement: Statement = {
      id: this.#store.newId(),
      batch,
      ownerUserId: caller.userId,
      database: body.Database,
      workgroup: workgroup.name,
      secretArn: body.SecretArn,
      databaseUser: caller.databaseUser,
      name: body.StatementName,
      parameters,
      status: 'SUBMITTED',
      pid: 0,
      createdAt: now,
      updatedAt: now,
      durationNs: -1,
      parts: texts.map((sql) => ({
        sql,
        status: 'SUBMITTED',
        queryId: ++this.#queryId,
        createdAt: now,
        updatedAt: now,
        durationNs: -1,
        rows: -1,
      })),
      abort: new AbortController(),
      done: Promise.resolve(),
    };
    this.#store.add(statement);
    const known = workgroup.databases.includes(statement.database);
    statement.done = this.#run(statement, caller, known);
    return statement;
  }

  /** Runs the statement to its end; every failure ends in its status, none escapes. */
  async #run(statement: Statement, caller: Caller, databaseExists: boolean): Promise<void> {
    await this.#slot(statement.abort.signal);
    const began = process.hrtime.bigint();
    const stepBegan = new Map<StatementPart, bigint>();
    const mark = (target: Statement | StatementPart, status: Status) => {
      target.status = status;
      target.updatedAt = Date.now();
    };
    const finishPart = (part: StatementPart, status: Status) => {
      mark(part, status);
      const from = stepBegan.get(part);
      part.durationNs = from === undefined ? -1 : Number(process.hrtime.bigint() - from);
    };
    try {
      statement.abort.signal.throwIfAborted();
      mark(statement, 'STARTED');
      statement.startedAt = Date.now();
      this.#report(statement);
      if (!databaseExists)
        throw new StepFailed(
          0,
          Object.assign(new Error(`database "${statement.database}" does not exist`), { fatal: true }),
        );
      await execute(this.#warehouse, {
        database: statement.database,
        identity: caller,
        steps: statement.parts,
        parameters: statement.parameters,
        s3For: this.#options.s3For,
        signal: statement.abort.signal,
        onConnected: (pid) => {
          statement.pid = pid;
        },
        onStepStarted: (index) => {
          const part = statement.parts[index] as StatementPart;
          stepBegan.set(part, process.hrtime.bigint());
          mark(part, 'STARTED');
        },
        onStepFinished: (index, outcome) => {
          const part = statement.parts[index] as StatementPart;
          part.rows = outcome.rows;
          part.result = outcome.result;
          finishPart(part, 'FINISHED');
        },
      });
      statement.durationNs = Number(process.hrtime.bigint() - began);
      mark(statement, 'FINISHED');
    } catch (error) {
      statement.durationNs = Number(process.hrtime.bigint() - began);
      const failed = error instanceof StepFailed ? error.index : 0;
      const cause = error instanceof StepFailed ? error.cause : error;
      const status: Status = statement.abort.signal.aborted ? 'ABORTED' : 'FAILED';
      const message = `${(cause as { fatal?: boolean }).fatal ? 'FATAL' : 'ERROR'}: ${redshiftMessage(cause)}`;
      for (const [index, part] of statement.parts.entries()) {
        if (index < failed) continue;
        finishPart(part, index === failed ? status : 'ABORTED');
        part.result = undefined;
        if (index === failed && status === 'FAILED') part.error = message;
      }
      if (status === 'FAILED')
        statement.error = statement.batch ? `Query #${failed + 1} failed with ${message}` : message;
      mark(statement, status);
    } finally {
      this.#release();
      this.#report(statement);
    }
  }

  #report(statement: Statement): void {
    this.#options.onStatement?.({
      id: statement.id,
      status: statement.status,
      databaseUser: statement.databaseUser,
      sqls: statement.parts.map((part) => part.sql),
      durationMs: Math.max(0, statement.durationNs) / 1e6,
      error: statement.error,
    });
  }

  async #slot(signal: AbortSignal): Promise<void> {
    if (this.#running >= this.#options.concurrency) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.#running++;
  }

  #release(): void {
    this.#running--;
    if (this.#running < this.#options.concurrency) this.#waiting.shift()?.();
  }

  #workgroup(body: Body): Required<Workgroup> {
    if (body.ClusterIdentifier !== undefined)
      throw validation("Redshift endpoint doesn't exist in this region.");
    if (typeof body.WorkgroupName !== 'string')
      throw validation('Either WorkgroupName or ClusterIdentifier is required');
    const found = this.#options.workgroups
      .map((workgroup) => ({ ...workgroup, arn: workgroup.arn ?? this.#arn(workgroup.name) }))
      .find(({ name, arn }) => name === body.WorkgroupName || arn === body.WorkgroupName);
    if (!found) throw validation("Redshift endpoint doesn't exist in this region.");
    return found;
  }

  #arn(name: string): string {
    return `arn:aws:redshift-serverless:${this.#options.region}:${this.#options.account}:workgroup/${name}`;
  }

  /** The statement, after IAM allowed the action on statements of its owner. */
  async #owned(operation: string, id: string | undefined, authorize: Authorize) {
    let owner = '';
    try {
      owner = this.#store.find(id).statement.ownerUserId;
    } catch (error) {
      if ((error as Error).name === 'ValidationException') throw error;
    }
    const caller = await authorize([
      {
        action: `redshift-data:${operation}`,
        resource: '*',
        context: owner ? { 'redshift-data:statement-owner-iam-userid': owner } : {},
      },
    ]);
    return this.#store.find(id, caller.userId);
  }

  async #describe(body: Body, authorize: Authorize): Promise<Response> {
    const { statement, part } = await this.#owned('DescribeStatement', body.Id, authorize);
    await waitFor(statement, body.WaitTimeSeconds);
    const shared = {
      Database: statement.database,
      DbUser: statement.databaseUser,
      WorkgroupName: statement.workgroup,
      RedshiftPid: statement.pid,
      ResultFormat: 'JSON',
      ...(statement.secretArn ? { SecretArn: statement.secretArn } : {}),
    };
    if (part) return { ...shared, ...partDescription(statement, part) };
    const single = statement.batch ? undefined : statement.parts[0];
    return {
      ...shared,
      Id: statement.id,
      Status: statement.status,
      CreatedAt: seconds(statement.createdAt),
      UpdatedAt: seconds(statement.updatedAt),
      Duration: statement.durationNs,
      HasResultSet: statement.parts.some((candidate) => candidate.result),
      RedshiftQueryId: single && statement.startedAt ? single.queryId : statement.batch ? 0 : -1,
      ResultRows: single ? single.rows : -1,
      ResultSize: single ? (single.result?.bytes ?? (single.rows < 0 ? -1 : 0)) : -1,
      ...(statement.error ? { Error: statement.error } : {}),
      ...(statement.parameters.length ? { QueryParameters: statement.parameters } : {}),
      ...(single
        ? { QueryString: single.sql }
        : {
            SubStatements: statement.parts.map((each) => partDescription(statement, each)),
            ExecutionMode: 'TRANSACTION',
          }),
    };
  }

  async #result(body: Body, authorize: Authorize): Promise<Response> {
    const { statement, part: named } = await this.#owned('GetStatementResult', body.Id, authorize);
    await waitFor(statement, body.WaitTimeSeconds);
    const part = named ?? (statement.batch ? undefined : statement.parts[0]);
    // A part's rows count only once its transaction has been committed.
    if (statement.status !== 'FINISHED' || !part?.result) {
      throw new ServiceError(
        'ResourceNotFoundException',
        'Query does not have result. Please check query status with DescribeStatement.',
        {
          ResourceId: body.Id,
        },
      );
    }
    const from = this.#pageStart(body.NextToken, body.Id);
    const { rows, columns } = part.result;
    const to = Math.min(rows.length, from + this.#options.pageRows);
    const next = to < rows.length ? `,"NextToken":${JSON.stringify(pageToken(body.Id, to))}` : '';
    return `{"Records":${recordsJson(part.result, from, to)},"ColumnMetadata":${JSON.stringify(columns)},"TotalNumRows":${rows.length}${next}}`;
  }

  #pageStart(token: unknown, id: string): number {
    if (token === undefined || token === null || token === '') return 0;
    const [tokenId, from] = Buffer.from(String(token), 'base64url').toString('utf8').split(' ');
    if (tokenId !== id || !/^\d+$/.test(from ?? ''))
      throw validation('NextToken is not valid for this statement');
    return Number(from);
  }

  async #cancel(body: Body, authorize: Authorize): Promise<Response> {
    const { statement } = await this.#owned('CancelStatement', body.Id, authorize);
    if (isOver(statement.status)) {
      throw validation(
        `Could not cancel a query that is already in ${statement.status} state with ID: ${statement.id}`,
      );
    }
    statement.abort.abort(new Error("canceled on user's request"));
    return { Status: true };
  }

  async #list(body: Body, authorize: Authorize): Promise<Response> {
    const caller = await authorize([{ action: 'redshift-data:ListStatements', resource: '*' }]);
    const size = Math.min(Number(body.MaxResults) || limits.list, limits.list);
    const matching = this.#store
      .list(caller.userId)
      .filter((statement) => body.RoleLevel !== false || statement.ownerUserId === caller.userId)
      .filter((statement) => !body.Status || body.Status === 'ALL' || statement.status === body.Status)
      .filter((statement) => !body.StatementName || statement.name?.startsWith(body.StatementName))
      .filter((statement) => !body.Database || statement.database === body.Database)
      .filter((statement) => !body.WorkgroupName || statement.workgroup === this.#workgroup(body).name);
    const from = this.#pageStart(body.NextToken, 'list');
    const page = matching.slice(from, from + size);
    return {
      Statements: page.map((statement) => ({
        Id: statement.id,
        Status: statement.status,
        IsBatchStatement: statement.batch,
        CreatedAt: seconds(statement.createdAt),
        UpdatedAt: seconds(statement.updatedAt),
        ResultFormat: 'JSON',
        ...(statement.batch
          ? { QueryStrings: statement.parts.map((part) => part.sql) }
          : { QueryString: statement.parts[0]?.sql }),
        ...(statement.name ? { StatementName: statement.name } : {}),
        ...(statement.secretArn ? { SecretArn: statement.secretArn } : {}),
        ...(statement.parameters.length ? { QueryParameters: statement.parameters } : {}),
      })),
      ...(from + size < matching.length ? { NextToken: pageToken('list', from + size) } : {}),
    };
  }
}

function partDescription(statement: Statement, part: StatementPart) {
  return {
    Id: statement.batch ? `${statement.id}:${statement.parts.indexOf(part) + 1}` : statement.id,
    QueryString: part.sql,
    Status: part.status,
    CreatedAt: seconds(part.createdAt),
    UpdatedAt: seconds(part.updatedAt),
    Duration: part.durationNs,
    HasResultSet: part.result !== undefined,
    RedshiftQueryId: part.status === 'SUBMITTED' ? -1 : part.queryId,
    ResultRows: part.rows,
    ResultSize: part.result?.bytes ?? (part.rows < 0 ? -1 : 0),
    ...(part.error ? { Error: part.error } : {}),
  };
}

function pageToken(id: string, from: number): string {
  return Buffer.from(`${id} ${from}`, 'utf8').toString('base64url');
}

function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}

/** WaitTimeSeconds: answers when the statement has ended, or when the time is over. */
async function waitFor(statement: Statement, wait: unknown): Promise<void> {
  if (wait === undefined || wait === null || wait === 0) return;
  if (!Number.isInteger(wait) || (wait as number) < 0 || (wait as number) > limits.waitSeconds)
    throw validation('WaitTimeSeconds must be between 0 and 30');
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    statement.done,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, (wait as number) * 1000);
    }),
  ]);
  clearTimeout(timer);
}

function checkSqls(sqls: unknown, operation: string): string[] {
  if (
    !Array.isArray(sqls) ||
    sqls.length === 0 ||
    sqls.some((sql) => typeof sql !== 'string' || sql.trim() === '')
  ) {
    throw validation(
      operation === 'ExecuteStatement'
        ? 'Sql is required and must not be empty'
        : 'Sqls must hold between 1 and 40 statements',
    );
  }
  if (sqls.length > limits.batch)
    throw validation(`Sqls must hold between 1 and ${limits.batch} statements, not ${sqls.length}`);
  if (sqls.some((sql) => Buffer.byteLength(sql) > limits.statementBytes))
    throw validation('Cannot process query string larger than 100kB');
  return sqls;
}

function checkParameters(parameters: unknown): SqlParameter[] {
  if (parameters === undefined || parameters === null) return [];
  if (!Array.isArray(parameters) || parameters.length === 0)
    throw validation('Parameters must have at least one element');
  const names = new Set<string>();
  for (const parameter of parameters) {
    if (!/^[0-9a-zA-Z_]+$/.test(parameter?.name ?? ''))
      throw validation('a parameter name must satisfy regex pattern: [0-9a-zA-Z_]+');
    if (typeof parameter.value !== 'string' || parameter.value === '')
      throw validation(`the value of parameter ${parameter.name} must have length at least 1`);
    if (names.has(parameter.name)) throw validation(`parameter ${parameter.name} is given twice`);
    names.add(parameter.name);
  }
  return parameters.map(({ name, value }) => ({ name, value }));
}

/** Members of the real service that this one does not honour: refused by name, not left out. */
function refuseMembers(body: Body, operation: string): void {
  if (body.SessionId !== undefined || body.SessionKeepAliveSeconds)
    throw validation(
      'sessions (SessionId, SessionKeepAliveSeconds) are not served by the local Redshift Data API',
    );
  if (body.WithEvent) throw validation('WithEvent is not served by the local Redshift Data API');
  if (body.ResultFormat !== undefined && body.ResultFormat !== 'JSON')
    throw validation(`ResultFormat ${body.ResultFormat} is not served by the local Redshift Data API`);
  if (body.DbUser !== undefined)
    throw validation('DbUser is for clusters; a workgroup derives the user from IAM');
  if (
    operation === 'BatchExecuteStatement' &&
    body.ExecutionMode !== undefined &&
    body.ExecutionMode !== 'TRANSACTION'
  ) {
    throw validation(`ExecutionMode ${body.ExecutionMode} is not served by the local Redshift Data API`);
  }
  if (
    body.ClientToken !== undefined &&
    (typeof body.ClientToken !== 'string' || body.ClientToken.length < 1 || body.ClientToken.length > 64)
  ) {
    throw validation('ClientToken must have between 1 and 64 characters');
  }
}
