import { Stack, Validations } from 'aws-cdk-lib';
import type { CfnFunction, IFunction } from 'aws-cdk-lib/aws-lambda';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { IConstruct } from 'constructs';

/** Acknowledges findings of cdk-nag on one construct, each by its id; the reason is read by reviewers. */
export function acknowledge(scope: IConstruct, reason: string, ...rules: string[]): void {
  Validations.of(scope).acknowledge(
    ...rules.map((rule) => ({ id: `AwsSolutions::AwsSolutions-${rule}`, reason })),
  );
}

/** What the CDK writes into every state machine's role that logs, traces and calls functions. */
export function acknowledgeWorkflow(workflow: StateMachine, ...functions: IFunction[]): void {
  acknowledge(workflow, 'log delivery and X-Ray have no resources to name', 'IAM5[Resource::*]');
  for (const called of functions) {
    const logicalId = Stack.of(workflow).getLogicalId(called.node.defaultChild as CfnFunction);
    acknowledge(workflow, 'any version of one function of this lab', `IAM5[Resource::<${logicalId}.Arn>:*]`);
  }
}
