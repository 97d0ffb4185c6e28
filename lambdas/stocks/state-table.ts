import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { LabError } from '../../domain/errors.ts';
import { readStateItem, stateItem } from '../../domain/stocks/state-item.ts';
import type { SymbolState } from '../../domain/stocks/trend.ts';
import { concurrently } from '../shared/concurrently.ts';

/** A state and the sequence number that the one before it went through; undefined where there was none. */
export interface Advance {
  state: SymbolState;
  before: string | undefined;
}

/** The states of all symbols, as one batch uses them. A replay has them in memory. */
export interface States {
  /** By symbol, those that there are: as they were written last, not a moment before. */
  read(symbols: readonly string[]): Promise<Map<string, SymbolState>>;
  /** Each on its own; throws StateConflict when one is not any more what it was. */
  advance(advances: readonly Advance[]): Promise<void>;
}

/** The most that one call of BatchGetItem takes. */
const mostKeys = 100;
/** Writes under way at once; the SDK has 50 connections. */
const writesAtOnce = 32;
/** Pauses of 10 ms that double: 5 s in all. */
const mostReads = 10;

/** An item a symbol. Two batches never hold the same records of one, so a write that meets another's is a mistake. */
export class StateTable implements States {
  readonly #client: Pick<DynamoDBClient, 'send'>;
  readonly #table: string;

  constructor(client: Pick<DynamoDBClient, 'send'>, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** @throws StatesUnread when the table goes on to hand out a part only */
  async read(symbols: readonly string[]): Promise<Map<string, SymbolState>> {
    const states = new Map<string, SymbolState>();
    let pending: Record<string, AttributeValue>[] = symbols.map((symbol) => ({ symbol: { S: symbol } }));
    for (let reads = 0, pause = 10; pending.length > 0; ) {
      const { Responses, UnprocessedKeys } = await this.#client.send(
        new BatchGetItemCommand({
          RequestItems: { [this.#table]: { Keys: pending.slice(0, mostKeys), ConsistentRead: true } },
        }),
      );
      for (const item of Responses?.[this.#table] ?? []) {
        const state = readStateItem(plain(item));
        states.set(state.symbol, state);
      }
      const unprocessed = UnprocessedKeys?.[this.#table]?.Keys ?? [];
      pending = [...unprocessed, ...pending.slice(mostKeys)];
      if (unprocessed.length === 0) continue;
      reads += 1;
      if (reads === mostReads) throw new LabError('StatesUnread', `${pending.length} symbols`);
      await sleep(pause);
      pause *= 2;
    }
    return states;
  }

  async advance(advances: readonly Advance[]): Promise<void> {
    await concurrently(advances, writesAtOnce, (advance) => this.#put(advance));
  }

  async #put({ state, before }: Advance): Promise<void> {
    const item = Object.entries(stateItem(state)).map(([name, value]) => [name, { S: value }]);
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: this.#table,
          Item: Object.fromEntries(item),
          ...(before === undefined
            ? {
                ConditionExpression: 'attribute_not_exists(#symbol)',
                ExpressionAttributeNames: { '#symbol': 'symbol' },
              }
            : {
                ConditionExpression: '#through = :before',
                ExpressionAttributeNames: { '#through': 'through' },
                ExpressionAttributeValues: { ':before': { S: before } },
              }),
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      throw new LabError('StateConflict', `${state.symbol}, no longer at ${before ?? 'nothing'}`, {
        cause: error,
      });
    }
  }
}

const plain = (item: Record<string, AttributeValue>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, value.S]));
