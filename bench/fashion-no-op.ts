import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import type { FashionDriver } from '../local/fashion/driver.ts';
import type { Laptop } from '../local/laptop.ts';

export interface NoOpFloor {
  collectionArn: string;
  importArn: string;
  /** Below this prefix of the archive an object starts the no-op import. */
  prefix: string;
}

/** Says at once what the collector, the transform and the loader say when they are done. */
const doesNothing = `
exports.handler = async (event) => {
  const now = new Date().toISOString();
  if (event.step) return { status: 'done', statement: null, error: null, detail: { stagedAt: now, loadedAt: now, outcome: 'current', unchanged: false } };
  if (event.key) return { transformedAt: now, loadKey: '', rowsIn: 0, rowsOut: 0, rowsRejected: 0, rejectedKey: null };
  return { collected: [], refused: [], seen: 0, settling: 0, complete: true, slot: null };
};`;

/**
 * The lab's two state machines once more, as they are deployed, but every function in them is one that does nothing; with
 * a rule of their own on the archive. What a run of them takes is the emulator's part of a run of the lab.
 */
export async function openNoOpFloor(laptop: Laptop, driver: FashionDriver): Promise<NoOpFloor> {
  const cloudFormation = new CloudFormationClient(laptop.clients);
  const prefix = 'no-op/';
  const definition = async (output: string) => {
    const { definition: text = '' } = await driver.sfn.send(
      new DescribeStateMachineCommand({ stateMachineArn: driver.output(output) }),
    );
    const between = text.split(/arn:aws:lambda:[^"\s]+/);
    const noOp = { 'Fn::GetAtt': ['NoOp', 'Arn'] };
    return { 'Fn::Join': ['', between.flatMap((piece, i) => (i === 0 ? [piece] : [noOp, piece]))] };
  };
  const role = (service: string, statements: object[]) => ({
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [{ PolicyName: 'NoOp', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
    },
  });
  const stateMachine = async (output: string) => ({
    Type: 'AWS::StepFunctions::StateMachine',
    Properties: {
      RoleArn: { 'Fn::GetAtt': ['Workflow', 'Arn'] },
      DefinitionString: await definition(output),
    },
  });
  const template = {
    Resources: {
      Nothing: role('lambda.amazonaws.com', [
        { Effect: 'Allow', Action: 'logs:CreateLogStream', Resource: '*' },
      ]),
      NoOp: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Role: { 'Fn::GetAtt': ['Nothing', 'Arn'] },
          Code: { ZipFile: doesNothing },
        },
      },
      Workflow: role('states.amazonaws.com', [
        {
          Effect: 'Allow',
          Action: ['lambda:InvokeFunction', 'sns:Publish', 'dynamodb:PutItem'],
          Resource: '*',
        },
      ]),
      Collection: await stateMachine('CollectionStateMachineArn'),
      Import: await stateMachine('ImportStateMachineArn'),
      Start: role('events.amazonaws.com', [
        { Effect: 'Allow', Action: 'states:StartExecution', Resource: { Ref: 'Import' } },
      ]),
      Arrived: {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventPattern: {
            source: ['aws.s3'],
            'detail-type': ['Object Created'],
            detail: {
              bucket: { name: [driver.output('ArchiveBucketName')] },
              object: { key: [{ prefix }] },
            },
          },
          Targets: [
            {
              Id: 'Import',
              Arn: { Ref: 'Import' },
              RoleArn: { 'Fn::GetAtt': ['Start', 'Arn'] },
              InputTransformer: {
                InputPathsMap: { key: '$.detail.object.key', at: '$.time' },
                InputTemplate:
                  '{"bucket":"none","key":<key>,"arrivedAt":<at>,"from":"xlsx","replay":null,"force":false,"attempts":1,"waits":{"statementSeconds":0,"retrySeconds":0}}',
              },
            },
          ],
        },
      },
    },
    Outputs: { Collection: { Value: { Ref: 'Collection' } }, Import: { Value: { Ref: 'Import' } } },
  };
  const StackName = 'FashionNoOpFloor';
  try {
    await cloudFormation.send(
      new CreateStackCommand({
        StackName,
        TemplateBody: JSON.stringify(template),
        Capabilities: ['CAPABILITY_IAM'],
      }),
    );
    await waitUntilStackCreateComplete(
      { client: cloudFormation, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { StackName },
    );
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    const output = (key: string) =>
      Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue ?? '';
    return { collectionArn: output('Collection'), importArn: output('Import'), prefix };
  } finally {
    cloudFormation.destroy();
  }
}
