import { randomUUID } from 'node:crypto';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { CollectedDrop, Sight } from '../../domain/fashion/collection.ts';
import { readItems } from '../shared/read-items.ts';

/** What is known of one file on the client's server. */
export interface FileEntry {
  path: string;
  /** How often a collector has finished work on this file; 0 when none has. */
  revision: number;
  /** What the last look saw that found it changed, and when, epoch milliseconds. */
  seen?: Sight & { at: number };
  /** The drop that was last archived from it. */
  lastDrop?: CollectedDrop;
}

/** The claim is still this collector's. None of the attributes is a word that DynamoDB reserves. */
const mine = 'claim.collector = :me';
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/**
 * The table of what is collected, as one collector uses it: an item a path.
 *
 * A collector works on a file under a claim, so that two at once read it once. A claim has an end: it must be longer than
 * a function may run, and then the claim of one that was killed lapses and no living one loses its own. All writes but the
 * notes of looks are conditional.
 */
export class CollectedFiles {
  readonly #table: string;
  readonly #leaseSeconds: number;
  readonly #me = randomUUID();

  constructor(table: string, leaseSeconds: number) {
    this.#table = table;
    this.#leaseSeconds = leaseSeconds;
  }

  /** An entry for each of the paths, by path. */
  async read(paths: readonly string[]): Promise<Map<string, FileEntry>> {
    const entries = new Map(paths.map((path): [string, FileEntry] => [path, { path, revision: 0 }]));
    for (const item of await readItems(client, this.#table, 'path', [...entries.keys()]))
      entries.set(item.path as string, { revision: 0, ...item } as FileEntry);
    return entries;
  }

  /** Remembers what a look saw, for the next one to compare with. */
  async noteLook(path: string, { size, modifiedAt }: Sight, at: number): Promise<void> {
    await this.#update(path, 'SET seen = :seen', undefined, { ':seen': { size, modifiedAt, at } });
  }

  /**
   * False when another collector works on the file, or has finished work on it since the entry was read. Its own claim is
   * no hindrance: the SDK calls again when an answer is lost.
   */
  claim({ path, revision }: FileEntry): Promise<boolean> {
    const now = Date.now();
    return this.#update(
      path,
      'SET claim = :claim',
      `(attribute_not_exists(claim) OR claim.lapsesAt < :now OR ${mine}) AND ${
        revision === 0 ? 'attribute_not_exists(revision)' : 'revision = :revision'
      }`,
      {
        ':claim': { collector: this.#me, lapsesAt: now + this.#leaseSeconds * 1000 },
        ':now': now,
        ':me': this.#me,
        ...(revision > 0 && { ':revision': revision }),
      },
    );
  }

  /** Ends a claim with a drop that is archived. False when the claim had lapsed and another collector took it. */
  archived(entry: FileEntry, drop: CollectedDrop): Promise<boolean> {
    return this.#update(
      entry.path,
      'SET lastDrop = :drop, revision = :next, collectedAt = :now, collectedBy = :me REMOVE claim, seen',
      // Or it is done already, and the answer was lost.
      `${mine} OR (attribute_not_exists(claim) AND collectedBy = :me)`,
      { ':drop': drop, ':next': entry.revision + 1, ':now': new Date().toISOString(), ':me': this.#me },
    );
  }

  /** Ends a claim with nothing new. */
  async unchanged(entry: FileEntry): Promise<void> {
    await this.#update(entry.path, 'SET revision = :next REMOVE claim', mine, {
      ':next': entry.revision + 1,
      ':me': this.#me,
    });
  }

  /** Gives a claim back, for whoever comes next. */
  async release({ path }: FileEntry): Promise<void> {
    await this.#update(path, 'REMOVE claim', mine, { ':me': this.#me });
  }

  /** False when the condition does not hold. */
  async #update(
    path: string,
    update: string,
    condition: string | undefined,
    values: Record<string, unknown>,
  ): Promise<boolean> {
    try {
      await client.send(
        new UpdateCommand({
          TableName: this.#table,
          Key: { path },
          UpdateExpression: update,
          ConditionExpression: condition,
          ExpressionAttributeValues: values,
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}
