import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../../domain/errors.ts';
import { type Json, localAssembly, standIns, textOf } from '../../local/assembly.ts';

const place = { account: '000000000000', region: 'eu-west-1' };

/** What a text of the template is in the stack. */
const text = (value: Json) =>
  textOf(value, { 'AWS::StackId': 'arn:aws:cloudformation:eu-west-1:000000000000:stack/Lab/1234-56-78' });
/** As in the labs: its end is a part of the stack's id. */
const name = {
  'Fn::Join': ['', ['lab-warehouse-', select(0, '-', select(2, '/', { Ref: 'AWS::StackId' }))]],
};

/** A lab with everything that has a stand-in, and one resource of each kind that refers to it. */
const template = () => ({
  Resources: {
    Namespace: {
      Type: 'AWS::RedshiftServerless::Namespace',
      Properties: { NamespaceName: name, AdminUsername: 'labs_admin', DbName: 'labs' },
      DeletionPolicy: 'Retain',
    },
    Workgroup: {
      Type: 'AWS::RedshiftServerless::Workgroup',
      Properties: { WorkgroupName: name, NamespaceName: name },
      DependsOn: ['Namespace', 'Log'],
    },
    CopyRole: role('redshift-serverless.amazonaws.com', 'redshift.amazonaws.com'),
    LoadRole: role('lambda.amazonaws.com'),
    TaskRole: role('ecs-tasks.amazonaws.com'),
    Task: {
      Type: 'AWS::ECS::TaskDefinition',
      Properties: {
        TaskRoleArn: getAtt('TaskRole', 'Arn'),
        ContainerDefinitions: [
          {
            Name: 'Feed',
            Environment: [
              { Name: 'STREAM_NAME', Value: { Ref: 'Stream' } },
              { Name: 'MODE', Value: 'quick' },
            ],
          },
          { Name: 'Silent' },
        ],
      },
    },
    Service: { Type: 'AWS::ECS::Service', Properties: { TaskDefinition: { Ref: 'Task' } } },
    Stream: { Type: 'AWS::Kinesis::Stream', Properties: {} },
    Consumer: { Type: 'AWS::Kinesis::StreamConsumer', Properties: { StreamARN: getAtt('Stream', 'Arn') } },
    Subscription: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { EventSourceArn: getAtt('Consumer', 'ConsumerARN') },
    },
    Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { Description: 'a login' } },
    FlowLog: { Type: 'AWS::EC2::FlowLog', Properties: {}, DependsOn: 'Workgroup' },
    Log: { Type: 'AWS::Logs::LogGroup', Properties: { RetentionInDays: 90 } },
    Load: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Role: { 'Fn::GetAtt': ['LoadRole', 'Arn'] },
        Environment: { Variables: { WORKGROUP_NAME: getAtt('Workgroup', 'Workgroup.WorkgroupName') } },
      },
    },
    Bare: { Type: 'AWS::Lambda::Function', Properties: { Role: { 'Fn::GetAtt': ['LoadRole', 'Arn'] } } },
    Policy: {
      Type: 'AWS::IAM::Policy',
      Properties: {
        PolicyDocument: {
          Statement: [
            { Resource: [getAtt('Workgroup', 'Workgroup.WorkgroupArn'), { Ref: 'Secret' }, { Ref: 'Log' }] },
          ],
        },
      },
    },
    Migrations: {
      Type: 'Custom::WarehouseMigrations',
      Properties: { Namespace: getAtt('Namespace', 'Namespace.NamespaceId') },
      DependsOn: ['FlowLog', 'Load'],
    },
    Nightly: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: { Target: { Arn: 'arn:aws:scheduler:::aws-sdk:redshiftserverless:createSnapshot' } },
    },
    Daily: { Type: 'AWS::Scheduler::Schedule', Properties: { Target: { Arn: getAtt('Load', 'Arn') } } },
    Late: { Type: 'AWS::SNS::Topic', DependsOn: 'Workgroup' },
  } as Record<string, unknown>,
  Outputs: {
    Group: { Value: { Ref: 'Workgroup' } },
    ServiceName: { Value: getAtt('Service', 'Name') },
    Command: { Value: { 'Fn::Join': ['', ['aws put --id ', { Ref: 'Secret' }]] } },
  } as Record<string, unknown>,
});

let directory: string;
let from: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-assembly-'));
  from = join(directory, 'cdk.out');
  await mkdir(join(from, 'asset.1'), { recursive: true });
  await writeFile(join(from, 'asset.1', 'index.mjs'), 'export const handler = 1;');
  await writeFile(
    join(from, 'Lab.assets.json'),
    JSON.stringify({ version: '1', files: { code: {} }, dockerImages: { image: { source: {} } } }),
  );
  await writeFile(join(from, 'Other.template.json'), '{"Resources":{}}');
});
afterEach(() => rm(directory, { recursive: true }));

async function localize(lab = template()) {
  await writeFile(join(from, 'Lab.template.json'), JSON.stringify(lab));
  const to = join(directory, 'local');
  const local = await localAssembly({
    from,
    to,
    stack: 'Lab',
    place,
    functionEnvironment: (logicalId) => ({ AWS_ENDPOINT_URL: 'https://127.0.0.1:1', WHO: logicalId }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: a template of the test's own
  const written: any = JSON.parse(await readFile(join(to, 'Lab.template.json'), 'utf8'));
  return { local, to, written, resources: written.Resources };
}

it('a namespace becomes the secret of its administrator, under the name that Redshift gives it', async () => {
  const { resources } = await localize();
  expect(resources.Namespace.Type).toBe('AWS::SecretsManager::Secret');
  expect(text(resources.Namespace.Properties.Name)).toBe('redshift!lab-warehouse-1234-labs_admin');
  expect(JSON.parse(resources.Namespace.Properties.GenerateSecretString.SecretStringTemplate)).toEqual({
    username: 'labs_admin',
  });
});

it('the id of a namespace becomes that of the secret, which is another one for another secret', async () => {
  const { resources } = await localize();
  expect(resources.Migrations.Properties.Namespace).toEqual({ 'Fn::GetAtt': ['Namespace', 'Id'] });
});

it('the schedule that has Redshift take a snapshot goes, and no other one', async () => {
  const { resources } = await localize();
  expect(resources.Nightly).toBeUndefined();
  expect(resources.Daily).toBeDefined();
});

it('a workgroup goes, and whoever named it has its name and its ARN', async () => {
  const { resources, written, local } = await localize();
  expect(resources.Workgroup).toBeUndefined();
  expect(text(resources.Load.Properties.Environment.Variables.WORKGROUP_NAME)).toBe('lab-warehouse-1234');
  expect(text(resources.Policy.Properties.PolicyDocument.Statement[0].Resource[0])).toBe(
    'arn:aws:redshift-serverless:eu-west-1:000000000000:workgroup/lab-warehouse-1234',
  );
  expect(written.Outputs.Group.Value).toEqual(name);
  expect(local.workgroups).toEqual([{ name, database: 'labs' }]);
});

it.each<{ value: Json }>([
  { value: { Ref: 'Namespace' } },
  { value: select(9, '/', { Ref: 'AWS::StackId' }) },
  { value: 7 },
])('$value is no text that is known before the stack is made', ({ value }) =>
  expect(() => text(value)).toThrow(expect.objectContaining({ code: 'TemplateNotLocal' })),
);

it('the role of COPY may be assumed by the account as well, and no other role', async () => {
  const { resources } = await localize();
  expect(resources.CopyRole.Properties.AssumeRolePolicyDocument.Statement).toEqual([
    ...role('redshift-serverless.amazonaws.com', 'redshift.amazonaws.com').Properties.AssumeRolePolicyDocument
      .Statement,
    { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: 'arn:aws:iam::000000000000:root' } },
  ]);
  expect(resources.LoadRole).toEqual(role('lambda.amazonaws.com'));
});

it('a service goes; its task says what a process in its place is told, and under which role it runs', async () => {
  const { resources, written, local } = await localize();
  expect(resources.Service).toBeUndefined();
  expect(written.Outputs.ServiceName.Value).toBe('Service');
  expect(local.tasks).toEqual([
    {
      logicalId: 'Task',
      container: 'Feed',
      environment: { STREAM_NAME: { Ref: 'Stream' }, MODE: 'quick' },
      roleLogicalId: 'TaskRole',
    },
    { logicalId: 'Task', container: 'Silent', environment: {}, roleLogicalId: 'TaskRole' },
  ]);
  expect(resources.TaskRole.Properties.AssumeRolePolicyDocument.Statement).toContainEqual({
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { AWS: 'arn:aws:iam::000000000000:root' },
  });
});

it('a consumer of a stream goes, and whoever read by it reads the stream', async () => {
  const { resources } = await localize();
  expect(resources.Consumer).toBeUndefined();
  expect(resources.Subscription.Properties.EventSourceArn).toEqual(getAtt('Stream', 'Arn'));
});

it('a secret stays as it is, and its Ref becomes its ARN', async () => {
  const { resources, written } = await localize();
  expect(resources.Secret).toEqual(template().Resources.Secret);
  const arn = { 'Fn::GetAtt': ['Secret', 'Id'] };
  expect(resources.Policy.Properties.PolicyDocument.Statement[0].Resource[1]).toEqual(arn);
  expect(written.Outputs.Command.Value).toEqual({ 'Fn::Join': ['', ['aws put --id ', arn]] });
});

it('what has no stand-in stays as it is', async () => {
  const { resources } = await localize();
  expect(resources.Log).toEqual(template().Resources.Log);
  expect(resources.Policy.Properties.PolicyDocument.Statement[0].Resource[2]).toEqual({ Ref: 'Log' });
});

it('whoever waited for a removed resource waits for what that one waited for', async () => {
  const { resources } = await localize();
  expect(resources.FlowLog).toBeUndefined();
  // FlowLog waited for Workgroup, which is gone as well, and that one for the namespace and the log.
  expect(resources.Migrations.DependsOn).toEqual(['Namespace', 'Log', 'Load']);
  expect(resources.Late.DependsOn).toEqual(['Namespace', 'Log']);
});

it('each function gets what it needs to find the laptop, beside its own environment', async () => {
  const { resources, local } = await localize();
  expect(resources.Load.Properties.Environment.Variables).toEqual({
    WORKGROUP_NAME: name,
    AWS_ENDPOINT_URL: 'https://127.0.0.1:1',
    WHO: 'Load',
  });
  expect(resources.Bare.Properties.Environment.Variables.WHO).toBe('Bare');
  expect(local.functions).toEqual([
    { logicalId: 'Load', roleLogicalId: 'LoadRole' },
    { logicalId: 'Bare', roleLogicalId: 'LoadRole' },
  ]);
});

it.each([
  ['Ref of a flow log', { Ref: 'FlowLog' }, 'Ref of FlowLog'],
  [
    'an attribute that the workgroup has no stand-in for',
    getAtt('Workgroup', 'Workgroup.Port'),
    'Workgroup.Port of Workgroup',
  ],
  [
    'an attribute inside of a text',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own, filled in at deploy
    { 'Fn::Sub': 'at ${Workgroup.Workgroup.WorkgroupName}' },
    'Workgroup.WorkgroupName of Workgroup in a Fn::Sub',
  ],
  ['one deep inside', { 'Fn::Join': ['', ['x', { Ref: 'FlowLog' }]] }, 'Ref of FlowLog'],
])('%s cannot be honoured: the error names it', async (_what, reference, named) => {
  for (const place of ['Resources', 'Outputs'] as const) {
    const lab = template();
    lab[place].Asking =
      place === 'Outputs'
        ? { Value: reference }
        : { Type: 'AWS::SNS::Topic', Properties: { Name: reference } };
    const error = await localize(lab).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ code: 'TemplateNotLocal', value: named });
  }
});

it('says which stand-ins it used, and how often', async () => {
  const { local } = await localize();
  const used = Object.fromEntries([...local.used].map(([standIn, count]) => [standIn.type, count]));
  expect(used).toEqual({
    'AWS::RedshiftServerless::Namespace': 1,
    'AWS::RedshiftServerless::Workgroup': 1,
    'AWS::IAM::Role': 1, // the last of two rows of this type
    'AWS::ECS::Service': 1,
    'AWS::Kinesis::StreamConsumer': 1,
    'AWS::SecretsManager::Secret': 1,
    'AWS::EC2::FlowLog': 1,
    'AWS::Scheduler::Schedule': 1,
  });
  // The table has no row that this lab of all kinds does not use.
  expect(local.used.size).toBe(standIns.length);
  for (const { standIn, why } of standIns) expect([standIn, why].every((text) => text.length > 5)).toBe(true);
});

it('asks for no container engine', async () => {
  const { to } = await localize();
  expect(JSON.parse(await readFile(join(to, 'Lab.assets.json'), 'utf8'))).toEqual({
    version: '1',
    files: { code: {} },
    dockerImages: {},
  });
});

it('leaves the assembly it was made from as it was, and copies the rest of it', async () => {
  await writeFile(join(from, 'Lab.template.json'), JSON.stringify(template()));
  const before = await contents(from);
  const { to } = await localize();
  expect(await contents(from)).toEqual(before);
  const copied = await contents(to);
  expect(Object.keys(copied).sort()).toEqual(Object.keys(before).sort());
  for (const file of ['asset.1/index.mjs', 'Other.template.json']) expect(copied[file]).toBe(before[file]);
});

it('made twice from the same assembly it is the same', async () => {
  const { to } = await localize();
  const first = await contents(to);
  await cp(to, join(directory, 'kept'), { recursive: true });
  await rm(to, { recursive: true });
  expect(await contents((await localize()).to)).toEqual(first);
});

async function contents(of: string): Promise<Record<string, string>> {
  const files = (await readdir(of, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => {
        const path = join(file.parentPath, file.name);
        const hash = createHash('sha256').update(await readFile(path));
        return [path.slice(of.length + 1), hash.digest('hex')] as const;
      }),
    ),
  );
}

function role(...services: string[]) {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: services } }],
      },
    },
  };
}

function getAtt(logicalId: string, attribute: string) {
  return { 'Fn::GetAtt': [logicalId, attribute] };
}

function select(index: number, separator: string, of: Json): Json {
  return { 'Fn::Select': [index, { 'Fn::Split': [separator, of] }] };
}
