import { DescribeStacksCommand, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { jest } from '@jest/globals';
import { alarmChecks } from '../../../local/check/alarms.ts';
import { type Check, Checked, NotAsked } from '../../../local/check/check.ts';
import { concurrencyCheck, stackChecks } from '../../../local/check/rows.ts';
import { stocksChecks } from '../../../local/stocks/check.ts';

/** What only AWS answers: its SDK's clients are replaced by one that knows these commands. */
class OnAws extends Checked {
  readonly sent: { command: string; input: Record<string, unknown> }[] = [];
  readonly #answers: [new (input: never) => object, (input: Record<string, unknown>) => object][];

  constructor(...answers: [new (input: never) => object, (input: Record<string, unknown>) => object][]) {
    const outputs = { FeedClusterName: 'cluster', FeedServiceName: 'service' };
    super({
      lab: 'stocks',
      target: { stack: 'StockTrends', clients: {}, dataApi: {}, pathStyle: false, outputs },
      request: { send: true, follow: false },
      signal: new AbortController().signal,
      patience: 1,
    });
    this.#answers = answers;
  }

  override client(of: { prototype: object }): never {
    const send = async (command: { input: Record<string, unknown> }) => {
      const [kind, answer] = this.#answers.find(([each]) => command instanceof each) ?? [];
      if (!kind || !answer) throw new Error(`nobody answers ${command.constructor.name}`);
      this.sent.push({ command: kind.name, input: command.input });
      return answer(command.input);
    };
    // Paginators ask whose it is.
    return Object.assign(Object.create(of.prototype), { send }) as never;
  }

  override until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
    return look();
  }
}

const declared = {
  Outputs: {},
  Resources: {
    F: { Type: 'AWS::Lambda::Function' },
    G: { Type: 'AWS::Lambda::Function' },
    Stream: { Type: 'AWS::Lambda::EventSourceMapping', Properties: { ParallelizationFactor: 2 } },
    Queue: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { ScalingConfig: { MaximumConcurrency: 3 } },
    },
  },
};

const look = (checks: Check[], what: string) => {
  const check = checks.find((each) => each.what.startsWith(what));
  if (!check) throw new Error(`no check ${what}`);
  return check.look(() => undefined);
};

describe('an alarm', () => {
  const topic = 'arn:aws:sns:eu-west-3:123456789012:alarms';
  const history = (...summaries: (string | undefined)[]) => {
    const at = summaries.map((HistorySummary, index) =>
      HistorySummary === undefined ? [] : [{ HistorySummary, Timestamp: new Date(index) }],
    );
    return () => ({ AlarmHistoryItems: at.shift() ?? [] });
  };
  const alarm = (StateValue: string, items: () => object) =>
    new OnAws(
      [
        ListStackResourcesCommand as never,
        () => ({
          StackResourceSummaries: [{ ResourceType: 'AWS::CloudWatch::Alarm', PhysicalResourceId: 'Mute' }],
        }),
      ],
      [
        DescribeAlarmsCommand as never,
        () => ({
          MetricAlarms: [
            {
              AlarmName: 'Mute',
              ActionsEnabled: true,
              AlarmActions: [topic],
              StateValue,
              StateReason: 'before',
            },
          ],
        }),
      ],
      [SetAlarmStateCommand as never, () => ({})],
      [DescribeAlarmHistoryCommand as never, items],
    );
  const statesSet = ({ sent }: OnAws) =>
    sent.filter(({ command }) => command === 'SetAlarmStateCommand').map(({ input }) => input.StateValue);

  // Wording of the history: CloudWatch's own, in DescribeAlarmHistory.
  it('reaches a person where its history says so of this message, and is put back', async () => {
    const checked = alarm(
      'OK',
      history('Failed to execute action x', `Successfully executed action ${topic}`),
    );
    expect(await look(alarmChecks(checked), 'each alarm arrives')).toBe('all 1');
    expect(statesSet(checked)).toEqual(['ALARM', 'OK']);
  });

  it('that rings already is quiet first, for only a change makes it act, and rings in the end', async () => {
    const checked = alarm('ALARM', history(undefined, `Successfully executed action ${topic}`));
    await look(alarmChecks(checked), 'each alarm arrives');
    expect(statesSet(checked)).toEqual(['OK', 'ALARM', 'ALARM']);
  });

  it.each([
    [
      'may not publish',
      ['Successfully executed action before', `Failed to execute action ${topic}`],
      /Mute could not send/,
    ],
    ['does nothing', [undefined, undefined], /Mute sent nothing/],
  ])('that %s is named, and put back all the same', async (_what, items, message) => {
    const checked = alarm('OK', history(...items));
    await expect(look(alarmChecks(checked), 'each alarm arrives')).rejects.toThrow(message);
    expect(statesSet(checked)).toEqual(['ALARM', 'OK']);
  });

  it('whose history only knows of an earlier message has sent nothing', async () => {
    const earlier = {
      AlarmHistoryItems: [{ HistorySummary: 'Successfully executed action', Timestamp: new Date(1) }],
    };
    const checked = alarm('OK', () => earlier);
    await expect(look(alarmChecks(checked), 'each alarm arrives')).rejects.toThrow('Mute sent nothing');
  });
});

it.each([
  ['CREATE_COMPLETE', true],
  ['UPDATE_COMPLETE', true],
  ['UPDATE_ROLLBACK_COMPLETE', false],
  ['UPDATE_ROLLBACK_FAILED', false],
])('a stack that is %s: well %s', async (StackStatus, isWell) => {
  const checked = new OnAws([DescribeStacksCommand as never, () => ({ Stacks: [{ StackStatus }] })]);
  const found = look(stackChecks(checked, declared), 'stack');
  if (isWell) expect(await found).toContain(StackStatus);
  else await expect(found).rejects.toThrow(`StockTrends is ${StackStatus}`);
});

it.each([
  [12, /^12 for all of this account; this lab may take 11$/],
  [11, /this lab may take 11/],
  [10, /^10 for all of this account, and this lab may take 11$/],
])('a quota of %d executions, of 2 functions, 4 shards by 2 and 3 of a queue', async (left, message) => {
  const checked = new OnAws([
    GetAccountSettingsCommand as never,
    () => ({ AccountLimit: { UnreservedConcurrentExecutions: left } }),
  ]);
  const found = concurrencyCheck(checked, declared).look(() => undefined);
  if (left >= 11) expect(await found).toMatch(message);
  else await expect(found).rejects.toThrow(message);
});

it.each([
  [2, 2, true],
  [1, 2, false],
  [0, 0, false],
])('%d tasks of the feed run, of %d that shall: well %s', async (runningCount, desiredCount, isWell) => {
  const services = [{ runningCount, desiredCount, events: [{ message: 'no image' }] }];
  const checked = new OnAws([DescribeServicesCommand as never, () => ({ services })]);
  const found = look(stocksChecks(checked, declared), 'tasks of the feed');
  if (isWell) expect(await found).toBe(`${runningCount} of ${desiredCount}`);
  else await expect(found).rejects.toThrow(`${runningCount} of ${desiredCount}; no image`);
});

describe('a minute of ticks', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  it('is not asked while the market is closed; it is said when it opens', async () => {
    jest.setSystemTime(new Date('2026-11-26T15:00:00Z')); // Thanksgiving
    const found = await look(stocksChecks(new OnAws(), declared), 'a minute of ticks');
    expect(found).toBeInstanceOf(NotAsked);
    expect((found as NotAsked).why).toContain('2026-11-27T14:30:00.000Z');
  });
});
