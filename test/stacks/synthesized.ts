import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type Checks, unbundledApp } from '../../local/synthesis.ts';
import { addLabs, type LabsProps } from '../../stacks/labs.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
// biome-ignore lint/suspicious/noExplicitAny: CloudFormation's own shapes, asserted and not declared
export type Properties = Record<string, any>;
export interface Resource {
  Type: string;
  Properties: Properties;
  DependsOn?: string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}
export interface SynthesizedTemplate {
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Description: string; Value: Json }>;
  [section: string]: unknown;
}

/** The labs as `cdk synth` makes them: the templates by slug, and what the checks reported. */
export function synthesizeLabs(props: LabsProps = {}, checks: Checks = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'labs-synth-'));
  try {
    const app = unbundledApp(directory, checks);
    const labs = addLabs(app, props);
    const assembly = app.synth();
    const template = (stack: Stack) =>
      assembly.getStackByName(stack.stackName).template as SynthesizedTemplate;
    return {
      fashion: template(labs.fashion),
      stocks: template(labs.stocks),
      environments: Object.values(labs).map(
        ({ stackName }) => assembly.getStackByName(stackName).environment,
      ),
      report: JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8')),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The template of one stack. */
export function templateOf(stack: Stack): SynthesizedTemplate {
  return Template.fromStack(stack).toJSON() as SynthesizedTemplate;
}

/** Resources of a type, with their logical ids. */
export function resourcesOf(template: SynthesizedTemplate, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The one resource of a type whose logical id begins so. */
export function only(template: SynthesizedTemplate, type: string, start = ''): [string, Resource] {
  const found = resourcesOf(template, type).filter(([id]) => id.startsWith(start));
  if (found.length !== 1) throw new Error(`${found.length} resources of type ${type} begin with "${start}"`);
  return found[0] as [string, Resource];
}

/** `Fn::Join` written out; a reference stands there as `<LogicalId>` or `<LogicalId.Attribute>`. */
export function plain(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = ['', '']] = Object.entries(value) as [string, unknown][];
  if (name === 'Ref') return `<${argument}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(plain).join('');
  return JSON.stringify(value);
}

/** What a function or a container gets from the stack, without what every one gets: {service, namespace} of its metrics. */
export function environmentOf(variables: Properties): {
  environment: Properties;
  observed: { service: string; namespace: string };
} {
  const {
    POWERTOOLS_SERVICE_NAME: service,
    POWERTOOLS_METRICS_NAMESPACE: namespace,
    ...environment
  } = variables;
  return { environment, observed: { service, namespace } };
}

/** The variables of a container. */
export function variablesOf(container: Properties): Properties {
  return Object.fromEntries(container.Environment.map(({ Name, Value }: Properties) => [Name, Value]));
}

/** A metric that an alarm or the dashboard reads and that no service of AWS writes. */
export interface OwnMetric {
  namespace: string;
  name: string;
  service: string;
}

/** Those of the template, each as often as it is read. */
export function ownMetricsRead(template: SynthesizedTemplate): OwnMetric[] {
  const [, board] = only(template, 'AWS::CloudWatch::Dashboard');
  const { widgets } = JSON.parse(plain(board.Properties.DashboardBody)) as {
    widgets: { properties: { metrics?: [string, string, string, string][] } }[];
  };
  const shown = widgets.flatMap(({ properties }) => properties.metrics ?? []);
  const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  return [
    ...alarms.map(({ Namespace, MetricName, Dimensions }) => ({
      namespace: Namespace,
      name: MetricName,
      service: Dimensions[0].Value,
    })),
    ...shown.map(([namespace, name, , service]) => ({ namespace, name, service })),
  ].filter(({ namespace }) => !namespace.startsWith('AWS/'));
}

export interface Statement {
  Effect: string;
  Action: string[];
  Resource: string[];
  Condition?: Properties;
}

/** Every statement of the inline policies of a role, actions and resources as lists, resources written out. */
export function statementsOf(template: SynthesizedTemplate, roleId: string): Statement[] {
  return resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, policy]) => policy.Properties.Roles.some((role: unknown) => plain(role) === `<${roleId}>`))
    .flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement)
    .map((statement: Properties) => ({
      ...statement,
      Effect: statement.Effect,
      Action: [statement.Action].flat(),
      Resource: [statement.Resource].flat().map(plain),
    }));
}

export interface State {
  Type: string;
  Catch?: { ErrorEquals: string[]; Next: string }[];
  Retry?: unknown;
  Seconds?: unknown;
  Next?: string;
  Default?: string;
  Choices?: { Next: string }[];
  Arguments?: Properties;
}

/** The definition of the state machine whose logical id begins so; references written out. */
export function definitionOf(
  template: SynthesizedTemplate,
  start: string,
): { StartAt: string; States: Record<string, State>; TimeoutSeconds: number; QueryLanguage: string } {
  const [, machine] = only(template, 'AWS::StepFunctions::StateMachine', start);
  return JSON.parse(plain(machine.Properties.DefinitionString));
}
