import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  App,
  aws_apigateway as apigateway,
  aws_autoscaling as autoscaling,
  aws_cloudwatch as cloudwatch,
  aws_cloudwatch_actions as cloudwatchActions,
  aws_lambda_destinations as destinations,
  aws_dynamodb as dynamodb,
  aws_ec2 as ec2,
  aws_ecs as ecs,
  aws_events as events,
  aws_events_targets as eventTargets,
  aws_kinesisfirehose as firehose,
  aws_iam as iam,
  aws_kinesis as kinesis,
  aws_lambda as lambda,
  aws_s3_notifications as notifications,
  Stack,
  aws_s3 as s3,
  aws_sns as sns,
  aws_lambda_event_sources as sources,
  aws_sqs as sqs,
  aws_stepfunctions as stepfunctions,
  aws_sns_subscriptions as subscriptions,
  aws_stepfunctions_tasks as tasks,
  Validations,
} from 'aws-cdk-lib';
import { type Edge, edgesOf } from '../../../diagrams/engine/evidence.ts';
import { readStackTemplate, type StackTemplate } from '../../../diagrams/engine/template.ts';

/** The readers of evidence know the shapes of CloudFormation; which of them the CDK writes, only the CDK can show. */
const template = await synthesized();
const edges = edgesOf(template);

async function synthesized(): Promise<StackTemplate> {
  const outdir = await mkdtemp(join(tmpdir(), 'labs-evidence-'));
  try {
    const app = new App({ outdir });
    const stack = new Stack(app, 'Lab');
    // Delivery streams bring a mapping that only destinations in a VPC use.
    Validations.of(stack).acknowledge({ id: 'CloudFormation-Validate::W7001', reason: 'the CDK adds it' });
    build(stack);
    app.synth();
    return await readStackTemplate(outdir, 'Lab');
  } finally {
    await rm(outdir, { recursive: true });
  }
}

function build(stack: Stack): void {
  const code = {
    runtime: lambda.Runtime.NODEJS_22_X,
    handler: 'index.handler',
    code: lambda.Code.fromInline('exports.handler = async () => {}'),
  };
  const dead = new sqs.Queue(stack, 'Dead');
  const queue = new sqs.Queue(stack, 'Queue', { deadLetterQueue: { queue: dead, maxReceiveCount: 3 } });
  const topic = new sns.Topic(stack, 'Topic');
  const bucket = new s3.Bucket(stack, 'Bucket');
  const stream = new kinesis.Stream(stack, 'Stream');
  const consumer = new kinesis.StreamConsumer(stack, 'Consumer', { stream, streamConsumerName: 'fast' });
  const table = new dynamodb.TableV2(stack, 'Table', {
    partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
  });

  const work = new lambda.Function(stack, 'Work', {
    ...code,
    onFailure: new destinations.SqsDestination(dead),
  });
  const startingPosition = lambda.StartingPosition.LATEST;
  work.addEventSource(
    new sources.KinesisEventSource(stream, { startingPosition, onFailure: new sources.SqsDlq(dead) }),
  );
  work.addEventSource(new sources.KinesisConsumerEventSource(consumer, { startingPosition }));
  table.grantReadWriteData(work);
  const alias = work.addAlias('live');
  bucket.addEventNotification(
    s3.EventType.OBJECT_CREATED,
    new notifications.LambdaDestination(new lambda.Function(stack, 'OnFile', code)),
  );
  topic.addSubscription(new subscriptions.SqsSubscription(queue));

  new firehose.DeliveryStream(stack, 'Delivery', {
    source: new firehose.KinesisStreamSource(stream),
    destination: new firehose.S3Bucket(bucket, {
      processors: [new firehose.LambdaFunctionProcessor(new lambda.Function(stack, 'Shape', code))],
    }),
  });

  const api = new apigateway.LambdaRestApi(stack, 'Api', { handler: work, proxy: false });
  api.root.addMethod('GET');
  const credentialsRole = new iam.Role(stack, 'ApiRole', {
    assumedBy: new iam.ServicePrincipal('apigateway.amazonaws.com'),
  });
  stream.grantWrite(credentialsRole);
  const requestTemplates = { 'application/json': `{"StreamName": "${stream.streamName}"}` };
  api.root.addMethod(
    'POST',
    new apigateway.AwsIntegration({
      service: 'kinesis',
      action: 'PutRecord',
      options: { credentialsRole, requestTemplates },
    }),
  );

  const vpc = new ec2.Vpc(stack, 'Vpc', { natGateways: 0 });
  const taskDefinition = new ecs.FargateTaskDefinition(stack, 'Task');
  taskDefinition.addContainer('feed', { image: ecs.ContainerImage.fromRegistry('feed') });
  stream.grantWrite(taskDefinition.taskRole);
  const cluster = new ecs.Cluster(stack, 'Cluster', { vpc });
  const subnets = { subnetType: ec2.SubnetType.PUBLIC };
  new ecs.FargateService(stack, 'Feed', { cluster, taskDefinition, vpcSubnets: subnets });
  const role = new iam.Role(stack, 'MachineRole', {
    assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
  });
  bucket.grantRead(role);
  new autoscaling.AutoScalingGroup(stack, 'Fleet', {
    vpc,
    vpcSubnets: subnets,
    launchTemplate: new ec2.LaunchTemplate(stack, 'Launch', {
      role,
      instanceType: new ec2.InstanceType('t4g.nano'),
      machineImage: ec2.MachineImage.genericLinux({ 'eu-west-1': 'ami-1' }),
      securityGroup: new ec2.SecurityGroup(stack, 'Guard', { vpc }),
    }),
  });

  const machine = new stepfunctions.StateMachine(stack, 'Machine', {
    definitionBody: stepfunctions.DefinitionBody.fromChainable(
      new tasks.LambdaInvoke(stack, 'Invoke', { lambdaFunction: alias })
        .next(
          new tasks.DynamoGetItem(stack, 'Look', {
            table,
            key: { id: tasks.DynamoAttributeValue.fromString('a') },
          }),
        )
        .next(
          new tasks.SqsSendMessage(stack, 'Send', {
            queue,
            messageBody: stepfunctions.TaskInput.fromText(bucket.bucketName),
          }),
        )
        .next(
          new tasks.EcsRunTask(stack, 'Run', {
            cluster,
            taskDefinition,
            launchTarget: new tasks.EcsFargateLaunchTarget(),
            subnets,
            assignPublicIp: true,
          }),
        ),
    ),
  });
  new events.Rule(stack, 'Failures', {
    eventPattern: { source: ['aws.states'], detail: { stateMachineArn: [machine.stateMachineArn] } },
    targets: [new eventTargets.SnsTopic(topic), new eventTargets.LambdaFunction(alias)],
  });
  new cloudwatch.Alarm(stack, 'Alarm', {
    metric: dead.metricApproximateNumberOfMessagesVisible(),
    threshold: 1,
    evaluationPeriods: 1,
  }).addAlarmAction(new cloudwatchActions.SnsAction(topic));
}

const written = (kinds: readonly Edge['kind'][]) => {
  const path = (id: string) => template.resources.get(id)?.path ?? id;
  return [
    ...new Set(
      edges.filter(({ kind }) => kinds.includes(kind)).map(({ from, to }) => `${path(from)} -> ${path(to)}`),
    ),
  ].sort();
};

it('every resource has a construct path of its own', () => {
  const paths = [...template.resources.values()].map(({ path }) => path);
  expect(new Set(paths).size).toBe(template.resources.size);
  expect(paths.filter((path) => /Resource$|Default$/.test(path))).toEqual([]);
  expect([...template.resources].filter(([id, { path }]) => id === path)).toEqual([]);
});

it('all flows of a stack are found, and no more', () => {
  expect(written(['flow'])).toEqual([
    'Alarm -> Topic',
    'Api -> Stream',
    'Api -> Work',
    'Bucket -> OnFile',
    'Consumer -> Work',
    'Delivery -> Bucket',
    'Delivery -> Shape',
    'Failures -> Topic',
    'Failures -> Work/Aliaslive',
    'Machine -> Failures',
    'Machine -> Queue',
    'Machine -> Task',
    'Machine -> Work/Aliaslive',
    'Queue -> Dead',
    'Shape -> Delivery',
    'Stream -> Consumer',
    'Stream -> Delivery',
    'Stream -> Work',
    'Table -> Machine',
    'Topic -> Queue',
    'Work -> Dead',
  ]);
});

it('a grant to write is none to read, whatever the CDK adds to it', () => {
  const grants = written(['grant']);
  expect(grants).toEqual(
    expect.arrayContaining([
      'Api -> Stream',
      'Bucket -> Launch',
      'Table -> Work',
      'Task -> Stream',
      'Work -> Table',
    ]),
  );
  for (const wrong of ['Stream -> Api', 'Stream -> Task', 'Launch -> Bucket', 'Queue -> Topic'])
    expect(grants).not.toContain(wrong);
});

it('a task in a public subnet has its way to the internet', () => {
  expect(written(['network'])).toEqual([
    'Feed/Service -> Vpc/IGW',
    'Fleet/ASG -> Vpc/IGW',
    'Launch -> Vpc/IGW',
    'Task -> Vpc/IGW',
    'Vpc/IGW -> Feed/Service',
    'Vpc/IGW -> Fleet/ASG',
    'Vpc/IGW -> Launch',
    'Vpc/IGW -> Task',
  ]);
});
