import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CopyObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { BatchGetCommand, DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { Upload } from '@aws-sdk/lib-storage';
import { errorTable, LabError } from '../../domain/errors.ts';
import {
  type CollectedFile,
  type CollectResult,
  collectEnvironment,
  collectRequest,
  incomingKey,
  parseArchiveKey,
  workbookKey,
} from '../../domain/fashion/contract.ts';
import { type SlotSchedule, slotOf } from '../../domain/fashion/drop.ts';
import { readEnvironment } from '../shared/environment.ts';
import { hashingStream } from '../shared/hashing-stream.ts';
import { logger } from '../shared/observability.ts';
import { parseSftpSecret, type RemoteFile, type SftpSource, withSftp } from './sftp-source.ts';

const environment = readEnvironment(collectEnvironment);
const schedule = JSON.parse(environment.SLOT_SCHEDULE) as SlotSchedule;
const s3 = new S3Client({});
const secrets = new SecretsManagerClient({});
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** What is known of a file on the client's server; by path. */
interface KnownFile {
  path: string;
  size: number;
  modifiedAt: number;
  sha256: string;
  key: string;
}

/**
 * Archives each report on the server that is not archived yet, whatever its age: a failed run leaves no hole. Known is
 * what has the same path, size and modification time. Never deletes, renames or writes on the client's server.
 */
export async function handler(event: unknown): Promise<CollectResult> {
  logger.resetKeys();
  const { scheduledAt } = collectRequest.parse(event);
  const slot = scheduledAt ? slotOf({ fileName: '', modifiedAt: Date.parse(scheduledAt) }, schedule) : null;
  const secret = parseSftpSecret(await readSecret());

  return withSftp(secret, {}, async (source) => {
    const files = await source.list(/\.xlsx$/i);
    const known = await knownFiles(files.map((file) => file.path));
    const fresh = files
      .filter((file) => {
        const before = known.get(file.path);
        return before?.size !== file.size || before.modifiedAt !== file.modifiedAt;
      })
      .sort((a, b) => a.modifiedAt - b.modifiedAt);

    const collected: CollectedFile[] = [];
    const refused: CollectResult['refused'] = [];
    for (const file of fresh) {
      const archived = await archive(source, file).catch((error) => {
        if (!(error instanceof LabError)) throw error;
        if (error.code === 'SftpFileChanged') {
          logger.warn('still being written', { path: file.path });
        } else if (errorTable[error.code].kind === 'refused') {
          // About this file alone: the others do not wait for it. The state machine fails once they are collected.
          logger.error('refused', { path: file.path, error });
          refused.push({ path: file.path, error: error.code, cause: error.message });
        } else throw error;
      });
      if (!archived) continue; // the next look tries it again
      known.set(file.path, archived);
      collected.push({ path: file.path, key: archived.key, size: file.size, sha256: archived.sha256 });
      logger.info('archived', { path: file.path, key: archived.key, bytes: file.size });
    }
    const arrived = [...known.values()].some(({ key }) => {
      const archived = parseArchiveKey(key);
      return archived.kind === 'xlsx' && archived.date === slot?.date && archived.slot === slot.slot;
    });
    return {
      collected,
      refused,
      seen: files.length,
      complete: slot === null || arrived,
      slot: slot === null ? null : `${slot.date}/${slot.slot}`,
    };
  });
}

async function readSecret(): Promise<string> {
  const { SecretString } = await secrets.send(
    new GetSecretValueCommand({ SecretId: environment.SFTP_SECRET_ARN }),
  );
  return SecretString ?? '';
}

async function knownFiles(paths: string[]): Promise<Map<string, KnownFile>> {
  const known = new Map<string, KnownFile>();
  const pending = [...new Set(paths)].map((path) => ({ path }));
  while (pending.length > 0) {
    const { Responses, UnprocessedKeys } = await table.send(
      // 100 keys are the most that one call takes.
      new BatchGetCommand({
        RequestItems: {
          [environment.COLLECTED_TABLE]: { Keys: pending.splice(0, 100), ConsistentRead: true },
        },
      }),
    );
    for (const item of Responses?.[environment.COLLECTED_TABLE] ?? [])
      known.set(item.path, item as KnownFile);
    pending.push(...((UnprocessedKeys?.[environment.COLLECTED_TABLE]?.Keys ?? []) as { path: string }[]));
  }
  return known;
}

/**
 * Streams the file to `incoming/` while hashing it, then copies it to the key that its hash names: whatever is below
 * `xlsx/` is complete. The row in the table comes last, so that a crash before it means that the file is taken again.
 */
async function archive(source: SftpSource, file: RemoteFile): Promise<KnownFile> {
  const fileName = basename(file.path);
  const { date, slot } = slotOf(
    { fileName, modifiedAt: file.modifiedAt },
    schedule,
    environment.FILE_NAME_PATTERN,
  );
  const hashing = hashingStream();
  // All of the file as it was listed, or an error: SftpFileChanged while it is still being written.
  const content = source.read(file.path, file);
  content.on('error', (error) => hashing.stream.destroy(error));
  const incoming = incomingKey(randomUUID());
  await new Upload({
    client: s3,
    // Parts of a broken upload are removed by the bucket's lifecycle rule, which needs no further right.
    leavePartsOnError: true,
    params: { Bucket: environment.ARCHIVE_BUCKET, Key: incoming, Body: content.pipe(hashing.stream) },
  }).done();

  const sha256 = hashing.sha256();
  const key = workbookKey({ date, slot, modifiedAt: file.modifiedAt, sha256, fileName });
  await s3.send(
    new CopyObjectCommand({
      Bucket: environment.ARCHIVE_BUCKET,
      Key: key,
      CopySource: `${environment.ARCHIVE_BUCKET}/${incoming}`,
    }),
  );
  const known: KnownFile = { path: file.path, size: file.size, modifiedAt: file.modifiedAt, sha256, key };
  await table.send(
    new PutCommand({
      TableName: environment.COLLECTED_TABLE,
      Item: { ...known, collectedAt: new Date().toISOString() },
    }),
  );
  return known;
}
