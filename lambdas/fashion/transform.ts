import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { LabError } from '../../domain/errors.ts';
import {
  csvKey,
  dropStem,
  parseArchiveKey,
  parseLimits,
  rejectedKey,
  type Transformed,
  type TransformRequest,
  transformEnvironment,
  transformRequest,
  transformVersionField,
  workbookHashField,
} from '../../domain/fashion/contract.ts';
import {
  type Corrections,
  correctedVersion,
  correctionsHash,
  mostCorrectionsBytes,
  parseCorrections,
} from '../../domain/fashion/corrections.ts';
import type { ByteSink } from '../../domain/fashion/csv.ts';
import { CsvRecordCounter } from '../../domain/fashion/csv-records.ts';
import { type Drop, loadKey } from '../../domain/fashion/drop.ts';
import { inventoryLayout } from '../../domain/fashion/inventory-layout.ts';
import { type TransformCounts, transformVersion, transformWorkbook } from '../../domain/fashion/transform.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger, metrics } from '../shared/observability.ts';

const limits = parseLimits(readEnvironment(transformEnvironment).LIMITS);
const s3 = new S3Client({});

/**
 * One archived workbook to CSV, bad rows set aside in a CSV of their own. A replay writes below `replay/<run>/` instead of
 * the archive; a replay from CSV reads what the archive has, counts it again and writes nothing. With corrections, a replay
 * from the workbook loads the rows that they make good as well, under a version that names them.
 */
export async function handler(event: unknown): Promise<Transformed> {
  const request = transformRequest.parse(event);
  logger.resetKeys();
  logger.appendKeys({ archiveKey: request.key, replay: request.replay });
  const result = request.from === 'xlsx' ? await fromWorkbook(request) : await fromCsv(request);
  logger.info('transformed', {
    loadKey: result.loadKey,
    rowsIn: result.rowsIn,
    rowsRejected: result.rowsRejected,
  });
  metrics.addMetric('RowsIn', MetricUnit.Count, result.rowsIn);
  metrics.addMetric('RowsRejected', MetricUnit.Count, result.rowsRejected);
  metrics.publishStoredMetrics();
  return result;
}

async function fromWorkbook(request: TransformRequest): Promise<Transformed> {
  const { file, sha256, storedAt } = await download(request);
  try {
    const drop = dropOf(request, sha256, storedAt);
    const keys = { csv: csvKey(drop, request.replay), rejected: rejectedKey(drop, request.replay) };
    const corrections = request.corrections ? await readCorrections(request, drop) : undefined;
    const version = corrections ? correctedVersion(transformVersion, corrections.sha256) : transformVersion;
    const metadata = { [transformVersionField]: version, [workbookHashField]: sha256 };
    const accepted = new ObjectWriter(request.bucket, keys.csv, metadata);
    const rejected = new ObjectWriter(request.bucket, keys.rejected, metadata);
    const size = (await file.stat()).size;
    let counts: TransformCounts;
    try {
      counts = await transformWorkbook({
        workbook: {
          size,
          read: async (offset, length) => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer,
        },
        layout: { ...inventoryLayout, limits },
        corrections: corrections?.rows,
        accepted: accepted.write,
        rejected: rejected.write,
      });
    } catch (error) {
      accepted.abandon();
      // What was set aside is what a person needs to see when every row is bad.
      if (error instanceof LabError && error.code === 'AllRowsRejected') await rejected.end();
      else rejected.abandon();
      throw error;
    }
    await Promise.all([accepted.end(), rejected.end()]);
    return describe(request, drop, {
      version,
      csvKey: keys.csv,
      csvBytes: accepted.bytes,
      csvSha256: accepted.sha256(),
      rejectedKey: rejected.bytes > 0 ? keys.rejected : null,
      counts,
    });
  } finally {
    await file.close();
  }
}

/** What the archive has for this workbook, counted again from its bytes. */
async function fromCsv(request: TransformRequest): Promise<Transformed> {
  const key = parseArchiveKey(request.key);
  if (key.kind !== 'xlsx' || key.modifiedAt === undefined)
    throw new LabError('ArchivedCsvMissing', request.key);
  // The archive's names hold the start of the hash; the rest is in the CSV's metadata.
  const named: Drop = { ...key, modifiedAt: key.modifiedAt, sha256: key.sha256Start.padEnd(64, '0') };
  const csv = await readAll(request.bucket, csvKey(named));
  const drop: Drop = { ...named, sha256: csv.metadata[workbookHashField] ?? named.sha256 };
  const rejected = await readAll(request.bucket, rejectedKey(named));
  const [rowsOut, rowsRejected] = [csv.records - 1, Math.max(0, rejected.records - 1)];
  return describe(request, drop, {
    version: csv.metadata[transformVersionField] ?? 'unknown',
    csvKey: csvKey(named),
    csvBytes: csv.bytes,
    csvSha256: csv.sha256,
    rejectedKey: rejected.bytes > 0 ? rejectedKey(named) : null,
    counts: { rowsIn: rowsOut + rowsRejected, rowsOut, rowsRejected },
  });
}

function describe(
  request: TransformRequest,
  drop: Drop,
  o: {
    version: string;
    csvKey: string;
    csvBytes: number;
    csvSha256: string;
    rejectedKey: string | null;
    counts: TransformCounts;
  },
): Transformed {
  return {
    drop: {
      date: drop.date,
      slot: drop.slot,
      modifiedAt: drop.modifiedAt,
      sha256: drop.sha256,
      fileName: drop.fileName,
    },
    transformVersion: o.version,
    loadKey: loadKey(drop, o.version),
    csvKey: o.csvKey,
    csvBytes: o.csvBytes,
    csvSha256: o.csvSha256,
    rejectedKey: o.rejectedKey,
    ...o.counts,
    collectedAt: request.arrivedAt,
    transformedAt: new Date().toISOString(),
  };
}

/** Time and hash come from the key of a collected workbook, and from the object itself where a person put it there. */
function dropOf(request: TransformRequest, sha256: string, storedAt: number): Drop {
  const key = parseArchiveKey(request.key);
  if (key.kind !== 'xlsx') throw new LabError('ArchiveKeyInvalid', request.key);
  if (key.sha256Start !== undefined && !sha256.startsWith(key.sha256Start)) {
    throw new LabError('ArchiveHashMismatch', `${request.key} holds ${sha256}`);
  }
  return {
    date: key.date,
    slot: key.slot,
    modifiedAt: key.modifiedAt ?? storedAt,
    sha256,
    fileName: key.fileName,
  };
}

/**
 * The workbook in a file, where it can be read at any place: a zip's directory is at its end.
 * Throws ReportTooLarge before anything is downloaded, DiskFull, ArchiveReadBroken.
 */
async function download(request: TransformRequest) {
  const { Body, ContentLength, LastModified } = await s3.send(
    new GetObjectCommand({ Bucket: request.bucket, Key: request.key }),
  );
  const body = Body as Readable;
  if (ContentLength === undefined || ContentLength > limits.workbookBytes) {
    body.destroy();
    throw new LabError(
      'ReportTooLarge',
      `a workbook of ${ContentLength} bytes, at most ${limits.workbookBytes}`,
    );
  }
  const hash = createHash('sha256');
  let file: FileHandle | undefined;
  try {
    file = await namelessFile();
    for await (const chunk of received(body, request.key)) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    }
  } catch (error) {
    body.destroy();
    await file?.close();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new LabError('DiskFull', `${message}, for a workbook of ${ContentLength} bytes`, {
        cause: error,
      });
    }
    throw error;
  }
  return { file, sha256: hash.digest('hex'), storedAt: LastModified?.getTime() ?? 0 };
}

/**
 * A file that is gone from its directory while it is open: what it takes of the disk is free again when this process closes
 * it or ends, however it ends. So an invocation that is killed leaves nothing that fills the disk of the next ones.
 */
async function namelessFile(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'workbook-'));
  try {
    return await open(join(folder, 'workbook.xlsx'), 'wx+');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What S3 sends. Throws ArchiveReadBroken when it stops in the middle. */
async function* received(body: Readable, key: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new LabError('ArchiveReadBroken', `${key}: ${(error as Error).message}`, { cause: error });
  }
}

/** Throws CorrectionsUnreadable, and CorrectionsForeign when they were archived for another drop. */
async function readCorrections(
  request: TransformRequest,
  drop: Drop,
): Promise<{ rows: Corrections; sha256: string }> {
  const key = parseArchiveKey(request.corrections ?? '');
  if (key.kind !== 'corrections') throw new LabError('ArchiveKeyInvalid', request.corrections ?? '');
  const named: Drop = { ...key, sha256: drop.sha256 };
  if (!drop.sha256.startsWith(key.sha256Start) || !sameDrop(named, drop))
    throw new LabError('CorrectionsForeign', `${request.corrections} is not of ${request.key}`);
  const { Body, ContentLength } = await s3.send(
    new GetObjectCommand({ Bucket: request.bucket, Key: request.corrections ?? '' }),
  );
  if (ContentLength === undefined || ContentLength > mostCorrectionsBytes) {
    (Body as Readable).destroy();
    throw new LabError('CorrectionsUnreadable', `${ContentLength} bytes, at most ${mostCorrectionsBytes}`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of received(Body as Readable, request.corrections ?? '')) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const sha256 = correctionsHash(bytes);
  if (!sha256.startsWith(key.correctionsStart))
    throw new LabError('CorrectionsUnreadable', `${request.corrections} holds other bytes, ${sha256}`);
  return { rows: parseCorrections(bytes.toString()), sha256 };
}

const sameDrop = (a: Drop, b: Drop) => a.date === b.date && a.slot === b.slot && dropStem(a) === dropStem(b);

/** Throws ArchivedCsvMissing. */
async function readAll(bucket: string, key: string) {
  const counter = new CsvRecordCounter();
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const { Body, Metadata } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    for await (const chunk of Body as Readable) {
      hash.update(chunk);
      counter.add(chunk);
      bytes += chunk.length;
    }
    return { metadata: Metadata ?? {}, records: counter.records(), bytes, sha256: hash.digest('hex') };
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') throw new LabError('ArchivedCsvMissing', key);
    throw error;
  }
}

/** An object that is uploaded while it is written, in parts; empty if nothing was written before its end. */
class ObjectWriter {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly stream = new PassThrough();
  private upload: Promise<unknown> | undefined;
  private readonly target: { bucket: string; key: string; metadata: Record<string, string> };

  constructor(bucket: string, key: string, metadata: Record<string, string>) {
    this.target = { bucket, key, metadata };
    // Abandoned before its upload began it has no other listener, and Node ends the process at an error nobody listens to.
    this.stream.on('error', () => undefined);
  }

  readonly write: ByteSink = async (chunk) => {
    this.upload ??= this.start();
    this.hash.update(chunk);
    this.bytes += chunk.length;
    if (!this.stream.write(chunk)) {
      // A failed upload reads no more: without the race this would wait for ever.
      await Promise.race([new Promise((resolve) => this.stream.once('drain', resolve)), this.upload]);
    }
  };

  async end(): Promise<void> {
    // An empty object says that no row was set aside, which a missing one would not.
    this.upload ??= this.start();
    this.stream.end();
    await this.upload;
  }

  /** Nothing of it becomes an object; parts already sent are removed by the bucket's lifecycle rule. */
  abandon(): void {
    this.stream.destroy(new Error('abandoned'));
  }

  sha256(): string {
    return this.hash.digest('hex');
  }

  private start(): Promise<unknown> {
    const { bucket, key, metadata } = this.target;
    const upload = new Upload({
      client: s3,
      leavePartsOnError: true,
      params: {
        Bucket: bucket,
        Key: key,
        Body: this.stream,
        ContentType: 'text/csv; charset=utf-8',
        Metadata: metadata,
      },
    }).done();
    upload.catch(() => undefined); // awaited in end(); an abandoned one has no one who waits
    return upload;
  }
}
