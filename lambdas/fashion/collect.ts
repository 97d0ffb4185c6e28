import { createHash, randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { CopyObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Upload } from '@aws-sdk/lib-storage';
import type { Context } from 'aws-lambda';
import { errorTable, LabError } from '../../domain/errors.ts';
import {
  type CollectedDrop,
  dropTime,
  dueToHashAgain,
  hasSettled,
  isLate,
  isOfSlot,
  sameSight,
} from '../../domain/fashion/collection.ts';
import {
  type CollectCheck,
  type CollectedFile,
  type CollectRequest,
  type CollectResult,
  collectEnvironment,
  collectRequest,
  incomingKey,
  workbookKey,
} from '../../domain/fashion/contract.ts';
import { type DateAndSlot, type SlotSchedule, slotOf } from '../../domain/fashion/drop.ts';
import { isCheckRequest } from '../../domain/shared/contract.ts';
import { readEnvironment } from '../shared/environment.ts';
import { hashingStream } from '../shared/hashing-stream.ts';
import { logger, metrics } from '../shared/observability.ts';
import { CollectedFiles, type FileEntry } from './collected-files.ts';
import { parseSftpSecret, type RemoteFile, type SftpSource, withSftp } from './sftp-source.ts';

const environment = readEnvironment(collectEnvironment);
const schedule = JSON.parse(environment.SLOT_SCHEDULE) as SlotSchedule;
const graceSeconds = Number(environment.GRACE_SECONDS);
const s3 = new S3Client({});
const secrets = new SecretsManagerClient({});

/** Of a function's time: in this last part no file is begun any more, */
const noBeginningWithin = 1 / 5;
/** and in this one the connection ends. What is left waits for the next look, and no claim stays behind. */
const noReadingWithin = 1 / 20;

/**
 * One look at the client's server. Archives each report that is not archived yet and has come to rest, whatever its age: a
 * failed run leaves no hole. Known is what has the same path, size and modification time; of the youngest the content too,
 * where that is asked for. Never deletes, renames or writes on the client's server. A check logs in and lists, and takes nothing.
 */
export async function handler(
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<CollectResult | CollectCheck> {
  logger.resetKeys();
  const request = isCheckRequest(event) ? undefined : collectRequest.parse(event);
  const secret = parseSftpSecret(await readSecret());
  const whole = context.getRemainingTimeInMillis();
  return withSftp(
    secret,
    {
      readyTimeoutMs: Number(environment.SFTP_LOGIN_SECONDS) * 1000,
      stallTimeoutMs: Number(environment.SFTP_SILENCE_SECONDS) * 1000,
      signal: AbortSignal.timeout(Math.floor(whole * (1 - noReadingWithin))),
    },
    async (source) => {
      const lookedAt = Date.now();
      const files = await source.list(/\.xlsx$/i);
      if (!request) return { seen: files.length };
      const seenAt = Date.now();
      const table = new CollectedFiles(environment.COLLECTED_TABLE, Number(environment.LEASE_SECONDS));
      const entries = await table.read(files.map((file) => file.path));
      const look = new Look({
        request,
        source,
        files,
        lookedAt,
        seenAt,
        table,
        entries,
        timeIsUp: () => context.getRemainingTimeInMillis() < whole * noBeginningWithin,
      });
      try {
        return await look.run();
      } finally {
        metrics.addMetric('DropsCollected', MetricUnit.Count, look.collected.length);
        metrics.addMetric('LateDrops', MetricUnit.Count, look.collected.filter(({ late }) => late).length);
        metrics.publishStoredMetrics();
      }
    },
  );
}

const slotOfFile = ({ name, modifiedAt }: RemoteFile): DateAndSlot =>
  slotOf({ fileName: name, modifiedAt }, schedule, environment.FILE_NAME_PATTERN);

/** An archived file that the client has taken away since is no loss. */
const isGone = (error: unknown): boolean => error instanceof LabError && error.code === 'SftpPathRefused';

async function readSecret(): Promise<string> {
  const { SecretString } = await secrets.send(
    new GetSecretValueCommand({ SecretId: environment.SFTP_SECRET_ARN }),
  );
  return SecretString ?? '';
}

interface LookParts {
  request: CollectRequest;
  source: SftpSource;
  files: readonly RemoteFile[];
  /** When the list of files was asked for, and when it had come, epoch milliseconds. */
  lookedAt: number;
  seenAt: number;
  table: CollectedFiles;
  /** By path; kept up to date with what this look archives. */
  entries: Map<string, FileEntry>;
  timeIsUp: () => boolean;
}

class Look {
  readonly collected: CollectedFile[] = [];
  readonly #refused: CollectResult['refused'] = [];
  #settling = 0;
  readonly #parts: LookParts;

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  async run(): Promise<CollectResult> {
    const { request, files } = this.#parts;
    const isKnown = (file: RemoteFile) => sameSight(this.#entry(file).lastDrop, file);
    const due = dueToHashAgain(files, request.rehashSeconds).filter(isKnown);
    const fresh = files.filter((file) => !isKnown(file)).sort((a, b) => a.modifiedAt - b.modifiedAt);
    for (const file of fresh) await this.#takeFresh(file);
    const rehashed = request.rehashSeconds > 0 ? await this.#hashAgain(due) : null;

    const { scheduledAt } = request;
    const slot = scheduledAt ? slotOf({ fileName: '', modifiedAt: Date.parse(scheduledAt) }, schedule) : null;
    return {
      collected: this.collected,
      refused: this.#refused,
      settling: this.#settling,
      rehashed,
      seen: files.length,
      complete: slot === null || this.#hasDropOf(slot),
      slot: slot === null ? null : `${slot.date}/${slot.slot}`,
    };
  }

  #entry({ path }: RemoteFile): FileEntry {
    return this.#parts.entries.get(path) ?? { path, revision: 0 };
  }

  #hasDropOf(slot: DateAndSlot): boolean {
    return [...this.#parts.entries.values()].some(
      ({ lastDrop }) => lastDrop !== undefined && isOfSlot(lastDrop.key, slot),
    );
  }

  async #takeFresh(file: RemoteFile): Promise<void> {
    const { request, table, lookedAt, seenAt, timeIsUp } = this.#parts;
    const entry = this.#entry(file);
    let slot: DateAndSlot;
    try {
      slot = slotOfFile(file);
    } catch (error) {
      return this.#putOff(file, error); // no waiting makes such a name better
    }
    if (!sameSight(entry.seen, file)) await table.noteLook(file.path, file, seenAt);
    if (!hasSettled(file, entry.seen, lookedAt, request.settleSeconds) || timeIsUp()) this.#settling += 1;
    else if (!(await this.#claimed(file, () => this.#archive(file, slot)))) this.#settling += 1;
  }

  /** Reads the files again, and archives those whose content is another one. */
  async #hashAgain(due: readonly RemoteFile[]): Promise<NonNullable<CollectResult['rehashed']>> {
    const counts = { same: 0, changed: 0, left: 0 };
    for (const file of due) {
      const entry = this.#entry(file);
      const begun =
        !this.#parts.timeIsUp() &&
        (await this.#claimed(file, async () => {
          const sha256 = await this.#sha256Of(file);
          if (sha256 === undefined) {
            counts.left += 1;
            await this.#parts.table.release(entry);
          } else if (sha256 === entry.lastDrop?.sha256) {
            counts.same += 1;
            await this.#parts.table.unchanged(entry);
          } else {
            counts.changed += 1;
            logger.warn('other content under the same name, size and time', { path: file.path });
            await this.#archive(file, slotOfFile(file));
          }
        }));
      if (!begun) counts.left += 1;
    }
    return counts;
  }

  /** Undefined when the time is up before the end of the file, or the client has taken it away. */
  async #sha256Of(file: RemoteFile): Promise<string | undefined> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of this.#parts.source.read(file.path, file)) {
        if (this.#parts.timeIsUp()) return undefined;
        hash.update(chunk);
      }
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    return hash.digest('hex');
  }

  /**
   * Works on a file while no other collector does. False when one does, or has finished since the list was read.
   *
   * What is about this file alone holds up no other one. Whatever ends the work early gives the claim back; a collector
   * that is killed cannot, and its claim lapses.
   */
  async #claimed(file: RemoteFile, work: () => Promise<void>): Promise<boolean> {
    const { table } = this.#parts;
    const entry = this.#entry(file);
    if (!(await table.claim(entry))) {
      logger.info('another collector has it', { path: file.path });
      return false;
    }
    try {
      await work();
    } catch (error) {
      // What went wrong first is what is told; a claim that could not be given back lapses.
      await table.release(entry).catch((cause) => logger.warn('claim not given back', { cause }));
      this.#putOff(file, error);
    }
    return true;
  }

  /** Keeps what can be said of this file alone; throws everything else. */
  #putOff(file: RemoteFile, error: unknown): void {
    if (!(error instanceof LabError)) throw error;
    if (error.code === 'SftpFileChanged') {
      logger.warn('still being written', { path: file.path });
      this.#settling += 1;
    } else if (errorTable[error.code].kind === 'refused') {
      // The others do not wait for it. The state machine fails once they are collected.
      logger.error('refused', { path: file.path, error });
      this.#refused.push({ path: file.path, error: error.code, cause: error.message });
    } else throw error;
  }

  /**
   * Streams the file to `incoming/` while hashing it, then copies it to the key that its hash names: whatever is below
   * `xlsx/` is complete. The row in the table comes last, so that a crash before it means that the file is taken again.
   */
  async #archive(file: RemoteFile, slot: DateAndSlot): Promise<void> {
    const { table, entries } = this.#parts;
    const entry = this.#entry(file);
    const { incoming, sha256 } = await this.#upload(file);
    const before = entry.lastDrop;
    if (before && sameSight(before, file) && before.sha256 === sha256) return table.unchanged(entry);

    const { size, modifiedAt } = file;
    const filed = { ...slot, modifiedAt: dropTime(file, before), sha256, fileName: basename(file.path) };
    const drop: CollectedDrop = { size, modifiedAt, sha256, key: workbookKey(filed) };
    await s3.send(
      new CopyObjectCommand({
        Bucket: environment.ARCHIVE_BUCKET,
        Key: drop.key,
        CopySource: `${environment.ARCHIVE_BUCKET}/${incoming}`,
      }),
    );
    if (!(await table.archived(entry, drop))) {
      // The claim had lapsed, and another collector archives the same under the same key.
      this.#settling += 1;
      return;
    }
    const late = !this.#hasDropOf(slot) && isLate(file, slot, schedule.timeZone, graceSeconds);
    entries.set(file.path, { path: file.path, revision: entry.revision + 1, lastDrop: drop });
    this.collected.push({ path: file.path, key: drop.key, size, sha256, late });
    logger.info('archived', { path: file.path, key: drop.key, bytes: size, late });
    await this.#seeWhetherReplaced(file);
  }

  /** All of the file as it was listed, or an error: SftpFileChanged while it is still being written. */
  async #upload(file: RemoteFile): Promise<{ incoming: string; sha256: string }> {
    const hashing = hashingStream();
    const content = this.#parts.source.read(file.path, file);
    content.on('error', (error) => hashing.stream.destroy(error));
    const incoming = incomingKey(randomUUID());
    await new Upload({
      client: s3,
      // Parts of a broken upload are removed by the bucket's lifecycle rule, which needs no further right.
      leavePartsOnError: true,
      params: { Bucket: environment.ARCHIVE_BUCKET, Key: incoming, Body: content.pipe(hashing.stream) },
    }).done();
    return { incoming, sha256: hashing.sha256() };
  }

  /** A file that was opened stays what it was when another is renamed over it: only the path shows the new one. */
  async #seeWhetherReplaced(file: RemoteFile): Promise<void> {
    const now = await this.#parts.source.stat(file.path).catch((error) => {
      if (isGone(error)) return undefined;
      throw error;
    });
    if (now && !sameSight(now, file)) this.#settling += 1;
  }
}
