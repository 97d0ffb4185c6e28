/**
 * S3 and DynamoDB at the SDK's commands, as far as the trend uses them: conditions hold, and any write can be made to fail,
 * before it is done or after (then the caller does not know that it was).
 */
import { gunzipSync } from 'node:zlib';
import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';

export type Fault = 'none' | 'before' | 'after';

/** Says of each write, in the order of the writes, what happens to it. `what`: a key, or a symbol. */
export type Faults = (what: string) => Fault;
const never: Faults = () => 'none';

export class Killed extends Error {
  override name = 'Killed';
}

export class FakeS3 {
  readonly objects = new Map<string, { body: Buffer; metadata: Record<string, string> }>();
  faults: Faults = never;

  // biome-ignore lint/suspicious/noExplicitAny: stands for the overloads of the SDK's client
  send = async (command: any): Promise<any> => {
    if (command instanceof HeadObjectCommand)
      return { Metadata: this.objects.get(command.input.Key as string)?.metadata };
    if (!(command instanceof PutObjectCommand)) throw new Error(`no ${command.constructor.name} here`);
    const { Key, Body, Metadata, IfNoneMatch } = command.input;
    const key = Key as string;
    const fault = this.faults(key);
    if (fault === 'before') throw new Killed(key);
    if (IfNoneMatch === '*' && this.objects.has(key))
      throw Object.assign(new Error('At least one of the pre-conditions did not hold'), {
        name: 'PreconditionFailed',
      });
    this.objects.set(key, { body: Buffer.from(Body as Uint8Array), metadata: Metadata ?? {} });
    if (fault === 'after') throw new Killed(key);
    return {};
  };

  keys(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  text(key: string): string {
    const { body } = this.objects.get(key) as { body: Buffer };
    return (key.endsWith('.gz') ? gunzipSync(body) : body).toString();
  }
}

type Item = Record<string, AttributeValue>;

export class FakeDynamoDb {
  readonly items = new Map<string, Item>();
  /** Keys that a read hands out at most; the others are unprocessed. */
  mostRead = 100;
  readonly reads: number[] = [];
  writes = 0;
  faults: Faults = never;

  // biome-ignore lint/suspicious/noExplicitAny: stands for the overloads of the SDK's client
  send = async (command: any): Promise<any> => {
    if (command instanceof BatchGetItemCommand) return this.#read(command.input.RequestItems ?? {});
    if (!(command instanceof PutItemCommand)) throw new Error(`no ${command.constructor.name} here`);
    return this.#put(command.input);
  };

  #read(request: Record<string, { Keys?: Item[]; ConsistentRead?: boolean }>) {
    const [[table, { Keys = [], ConsistentRead }] = ['', {}]] = Object.entries(request);
    if (Keys.length === 0 || Keys.length > 100) throw new Error(`${Keys.length} keys`);
    if (!ConsistentRead) throw new Error('an old state may be read');
    this.reads.push(Keys.length);
    const read = Keys.slice(0, this.mostRead).flatMap(({ symbol }) => {
      const item = this.items.get(symbol?.S ?? '');
      return item ? [item] : [];
    });
    const left = Keys.slice(this.mostRead);
    return {
      Responses: { [table]: read },
      UnprocessedKeys: left.length > 0 ? { [table]: { Keys: left } } : {},
    };
  }

  async #put(input: PutItemCommand['input']) {
    const item = input.Item as Item;
    const symbol = item.symbol?.S ?? '';
    const fault = this.faults(symbol);
    await Promise.resolve();
    if (fault === 'before') throw new Killed(symbol);
    const stored = this.items.get(symbol);
    const before = input.ExpressionAttributeValues?.[':before']?.S;
    if (!input.ConditionExpression) throw new Error('a write without condition');
    if (before === undefined ? stored !== undefined : stored?.through?.S !== before)
      throw new ConditionalCheckFailedException({
        message: 'The conditional request failed',
        $metadata: {},
      });
    this.items.set(symbol, structuredClone(item));
    this.writes += 1;
    if (fault === 'after') throw new Killed(symbol);
    return {};
  }
}
