/** What starts, runs and watches the fashion lab. What only AWS can show (time zones, deliveries) is asserted here. */
import { readdirSync, readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { errorCodes, errorTable } from '../../../domain/errors.ts';
import { collectionInput, importInput } from '../../../domain/fashion/contract.ts';
import { metricNamespaceOf } from '../../../domain/shared/contract.ts';
import { unbundledApp } from '../../../local/synthesis.ts';
import { FashionStack } from '../../../stacks/fashion/fashion-stack.ts';
import {
  definitionOf,
  only,
  type Resource,
  resourcesOf,
  type State,
  type SynthesizedTemplate,
  statementsOf,
  synthesizeLabs,
  templateOf,
} from '../synthesized.ts';

const { fashion } = synthesizeLabs();
const [collection] = only(fashion, 'AWS::StepFunctions::StateMachine', 'Collection');
const [imports] = only(fashion, 'AWS::StepFunctions::StateMachine', 'Import');
const [undelivered] = only(fashion, 'AWS::SQS::Queue', 'OperationsUndelivered');

/** The schedules of the slots, without that of the warehouse's snapshots. */
const slotSchedules = (template: SynthesizedTemplate) =>
  resourcesOf(template, 'AWS::Scheduler::Schedule').filter(([id]) => /^At\d{4}/.test(id));

describe('schedules', () => {
  const schedules = slotSchedules(fashion).map(([, { Properties }]) => Properties);

  it('one a slot, in local time with the zone beside it: AWS follows the change to summer time', () => {
    expect(schedules.map((each) => [each.ScheduleExpression, each.ScheduleExpressionTimezone])).toEqual([
      ['cron(0 6 * * ? *)', 'Europe/Paris'],
      ['cron(0 18 * * ? *)', 'Europe/Paris'],
    ]);
    for (const each of schedules)
      expect(each).toMatchObject({ State: 'ENABLED', FlexibleTimeWindow: { Mode: 'OFF' } });
  });

  it('start the collection with every wait in its input', () => {
    for (const { Target } of schedules) {
      expect(Target.Arn).toEqual({ Ref: collection });
      const input = JSON.parse(Target.Input);
      expect(collectionInput.strict().parse(input)).toEqual(input);
      expect(input).toMatchObject({
        scheduledAt: '<aws.scheduler.scheduled-time>',
        settleRounds: 20,
        rehashSeconds: 3 * 86_400,
        recovery: { afterSeconds: 900, withinSeconds: 30 * 86_400, atMost: 100 },
        waits: { lookSeconds: 300, settleSeconds: 15, retrySeconds: 60 },
      });
      // Looks at the slot and every five minutes until 45 minutes after it.
      expect((input.looks - 1) * input.waits.lookSeconds).toBe(45 * 60);
    }
  });

  it('a delivery that fails is repeated, then kept', () => {
    for (const { Target } of schedules) {
      expect(Target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 7200, MaximumRetryAttempts: 10 });
      expect(Target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [undelivered, 'Arn'] } });
    }
  });

  it('may start the collection, and put what was not delivered into its queue', () => {
    for (const { Target } of schedules) {
      const statements = statementsOf(fashion, Target.RoleArn['Fn::GetAtt'][0]);
      expect(
        Object.fromEntries(statements.map((each) => [each.Action.join(), each.Resource.join()])),
      ).toEqual({
        'states:StartExecution': `<${collection}>`,
        'sqs:SendMessage': `<${undelivered}.Arn>`,
      });
    }
  });
});

describe('the rule', () => {
  const [, { Properties: rule }] = only(fashion, 'AWS::Events::Rule');
  const [target] = rule.Targets;

  it('hears of workbooks in this archive, and of nothing else', () => {
    expect(rule.EventPattern).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        bucket: { name: [{ Ref: expect.stringMatching(/^ArchiveBucket/) }] },
        object: { key: [{ prefix: 'xlsx/' }] },
      },
    });
    const [, bucket] = only(fashion, 'AWS::S3::Bucket', 'ArchiveBucket');
    expect(bucket.Properties.NotificationConfiguration).toEqual({
      EventBridgeConfiguration: { EventBridgeEnabled: true },
    });
  });

  it('starts the import with every wait in its input', () => {
    expect(rule.Targets).toHaveLength(1);
    expect(target.Arn).toEqual({ Ref: imports });
    const { InputPathsMap: paths, InputTemplate: template } = target.InputTransformer;
    const input = JSON.parse(template.replace(/<([^>]+)>/g, (_: string, name: string) => `"${paths[name]}"`));
    expect(importInput.strict().parse(input)).toEqual({
      bucket: '$.detail.bucket.name',
      key: '$.detail.object.key',
      arrivedAt: '$.time',
      from: 'xlsx',
      replay: null,
      force: false,
      attempts: 5,
      waits: { statementSeconds: 5, retrySeconds: 30 },
    });
  });

  it('a delivery that fails is repeated, then kept', () => {
    expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 7200, MaximumRetryAttempts: 10 });
    expect(target.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [undelivered, 'Arn'] } });
  });
});

it('what is refused is what the functions of this lab refuse, and nothing of another', () => {
  const sources = [
    'domain/fashion',
    'domain/shared',
    'domain/workbook',
    'lambdas/fashion',
    'lambdas/shared',
    'stacks/fashion',
  ].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
  );
  const raised = Object.entries(errorTable).filter(
    ([code, { kind }]) => kind === 'refused' && sources.some((source) => source.includes(`'${code}'`)),
  );
  expect(raised.map(([code]) => code).sort()).toEqual(errorCodes('fashion', 'refused'));
});

describe.each(['Collection', 'Import'])('the state machine %s', (start) => {
  const definition = definitionOf(fashion, start);
  const states = Object.entries(definition.States);
  const tasks = states.filter(([, state]) => state.Type === 'Task');

  it('catches whatever a task may throw', () => {
    expect(tasks.length).toBeGreaterThan(0);
    for (const [name, task] of tasks)
      expect([name, task.Catch?.at(-1)?.ErrorEquals]).toEqual([name, ['States.ALL']]);
  });

  it('does not repeat what is refused: the table of errors says what that is', () => {
    const refusing = tasks.filter(([, task]) => (task.Catch?.length ?? 0) > 1);
    expect(refusing.length).toBeGreaterThan(0);
    for (const [, task] of refusing) {
      expect(task.Catch).toHaveLength(2);
      const [refused, other] = task.Catch as [{ ErrorEquals: string[]; Next: string }, { Next: string }];
      expect(refused.ErrorEquals).toEqual(errorCodes('fashion', 'refused'));
      expect(definition.States[refused.Next]?.Type).not.toBe('Choice');
      expect(other.Next).toBe('MayTryAgain');
    }
  });

  it('waits as long as its input says, and nowhere else', () => {
    const waits = states.filter(([, state]) => state.Type === 'Wait');
    expect(waits.length).toBeGreaterThan(0);
    for (const [, { Seconds }] of waits) expect(Seconds).toMatch(/^\{% \$input\.waits\.[a-zA-Z]+ %\}$/);
    expect(JSON.stringify(definition)).not.toMatch(/IntervalSeconds|BackoffRate|SecondsPath|Timestamp"/);
    for (const [name, state] of states) expect([name, state.Retry]).toEqual([name, undefined]);
  });

  it('comes to an end from every state, and every state is reached', () => {
    const reached = new Set<string>();
    const visit = (name: string) => {
      if (reached.has(name)) return;
      reached.add(name);
      for (const next of nextOf(definition.States[name] as State)) visit(next);
    };
    visit(definition.StartAt);
    expect([...reached].sort()).toEqual(Object.keys(definition.States).sort());

    const ending = new Set(states.filter(([, state]) => nextOf(state).length === 0).map(([name]) => name));
    for (let size = -1; size < ending.size; ) {
      size = ending.size;
      for (const [name, state] of states)
        if (nextOf(state).some((next) => ending.has(next))) ending.add(name);
    }
    expect(ending.size).toBe(states.length);
  });

  it('gives its functions less time than it has itself', () => {
    for (const [, task] of tasks) {
      const [, id] = /^<(.+)\.Arn>$/.exec(task.Arguments?.FunctionName ?? '') ?? [];
      if (id) expect(fashion.Resources[id]?.Properties.Timeout).toBeLessThan(definition.TimeoutSeconds);
    }
  });

  it('is traced and logged', () => {
    const [, machine] = only(fashion, 'AWS::StepFunctions::StateMachine', start);
    expect(machine.Properties).toMatchObject({
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL' },
    });
  });
});

it('a collection has time for all its looks', () => {
  const { TimeoutSeconds } = definitionOf(fashion, 'Collection');
  const [, collect] = only(fashion, 'AWS::Lambda::Function', 'Collect');
  const [, schedule] = slotSchedules(fashion)[0] as [string, Resource];
  const { looks, settleRounds, waits } = JSON.parse(schedule.Properties.Target.Input);
  const waiting = looks * waits.lookSeconds + settleRounds * waits.settleSeconds;
  expect(waiting + collect.Properties.Timeout).toBeLessThan(TimeoutSeconds);
});

describe('the collector', () => {
  const [, collect] = only(fashion, 'AWS::Lambda::Function', 'Collect');
  const [, schedule] = slotSchedules(fashion)[0] as [string, Resource];
  const { Variables } = collect.Properties.Environment;
  const input = JSON.parse(schedule.Properties.Target.Input);

  it('has claims that outlast it, and lapse before the looks of a run are used up', () => {
    const lease = Number(Variables.LEASE_SECONDS);
    expect(lease).toBeGreaterThan(collect.Properties.Timeout);
    expect(lease).toBeLessThan((input.looks - 1) * input.waits.lookSeconds);
  });

  it('gives up a silent server long before its own time is over', () => {
    const patience = Number(Variables.SFTP_LOGIN_SECONDS) + Number(Variables.SFTP_SILENCE_SECONDS);
    expect(patience).toBeLessThan(collect.Properties.Timeout / 4);
  });

  it('calls late what is written after the grace period in which the schedule looks', () => {
    expect(Number(Variables.GRACE_SECONDS)).toBe((input.looks - 1) * input.waits.lookSeconds);
  });

  it('takes grace, settling, hashing again, recovery and patience with the server from the props', () => {
    const stack = new FashionStack(unbundledApp(), 'Other', {
      grace: { every: Duration.minutes(10), during: Duration.hours(1) },
      settle: { every: Duration.minutes(1), rounds: 7 },
      rehashFor: Duration.days(0),
      recovery: { within: Duration.days(2), after: Duration.hours(1), atMost: 3 },
      sftpPatience: { login: Duration.seconds(5), silence: Duration.seconds(6) },
    });
    const other = templateOf(stack);
    const [, changed] = only(other, 'AWS::Lambda::Function', 'Collect');
    expect(changed.Properties.Environment.Variables).toMatchObject({
      GRACE_SECONDS: '3600',
      SFTP_LOGIN_SECONDS: '5',
      SFTP_SILENCE_SECONDS: '6',
    });
    const [, { Properties }] = slotSchedules(other)[0] as [string, Resource];
    expect(JSON.parse(Properties.Target.Input)).toMatchObject({
      looks: 7,
      settleRounds: 7,
      rehashSeconds: 0,
      recovery: { afterSeconds: 3600, withinSeconds: 2 * 86_400, atMost: 3 },
      waits: { lookSeconds: 600, settleSeconds: 60 },
    });
  });
});

describe('the recovery of imports', () => {
  const { StartAt, States } = definitionOf(fashion, 'Collection');
  const [recover, { Properties }] = only(fashion, 'AWS::Lambda::Function', 'Recover');
  const { Variables } = Properties.Environment;

  it('comes before the look at the SFTP server, and holds up no report where it fails', () => {
    expect(nextOf(States[StartAt] as State)).toEqual(['Recover']);
    expect(States.Recover?.Arguments?.FunctionName).toBe(`<${recover}.Arn>`);
    expect(nextOf(States.Recover as State)).toEqual(['Collect', 'Collect']);
  });

  it('takes an import that does not say how it ended for over when its state machine has ended it', () => {
    expect(Variables.IMPORT_STATE_MACHINE).toEqual({ Ref: imports });
    expect(Number(Variables.IMPORT_SECONDS)).toBe(definitionOf(fashion, 'Import').TimeoutSeconds);
  });

  it('may list the archive, read the notes and start the import, and nothing else', () => {
    const [notes] = only(fashion, 'AWS::DynamoDB::Table', 'ImportNotes');
    const [log] = only(fashion, 'AWS::Logs::LogGroup', 'RecoverLog');
    const [bucket] = only(fashion, 'AWS::S3::Bucket', 'ArchiveBucket');
    const granted = statementsOf(fashion, Properties.Role['Fn::GetAtt'][0]);
    expect(granted.flatMap(({ Action, Resource }) => Action.map((action) => [action, ...Resource]))).toEqual([
      ['logs:CreateLogStream', `<${log}.Arn>`],
      ['logs:PutLogEvents', `<${log}.Arn>`],
      ['s3:ListBucket', `<${bucket}.Arn>`],
      ['dynamodb:BatchGetItem', `<${notes}.Arn>`],
      ['states:StartExecution', `<${imports}>`],
    ]);
  });

  it('is counted by the metric that its alarm watches', () => {
    const [, restarted] = only(fashion, 'AWS::CloudWatch::Alarm', 'OperationsImportsRestarted');
    expect(restarted.Properties).toMatchObject({
      MetricName: 'ImportsRestarted',
      Namespace: metricNamespaceOf('FashionInventory'),
      Dimensions: [{ Name: 'service', Value: Variables.POWERTOOLS_SERVICE_NAME }],
      Statistic: 'Sum',
      Threshold: 1,
    });
  });
});

describe('an import notes', () => {
  const { States } = definitionOf(fashion, 'Import');
  const [notes] = only(fashion, 'AWS::DynamoDB::Table', 'ImportNotes');
  const noting = Object.entries(States).filter(([name]) => name.startsWith('Note'));

  // The emulator writes to the table with rights of its own.
  it('under the key of its workbook, as its role allows', () => {
    expect(noting.map(([name]) => name).sort()).toEqual([
      'NoteFailed',
      'NoteKnown',
      'NoteLoaded',
      'NoteRefused',
      'NoteRunning',
    ]);
    for (const [, { Arguments }] of noting)
      expect(Arguments).toMatchObject({ TableName: `<${notes}>`, Item: { key: { S: '{% $input.key %}' } } });
    const [, machine] = only(fashion, 'AWS::StepFunctions::StateMachine', 'Import');
    const statements = statementsOf(fashion, machine.Properties.RoleArn['Fn::GetAtt'][0]);
    const writing = statements.filter(({ Action }) => Action.includes('dynamodb:PutItem'));
    expect(writing.map(({ Resource }) => Resource)).toContainEqual([expect.stringContaining(notes)]);
  });

  it('and goes on where it cannot', () => {
    for (const [name, state] of noting)
      expect([name, nextOf(state)]).toEqual([name, [state.Next, state.Next]]);
  });
});

it('the result that cannot be told is told again, and never as a failure of the load', () => {
  const { States } = definitionOf(fashion, 'Import');
  expect(nextOf(States.TellResult as State).sort()).toEqual(['Loaded', 'MayTellAgain']);
  expect(nextOf(States.MayTellAgain as State).sort()).toEqual(['NotTold', 'WaitToTell']);
  expect(nextOf(States.WaitToTell as State)).toEqual(['TellResult']);
});

it('a look at a statement ends before its function does, and the migrations before the framework that calls them', () => {
  const [, load] = only(fashion, 'AWS::Lambda::Function', 'Load');
  const patience = Number(load.Properties.Environment.Variables.STATEMENT_PATIENCE_SECONDS);
  expect(patience).toBeLessThan(load.Properties.Timeout);
  const [, migrate] = only(fashion, 'AWS::Lambda::Function', 'SchemaMigrate');
  const [, framework] = only(fashion, 'AWS::Lambda::Function', 'SchemaProviderframework');
  expect(migrate.Properties.Timeout).toBeLessThan(framework.Properties.Timeout);
});

describe('alarms', () => {
  const alarms = resourcesOf(fashion, 'AWS::CloudWatch::Alarm');

  it('watch both state machines, what was not delivered, late and unchanged reports, lost events, and the rows set aside', () => {
    expect(alarms.map(([id]) => id.replace(/^Operations|[0-9A-F]{8}$/g, '')).sort()).toEqual([
      'CollectionFailed',
      'CollectionTimedOut',
      'ImportFailed',
      'ImportTimedOut',
      'ImportsRestarted',
      'LateDrops',
      'RowsSetAside',
      'SnapshotNotTakenNotEmpty',
      'UnchangedDrops',
      'UndeliveredNotEmpty',
    ]);
  });

  it('a late report rings by the metric that the collector writes', () => {
    const [, late] = only(fashion, 'AWS::CloudWatch::Alarm', 'OperationsLateDrops');
    expect(late.Properties).toMatchObject({
      Namespace: metricNamespaceOf('FashionInventory'),
      MetricName: 'LateDrops',
      Dimensions: [{ Name: 'service', Value: 'Collect' }],
      Statistic: 'Sum',
      Threshold: 1,
    });
  });

  it('one report without a change from the slot before rings', () => {
    const [, unchanged] = only(fashion, 'AWS::CloudWatch::Alarm', 'OperationsUnchangedDrops');
    const [, load] = only(fashion, 'AWS::Lambda::Function', 'Load');
    expect(unchanged.Properties).toMatchObject({
      MetricName: 'UnchangedDrops',
      Namespace: metricNamespaceOf('FashionInventory'),
      Dimensions: [{ Name: 'service', Value: load.Properties.Environment.Variables.POWERTOOLS_SERVICE_NAME }],
      Statistic: 'Sum',
      Threshold: 1,
    });
  });
});

function nextOf(state: State): string[] {
  return [
    state.Next,
    state.Default,
    ...(state.Choices ?? []).map((choice) => choice.Next),
    ...(state.Catch ?? []).map((each) => each.Next),
  ].filter((next) => next !== undefined);
}
