import { LabError } from '../../domain/errors.ts';
import { at, named, writtenOut } from './references.ts';
import type { StackTemplate, TemplateResource } from './template.ts';

/** A state that calls something: a Task, or what a Map reads its items from and writes its results to. */
export interface Task {
  readonly name: string;
  /** `lambda:invoke`, `dynamodb:getItem`; empty where Resource is the function itself. */
  readonly action: string;
  /** Logical ids of the resources that it calls, reads or writes; never of those that its payload mentions. */
  readonly calls: readonly string[];
  /** Whether it waits until what it started has ended (`.sync`). */
  readonly waits: boolean;
}

/**
 * The arguments that name what a service integration acts on.
 * Source: Step Functions developer guide, "Integrating optimized services", and the request shapes of the AWS SDK.
 */
const targets = [
  'FunctionName',
  'TopicArn',
  'TargetArn',
  'QueueUrl',
  'TableName',
  'Bucket',
  'StreamName',
  'StreamArn',
  'StreamARN',
  'DeliveryStreamName',
  'StateMachineArn',
  'TaskDefinition',
  'Entries.EventBusName',
  'EventBusName',
  'SecretId',
  'JobName',
  'WorkGroup',
  'WorkgroupName',
  'ClusterIdentifier',
  'ApiEndpoint',
  'Name',
];

/** A reference inside a definition; these brackets occur in no definition of their own accord. */
const token = (logicalId: string) => `⟦${logicalId}⟧`;
const tokens = /⟦([^⟧]+)⟧/g;

interface State {
  Type?: string;
  Resource?: unknown;
  Parameters?: unknown;
  Arguments?: unknown;
  Branches?: Machine[];
  Iterator?: Machine;
  ItemProcessor?: Machine;
  ItemReader?: State;
  ResultWriter?: State;
}
interface Machine {
  States?: Record<string, State>;
}

/**
 * Every call of a state machine, through Map and Parallel. A definition that lies in a bucket (DefinitionS3Location) is
 * not in the template: none.
 *
 * Source: states-language.net; `DefinitionString`, `Definition` and `DefinitionSubstitutions` of
 * AWS::StepFunctions::StateMachine.
 *
 * @throws LabError DiagramTemplateUnreadable where the definition is no JSON
 */
export function tasksOf({ path, properties }: TemplateResource, template: StackTemplate): Task[] {
  const substitutions = (properties.DefinitionSubstitutions ?? {}) as Record<string, unknown>;
  const substituted = (text: string) =>
    text.replace(/\$\{([^}]+)\}/g, (whole, name: string) =>
      name in substitutions ? writtenOut(substitutions[name], token) : whole,
    );
  const text =
    properties.Definition === undefined
      ? writtenOut(properties.DefinitionString, token)
      : JSON.stringify(properties.Definition);
  if (text === '') return [];
  try {
    return tasksIn(JSON.parse(substituted(text)) as Machine, template);
  } catch (cause) {
    throw new LabError(
      'DiagramTemplateUnreadable',
      `the definition of ${path}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function tasksIn(machine: Machine | undefined, template: StackTemplate): Task[] {
  return Object.entries(machine?.States ?? {}).flatMap(([name, state]) => [
    ...(state.Type === 'Task' ? [task(name, state, template)] : []),
    ...(state.ItemReader ? [task(`${name}, its items`, state.ItemReader, template)] : []),
    ...(state.ResultWriter ? [task(`${name}, its results`, state.ResultWriter, template)] : []),
    ...[...(state.Branches ?? []), state.Iterator, state.ItemProcessor].flatMap((inner) =>
      tasksIn(inner, template),
    ),
  ]);
}

function task(name: string, { Resource, Parameters, Arguments }: State, template: StackTemplate): Task {
  const resource = String(Resource ?? '');
  const acted = targets
    .flatMap((path) => at(Arguments ?? Parameters, path))
    .filter((value) => typeof value === 'string');
  const ids = [resource, ...acted].flatMap((text) => [
    ...[...text.matchAll(tokens)].map(([, logicalId = '']) => logicalId),
    ...named(template, text),
  ]);
  return {
    name,
    action: /:states:[^:]*:[^:]*:(?:aws-sdk:)?(\w+:\w+)/.exec(resource)?.[1] ?? '',
    calls: [...new Set(ids)].filter((id) => template.resources.has(id)),
    waits: /\.sync(:2)?$/.test(resource),
  };
}
