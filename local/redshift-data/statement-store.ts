import { createHash, randomUUID } from 'node:crypto';
import type { SqlParameter } from './parameters.ts';
import type { ResultSet } from './results.ts';
import { ServiceError, validation } from './service-error.ts';

export type Status = 'SUBMITTED' | 'PICKED' | 'STARTED' | 'FINISHED' | 'FAILED' | 'ABORTED';

/** One SQL text of a call. */
export interface StatementPart {
  sql: string;
  status: Status;
  queryId: number;
  createdAt: number;
  updatedAt: number;
  startedAt?: number;
  durationNs: number;
  error?: string;
  rows: number;
  result?: ResultSet;
}

/** One ExecuteStatement or BatchExecuteStatement call. Times are milliseconds since the epoch. */
export interface Statement {
  id: string;
  batch: boolean;
  /** aws:userid of the caller; the part before the colon is the role, which owns the statement. */
  ownerUserId: string;
  database: string;
  workgroup: string;
  secretArn?: string;
  databaseUser: string;
  name?: string;
  parameters: SqlParameter[];
  status: Status;
  error?: string;
  pid: number;
  createdAt: number;
  updatedAt: number;
  startedAt?: number;
  durationNs: number;
  parts: StatementPart[];
  abort: AbortController;
  /** Settles, never rejects, when the statement has ended. */
  done: Promise<void>;
}

const day = 24 * 3600 * 1000;
/** How long a ClientToken is remembered. */
const tokenLife = 8 * 3600 * 1000;

/** Statements of the last 24 hours and the tokens of the last 8, in memory: they end with the server. */
export class StatementStore {
  readonly #statements = new Map<string, Statement>();
  readonly #tokens = new Map<string, { fingerprint: string; id: string; at: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  newId(): string {
    return randomUUID();
  }

  add(statement: Statement): void {
    const now = this.#now();
    for (const [id, old] of this.#statements)
      if (isOver(old.status) && now - old.updatedAt > day) this.#statements.delete(id);
    this.#statements.set(statement.id, statement);
  }

  /** Newest first. */
  list(owner: string): Statement[] {
    return [...this.#statements.values()]
      .filter((statement) => sameOwner(statement.ownerUserId, owner))
      .reverse();
  }

  get active(): Statement[] {
    return [...this.#statements.values()].filter((statement) => !isOver(statement.status));
  }

  /** Finds `<id>` or `<id>:<n>`. A caller sees the statements of his own role only; others do not exist for him. */
  find(id: string | undefined, owner?: string): { statement: Statement; part?: StatementPart } {
    const [, base, number] =
      /^([a-z0-9]{8}(?:-[a-z0-9]{4}){3}-[a-z0-9]{12})(?::(\d{1,2}))?$/.exec(id ?? '') ?? [];
    if (!base)
      throw validation(
        `id must satisfy regex pattern: [a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\\d{0,2})?`,
      );
    const statement = this.#statements.get(base);
    const missing = new ServiceError('ResourceNotFoundException', 'Query does not exist.', {
      ResourceId: id ?? '',
    });
    if (!statement || (owner !== undefined && !sameOwner(statement.ownerUserId, owner))) throw missing;
    if (number === undefined) return { statement };
    const part = statement.batch ? statement.parts[Number(number) - 1] : undefined;
    if (!part) throw missing;
    return { statement, part };
  }

  /** The statement a token already started, if any. The same token with another request is an error. */
  byToken(owner: string, token: string | undefined, request: unknown): Statement | undefined {
    const now = this.#now();
    for (const [key, entry] of this.#tokens) if (now - entry.at > tokenLife) this.#tokens.delete(key);
    const known = token === undefined ? undefined : this.#tokens.get(`${ownerOf(owner)} ${token}`);
    if (!known) return undefined;
    if (known.fingerprint !== fingerprint(request)) {
      throw validation('The ClientToken was already used by a request with other parameters');
    }
    return this.#statements.get(known.id);
  }

  remember(owner: string, token: string | undefined, request: unknown, id: string): void {
    if (token !== undefined)
      this.#tokens.set(`${ownerOf(owner)} ${token}`, {
        fingerprint: fingerprint(request),
        id,
        at: this.#now(),
      });
  }
}

export function isOver(status: Status): boolean {
  return status === 'FINISHED' || status === 'FAILED' || status === 'ABORTED';
}

function ownerOf(userId: string): string {
  return userId.split(':')[0] as string;
}

function sameOwner(a: string, b: string): boolean {
  return ownerOf(a) === ownerOf(b);
}

function fingerprint(request: unknown): string {
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, inner]) => [key, sorted(inner)]),
          )
        : value;
  return createHash('sha256')
    .update(JSON.stringify(sorted(request)))
    .digest('hex');
}
