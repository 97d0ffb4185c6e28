/** What holds for every lab: it is clean, stands alone, says what it is, and goes as it was told to. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { CfnResource, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { unbundledApp } from '../../local/synthesis.ts';
import { FashionStack } from '../../stacks/fashion/fashion-stack.ts';
import { StocksStack } from '../../stacks/stocks/stocks-stack.ts';
import {
  environmentOf,
  only,
  ownMetricsRead,
  type Properties,
  plain,
  type Resource,
  resourcesOf,
  type SynthesizedTemplate,
  statementsOf,
  synthesizeLabs,
  templateOf,
  variablesOf,
} from './synthesized.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const { fashion, stocks, environments, report } = synthesizeLabs({}, { validated: true });
const ephemeral = synthesizeLabs({ ephemeral: true }, { validated: true });

/** Each lab: its slug, its template, and that of one that is to vanish. */
const labs = [
  ['fashion', fashion, ephemeral.fashion],
  ['stocks', stocks, ephemeral.stocks],
] as const;

describe.each([
  ['kept', report],
  ['ephemeral', ephemeral.report],
])('checks of the app, data %s', (_what, validation) => {
  it('cdk-nag and the validation of CloudFormation ran and found nothing', () => {
    expect(validation.pluginReports.length).toBeGreaterThan(0);
    expect(validation.pluginReports.map((each: { pluginName: string }) => each.pluginName)).toContain(
      'AwsSolutions',
    );
    for (const plugin of validation.pluginReports) {
      expect(plugin).toMatchObject({ conclusion: 'success', violations: [] });
    }
  });

  it('every finding that is acknowledged has a reason', () => {
    const reasons = validation.pluginReports.flatMap(
      (each: { suppressedViolations?: { reason: string }[] }) => each.suppressedViolations ?? [],
    );
    for (const { reason } of reasons) expect(reason.length).toBeGreaterThan(10);
  });
});

it('the validation of CloudFormation finds nothing in a lab whose settings are others', () => {
  const stack = new FashionStack(unbundledApp(undefined, { validated: true }), 'Other', {
    timeZone: 'America/New_York',
    slots: ['0730'],
    grace: { every: Duration.minutes(10), during: Duration.hours(1) },
    settle: { every: Duration.minutes(1), rounds: 7 },
    rehashFor: Duration.days(0),
    sftpPatience: { login: Duration.seconds(5), silence: Duration.seconds(6) },
    limits: { inflatedBytes: 4 * 1024 ** 3, workbookBytes: 1024 ** 3 },
    archiveColdAfter: Duration.days(10),
    archiveKeptFor: Duration.days(400),
  });
  expect(() => Template.fromStack(stack)).not.toThrow();
});

it('that validation fails the synth of what CloudFormation would refuse', () => {
  const stack = new Stack(unbundledApp(undefined, { validated: true }), 'Other');
  new CfnResource(stack, 'Misspelt', { type: 'AWS::S3::Bucket', properties: { BuketName: 'reports' } });
  expect(() => Template.fromStack(stack)).toThrow(/BuketName/);
});

it('a template says the same at every synth, wherever and for whomever it is made', () => {
  const before = { ...process.env };
  Object.assign(process.env, {
    CDK_DEFAULT_ACCOUNT: '210987654321',
    CDK_DEFAULT_REGION: 'ap-south-1',
    AWS_REGION: 'ap-south-1',
    TZ: 'Asia/Kolkata',
  });
  try {
    const again = synthesizeLabs();
    expect(again.fashion).toEqual(fashion);
    expect(again.stocks).toEqual(stocks);
  } finally {
    for (const name of ['CDK_DEFAULT_ACCOUNT', 'CDK_DEFAULT_REGION', 'AWS_REGION', 'TZ']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

it('no stack is bound to an account or a region', () => {
  for (const environment of environments) {
    expect(environment).toMatchObject({ account: 'unknown-account', region: 'unknown-region' });
  }
});

it.each(labs)(
  'the template of %s knows no account and no region, and takes nothing from another stack',
  (_lab, template) => {
    const text = JSON.stringify(template);
    expect(text).not.toMatch(/\b\d{12}\b/);
    expect(text).not.toMatch(/\b(?:us|eu|ap|sa|ca|me|af)-[a-z]+-\d\b/);
    expect(text).not.toMatch(/Fn::ImportValue|Fn::GetStackOutput/);
  },
);

it.each(labs)('the template of %s does not know the laptop', (_lab, template) => {
  expect(JSON.stringify(template)).not.toMatch(/localhost|127\.0\.0\.1|ministack|localstack|\.local\b/i);
});

it.each(labs)('%s: whatever can carry tags says which app and which lab it belongs to', (lab, template) => {
  const untagged = Object.entries(template.Resources).flatMap(([id, { Properties = {} }]) => {
    const tags = Properties.Tags ?? [];
    if (!Array.isArray(tags) || tags.length === 0) return [];
    const values = Object.fromEntries(tags.map((tag) => [tag.Key, tag.Value]));
    return values.app === 'data-pipeline-labs' && values.lab === lab ? [] : [id];
  });
  expect(untagged).toEqual([]);
  for (const type of [
    'AWS::S3::Bucket',
    'AWS::Lambda::Function',
    'AWS::StepFunctions::StateMachine',
    'AWS::Kinesis::Stream',
    'AWS::RedshiftServerless::Workgroup',
  ]) {
    // The framework's own function that empties buckets is shared by a stack and carries none.
    for (const [, resource] of resourcesOf(template, type)) expect(resource.Properties.Tags).toBeDefined();
  }
});

it.each(labs)('%s: buckets, queues and topics are encrypted and reached by TLS alone', (_lab, template) => {
  for (const [, { Properties }] of resourcesOf(template, 'AWS::SQS::Queue'))
    expect(Properties.SqsManagedSseEnabled).toBe(true);
  for (const [, { Properties }] of resourcesOf(template, 'AWS::SNS::Topic'))
    expect(Properties.KmsMasterKeyId).toBeDefined();
  for (const type of ['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy']) {
    for (const [, { Properties }] of resourcesOf(template, type))
      expect(JSON.stringify(Properties)).toContain('"aws:SecureTransport":"false"');
  }
});

describe.each(labs)('functions of %s', (_lab, template) => {
  const functions = resourcesOf(template, 'AWS::Lambda::Function').filter(([id]) => !byTheCdk(id));

  it('run on ARM under the Node.js that AWS keeps longest', () => {
    expect(functions.length).toBeGreaterThan(0);
    for (const [, { Properties }] of functions)
      expect(Properties).toMatchObject({ Architectures: ['arm64'], Runtime: 'nodejs24.x' });
  });

  it('each has a role of its own, without policies of anyone else', () => {
    const roles = functions.map(([, { Properties }]) => Properties.Role['Fn::GetAtt'][0]);
    expect(new Set(roles).size).toBe(functions.length);
    for (const [id, role] of resourcesOf(template, 'AWS::IAM::Role')) {
      if (!byTheCdk(id)) expect([id, role.Properties.ManagedPolicyArns]).toEqual([id, undefined]);
    }
  });

  it('may do nothing to everything, but look at their own statements and, with a database role, at tags', () => {
    for (const [, { Properties }] of functions) {
      const role = Properties.Role['Fn::GetAtt'][0];
      const wide = statementsOf(template, role).filter(
        (statement) =>
          statement.Resource.includes('*') || statement.Action.some((each) => each.includes('*')),
      );
      for (const { Action, Condition } of wide) {
        const [first] = Action;
        if (first?.startsWith('tag:')) {
          expect(databaseRolesOf(template, role)).toBeDefined();
        } else {
          expect(Action).toEqual(['redshift-data:DescribeStatement', 'redshift-data:GetStatementResult']);
          expect(Condition).toBeDefined();
        }
      }
    }
  });
});

it.each(labs)(
  '%s: whoever has database roles by tag may read tags, which Redshift asks for',
  (_lab, template) => {
    const tagged = resourcesOf(template, 'AWS::IAM::Role')
      .map(([id]) => id)
      .filter((id) => databaseRolesOf(template, id) !== undefined);
    expect(tagged.length).toBeGreaterThan(0);
    for (const id of tagged) {
      expect([id, statementsOf(template, id)]).toEqual([
        id,
        expect.arrayContaining([
          { Effect: 'Allow', Action: ['tag:GetResources', 'tag:GetTagKeys'], Resource: ['*'] },
        ]),
      ]);
    }
  },
);

it.each(labs)(
  '%s: migrations run again when the warehouse is another one, and before anything is loaded into it',
  (_lab, template) => {
    const [namespace] = only(template, 'AWS::RedshiftServerless::Namespace');
    const [workgroup] = only(template, 'AWS::RedshiftServerless::Workgroup');
    const [, { Properties, DependsOn }] = only(template, 'Custom::WarehouseMigrations');
    expect(plain(Properties.Namespace)).toBe(`<${namespace}.Namespace.NamespaceId>`);
    expect(DependsOn).toContain(workgroup);
    expect(Object.keys(Properties).sort()).toEqual(['Checksum', 'Ledger', 'Namespace', 'ServiceToken']);
  },
);

describe.each(labs)('snapshots of the warehouse of %s', (_lab, template, vanishing) => {
  const nightly = (of: SynthesizedTemplate) =>
    resourcesOf(of, 'AWS::Scheduler::Schedule').filter(([id]) => id.startsWith('Snapshots'));
  const [namespace] = only(template, 'AWS::RedshiftServerless::Namespace');

  it('are taken each night, under a name of their own, and kept for a week', () => {
    const [, { Properties }] = only(template, 'AWS::Scheduler::Schedule', 'Snapshots');
    const { Target } = Properties;
    expect(Properties.ScheduleExpression).toBe('cron(30 3 * * ? *)');
    expect(plain(Target.Arn)).toMatch(/:scheduler:::aws-sdk:redshiftserverless:createSnapshot$/);
    expect(JSON.parse(plain(Target.Input))).toEqual({
      NamespaceName: `<${namespace}>`,
      SnapshotName: `<${namespace}>-<aws.scheduler.execution-id>`,
      RetentionPeriod: 7,
    });
    const role = Target.RoleArn['Fn::GetAtt'][0];
    const queue = Target.DeadLetterConfig.Arn['Fn::GetAtt'][0];
    expect(statementsOf(template, role)).toEqual([
      {
        Effect: 'Allow',
        Action: ['redshift-serverless:CreateSnapshot'],
        Resource: [
          `<${namespace}.Namespace.NamespaceArn>`,
          'arn:<AWS::Partition>:redshift-serverless:<AWS::Region>:<AWS::AccountId>:snapshot/*',
        ],
      },
      { Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [`<${queue}.Arn>`] },
    ]);
  });

  it('are not taken of a lab that is to vanish', () => expect(nightly(vanishing)).toEqual([]));
});

describe('zones of the warehouse', () => {
  /** Those of the subnets that the workgroup is in. */
  function zonesOf(template: SynthesizedTemplate): unknown[] {
    const [, { Properties }] = only(template, 'AWS::RedshiftServerless::Workgroup');
    return Properties.SubnetIds.map(
      ({ Ref }: { Ref: string }) => template.Resources[Ref]?.Properties.AvailabilityZone,
    );
  }

  it.each(labs)('%s: the first three of the region, unless others are named', (_lab, template) => {
    expect(zonesOf(template)).toEqual(
      [0, 1, 2].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })),
    );
  });

  it.each([
    ['others of the region', ['us-east-1a', 'us-east-1c', 'us-east-1f']],
    ['one of two twice, as us-west-1 asks for', ['us-west-1a', 'us-west-1c', 'us-west-1a']],
  ])('%s: a subnet each, in every lab', (_what, availabilityZones) => {
    const named = synthesizeLabs({ availabilityZones });
    for (const template of [named.fashion, named.stocks]) {
      expect(zonesOf(template)).toEqual(availabilityZones);
      const [, { Properties }] = only(template, 'AWS::RedshiftServerless::Workgroup');
      expect(new Set(Properties.SubnetIds.map(plain)).size).toBe(3);
    }
  });

  it('fewer than three are refused before anything is deployed', () => {
    expect(() => synthesizeLabs({ availabilityZones: ['us-west-1a', 'us-west-1c'] })).toThrow('ZonesTooFew');
  });
});

describe.each(labs)('whoever reads the warehouse of %s', (lab, template) => {
  const reader = template.Outputs.ReaderRoleArn?.Value as { 'Fn::GetAtt': [string, string] };
  const [role] = reader['Fn::GetAtt'];
  const [workgroup] = only(template, 'AWS::RedshiftServerless::Workgroup');

  it('assumes a role by a permission of his own in this account, and is the reader of the lab there', () => {
    expect(template.Resources[role]?.Properties.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { AWS: expect.objectContaining({ 'Fn::Join': expect.anything() }) },
      },
    ]);
    expect(
      plain(template.Resources[role]?.Properties.AssumeRolePolicyDocument.Statement[0].Principal.AWS),
    ).toBe('arn:<AWS::Partition>:iam::<AWS::AccountId>:root');
    expect(databaseRolesOf(template, role)).toBe(`${lab}_reader`);
  });

  it('may run a statement on this workgroup as himself and see what comes of it, and nothing else', () => {
    expect(statementsOf(template, role)).toEqual([
      { Effect: 'Allow', Action: ['tag:GetResources', 'tag:GetTagKeys'], Resource: ['*'] },
      {
        Effect: 'Allow',
        Action: ['redshift-data:ExecuteStatement', 'redshift-serverless:GetCredentials'],
        Resource: [`<${workgroup}.Workgroup.WorkgroupArn>`],
      },
      {
        Effect: 'Allow',
        Action: ['redshift-data:DescribeStatement', 'redshift-data:GetStatementResult'],
        Resource: ['*'],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, filled in by IAM
        Condition: { StringEquals: { 'redshift-data:statement-owner-iam-userid': '${aws:userid}' } },
      },
    ]);
  });

  it.each(['sh', 'bash'])(
    'asks by QueryCommand in %s: as the reader, whose credentials end with the command',
    (shell) => {
      const folder = mkdtempSync(join(tmpdir(), 'labs-query-'));
      try {
        const calls = join(folder, 'calls');
        const log = (what: string) => `echo "$AWS_ACCESS_KEY_ID/$AWS_SESSION_TOKEN ${what}" >> ${calls}`;
        writeFileSync(
          join(folder, 'aws'),
          `#!/bin/sh
case "$2" in
assume-role) ${log('$4')}; printf 'KEY\tSECRET\tTOKEN\n';;
execute-statement) ${log('$*')}; echo ID-1;;
describe-statement) ${log('describe $4')}; if [ -e ${folder}/asked ]; then echo FINISHED; else touch ${folder}/asked; echo STARTED; fi;;
get-statement-result) ${log('result $4')}; echo ROWS;;
esac
`,
          { mode: 0o755 },
        );
        const command = joined(template.Outputs.QueryCommand?.Value);
        const printed = execFileSync(shell, ['-c', `${command}; echo "left: $AWS_ACCESS_KEY_ID"`], {
          env: { PATH: `${folder}:${process.env.PATH}`, AWS_ACCESS_KEY_ID: 'OWN' },
          encoding: 'utf8',
        });
        expect(printed).toBe('ROWS\nleft: OWN\n');
        const [assumed, executed, ...rest] = readFileSync(calls, 'utf8').trim().split('\n');
        expect(assumed).toBe('OWN/ REFERENCE');
        expect(executed).toMatch(
          new RegExp(`^KEY/TOKEN redshift-data execute-statement .* --sql SELECT .* FROM ${lab}\\.`),
        );
        expect(executed).not.toContain('secret');
        expect(rest).toEqual(['KEY/TOKEN describe ID-1', 'KEY/TOKEN describe ID-1', 'KEY/TOKEN result ID-1']);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});

describe.each(labs)('alarms of %s', (_lab, template) => {
  const [topic] = only(template, 'AWS::SNS::Topic', 'OperationsAlarms');
  const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm');
  const [, board] = only(template, 'AWS::CloudWatch::Dashboard');
  const dashboard = plain(board.Properties.DashboardBody);

  it.each(alarms)('%s tells the topic, says what to do, and is on the dashboard', (id, { Properties }) => {
    expect(Properties.AlarmActions).toEqual([{ Ref: topic }]);
    expect(Properties.Metrics).toBeUndefined(); // one metric each, no formula
    expect(Properties.AlarmDescription.length).toBeGreaterThan(40);
    const texts = JSON.parse(dashboard).widgets.map(
      (widget: { properties: { markdown?: string } }) => widget.properties.markdown ?? '',
    );
    expect(texts.join()).toContain(Properties.AlarmDescription);
    expect(dashboard).toContain(`<${id}.Arn>`);
  });

  const ofThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };

  it('CloudWatch may publish to the topic for an alarm of this account and region, and for nobody else', () => {
    const [, policy] = only(template, 'AWS::SNS::TopicPolicy', 'OperationsAlarms');
    const allowed = policy.Properties.PolicyDocument.Statement.filter(
      ({ Effect }: Properties) => Effect === 'Allow',
    );
    expect(allowed).toEqual([
      {
        Sid: 'AllowAlarmsToPublish',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: { Ref: topic },
        Condition: { ...ofThisAccount, ArnLike: { 'aws:SourceArn': expect.anything() } },
      },
    ]);
    expect(plain(allowed[0].Condition.ArnLike['aws:SourceArn'])).toBe(
      'arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*',
    );
  });

  it('CloudWatch may use the key of the topic, for this account', () => {
    const [, key] = only(template, 'AWS::KMS::Key');
    expect(key.Properties.KeyPolicy.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        Condition: ofThisAccount,
      }),
    );
  });
});

describe('metrics of our own', () => {
  it.each(labs)(
    '%s: what alarms and dashboard read is written by a program of this stack',
    (_lab, template) => {
      const written = observed(template);
      const read = ownMetricsRead(template);
      expect(read.length).toBeGreaterThan(0);
      for (const { service, namespace } of read) expect(written).toContainEqual({ service, namespace });
    },
  );

  it('no stack reads or writes those of another: not of another lab, not of a copy of itself in the same account', () => {
    const copies = [FashionStack, StocksStack].map((Lab) => templateOf(new Lab(unbundledApp(), 'Copy')));
    const namespaces = [fashion, stocks, ...copies].map((template) => [
      ...new Set([...observed(template), ...ownMetricsRead(template)].map(({ namespace }) => namespace)),
    ]);
    expect(namespaces).toEqual([
      ['DataPipelineLabs/FashionInventory'],
      ['DataPipelineLabs/StockTrends'],
      ['DataPipelineLabs/Copy'],
      ['DataPipelineLabs/Copy'],
    ]);
  });
});

describe.each(labs)('outputs of %s', (lab, template) => {
  const outputs = Object.entries(template.Outputs);

  it('are in PascalCase, and each says what it is', () => {
    for (const [name, { Description }] of outputs) {
      expect(name).toMatch(/^([A-Z][a-z0-9]+)+$/);
      expect(Description.length).toBeGreaterThan(8);
    }
  });

  it('hold commands to paste: fill in the secret, replay, query', () => {
    expect(template.Outputs).toMatchObject({
      FillInSecretCommand: {},
      ReplayCommand: { Value: expect.stringContaining(`npm run replay -- ${lab} --stack `) },
      QueryCommand: {},
    });
  });

  it('the command that fills in a login: it is written in an editor, for its owner alone, and nothing of it is left', () => {
    const command = joined(template.Outputs.FillInSecretCommand?.Value);
    expect(command).not.toContain('\n');
    const at = mkdtempSync(join(tmpdir(), 'fill-in-'));
    const [tools, temporary] = ['tools', 'temporary'].map((name) => join(at, name)) as [string, string];
    for (const each of [tools, temporary]) mkdirSync(each);
    const tool = (name: string, lines: string[]) =>
      writeFileSync(join(tools, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
    // One that leaves a copy beside the file, as some do.
    tool('editor', [
      `cp "$1" '${at}/example'`,
      'cp "$1" "$1~"',
      `printf '{"password":"hidden"}' >"$1"`,
      'exit $EDITED',
    ]);
    tool('aws', [
      `printf '%s\\n' "$@" >'${at}/arguments'`,
      'for last do :; done',
      `cat "\${last#file://}" >'${at}/uploaded'`,
      `ls -ld "$(dirname "\${last#file://}")" >'${at}/directory'`,
      'exit $STORED',
    ]);
    const run = (edited: number, stored: number) =>
      spawnSync('sh', ['-c', command], {
        env: {
          PATH: `${tools}:${process.env.PATH}`,
          TMPDIR: temporary,
          EDITOR: join(tools, 'editor'),
          EDITED: String(edited),
          STORED: String(stored),
        },
      }).status;
    const wrote = (name: string) => readFileSync(join(at, name), 'utf8');
    try {
      expect(run(1, 0)).not.toBe(0); // who leaves the editor so stores nothing
      expect(readdirSync(at)).not.toContain('uploaded');
      expect(readdirSync(temporary)).toEqual([]);
      for (const stored of [0, 254]) {
        expect(run(0, stored)).toBe(stored);
        expect(readdirSync(temporary)).toEqual([]);
      }
      expect(Object.keys(JSON.parse(wrote('example'))).length).toBeGreaterThan(1);
      expect(wrote('uploaded')).toBe('{"password":"hidden"}');
      expect(wrote('arguments').split('\n').slice(0, 5)).toEqual([
        'secretsmanager',
        'put-secret-value',
        '--secret-id',
        'REFERENCE',
        '--secret-string',
      ]);
      expect(wrote('directory')).toMatch(/^drwx------/);
      expect(wrote('arguments')).not.toContain('hidden'); // nor is it in the list of processes
    } finally {
      rmSync(at, { recursive: true });
    }
  });

  it('a command of the AWS command line keeps its JSON in one shell word', () => {
    for (const [name, { Value }] of outputs.filter(([each]) => /FillIn|RunNow/.test(each))) {
      const [, json = ''] = /'(\{.*\})'/.exec(joined(Value)) ?? [];
      expect([name, typeof JSON.parse(json)]).toEqual([name, 'object']);
    }
  });
});

/**
 * A first deploy ends before anybody can have filled in a login, and an update may meet one that is spoiled. What reads it
 * then must be a program that somebody else starts, or that waits (test/e2e/stocks-faults.test.ts): nothing that CloudFormation
 * waits for may need it. Who may read it is seen by who refers to it.
 */
describe.each(labs)('a login that nobody has filled in: %s', (_lab, template) => {
  const command = JSON.stringify(template.Outputs.FillInSecretCommand?.Value);
  const logins = resourcesOf(template, 'AWS::SecretsManager::Secret')
    .map(([id]) => id)
    .filter((id) => command.includes(`{"Ref":"${id}"}`));
  const refersTo = (value: unknown) => logins.some((id) => JSON.stringify(value ?? null).includes(`"${id}"`));
  const referring = Object.entries(template.Resources).filter(([, { Properties }]) => refersTo(Properties));

  it('is one of the template, and read by a function or a container alone, each when it runs', () => {
    expect(logins.length).toBeGreaterThan(0);
    const types = new Set(referring.map(([, { Type }]) => Type));
    types.delete('AWS::IAM::Policy');
    expect(types.size).toBeGreaterThan(0);
    expect(['AWS::Lambda::Function', 'AWS::ECS::TaskDefinition']).toEqual(expect.arrayContaining([...types]));
    // CloudFormation itself would read it.
    expect(JSON.stringify(template)).not.toContain('{{resolve:secretsmanager');
  });

  it('is needed by no function that a deploy calls, itself or by another one', () => {
    const idOf = (arn: unknown) => plain(arn).replace(/^<|\.Arn>.*$/g, '');
    const called = new Set(
      Object.values(template.Resources)
        .filter(({ Properties }) => Properties?.ServiceToken !== undefined)
        .map(({ Properties }) => idOf(Properties.ServiceToken)),
    );
    for (const id of called) {
      const { Properties } = template.Resources[id] as Resource;
      expect([id, refersTo(Properties)]).toEqual([id, false]);
      for (const { Action, Resource } of statementsOf(template, idOf(Properties.Role))) {
        expect([id, logins.filter((login) => Resource.join().includes(login))]).toEqual([id, []]);
        if (Action.includes('lambda:InvokeFunction')) for (const arn of Resource) called.add(idOf(arn));
      }
    }
    const migrate = resourcesOf(template, 'AWS::Lambda::Function').filter(([id]) => id.includes('Migrate'));
    for (const [id] of migrate) expect(called).toContain(id); // the way to it is understood
  });

  it('is handed to no container at its start, which would fail without it, and asked for by no health check', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::ECS::TaskDefinition')) {
      for (const { Secrets, HealthCheck } of Properties.ContainerDefinitions)
        expect([id, refersTo(Secrets), refersTo(HealthCheck)]).toEqual([id, false, false]);
      for (const { Resource } of statementsOf(template, plain(Properties.ExecutionRoleArn).slice(1, -5)))
        expect([id, logins.filter((login) => Resource.join().includes(login))]).toEqual([id, []]);
    }
  });
});

describe.each(labs)('when the stack of %s goes', (_lab, kept, vanishing) => {
  const retained = (template: SynthesizedTemplate) =>
    Object.entries(template.Resources)
      .filter(([, resource]) =>
        /Retain|Snapshot/.test(`${resource.DeletionPolicy}${resource.UpdateReplacePolicy}`),
      )
      .map(([, resource]) => resource.Type);

  it('the data stays by default, with the key that reads it', () => {
    const stays = [
      'AWS::S3::Bucket',
      'AWS::S3::BucketPolicy', // a bucket without it answers without TLS
      'AWS::RedshiftServerless::Namespace',
      'AWS::KMS::Key',
      'AWS::DynamoDB::Table',
      'AWS::SecretsManager::Secret',
    ];
    for (const type of stays) {
      for (const [id, resource] of resourcesOf(kept, type)) {
        expect([id, policies(resource)]).toEqual([id, ['RetainExceptOnCreate', 'Retain']]);
      }
    }
    // Nothing else does: no log, and no stream, which is billed by the hour.
    expect(stays).toEqual(expect.arrayContaining(retained(kept)));
  });

  it('a table can be brought back to any moment; none is protected, which would keep a first deploy from rolling back', () => {
    for (const [id, { Properties }] of resourcesOf(kept, 'AWS::DynamoDB::Table')) {
      const { PointInTimeRecoverySpecification: recovery, DeletionProtectionEnabled: isProtected = false } =
        Properties;
      expect([id, recovery, isProtected]).toEqual([id, { PointInTimeRecoveryEnabled: true }, false]);
    }
  });

  it('what has a name of ours is named after its stack id too: what stays is not in the way of a second deploy', () => {
    const named = Object.entries(kept.Resources).flatMap(([id, { Type, Properties = {} }]) =>
      Object.entries(Properties)
        .filter(([key]) => new RegExp(`^(${Type.split('::').at(-1)})?(Name|Identifier)$`).test(key))
        .map(([key, value]) => ({ id, Type, key, value })),
    );
    // An inline policy is named below its role.
    const ours = named.filter(({ Type, value }) => Type !== 'AWS::IAM::Policy' && !('Ref' in Object(value)));
    const services = ['AWS::RedshiftServerless::Namespace', 'AWS::RedshiftServerless::Workgroup'];
    for (const [id] of services.flatMap((type) => resourcesOf(kept, type)))
      expect(ours.map((each) => each.id)).toContain(id); // they take no resource without a name
    for (const { id, key, value } of ours)
      expect([id, key, JSON.stringify(value)]).toEqual([id, key, expect.stringContaining('"AWS::StackId"')]);
  });

  it('the workgroup, which holds no data and sits in the subnets, goes', () => {
    for (const [, resource] of resourcesOf(kept, 'AWS::RedshiftServerless::Workgroup'))
      expect(policies(resource)).toEqual(['Delete', 'Delete']);
  });

  it('an ephemeral lab keeps nothing', () => {
    expect(retained(vanishing)).toEqual([]);
  });

  it('an ephemeral lab empties each bucket first', () => {
    const emptied = resourcesOf(vanishing, 'Custom::S3AutoDeleteObjects').map(
      ([, resource]) => resource.Properties.BucketName.Ref,
    );
    expect(emptied.sort()).toEqual(
      resourcesOf(vanishing, 'AWS::S3::Bucket')
        .map(([id]) => id)
        .sort(),
    );
    expect(resourcesOf(kept, 'Custom::S3AutoDeleteObjects')).toEqual([]);
  });

  it('whatever writes into a bucket goes before it is emptied, if the lab is ephemeral', () => {
    const emptierOf = new Map(
      resourcesOf(vanishing, 'Custom::S3AutoDeleteObjects').map(([id, { Properties }]) => [
        Properties.BucketName.Ref as string,
        id,
      ]),
    );
    const buckets = resourcesOf(vanishing, 'AWS::S3::Bucket');
    const putting = Object.keys(vanishing.Resources).flatMap((writer) => {
      const roles = [...dependenciesOf(vanishing, writer)].filter(
        (id) => vanishing.Resources[id]?.Type === 'AWS::IAM::Role',
      );
      const puts = roles
        .flatMap((role) => statementsOf(vanishing, role))
        .filter(({ Action }) => Action.includes('s3:PutObject'));
      return buckets
        .filter(([bucket]) => puts.some(({ Resource }) => Resource.join().includes(`<${bucket}.Arn>/`)))
        .map(([bucket]) => ({ writer, bucket }));
    });
    expect(putting.length).toBeGreaterThan(0);
    for (const { writer, bucket } of putting) {
      const all = [...dependenciesOf(vanishing, writer)];
      expect([writer, all.includes(emptierOf.get(bucket) ?? '')]).toEqual([writer, true]);
    }
    // S3 itself writes access logs by the bucket's policy, in which the emptier denies all writes: it goes with both.
    for (const [id, { Properties }] of resourcesOf(vanishing, 'AWS::S3::BucketPolicy')) {
      const emptier = emptierOf.get(Properties.Bucket.Ref) ?? '';
      expect([...dependenciesOf(vanishing, emptier)]).toContain(id);
    }
  });

  it('every function writes to a log group of the template, so that none is left that nobody owns', () => {
    for (const template of [kept, vanishing]) {
      for (const [id, { Properties }] of resourcesOf(template, 'AWS::Lambda::Function')) {
        const group = Properties.LoggingConfig?.LogGroup?.Ref;
        expect([id, template.Resources[group]?.Type]).toEqual([id, 'AWS::Logs::LogGroup']);
      }
    }
  });

  it('no log is kept for ever', () => {
    for (const template of [kept, vanishing]) {
      for (const [id, { Properties }] of resourcesOf(template, 'AWS::Logs::LogGroup'))
        expect([id, Properties.RetentionInDays > 0]).toEqual([id, true]);
    }
  });
});

/** What a resource refers to or depends on, and what that does, and so on: all that is deleted after it. */
function dependenciesOf(template: SynthesizedTemplate, id: string, found = new Set<string>()): Set<string> {
  const { DependsOn = [], Properties } = template.Resources[id] as Resource;
  const text = JSON.stringify(Properties ?? {});
  const referred = [...text.matchAll(/\{"Ref":"(\w+)"\}|"Fn::GetAtt":\["(\w+)"/g)].map(
    ([, ref, attribute]) => ref ?? attribute ?? '',
  );
  for (const next of [...DependsOn, ...referred]) {
    if (found.has(next) || !(next in template.Resources)) continue;
    found.add(next);
    dependenciesOf(template, next, found);
  }
  return found;
}

/** Functions and roles that the CDK adds for its custom resources. */
function byTheCdk(id: string): boolean {
  return /framework|CustomS3AutoDelete/.test(id);
}

/** The roles that sessions of an IAM role hold in the warehouse, as its tag names them. */
function databaseRolesOf(template: SynthesizedTemplate, roleId: string): string | undefined {
  const tags: { Key: string; Value: string }[] = template.Resources[roleId]?.Properties.Tags ?? [];
  return tags.find(({ Key }) => Key === 'RedshiftDbRoles')?.Value;
}

/** Under what the functions and containers of a template measure. */
function observed(template: SynthesizedTemplate) {
  const functions = resourcesOf(template, 'AWS::Lambda::Function')
    .filter(([id]) => !byTheCdk(id))
    .map(([, { Properties }]) => Properties.Environment.Variables);
  const containers = resourcesOf(template, 'AWS::ECS::TaskDefinition').flatMap(([, { Properties }]) =>
    Properties.ContainerDefinitions.map(variablesOf),
  );
  return [...functions, ...containers].map((variables) => environmentOf(variables).observed);
}

const policies = (resource: Resource) => [resource.DeletionPolicy, resource.UpdateReplacePolicy];

/** The text of a value, each reference as a word. */
function joined(value: unknown): string {
  if (typeof value === 'string') return value;
  const parts = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join']?.[1];
  return parts ? parts.map(joined).join('') : 'REFERENCE';
}
