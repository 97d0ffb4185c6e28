import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { LabError } from '../../domain/errors.ts';
import {
  csvKey,
  type ImportInput,
  parseArchiveKey,
  slotPrefix,
  type Transformed,
  transformVersionField,
  workbookPrefix,
} from '../../domain/fashion/contract.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import type { ClientConfig } from '../laptop.ts';
import { type CsvComparison, compareCsv } from './csv-difference.ts';
import type { ImportOutput } from './driver.ts';

/** A deployed fashion lab: the laptop's, or one on AWS, where the SDK finds region and credentials itself. */
export interface ReplayTarget {
  clients: Partial<ClientConfig>;
  /** True where buckets have no host names of their own. */
  pathStyle: boolean;
  /** The stack's, by name. */
  outputs: Readonly<Record<string, string>>;
}

export interface ReplayRequest {
  /** `YYYY-MM-DD`. */
  date: string;
  /** `HHMM`. */
  slot: string;
  /** First digits of the workbook's SHA-256, or all of them; undefined for every drop of the slot. */
  drop?: string;
  from: ImportInput['from'];
  /** The newest of the chosen drops replaces the current positions even if they are newer. */
  force: boolean;
}

/** A workbook of the archive. */
export interface ArchivedDrop {
  key: string;
  /** Epoch milliseconds; of a workbook that was put there by hand, its arrival. */
  modifiedAt: number;
  /** 16 digits; undefined for a workbook that was put there by hand. */
  sha256Start: string | undefined;
  fileName: string;
  arrivedAt: Date;
}

/** As an arrival, but a person waits at the terminal. */
const patience = {
  attempts: 5,
  waits: { statementSeconds: 2, retrySeconds: 10 },
} satisfies Partial<ImportInput>;

interface Replayed {
  drop: ArchivedDrop;
  /** Undefined when the execution failed. */
  output?: ImportOutput;
  csv?: CsvVerdict;
}

/** What is to be said of a drop's CSV, in a word and in lines; `ok` false makes the command fail. */
interface CsvVerdict {
  word: string;
  lines: string[];
  ok: boolean;
}

/**
 * Loads drops of one slot again from the archive, one after the other in the order of drops, by the import state machine.
 * A replay from xlsx writes its CSV below `replay/<run>/`; it is compared with the archived one.
 *
 * Exit code 0: everything was loaded, and each CSV is the archived one byte for byte, or was written by another version
 * of the transform, or there is none in the archive. 1: an execution failed (the other drops are replayed all the same),
 * or the same transform version wrote other bytes, or the archived CSV does not say which version wrote it,
 * or AWS stopped answering.
 *
 * @throws SlotNotArchived, DropUnknown, DropAmbiguous, AwsCallFailed; the signal's reason when it was aborted: the
 *   execution goes on, and its ARN was printed
 */
export async function replayFashion(o: {
  target: ReplayTarget;
  request: ReplayRequest;
  progress: Progress;
  signal: AbortSignal;
  /** Keys per page of a listing. @default 1000 */
  pageSize?: number;
}): Promise<number> {
  const { target, request, progress, signal } = o;
  const bucket = output(target, 'ArchiveBucketName');
  const stateMachineArn = output(target, 'ImportStateMachineArn');
  const s3 = new S3Client({ ...target.clients, ...(target.pathStyle ? { forcePathStyle: true } : {}) });
  const sfn = new SFNClient(target.clients);
  try {
    const drops = chosen(await archivedDrops(s3, bucket, request, o.pageSize, signal), request);
    const run = runId();
    progress.line(`Replay ${run} from ${request.from}`);
    const done: Replayed[] = [];
    let unanswered = false;
    for (const [index, drop] of drops.entries()) {
      signal.throwIfAborted();
      const replayed: Replayed = { drop };
      done.push(replayed);
      const input: ImportInput = {
        bucket,
        key: drop.key,
        arrivedAt: drop.arrivedAt.toISOString(),
        from: request.from,
        replay: run,
        // Forcing each in turn would show the shop an older drop of this slot for a moment.
        force: request.force && index === drops.length - 1,
        ...patience,
      };
      try {
        replayed.output = await progress.step(`${request.date} ${request.slot} ${name(drop)}`, (step) =>
          execute(sfn, stateMachineArn, `replay-${run}-${index + 1}`, input, signal, step.detail),
        );
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        // The step's line said why. An execution that failed leaves the others their chance; an AWS that does not answer none.
        if (error.code === 'ReplayFailed') continue;
        done.pop();
        unanswered = true;
        break;
      }
      replayed.csv = await csvVerdict(
        s3,
        bucket,
        request.from,
        drop.key,
        replayed.output.transformed,
        signal,
      );
    }
    if (done.length > 0) {
      progress.line();
      progress.line(table(done, request));
    }
    for (const { drop, csv } of done) {
      if (!csv) continue;
      progress.line();
      for (const line of [`${name(drop)}: ${csv.lines[0]}`, ...csv.lines.slice(1)]) progress.line(line);
    }
    return !unanswered && done.every(({ output: loaded, csv }) => loaded && csv?.ok) ? 0 : 1;
  } catch (error) {
    throw signal.aborted ? new Error(`stopped: ${signal.reason}`, { cause: error }) : told(error);
  } finally {
    s3.destroy();
    sfn.destroy();
  }
}

function output(target: ReplayTarget, name: string): string {
  const value = target.outputs[name];
  if (value === undefined)
    throw new LabError('StackUnreadable', `there is no output ${name}: not a fashion lab`);
  return value;
}

/** `20261121T130501Z-ab12cd`. */
function runId(): string {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${now}-${randomBytes(3).toString('hex')}`;
}

const name = (drop: ArchivedDrop) => drop.sha256Start ?? drop.fileName;

/**
 * The workbooks of one slot in the order of drops. What does not look like a workbook's key is not one.
 *
 * @throws SlotNotArchived, naming the slots that the date has
 */
async function archivedDrops(
  s3: S3Client,
  bucket: string,
  { date, slot }: ReplayRequest,
  pageSize: number | undefined,
  signal: AbortSignal,
): Promise<ArchivedDrop[]> {
  const drops: ArchivedDrop[] = [];
  const perSlot = new Map<string, number>();
  const prefix = slotPrefix({ date, slot });
  const wholeDay = `${workbookPrefix}date=${date}/`;
  for await (const page of paginateListObjectsV2(
    { client: s3, pageSize },
    { Bucket: bucket, Prefix: wholeDay },
    { abortSignal: signal },
  )) {
    for (const { Key: key = '', LastModified: arrivedAt = new Date(0) } of page.Contents ?? []) {
      const parsed = readKey(key);
      if (!parsed) continue;
      perSlot.set(parsed.slot, (perSlot.get(parsed.slot) ?? 0) + 1);
      if (!key.startsWith(prefix)) continue;
      const { modifiedAt = arrivedAt.getTime(), sha256Start, fileName } = parsed;
      drops.push({ key, modifiedAt, sha256Start, fileName, arrivedAt });
    }
  }
  if (drops.length === 0) {
    const held = [...perSlot].sort().map(([each, count]) => `${each} (${howMany(count)})`);
    throw new LabError(
      'SlotNotArchived',
      `${date} ${slot}; of that date it holds ${held.length > 0 ? held.join(', ') : 'none'}`,
    );
  }
  const order = (each: ArchivedDrop) =>
    `${String(each.modifiedAt).padStart(15, '0')}/${each.sha256Start ?? ''}/${each.key}`;
  return drops.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const howMany = (count: number) => `${count} ${count === 1 ? 'drop' : 'drops'}`;

function readKey(key: string) {
  try {
    const parsed = parseArchiveKey(key);
    return parsed.kind === 'xlsx' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Several drops of the same content are one choice: their load has one key. */
function chosen(drops: ArchivedDrop[], { drop: hash }: ReplayRequest): ArchivedDrop[] {
  if (hash === undefined) return drops;
  const asked = hash.toLowerCase();
  // The archive's keys hold the first 16 digits; more of them may be given.
  const found = drops.filter(({ sha256Start }) =>
    sha256Start?.startsWith(asked.slice(0, sha256Start.length)),
  );
  if (found.length === 0) throw new LabError('DropUnknown', `${hash}; there is ${listed(drops)}`);
  if (new Set(found.map(({ sha256Start }) => sha256Start)).size > 1)
    throw new LabError('DropAmbiguous', `${hash}: ${listed(found)}`);
  return found;
}

const listed = (drops: ArchivedDrop[]) =>
  drops
    .map(
      ({ sha256Start = 'by hand', fileName, modifiedAt }) =>
        `${sha256Start} (${fileName}, ${new Date(modifiedAt).toISOString()})`,
    )
    .join(', ');

/** Starts the import and waits for its end. Throws ReplayFailed. */
async function execute(
  sfn: SFNClient,
  stateMachineArn: string,
  executionName: string,
  input: ImportInput,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<ImportOutput> {
  const begin = Date.now();
  // Not aborted: once it may have started, its ARN has to be known.
  const start = new StartExecutionCommand({
    stateMachineArn,
    name: executionName,
    input: JSON.stringify(input),
  });
  const { executionArn } = await sfn.send(start).catch((error) => {
    throw told(error);
  });
  try {
    for (let pause = 50; ; pause = Math.min(pause * 1.5, 2000)) {
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }), {
        abortSignal: signal,
      });
      if (execution.status === 'SUCCEEDED') {
        const result = JSON.parse(execution.output ?? '{}') as ImportOutput;
        say(`-> ${result.outcome}`);
        return result;
      }
      if (execution.status !== 'RUNNING') throw new LabError('ReplayFailed', why(execution));
      say(`${Math.round((Date.now() - begin) / 1000)} s`);
      await sleep(pause, undefined, { signal });
    }
  } catch (error) {
    if (error instanceof LabError) throw error;
    const goesOn = `the execution goes on: ${executionArn}`;
    if (signal.aborted) throw new Error(`no longer waited for; ${goesOn}`, { cause: error });
    throw new LabError('AwsCallFailed', `${oneLine(error as Error)}; ${goesOn}`, { cause: error });
  }
}

/** Code and cause. A function's cause is JSON that ends in a stack trace: its message says all. */
function why({ status, error, cause, executionArn }: DescribeExecutionCommandOutput): string {
  let message = cause ?? '';
  try {
    message = JSON.parse(message).errorMessage ?? message;
  } catch {
    // a cause of the state machine's own is plain text
  }
  const code = error ?? status ?? '';
  return `${message.startsWith(code) ? message : `${code}: ${message}`} (${executionArn})`;
}

/** The drop's CSV against the archive's. */
async function csvVerdict(
  s3: S3Client,
  bucket: string,
  from: ImportInput['from'],
  key: string,
  { drop: of, csvKey: written, csvSha256, transformVersion }: Transformed,
  signal: AbortSignal,
): Promise<CsvVerdict> {
  if (from === 'csv') {
    const line = `loaded from the archived csv, transform version ${transformVersion}, sha256 ${csvSha256}`;
    return { word: 'archived', lines: [line], ok: true };
  }
  const archivedKey = csvKey(of);
  const archived = await open(s3, bucket, archivedKey, signal);
  if (!archived) {
    const lines = [
      `the archive holds no csv of this drop to compare with: ${archivedKey}`,
      `  the replay's, kept for a while: s3://${bucket}/${written}`,
      `  to archive one, put the workbook back: aws s3 cp --metadata-directive REPLACE 's3://${bucket}/${key}' 's3://${bucket}/${key}'`,
    ];
    return { word: 'none archived', lines, ok: true };
  }
  let replayed: OpenCsv | undefined;
  try {
    replayed = await open(s3, bucket, written, signal);
    if (!replayed) throw new LabError('AwsCallFailed', `the csv of the replay is gone: ${written}`);
  } catch (error) {
    archived.body.destroy();
    throw error;
  }
  const comparison = await compareCsv(archived.body, replayed.body, signal);
  if (comparison.identical) {
    const line = `csv byte-identical to the archived one, sha256 ${comparison.archived.sha256}`;
    return { word: 'identical', lines: [line], ok: true };
  }
  return difference(comparison, archived.version, replayed.version ?? transformVersion);
}

interface OpenCsv {
  body: Readable;
  version: string | undefined;
}

async function open(
  s3: S3Client,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<OpenCsv | undefined> {
  try {
    const { Body, Metadata } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    });
    return { body: Body as Readable, version: Metadata?.[transformVersionField] };
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/** Another version of the transform may write other bytes; the same one may not. */
function difference(
  { archived, replayed, differences }: CsvComparison,
  archivedVersion: string | undefined,
  replayedVersion: string,
): CsvVerdict {
  const expected = archivedVersion !== undefined && archivedVersion !== replayedVersion;
  return {
    word: expected ? 'differs' : '✗ differs',
    ok: expected,
    lines: [
      expected
        ? 'csv differs from the archived one, which another version of the transform wrote'
        : '✗ csv differs from the archived one, and no other version of the transform says that it wrote it',
      `  archived: transform version ${archivedVersion ?? 'unknown'}, ${size(archived)}`,
      `  replayed: transform version ${replayedVersion}, ${size(replayed)}`,
      ...differences.flatMap((each) => [
        `  line ${each.line}`,
        `    archived ${each.archived ?? '(ended)'}`,
        `    replayed ${each.replayed ?? '(ended)'}`,
      ]),
    ],
  };
}

const size = (file: CsvComparison['archived']) =>
  `${file.lines.toLocaleString('en-US')} lines, ${file.bytes.toLocaleString('en-US')} bytes, sha256 ${file.sha256}`;

function table(done: Replayed[], { date, slot }: ReplayRequest): string {
  return formatTable(
    ['drop', 'hash', 'file', 'outcome', 'rows in', 'loaded', 'set aside', 'csv'],
    done.map(({ drop: each, output: loaded, csv }) => [
      `${date} ${slot}`,
      each.sha256Start ?? 'by hand',
      each.fileName,
      loaded?.outcome ?? '✗ failed',
      loaded?.transformed.rowsIn,
      loaded?.transformed.rowsOut,
      loaded?.transformed.rowsRejected,
      csv?.word,
    ]),
  );
}

/** What the SDK throws has a name and a message. */
function told(error: unknown): unknown {
  if (error instanceof LabError || !(error instanceof Error)) return error;
  return new LabError('AwsCallFailed', oneLine(error), { cause: error });
}

const oneLine = (error: Error) => `${error.name}: ${error.message}`.replaceAll(/\s+/g, ' ');
