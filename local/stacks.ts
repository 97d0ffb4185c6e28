/**
 * The part of the CDK's command line that waits: it looks at a stack every five seconds, which is longer than the emulator
 * takes to make one. What it does before, publishing assets and making the change set, stays with it (cdk.ts).
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudFormationClient,
  type CloudFormationClientConfig,
  CreateStackCommand,
  type CreateStackCommandInput,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import { LabError } from '../domain/errors.ts';

const LOOK_EVERY_MS = 50;

/**
 * Bootstraps an environment that has never been: makes the stack that `cdk bootstrap` makes, from the template that comes
 * with it.
 *
 * @throws CdkFailed
 */
export async function bootstrapStack(config: CloudFormationClientConfig): Promise<void> {
  const cli = dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json'));
  const template = join(cli, 'lib', 'api', 'bootstrap', 'bootstrap-template.yaml');
  await createStack(config, {
    StackName: 'CDKToolkit',
    TemplateBody: await readFile(template, 'utf8'),
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    Parameters: [
      // What the command line says by itself where nobody else's account is trusted.
      {
        ParameterKey: 'CloudFormationExecutionPolicies',
        ParameterValue: 'arn:aws:iam::aws:policy/AdministratorAccess',
      },
    ],
  });
}

/**
 * Makes a stack of a template that needs no assets.
 *
 * @throws CdkFailed with what CloudFormation says of the resources that failed
 */
export function createStack(
  config: CloudFormationClientConfig,
  stack: CreateStackCommandInput & { StackName: string },
): Promise<Stack> {
  return withClient(config, async (cloudFormation) => {
    await cloudFormation.send(new CreateStackCommand(stack));
    return settled(cloudFormation, stack.StackName);
  });
}

/**
 * Executes a change set that creates or updates a stack.
 *
 * @returns the outputs of the stack, by name
 * @throws CdkFailed with what CloudFormation says of the resources that failed; by then all is rolled back that can be
 */
export function executeChangeSet(
  config: CloudFormationClientConfig,
  stack: string,
  changeSet: string,
): Promise<Record<string, string>> {
  return withClient(config, async (cloudFormation) => {
    await cloudFormation.send(new ExecuteChangeSetCommand({ StackName: stack, ChangeSetName: changeSet }));
    const { Outputs = [] } = await settled(cloudFormation, stack);
    return Object.fromEntries(
      Outputs.map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue ?? '']),
    );
  });
}

/**
 * Deletes a stack and waits until it is gone.
 *
 * @throws CdkFailed with what CloudFormation says of the resources that stay and should not
 */
export function deleteStack(config: CloudFormationClientConfig, stack: string): Promise<void> {
  return withClient(config, async (cloudFormation) => {
    // Once it is gone it has no name: only its id tells of it.
    const { Stacks: [{ StackId = '' } = {}] = [] } = await cloudFormation.send(
      new DescribeStacksCommand({ StackName: stack }),
    );
    await cloudFormation.send(new DeleteStackCommand({ StackName: StackId }));
    await settled(cloudFormation, StackId, /^DELETE_COMPLETE$/);
  });
}

/**
 * @returns the id of a stack, which it has from its first change set on
 * @throws Error ValidationError of CloudFormation where there is none
 */
export function stackId(config: CloudFormationClientConfig, stack: string): Promise<string> {
  return withClient(config, async (cloudFormation) => {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
    return Stacks[0]?.StackId ?? '';
  });
}

/** Waits as long as CloudFormation does: its own resources have their time-outs. */
async function settled(
  cloudFormation: CloudFormationClient,
  name: string,
  well = /^(CREATE|UPDATE)_COMPLETE$/,
): Promise<Stack> {
  for (;;) {
    const { Stacks: [stack] = [] } = await cloudFormation.send(
      new DescribeStacksCommand({ StackName: name }),
    );
    const status = stack?.StackStatus ?? 'gone';
    if (stack && well.test(status)) return stack;
    // A change set that waits for its execution leaves its stack in review, and may be seen there a moment longer.
    if (!/_IN_PROGRESS$/.test(status)) {
      throw new LabError('CdkFailed', `${name} is ${status}: ${await whatFailed(cloudFormation, name)}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** The first failures, in the order in which they happened: those that follow are of resources that were cancelled. */
async function whatFailed(cloudFormation: CloudFormationClient, name: string): Promise<string> {
  const { StackEvents = [] } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: name }));
  const failed = StackEvents.filter(({ ResourceStatus }) => ResourceStatus?.endsWith('_FAILED')).reverse();
  return failed
    .slice(0, 3)
    .map(({ LogicalResourceId, ResourceStatusReason }) => `${LogicalResourceId}: ${ResourceStatusReason}`)
    .join(' | ');
}

async function withClient<T>(
  config: CloudFormationClientConfig,
  use: (cloudFormation: CloudFormationClient) => Promise<T>,
): Promise<T> {
  const cloudFormation = new CloudFormationClient(config);
  try {
    return await use(cloudFormation);
  } finally {
    cloudFormation.destroy();
  }
}
