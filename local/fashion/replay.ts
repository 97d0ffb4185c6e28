import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { LabError } from '../../domain/errors.ts';
import type { ImportInput } from '../../domain/fashion/contract.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import { callFailed, type LabTarget, outputOf } from '../lab-target.ts';
import { Archive, type ArchivedDrop, chosen, told } from './archive.ts';
import {
  type ArchivedCorrections,
  archiveCorrections,
  type CorrectedRequest,
  sayWhatIsTakenBack,
} from './corrected-replay.ts';
import { type CsvVerdict, csvVerdict } from './csv-verdict.ts';
import type { ImportOutput } from './driver.ts';

export interface ReplayRequest {
  /** `YYYY-MM-DD`. */
  date: string;
  /** `HHMM`. */
  slot: string;
  /** First digits of the workbook's SHA-256, or all of them; undefined for every drop of the slot. */
  drop?: string;
  from: ImportInput['from'];
  /** Of bad rows of one drop, which `drop` names; from the workbook. @default none */
  corrections?: CorrectedRequest['corrections'];
  /** The newest of the chosen drops replaces the current positions even if they are newer. */
  force: boolean;
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
  target: LabTarget;
  request: ReplayRequest;
  progress: Progress;
  signal: AbortSignal;
  /** Keys per page of a listing. @default 1000 */
  pageSize?: number;
}): Promise<number> {
  const { target, request, progress, signal } = o;
  const stateMachineArn = outputOf(target, 'ImportStateMachineArn', 'fashion');
  const archive = new Archive(target, signal, o.pageSize);
  const sfn = new SFNClient(target.clients);
  try {
    const corrections = request.corrections && (await corrected(archive, request, progress));
    const drops = corrections ? [corrections.drop] : await dropsOf(archive, request);
    const run = runId();
    progress.line(
      `Replay ${run} from ${request.from}${corrections ? ` with corrections ${corrections.shortHash}` : ''}`,
    );
    const done: Replayed[] = [];
    let unanswered = false;
    for (const [index, drop] of drops.entries()) {
      signal.throwIfAborted();
      const replayed: Replayed = { drop };
      done.push(replayed);
      const input: ImportInput = {
        bucket: archive.bucket,
        key: drop.key,
        arrivedAt: drop.arrivedAt.toISOString(),
        from: request.from,
        replay: run,
        ...(corrections ? { corrections: corrections.key } : {}),
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
        archive,
        request.from,
        drop.key,
        replayed.output.transformed,
        corrections,
      );
      if (!corrections) await sayWhatIsTakenBack(archive, request, drop, progress);
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
    archive.close();
    sfn.destroy();
  }
}

/** `20261121T130501Z-ab12cd`. */
function runId(): string {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${now}-${randomBytes(3).toString('hex')}`;
}

const name = (drop: ArchivedDrop) => drop.sha256Start ?? drop.fileName;

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
    throw callFailed(error as Error, goesOn);
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

/** Throws UsageInvalid where no drop is named, and what `archiveCorrections` throws. */
function corrected(
  archive: Archive,
  request: ReplayRequest,
  progress: Progress,
): Promise<ArchivedCorrections> {
  const { drop, corrections } = request;
  if (drop === undefined || !corrections || request.from !== 'xlsx')
    throw new LabError('UsageInvalid', 'corrections are of one drop, which --drop names, from its workbook');
  return archiveCorrections(archive, { ...request, drop, corrections }, progress);
}

async function dropsOf(archive: Archive, request: ReplayRequest): Promise<ArchivedDrop[]> {
  const drops = await archive.drops(request);
  return request.drop === undefined ? drops : chosen(drops, request.drop);
}

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
