import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { LeaseItem, LeaseTable } from './lease.ts';
import type { Checkpoint, CheckpointStore } from './positions.ts';

/**
 * The feed's table: one item for the lease, one for how far the stream has come. Partition key `lease`, a text.
 *
 *     {lease: 'feed', owner, token, beat, expiresAt}    expiresAt in epoch milliseconds, for people and alarms alone
 *     {lease: 'checkpoint', token, positions}           positions: JSON, {"AAPL":["1763733104208123456","D|2026-11-20|1"]}
 *
 * Owner and token are words that DynamoDB reserves, so all names are written as placeholders.
 */
export class FeedTable implements LeaseTable, CheckpointStore {
  readonly #client: Pick<DynamoDBDocumentClient, 'send'>;
  readonly #table: string;
  readonly #patience: number;

  /** @param patience milliseconds for one call, its repetitions included */
  constructor(client: Pick<DynamoDBDocumentClient, 'send'>, table: string, patience: number) {
    this.#client = client;
    this.#table = table;
    this.#patience = patience;
  }

  async readLease(): Promise<LeaseItem | undefined> {
    const item = await this.#get('feed');
    return item && { owner: item.owner, token: item.token, beat: item.beat };
  }

  takeLease(
    { owner, token, beat }: Required<LeaseItem>,
    seen: LeaseItem | undefined,
    expiresAt: number,
  ): Promise<boolean> {
    const unchanged = seen ? '#token = :seenToken AND #beat = :seenBeat' : 'attribute_not_exists(#token)';
    return this.#update(
      'feed',
      'SET #owner = :owner, #token = :token, #beat = :beat, #expiresAt = :expiresAt',
      `(${unchanged}) OR (#owner = :owner AND #token = :token)`,
      {
        ':owner': owner,
        ':token': token,
        ':beat': beat,
        ':expiresAt': expiresAt,
        ...(seen && { ':seenToken': seen.token, ':seenBeat': seen.beat }),
      },
    );
  }

  renewLease({ owner, token, beat }: Required<LeaseItem>, expiresAt: number): Promise<boolean> {
    return this.#update('feed', 'SET #beat = :beat, #expiresAt = :expiresAt', mine, {
      ':owner': owner,
      ':token': token,
      ':beat': beat,
      ':expiresAt': expiresAt,
    });
  }

  releaseLease({ owner, token, beat }: Required<LeaseItem>): Promise<boolean> {
    return this.#update('feed', 'SET #beat = :beat REMOVE #owner, #expiresAt', mine, {
      ':owner': owner,
      ':token': token,
      ':beat': beat + 1,
    });
  }

  async readCheckpoint(): Promise<Checkpoint | undefined> {
    const item = await this.#get('checkpoint');
    if (!item) return undefined;
    const positions = JSON.parse(item.positions) as Record<string, [string, ...string[]]>;
    return new Map(
      Object.entries(positions).map(([symbol, [at, ...ids]]) => [symbol, { at: BigInt(at), ids }]),
    );
  }

  /** False when a later owner has written one. */
  writeCheckpoint(token: number, checkpoint: Checkpoint): Promise<boolean> {
    const positions = [...checkpoint].map(([symbol, { at, ids }]) => [symbol, [String(at), ...ids]]);
    return this.#update(
      'checkpoint',
      'SET #token = :token, #positions = :positions',
      'attribute_not_exists(#token) OR #token <= :token',
      { ':token': token, ':positions': JSON.stringify(Object.fromEntries(positions)) },
    );
  }

  // biome-ignore lint/suspicious/noExplicitAny: an item's attributes, of which only this class writes any
  async #get(lease: string): Promise<Record<string, any> | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { lease }, ConsistentRead: true }),
      { abortSignal: AbortSignal.timeout(this.#patience) },
    );
    return Item;
  }

  /** False when the condition does not hold. */
  async #update(
    lease: string,
    update: string,
    condition: string,
    values: Record<string, unknown>,
  ): Promise<boolean> {
    const names = new Set(`${update} ${condition}`.match(/#\w+/g));
    try {
      await this.#client.send(
        new UpdateCommand({
          TableName: this.#table,
          Key: { lease },
          UpdateExpression: update,
          ConditionExpression: condition,
          ExpressionAttributeNames: Object.fromEntries([...names].map((name) => [name, name.slice(1)])),
          ExpressionAttributeValues: values,
        }),
        { abortSignal: AbortSignal.timeout(this.#patience) },
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}

const mine = '#owner = :owner AND #token = :token';
