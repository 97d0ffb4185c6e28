import * as z from 'zod';
import { dropShape } from './drop.ts';

/**
 * What crosses the boundaries of the fashion lab: the inputs and outputs of its state machines and functions.
 * The stack wires them, the handlers validate them at the edge, the command line starts them.
 */

const positiveSeconds = z.number().min(0).max(86_400);

/** Every wait of an execution comes from its input, so that a test shortens it without another template. */
export const collectionWaits = z.object({
  /** Seconds between two looks at the SFTP server while the drop of the slot is not there yet. */
  lookSeconds: positiveSeconds,
  /** Seconds for which a file must not change before it is taken, and between the looks that see that. */
  settleSeconds: positiveSeconds,
  /** Seconds before a failed attempt is repeated. */
  retrySeconds: positiveSeconds,
});
export type CollectionWaits = z.infer<typeof collectionWaits>;

/** Which archived workbooks a collection starts the imports of again, where these have not finished. */
export const recovery = z.object({
  /** Seconds after its arrival for which the event of a workbook may still be on its way. */
  afterSeconds: z.number().min(0).max(86_400),
  /** Seconds since its arrival after which a workbook is left alone; 0 turns it off. */
  withinSeconds: z
    .number()
    .min(0)
    .max(366 * 86_400),
  /** Imports that one collection starts at most. Those that nobody has tried for longest come first. */
  atMost: z.number().int().min(1).max(1000),
});

/** Input of the collection state machine; the schedule sends it, the "run now" command too. */
export const collectionInput = z.object({
  /** ISO 8601 instant of the schedule; absent when a person starts a run by hand: then no slot is waited for. */
  scheduledAt: z.string().optional(),
  /** How often to look for the slot's drop before giving up. */
  looks: z.number().int().min(1).max(1000),
  /**
   * How often to look again, beside `looks`, because a file is still being written or another collector has it. When they
   * are used up such looks count like any other.
   */
  settleRounds: z.number().int().min(0).max(1000),
  /** Files this much older than the newest on the server, seconds, or younger, are hashed again once; 0 is none. */
  rehashSeconds: z
    .number()
    .min(0)
    .max(366 * 86_400),
  /** How often a failed attempt is repeated. */
  attempts: z.number().int().min(1).max(20),
  recovery,
  waits: collectionWaits,
});
export type CollectionInput = z.infer<typeof collectionInput>;

/** Input of the collector function. */
export const collectRequest = z.object({
  scheduledAt: z.string().nullish(),
  settleSeconds: positiveSeconds,
  /** As in the input at a run's first look; 0 at the later ones. */
  rehashSeconds: collectionInput.shape.rehashSeconds,
});
export type CollectRequest = z.infer<typeof collectRequest>;

export interface CollectedFile {
  /** Path on the client's server. */
  path: string;
  /** Key of the archived workbook. */
  key: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** True where it was written after its slot's grace period, and is the slot's first. */
  late: boolean;
}

export interface CollectResult {
  /** Files archived by this look. */
  collected: CollectedFile[];
  /** Files that can never be archived as they are, such as those whose name holds an impossible date. */
  refused: { path: string; error: string; cause: string }[];
  /** Files to look at again soon: still being written, in the hands of another collector, or no time was left. */
  settling: number;
  /**
   * Files that were hashed again: still the same, with other content (those are in `collected`), and not hashed because
   * no time was left or another collector has them. Null where none was asked for.
   */
  rehashed: { same: number; changed: number; left: number } | null;
  /** Files on the server that match the report's name pattern. */
  seen: number;
  /** True when the drop of the scheduled slot is archived, or when no slot is waited for. */
  complete: boolean;
  /** The slot waited for, as `YYYY-MM-DD/HHMM`, or null. */
  slot: string | null;
}

/** Input of the function that starts imports again. */
export const recoverRequest = recovery.extend({
  /** Names the collection: what it has started, it does not start once more. */
  collection: z.string().min(1),
});
export type RecoverRequest = z.infer<typeof recoverRequest>;

export interface RecoverResult {
  /** Keys of the archived workbooks whose imports were started again. */
  restarted: string[];
  /** Imports that are left to the next collection: more than one starts, or no time was left. */
  left: number;
}

/** What the collector answers to a check: the server showed the pinned key, took the login and listed its files. */
export interface CollectCheck {
  /** Files on the server that look like a report. */
  seen: number;
}

export const importWaits = z.object({
  /** Seconds between two looks at a statement that the warehouse is still working on. */
  statementSeconds: positiveSeconds,
  /** Seconds before a failed attempt is repeated. */
  retrySeconds: positiveSeconds,
});

/** Input of the import state machine: from the archive's event by way of the rule, or from the replay command. */
export const importInput = z.object({
  bucket: z.string().min(3),
  /** Key of the archived workbook, `xlsx/date=…/slot=…/…`. */
  key: z.string().min(1),
  /** ISO 8601 time of the object's arrival in the archive. */
  arrivedAt: z.string(),
  /** Where a run starts: at the workbook, or at its archived CSV. */
  from: z.enum(['xlsx', 'csv']),
  /** Id of a replay; null for an arrival. A replay writes beside the archive and loads even what the ledger knows. */
  replay: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .nullable(),
  /** Key of corrections of bad rows, `corrections/date=…/slot=…/…`: of a replay from the workbook alone. Absent is none. */
  corrections: z.string().min(1).optional(),
  /** True lets an older drop replace newer current positions. */
  force: z.boolean(),
  attempts: z.number().int().min(1).max(20),
  waits: importWaits,
});
export type ImportInput = z.infer<typeof importInput>;

/** What an import is started with when a workbook arrives, by the event and wherever the event was lost. */
export function importOfArrival(arrival: Pick<ImportInput, 'bucket' | 'key' | 'arrivedAt'>): ImportInput {
  return {
    ...arrival,
    from: 'xlsx',
    replay: null,
    force: false,
    attempts: 5,
    waits: { statementSeconds: 5, retrySeconds: 30 },
  };
}

/**
 * What an import says of itself in the table of imports, under the key of its workbook: when it begins, and over that when it
 * ends. That of a drop is `loaded` if it is in SQL, or was already; `refused` by name, for good; `failed` of anything that
 * may pass.
 */
export interface ImportNote {
  outcome: 'running' | 'loaded' | 'refused' | 'failed';
  /** When the import began, ISO 8601. */
  startedAt: string;
}

export const transformRequest = importInput
  .pick({ bucket: true, key: true, from: true, replay: true, arrivedAt: true })
  .extend({ corrections: importInput.shape.corrections.nullable() })
  .refine(({ corrections, from, replay }) => !corrections || (from === 'xlsx' && replay !== null), {
    error: 'corrections are of a replay from the workbook',
  });
export type TransformRequest = z.infer<typeof transformRequest>;

/** What the transform says of one drop. Rows are data rows: the header does not count. */
export const transformed = z.object({
  drop: dropShape,
  /** With corrections `<version>.c<first 8 digits of their hash>`. */
  transformVersion: z.string(),
  loadKey: z.string(),
  csvKey: z.string(),
  csvBytes: z.number(),
  csvSha256: z.string(),
  rejectedKey: z.string().nullable(),
  rowsIn: z.number(),
  rowsOut: z.number(),
  rowsRejected: z.number(),
  collectedAt: z.string(),
  transformedAt: z.string(),
});
export type Transformed = z.infer<typeof transformed>;

/** The loader's steps before the drop is told, in order. */
export const loadSteps = ['check', 'stage', 'reconcile', 'publish'] as const;

/** One call of the loader. `statement` is set when an earlier call left a statement running. */
export const loadRequest = z.object({
  step: z.enum([...loadSteps, 'discard']),
  /** Null for `discard` alone. */
  transformed: transformed.nullable(),
  /** Key of the archived workbook. */
  archiveKey: z.string(),
  replay: z.string().nullable(),
  force: z.boolean(),
  /** When the staging table was filled; null before. */
  stagedAt: z.string().nullable(),
  /** Names this execution; the staging table and the idempotency tokens are made from it. */
  run: z.string().min(1),
  /** Statements of this step that the warehouse reported as failed so far: each new try needs a new token. */
  failures: z.number().int().min(0),
  statement: z.string().nullable(),
});
export type LoadRequest = z.infer<typeof loadRequest>;

/**
 * - `running`: the statement is still being worked on, call again with it.
 * - `failed`: the warehouse reported a failure that may pass; `error` is its text.
 * - `done`: `detail` is the step's result.
 * - `skipped`: the ledger knows this load, nothing was done.
 */
export interface LoadResult {
  status: 'running' | 'failed' | 'done' | 'skipped';
  statement: string | null;
  error: string | null;
  detail: LoadDetail | null;
}

export interface LoadDetail {
  rowsStaged?: number;
  /** `current`: now what the shop front reads; `history`: recorded only, a newer drop is current. */
  outcome?: 'current' | 'history';
  /** True where an arrived drop has the rows of the last drop before its slot: the client's export may be stuck. */
  unchanged?: boolean;
  stagedAt?: string;
  loadedAt?: string;
}
