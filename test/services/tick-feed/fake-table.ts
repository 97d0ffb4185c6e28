import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

type Item = Record<string, unknown>;

/**
 * As much of DynamoDB as the feed uses, in this process: GetItem, and UpdateItem with conditions of `=`, `<=`,
 * attribute_not_exists, AND, OR and parentheses. What it does not know it refuses.
 */
export class FakeDynamo {
  readonly items = new Map<string, Item>();
  /** Thrown by the next calls, in place of an answer. */
  readonly failures: Error[] = [];
  /** The next writes are done, and their answers lost. */
  lostAnswers = 0;
  /** Calls fail while this is true. */
  isAway = false;

  // biome-ignore lint/suspicious/noExplicitAny: stands in for the client's overloaded method
  send = async (command: any): Promise<any> => {
    const failure = this.isAway ? new Error('the table is away') : this.failures.shift();
    if (failure) throw failure;
    if (command instanceof GetCommand) {
      const item = this.items.get(command.input.Key?.lease);
      return { Item: item && { ...item } };
    }
    if (!(command instanceof UpdateCommand)) throw new Error(`not played here: ${command.constructor.name}`);
    const { Key, ConditionExpression, UpdateExpression = '' } = command.input;
    const names = command.input.ExpressionAttributeNames ?? {};
    const values = command.input.ExpressionAttributeValues ?? {};
    const said = `${UpdateExpression} ${ConditionExpression}`;
    for (const placeholder of [...Object.keys(names), ...Object.keys(values)])
      if (!new RegExp(`${placeholder}\\b`).test(said)) throw new Error(`unused: ${placeholder}`);
    const item = this.items.get(Key?.lease) ?? {};
    if (ConditionExpression && !holds(ConditionExpression, item, names, values))
      throw new ConditionalCheckFailedException({ message: 'no', $metadata: {} });
    this.items.set(Key?.lease, { ...changed(UpdateExpression, item, names, values), lease: Key?.lease });
    if (this.lostAnswers > 0) {
      this.lostAnswers -= 1;
      return this.send(command); // as the SDK does when no answer comes
    }
    return {};
  };
}

function changed(update: string, item: Item, names: Record<string, string>, values: Item): Item {
  const [, sets = '', removes = ''] = /^SET (.*?)(?: REMOVE (.*))?$/.exec(update) ?? [];
  const next = { ...item };
  for (const part of sets.split(', ')) {
    const [name = '', value = ''] = part.split(' = ');
    next[resolved(name, names) as string] = resolved(value, values);
  }
  for (const name of removes ? removes.split(', ') : []) delete next[resolved(name, names) as string];
  return next;
}

function resolved(placeholder: string, from: Record<string, unknown>): unknown {
  if (!(placeholder in from)) throw new Error(`not defined: ${placeholder}`);
  return from[placeholder];
}

/** By recursive descent: OR binds less than AND. */
function holds(condition: string, item: Item, names: Record<string, string>, values: Item): boolean {
  const tokens = condition.match(/[()]|[#:]\w+|<=|=|\w+/g) ?? [];
  let at = 0;
  const next = () => tokens[at++] as string;
  const attribute = () => item[resolved(next(), names) as string];
  const term = (): boolean => {
    if (tokens[at] === '(') {
      next();
      const inner = either();
      next();
      return inner;
    }
    if (tokens[at] === 'attribute_not_exists') {
      at += 2;
      const value = attribute();
      next();
      return value === undefined;
    }
    const left = attribute();
    const operator = next();
    const right = resolved(next(), values);
    if (left === undefined) return false;
    if (operator === '=') return left === right;
    if (operator === '<=') return (left as number) <= (right as number);
    throw new Error(`not played here: ${operator}`);
  };
  const both = (): boolean => {
    let all = term();
    while (tokens[at] === 'AND') {
      next();
      all = term() && all;
    }
    return all;
  };
  const either = (): boolean => {
    let any = both();
    while (tokens[at] === 'OR') {
      next();
      any = both() || any;
    }
    return any;
  };
  return either();
}
