import { jest } from '@jest/globals';
import { CfnResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import { unbundledApp } from '../../local/synthesis.ts';

jest.setTimeout(120_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

function stackWith(removalPolicy: RemovalPolicy, ...names: string[]) {
  const stack = new Stack(unbundledApp(), 'Stack');
  const key = new Key(stack, 'Key');
  const [archive] = names.map(
    (name) =>
      new ArchiveBucket(stack, name, {
        key,
        archived: ['kept/'],
        shortLived: [{ prefix: 'short/', expiresAfter: Duration.days(2) }],
        coldAfter: Duration.days(5),
        keptFor: Duration.days(100),
        restorableFor: Duration.days(7),
        removalPolicy,
      }),
  );
  const role = new Role(stack, 'Reader', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  return { stack, role, archive: archive as ArchiveBucket };
}

const granted = (stack: Stack) =>
  Object.values(Template.fromStack(stack).findResources('AWS::IAM::Policy')).flatMap((policy) =>
    policy.Properties.PolicyDocument.Statement.map((statement: { Action: string | string[] }) =>
      [statement.Action].flat().sort(),
    ),
  );

it('reading is getting objects below the prefixes: no listing, no writing, no key but to decrypt', () => {
  const { stack, role, archive } = stackWith(RemovalPolicy.RETAIN, 'Archive');
  archive.grantRead(role, 'kept/', 'short/');
  expect(granted(stack)).toEqual([['s3:GetObject'], ['kms:Decrypt']]);
  Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Resource: ['/kept/*', '/short/*'].map((path) => ({
            'Fn::Join': ['', [{ 'Fn::GetAtt': [Match.stringLikeRegexp('^ArchiveBucket'), 'Arn'] }, path]],
          })),
        }),
      ]),
    },
  });
});

it('writing is putting objects: nobody who writes may delete or read back, and an upload in parts decrypts its parts', () => {
  const single = stackWith(RemovalPolicy.RETAIN, 'Archive');
  single.archive.grantWrite(single.role, 'kept/');
  expect(granted(single.stack)).toEqual([['s3:PutObject'], ['kms:GenerateDataKey']]);
  const parts = stackWith(RemovalPolicy.RETAIN, 'Archive');
  parts.archive.grantUpload(parts.role, 'kept/');
  expect(granted(parts.stack)).toEqual([['s3:PutObject'], ['kms:Decrypt', 'kms:GenerateDataKey']]);
});

it('an object is deleted when its time is over, and not kept as long again as an old version', () => {
  const { stack } = stackWith(RemovalPolicy.RETAIN, 'Archive');
  Template.fromStack(stack).hasResourceProperties('AWS::S3::Bucket', {
    LifecycleConfiguration: {
      Rules: [
        {
          Prefix: 'kept/',
          Status: 'Enabled',
          Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 5 }],
          ExpirationInDays: 100,
          NoncurrentVersionExpiration: { NoncurrentDays: 7 },
        },
        {
          Prefix: 'short/',
          Status: 'Enabled',
          ExpirationInDays: 2,
          NoncurrentVersionExpiration: { NoncurrentDays: 1 },
        },
        { Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
      ],
    },
  });
});

it('two archives that go with their stack share the function that empties them, and its log goes too', () => {
  const { stack } = stackWith(RemovalPolicy.DESTROY, 'One', 'Two');
  const template = Template.fromStack(stack);
  const logs = template.findResources('AWS::Logs::LogGroup');
  expect(Object.values(logs).map((log) => log.DeletionPolicy)).toEqual(['Delete']);
  template.allResourcesProperties('AWS::Lambda::Function', {
    LoggingConfig: { LogGroup: { Ref: Object.keys(logs)[0] } },
  });
  expect(Object.keys(template.findResources('Custom::S3AutoDeleteObjects'))).toHaveLength(4);
});

it('an archive that stays brings no function with it', () => {
  const { stack } = stackWith(RemovalPolicy.RETAIN, 'Archive');
  const types = stack.node
    .findAll()
    .filter((each) => each instanceof CfnResource)
    .map((each) => each.cfnResourceType);
  expect(types).not.toContain('AWS::Lambda::Function');
});

it('an archive announces its objects on EventBridge, unless nobody listens', () => {
  const notification = (announced?: boolean) => {
    const stack = new Stack(unbundledApp(), 'Stack');
    new ArchiveBucket(stack, 'Archive', { key: new Key(stack, 'Key'), archived: ['kept/'], announced });
    const buckets = Template.fromStack(stack).findResources('AWS::S3::Bucket');
    return Object.values(buckets).find((each) => each.Properties.VersioningConfiguration)?.Properties
      .NotificationConfiguration;
  };
  expect(notification()).toEqual({ EventBridgeConfiguration: { EventBridgeEnabled: true } });
  expect(notification(false)).not.toHaveProperty('EventBridgeConfiguration');
});

it('objects below a prefix are told to a queue, which S3 may use before the bucket is made', () => {
  const stack = new Stack(unbundledApp(), 'Stack');
  new ArchiveBucket(stack, 'Archive', {
    key: new Key(stack, 'Key'),
    archived: ['kept/'],
    told: [{ prefix: 'kept/', queue: new Queue(stack, 'New') }],
  });
  const template = Template.fromStack(stack);
  const [policy] = Object.keys(template.findResources('AWS::SQS::QueuePolicy'));
  template.hasResource('AWS::S3::Bucket', {
    DependsOn: Match.arrayWith([policy]),
    Properties: {
      NotificationConfiguration: {
        EventBridgeConfiguration: { EventBridgeEnabled: true },
        QueueConfigurations: [
          {
            Event: 's3:ObjectCreated:*',
            Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'kept/' }] } },
          },
        ],
      },
    },
  });
});
