import type { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { LabError } from '../../domain/errors.ts';
import {
  type ArchiveKey,
  type CorrectionsKey,
  type DropKey,
  parseArchiveKey,
  slotPrefix,
  transformVersionField,
  type WorkbookByHandKey,
  workbookPrefix,
} from '../../domain/fashion/contract.ts';
import type { DateAndSlot } from '../../domain/fashion/drop.ts';
import { callFailed, type LabTarget, outputOf } from '../lab-target.ts';

interface Keys {
  xlsx: DropKey | WorkbookByHandKey;
  rejected: DropKey;
  corrections: CorrectionsKey;
}

/** An object of the archive by what its key says. */
export type Archived<Kind extends keyof Keys> = Keys[Kind] & { key: string; arrivedAt: Date };

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

/** What a person at a terminal does with the archive of a deployed lab, under his own rights. */
export class Archive {
  readonly bucket: string;
  readonly signal: AbortSignal;
  readonly #s3: S3Client;
  readonly #pageSize: number | undefined;

  /** @param pageSize keys per page of a listing, 1000 if undefined. Throws StackUnreadable */
  constructor(target: LabTarget, signal: AbortSignal, pageSize?: number) {
    this.bucket = outputOf(target, 'ArchiveBucketName', 'fashion');
    this.#s3 = new S3Client({ ...target.clients, ...(target.pathStyle ? { forcePathStyle: true } : {}) });
    this.signal = signal;
    this.#pageSize = pageSize;
  }

  /** What is below the prefix and looks like a key of this kind, in the order of keys. */
  async *list<Kind extends keyof Keys>(prefix: string, kind: Kind): AsyncGenerator<Archived<Kind>> {
    const pages = paginateListObjectsV2(
      { client: this.#s3, pageSize: this.#pageSize },
      { Bucket: this.bucket, Prefix: prefix },
      { abortSignal: this.signal },
    );
    for await (const page of pages) {
      for (const { Key: key = '', LastModified: arrivedAt = new Date(0) } of page.Contents ?? []) {
        const parsed = readKey(key);
        if (parsed?.kind === kind) yield { ...(parsed as Keys[Kind]), key, arrivedAt };
      }
    }
  }

  /** Undefined when there is no such object. */
  async open(key: string): Promise<{ body: Readable; version: string | undefined } | undefined> {
    try {
      const { Body, Metadata } = await this.#s3.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key }),
        { abortSignal: this.signal },
      );
      return { body: Body as Readable, version: Metadata?.[transformVersionField] };
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  /** Undefined when there is no such object. */
  async text(key: string): Promise<string | undefined> {
    const object = await this.open(key);
    if (!object) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of object.body) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  async put(key: string, csv: Uint8Array): Promise<void> {
    await this.#s3.send(
      new PutObjectCommand({
        Bucket: this.bucket,
        Key: key,
        Body: csv,
        ContentType: 'text/csv; charset=utf-8',
      }),
      { abortSignal: this.signal },
    );
  }

  /**
   * The workbooks of one slot in the order of drops. What does not look like a workbook's key is not one.
   *
   * @throws SlotNotArchived, naming the slots that the date has
   */
  async drops({ date, slot }: DateAndSlot): Promise<ArchivedDrop[]> {
    const drops: ArchivedDrop[] = [];
    const perSlot = new Map<string, number>();
    for await (const each of this.list(`${workbookPrefix}date=${date}/`, 'xlsx')) {
      perSlot.set(each.slot, (perSlot.get(each.slot) ?? 0) + 1);
      if (!each.key.startsWith(slotPrefix({ date, slot }))) continue;
      const { key, arrivedAt, modifiedAt = arrivedAt.getTime(), sha256Start, fileName } = each;
      drops.push({ key, modifiedAt, sha256Start, fileName, arrivedAt });
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

  close(): void {
    this.#s3.destroy();
  }
}

const howMany = (count: number) => `${count} ${count === 1 ? 'drop' : 'drops'}`;

function readKey(key: string): ArchiveKey | undefined {
  try {
    return parseArchiveKey(key);
  } catch {
    return undefined;
  }
}

interface Hashed {
  /** 16 digits. */
  sha256Start?: string | undefined;
  fileName: string;
  modifiedAt: number;
}

/**
 * Those whose workbook's hash begins so. Several drops of the same content are one choice: their load has one key.
 *
 * @throws DropUnknown, DropAmbiguous
 */
export function chosen<Drop extends Hashed>(drops: Drop[], hash: string): Drop[] {
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

export const listed = (drops: Hashed[]) =>
  drops
    .map(
      ({ sha256Start = 'by hand', fileName, modifiedAt }) =>
        `${sha256Start} (${fileName}, ${new Date(modifiedAt).toISOString()})`,
    )
    .join(', ');

/** What the SDK throws has a name and a message. */
export function told(error: unknown): unknown {
  return error instanceof LabError || !(error instanceof Error) ? error : callFailed(error);
}
