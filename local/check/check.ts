import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { type ErrorCode, errorTable, LabError } from '../../domain/errors.ts';
import { DataApi, type Row } from '../../lambdas/shared/data-api.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import { callFailed, type LabTarget } from '../lab-target.ts';
import type { ClientConfig } from '../laptop.ts';

/** What a person may ask. */
export interface CheckRequest {
  /** Whether each alarm sends a message; undefined where nobody was asked. */
  send: boolean | undefined;
  /** Whether to wait for the next of what comes in, and follow that. */
  follow: boolean;
}

/** One line of the table. */
export interface Check {
  what: string;
  /**
   * What was found, in a few words; {@link NotAsked} where it cannot be asked here.
   *
   * @param say what is waited for meanwhile
   * @throws Wrong, a LabError, or what the SDK throws: that is a ✗
   */
  look(say: (text: string) => void): Promise<string | NotAsked>;
}

/** Neither good nor bad. @param why */
export class NotAsked {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

/** Not as it must be. @param todo what mends it */
export class Wrong extends Error {
  readonly todo: string;
  constructor(found: string, todo: string, cause?: unknown) {
    super(found, { cause });
    this.todo = todo;
  }
}

/** Milliseconds that a query may take: Redshift may have to wake up. */
const answerMs = 300_000;

type Client = { destroy(): void };
type ClientClass<C extends Client> = new (config: Partial<ClientConfig> & { forcePathStyle?: boolean }) => C;

/** A deployed lab that is looked at: what its checks need of it. */
export class Checked {
  readonly lab: string;
  readonly target: LabTarget;
  readonly request: CheckRequest;
  readonly signal: AbortSignal;
  /** Milliseconds for which it waits for what comes by itself. */
  readonly patience: number;
  readonly #clients = new Map<unknown, Client>();
  #reading: Promise<DataApi> | undefined;

  constructor(o: {
    lab: string;
    target: LabTarget;
    request: CheckRequest;
    signal: AbortSignal;
    /** @default ten minutes */
    patience?: number | undefined;
  }) {
    this.lab = o.lab;
    this.target = o.target;
    this.request = o.request;
    this.signal = o.signal;
    this.patience = o.patience ?? 600_000;
  }

  /** Whether it is on AWS, and not on an emulator. */
  get onAws(): boolean {
    return !this.target.pathStyle;
  }

  /** @throws Wrong */
  output(name: string): string {
    const value = this.target.outputs[name];
    if (!value) throw new Wrong(`the stack has no output ${name}`, deployAgain);
    return value;
  }

  /** One of each class, as the one who checks. */
  client<C extends Client>(of: ClientClass<C>): C {
    const made =
      this.#clients.get(of) ?? new of({ ...this.target.clients, forcePathStyle: this.target.pathStyle });
    this.#clients.set(of, made);
    return made as C;
  }

  /** Looks again and again until there is something. @returns undefined where it did not come in time */
  async until<T>(look: () => Promise<T | undefined>, milliseconds = this.patience): Promise<T | undefined> {
    for (
      const end = Date.now() + milliseconds;
      ;
      await wait(this.onAws ? 2_000 : 250, undefined, { signal: this.signal })
    ) {
      const found = await look();
      if (found !== undefined || Date.now() > end) return found;
    }
  }

  /** Rows of the warehouse, of one statement. @throws WarehouseStatementFailed, WarehouseSlow */
  async query(sql: string): Promise<Row[]> {
    const api = await this.#reader();
    const state = await api.wait(await api.submit([sql], randomUUID()), answerMs);
    if (state.status === 'failed') throw new LabError('WarehouseStatementFailed', state.error);
    if (state.status === 'running') throw new LabError('WarehouseSlow', state.id);
    return api.rows(state.id);
  }

  /** As whoever reads what the lab publishes: under the stack's reader role. */
  #reader(): Promise<DataApi> {
    this.#reading ??= this.#assumeReader();
    return this.#reading;
  }

  async #assumeReader(): Promise<DataApi> {
    const { Credentials } = await this.client(STSClient).send(
      new AssumeRoleCommand({ RoleArn: this.output('ReaderRoleArn'), RoleSessionName: 'check' }),
    );
    const credentials = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    };
    const client = new RedshiftDataClient({ ...this.target.dataApi, credentials });
    this.#clients.set(client, client);
    const target = { workgroupName: this.output('WorkgroupName'), database: this.output('DatabaseName') };
    return new DataApi(target, client);
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy();
  }
}

export const deployAgain = 'deploy the stack again, from this checkout';

interface Line {
  sign: '✓' | '✗' | '–';
  what: string;
  found: string;
  todo?: string;
}

/**
 * Makes every check, one after the other, and prints the table. Exit code 1 on any ✗, else 0.
 *
 * @throws the signal's reason
 */
export async function runChecks(
  checks: readonly Check[],
  checked: Checked,
  progress: Progress,
): Promise<number> {
  const lines: Line[] = [];
  const block = progress.block();
  const show = (working: string[][] = []) =>
    block.show(
      formatTable(
        ['', 'check', 'found'],
        [...lines.map(({ sign, what, found }) => [sign, what, found]), ...working],
      ),
    );
  for (const { what, look } of checks) {
    checked.signal.throwIfAborted();
    show([['·', what, '']]);
    lines.push(await lineOf(what, () => look((text) => show([['·', what, text]]))));
    checked.signal.throwIfAborted();
  }
  show();
  block.end();
  const wrong = lines.filter(({ sign }) => sign === '✗');
  progress.line();
  for (const { what, todo } of wrong) progress.line(`✗ ${what}: ${todo}`);
  const count = (sign: Line['sign']) => lines.filter((line) => line.sign === sign).length;
  progress.line(`${count('✓')} ✓, ${wrong.length} ✗, ${count('–')} not asked`);
  return wrong.length > 0 ? 1 : 0;
}

async function lineOf(what: string, look: () => Promise<string | NotAsked>): Promise<Line> {
  try {
    const found = await look();
    return found instanceof NotAsked ? { sign: '–', what, found: found.why } : { sign: '✓', what, found };
  } catch (error) {
    return { sign: '✗', what, ...explained(error as Error) };
  }
}

function explained(error: Error): { found: string; todo: string } {
  if (error instanceof Wrong) return { found: error.message, todo: error.todo };
  const known = error instanceof LabError ? error : callFailed(error);
  return { found: known.message.replace(`; ${known.remedy}`, ''), todo: known.remedy };
}

/** An error of the table that a function answered, by its code and its message; any other as it is. */
export function answered(errorType: string, errorMessage: string): Wrong {
  const remedy = errorTable[errorType as ErrorCode]?.remedy;
  return remedy === undefined
    ? new Wrong(`${errorType}: ${errorMessage}`, "read the function's log")
    : new Wrong(errorMessage.replace(`; ${remedy}`, ''), remedy);
}
