import { referencesIn } from '../../diagrams/engine/references.ts';
import type { Grant, Resources, Role } from './grants.ts';

/**
 * Grants whose use the laptop cannot show, and why. Each holds for every lab: what a service does under a role is the same
 * in all of them. A grant that is not listed must fail something when it is taken away; one that is listed must not.
 *
 * Where the resource is of the template, it must be one that the role's user names, or the key of one: a listed action on
 * anything else is a spare grant. That the delivery itself is permitted, keys and policies of both sides included, is asserted
 * on the template (test/diagrams/deliveries-of-labs.test.ts).
 */
export interface OnlyAws {
  /** Who assumes the role. */
  by: string;
  /** The type of what names the resource, and names the role or the function for which it is. @default any */
  through?: string;
  actions: readonly string[];
  /** @default any that `through` names */
  on?: RegExp;
  why: string;
}

const emulatorActs = 'the emulator acts with its own rights there';

export const onlyAwsShows: readonly OnlyAws[] = [
  {
    by: 'lambda.amazonaws.com',
    through: 'AWS::Lambda::Function',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    why: `Lambda delivers the log with the rights of the role; ${emulatorActs}`,
  },
  {
    by: 'lambda.amazonaws.com',
    actions: ['AWSLambdaBasicExecutionRole'],
    why: `the log of the CDK's own function, which gets no narrower right; ${emulatorActs}`,
  },
  {
    // Lambda developer guide, "Process Amazon Kinesis Data Streams records with Lambda", and the managed policy that it names,
    // AWSLambdaKinesisExecutionRole.
    by: 'lambda.amazonaws.com',
    through: 'AWS::Lambda::EventSourceMapping',
    actions: [
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamConsumer',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
      'kinesis:SubscribeToShard',
      'kms:Decrypt',
    ],
    why: `Lambda reads the stream with the rights of the role; ${emulatorActs}`,
  },
  {
    // Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping", execution role permissions.
    by: 'lambda.amazonaws.com',
    through: 'AWS::Lambda::EventSourceMapping',
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    why: `Lambda reads the queue with the rights of the role; ${emulatorActs}`,
  },
  {
    by: 'lambda.amazonaws.com',
    through: 'AWS::Lambda::EventSourceMapping',
    actions: ['sqs:ChangeMessageVisibility', 'sqs:GetQueueUrl'],
    why: 'the CDK grants them with the others of a queue; Lambda needs neither',
  },
  {
    by: 'lambda.amazonaws.com',
    through: 'AWS::Lambda::EventSourceMapping',
    actions: ['sqs:SendMessage'],
    why: 'Lambda tells of records that it gave up with the rights of the role; the emulator gives none up',
  },
  {
    by: 'lambda.amazonaws.com',
    actions: ['lambda:GetFunction'],
    why: "the CDK's own function asks whether ours is active when a call of it has failed, for five minutes",
  },
  {
    by: 'lambda.amazonaws.com',
    actions: ['lambda:InvokeFunction'],
    on: /:\*$/,
    why: 'the CDK grants all versions with the function; none is called',
  },
  {
    by: 'states.amazonaws.com',
    actions: [
      'lambda:InvokeFunction',
      'dynamodb:PutItem',
      'sns:Publish',
      'kms:Decrypt',
      'kms:GenerateDataKey',
    ],
    why: `a state machine works with the rights of its role; ${emulatorActs}`,
  },
  {
    // Step Functions developer guide, "Using CloudWatch Logs to log execution history", IAM policies for logging.
    by: 'states.amazonaws.com',
    actions: [
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
    ],
    why: 'asked when a state machine with a log is made or changed; the emulator asks nothing there',
  },
  {
    // Step Functions developer guide, "Trace Step Functions request data in AWS X-Ray", IAM policies.
    by: 'states.amazonaws.com',
    actions: [
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ],
    why: 'the emulator traces nothing',
  },
  {
    by: 'events.amazonaws.com',
    actions: ['states:StartExecution'],
    why: `a rule starts its target with the rights of its role; ${emulatorActs}`,
  },
  {
    by: 'scheduler.amazonaws.com',
    actions: ['states:StartExecution', 'sqs:SendMessage'],
    why: `a schedule starts its target, or tells that it could not, with the rights of its role; ${emulatorActs}`,
  },
  {
    by: 'scheduler.amazonaws.com',
    actions: ['redshift-serverless:CreateSnapshot'],
    why: 'there is no Redshift here to take a snapshot of; the schedule is left out',
  },
  {
    // Amazon Data Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
    by: 'firehose.amazonaws.com',
    actions: [
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
      'kms:Decrypt',
      'kms:GenerateDataKey',
      's3:AbortMultipartUpload',
      's3:GetBucketLocation',
      's3:GetObject',
      's3:ListBucket',
      's3:ListBucketMultipartUploads',
      's3:PutObject',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ],
    why: `a delivery stream reads and writes with the rights of its role; ${emulatorActs}`,
  },
  {
    by: 'vpc-flow-logs.amazonaws.com',
    actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    why: 'no packets flow in an emulated network',
  },
  {
    // Amazon ECS developer guide, "Amazon ECS task execution IAM role".
    by: 'ecs-tasks.amazonaws.com',
    through: 'AWS::ECS::TaskDefinition',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    why: 'Fargate delivers the log of a container; here its program writes a file',
  },
  {
    by: 'ecs-tasks.amazonaws.com',
    through: 'AWS::ECS::TaskDefinition',
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    why: 'Secrets Manager and Kinesis ask for the rights on the key of what they keep; the emulator does not',
  },
  {
    by: 'ecs-tasks.amazonaws.com',
    actions: [
      'ecr:BatchCheckLayerAvailability',
      'ecr:BatchGetImage',
      'ecr:GetAuthorizationToken',
      'ecr:GetDownloadUrlForLayer',
    ],
    why: 'Fargate fetches an image; here its program runs without one',
  },
  {
    by: 'redshift.amazonaws.com',
    actions: ['s3:ListBucket'],
    why: 'Redshift asks for it at every COPY; by manifest, our server has nothing to list',
  },
];

/** The row that says why nothing here shows a grant's use; undefined where something must. */
export function rowOf(grant: Grant, role: Role, resources: Resources): OnlyAws | undefined {
  return onlyAwsShows.find(
    ({ by, through, actions, on }) =>
      role.principals.includes(by) &&
      actions.includes(grant.action) &&
      (on?.test(grant.on) ?? true) &&
      grant.resources.every((id) => namedFor(role, resources, through).has(id)),
  );
}

/** What the users of a role name, with the keys of that and the functions themselves. */
function namedFor({ logicalId }: Role, resources: Resources, through?: string): Set<string> {
  const naming = (ids: readonly string[]) =>
    Object.entries(resources).filter(
      ([, { Type, Properties }]) =>
        !Type.startsWith('AWS::IAM::') && ids.some((id) => referencesIn(Properties).has(id)),
    );
  const users = naming([logicalId]);
  const functions = users.flatMap(([id, { Type }]) => (Type === 'AWS::Lambda::Function' ? id : []));
  const mappings = naming(functions).filter(([, { Type }]) => Type === 'AWS::Lambda::EventSourceMapping');
  const named = new Set(
    [...users, ...mappings].flatMap(([, { Type, Properties }]) =>
      through === undefined || Type === through ? [...referencesIn(Properties)] : [],
    ),
  );
  // A consumer is the stream's, and whatever is encrypted has a key.
  for (let known = 0; known < named.size; ) {
    known = named.size;
    for (const id of [...named]) {
      const { Type = '', Properties } = resources[id] ?? {};
      for (const further of referencesIn(Properties)) {
        const isKey = resources[further]?.Type === 'AWS::KMS::Key';
        if (isKey || Type === 'AWS::Kinesis::StreamConsumer') named.add(further);
      }
    }
  }
  return named;
}
