import { directionsOf } from '../../../diagrams/engine/actions.ts';
import { grantsOf } from '../../../diagrams/engine/grants.ts';
import { stackTemplate } from '../../../diagrams/engine/template.ts';

type Resources = Record<string, { Type: string; Properties?: Record<string, unknown> }>;
const ref = (id: string) => ({ Ref: id });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const below = (id: string) => ({ 'Fn::Join': ['', [arn(id), '/*']] });
const statement = (Action: unknown, Resource: unknown, more: object = {}) => ({
  Statement: [{ Effect: 'Allow', Action, Resource, ...more }],
});

const base: Resources = {
  Role: { Type: 'AWS::IAM::Role' },
  Function: { Type: 'AWS::Lambda::Function', Properties: { Role: arn('Role') } },
  Bucket: { Type: 'AWS::S3::Bucket' },
  Queue: { Type: 'AWS::SQS::Queue' },
};

const grants = (resources: Resources) =>
  grantsOf(stackTemplate('Lab', { ...base, ...resources }, {})).map(
    ({ from, to, kind, what }) => `${kind} ${from} -> ${to}: ${what}`,
  );
const policy = (PolicyDocument: object) => ({
  Policy: { Type: 'AWS::IAM::Policy', Properties: { Roles: [ref('Role')], PolicyDocument } },
});

describe('what proves nothing', () => {
  it.each<[string, object]>([
    ['a Deny', statement('s3:GetObject', arn('Bucket'), { Effect: 'Deny' })],
    ['any resource', statement('s3:GetObject', '*')],
    [
      'the secret that Redshift makes',
      statement('secretsmanager:GetSecretValue', {
        'Fn::Join': ['', ['arn:', ref('AWS::Partition'), ':secretsmanager:x:secret:redshift!name-??????']],
      }),
    ],
    ['listing and describing', statement(['s3:ListBucket', 's3:GetBucketLocation'], arn('Bucket'))],
    ['an action of another service', statement('s3:GetObject', arn('Queue'))],
    ['a queue that is asked for its address', statement(['sqs:GetQueueUrl', 'sqs:Get*'], arn('Queue'))],
    ['to pass a role', statement('iam:PassRole', arn('Role'))],
  ])('%s', (_, document) => {
    expect(grants(policy(document))).toEqual([]);
  });
});

it('a read points to the user of the role, a write from it', () => {
  expect(
    grants(policy(statement(['s3:GetObject', 's3:PutObject', 's3:ListBucket'], [below('Bucket')]))),
  ).toEqual([
    'grant Bucket -> Function: may read: s3:GetObject',
    'grant Function -> Bucket: may write: s3:PutObject',
  ]);
});

it('a wildcard is what it covers', () => {
  expect(grants(policy(statement('s3:Get*', below('Bucket'))))).toEqual([
    'grant Bucket -> Function: may read: s3:Get*',
  ]);
  expect(grants(policy(statement('s3:*', below('Bucket'))))).toEqual([
    'grant Function -> Bucket: may use: s3:*',
    'grant Bucket -> Function: may use: s3:*',
  ]);
  expect(directionsOf(['SQS:sendmessag?'], 'AWS::SQS::Queue').writes).toEqual(['SQS:sendmessag?']);
});

it('statements on a warehouse go both ways', () => {
  expect(
    grants({
      ...policy(
        statement('redshift-data:ExecuteStatement', {
          'Fn::GetAtt': ['Workgroup', 'Workgroup.WorkgroupArn'],
        }),
      ),
      Workgroup: { Type: 'AWS::RedshiftServerless::Workgroup' },
    }),
  ).toEqual([
    'grant Function -> Workgroup: may use: redshift-data:ExecuteStatement',
    'grant Workgroup -> Function: may use: redshift-data:ExecuteStatement',
  ]);
});

describe('policies are found', () => {
  const document = statement('sqs:SendMessage', arn('Queue'));
  const expected = ['grant Function -> Queue: may write: sqs:SendMessage'];

  it('inside of a role', () => {
    const Role = { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyDocument: document }] } };
    expect(grants({ Role })).toEqual(expected);
  });

  it('as a managed policy that names the role', () => {
    const Properties = { Roles: [ref('Role')], PolicyDocument: document };
    expect(grants({ Managed: { Type: 'AWS::IAM::ManagedPolicy', Properties } })).toEqual(expected);
  });

  it('as a managed policy that the role names', () => {
    expect(
      grants({
        Managed: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: document } },
        Role: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: [ref('Managed'), 'arn:aws:…'] } },
      }),
    ).toEqual(expected);
  });
});

describe('the users of a role are', () => {
  const document = policy(statement('sqs:SendMessage', arn('Queue')));
  it.each<[string, Resources, string[]]>([
    [
      'a namespace',
      { It: { Type: 'AWS::RedshiftServerless::Namespace', Properties: { IamRoles: [arn('Role')] } } },
      ['It'],
    ],
    [
      'a task definition',
      { It: { Type: 'AWS::ECS::TaskDefinition', Properties: { TaskRoleArn: arn('Role') } } },
      ['It'],
    ],
    [
      'a rule, by its target',
      { It: { Type: 'AWS::Events::Rule', Properties: { Targets: [{ RoleArn: arn('Role') }] } } },
      ['It'],
    ],
    [
      'an api, by a method',
      {
        Api: { Type: 'AWS::ApiGateway::RestApi' },
        It: {
          Type: 'AWS::ApiGateway::Method',
          Properties: { RestApiId: ref('Api'), Integration: { Credentials: arn('Role') } },
        },
      },
      ['Api'],
    ],
    [
      'what an instance profile is given to',
      {
        Profile: { Type: 'AWS::IAM::InstanceProfile', Properties: { Roles: [ref('Role')] } },
        One: { Type: 'AWS::EC2::Instance', Properties: { IamInstanceProfile: ref('Profile') } },
        Two: {
          Type: 'AWS::EC2::LaunchTemplate',
          Properties: { LaunchTemplateData: { IamInstanceProfile: { Arn: arn('Profile') } } },
        },
      },
      ['One', 'Two'],
    ],
    [
      'not a key whose policy names it',
      { It: { Type: 'AWS::KMS::Key', Properties: { KeyPolicy: { Principal: { AWS: arn('Role') } } } } },
      [],
    ],
  ])('%s', (_, resources, users) => {
    const unrelated = { Function: { Type: 'AWS::Lambda::Function' } };
    expect(grants({ ...document, ...unrelated, ...resources })).toEqual(
      users.map((user) => `grant ${user} -> Queue: may write: sqs:SendMessage`),
    );
  });
});

describe('policies of resources', () => {
  const from = (source: unknown, operator = 'ArnEquals', key = 'aws:SourceArn') => ({
    Principal: { Service: 'events.amazonaws.com' },
    Condition: { [operator]: { [key]: source } },
  });
  const queuePolicy = (more: object) => ({
    Rule: { Type: 'AWS::Events::Rule' },
    It: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [ref('Queue')],
        PolicyDocument: statement('sqs:SendMessage', arn('Queue'), more),
      },
    },
  });

  it('a service that acts for a resource of the template', () => {
    const expected = ['grant Rule -> Queue: may write: sqs:SendMessage'];
    expect(grants(queuePolicy(from(arn('Rule'))))).toEqual(expected);
    expect(grants(queuePolicy(from(arn('Rule'), 'ArnLike', 'AWS:SourceArn')))).toEqual(expected);
  });

  it('not one that acts for anybody', () => {
    expect(grants(queuePolicy({ Principal: { Service: 'events.amazonaws.com' } }))).toEqual([]);
    expect(grants(queuePolicy({ ...from(arn('Rule')), Effect: 'Deny' }))).toEqual([]);
  });

  it('a role of the template', () => {
    expect(grants(queuePolicy({ Principal: { AWS: arn('Role') } }))).toEqual([
      'grant Function -> Queue: may write: sqs:SendMessage',
    ]);
  });

  it('the policy of a key is its own', () => {
    const KeyPolicy = statement('kms:Decrypt', '*', { Principal: { AWS: [arn('Role')] } });
    expect(grants({ Key: { Type: 'AWS::KMS::Key', Properties: { KeyPolicy } } })).toEqual([
      'grant Function -> Key: may use: kms:Decrypt',
      'grant Key -> Function: may use: kms:Decrypt',
    ]);
  });

  it('a permission of a function', () => {
    const permission = (more: object) => ({
      Topic: { Type: 'AWS::SNS::Topic' },
      It: {
        Type: 'AWS::Lambda::Permission',
        Properties: { Action: 'lambda:InvokeFunction', FunctionName: arn('Function'), ...more },
      },
    });
    expect(grants(permission({ SourceArn: ref('Topic') }))).toEqual([
      'grant Topic -> Function: may write: lambda:InvokeFunction',
    ]);
    expect(grants(permission({ Principal: 'sns.amazonaws.com' }))).toEqual([]);
  });
});
