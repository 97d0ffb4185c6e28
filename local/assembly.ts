import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LabError } from '../domain/errors.ts';

/**
 * The local assembly: cdk.out in, cdk.out for the emulator out. Stacks know nothing of the laptop; what differs is in the
 * one table below, and the run prints what of it was used.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Resource {
  Type: string;
  Properties?: Record<string, Json>;
  DependsOn?: string[] | string;
  [key: string]: unknown;
}
export interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, Json>;
}

export interface StandIn {
  type: string;
  standIn: string;
  why: string;
  /** Which resources of the type; @default all */
  applies?: (original: Resource) => boolean;
  /** The resource that takes its place; undefined removes it. */
  resource?: (original: Resource, place: Place) => Resource;
  /** What `Ref` and the named attributes become; without it, references to a removed resource are an error. */
  attributes?: (original: Resource, logicalId: string, place: Place) => Record<string, Json>;
}

export interface Place {
  account: string;
  region: string;
}

export const standIns: readonly StandIn[] = [
  {
    type: 'AWS::RedshiftServerless::Namespace',
    standIn: 'PostgreSQL behind our Redshift Data API; a secret for the administrator',
    why: 'the emulator has no Redshift',
    resource: (original) => ({
      Type: 'AWS::SecretsManager::Secret',
      Properties: {
        // The name that Redshift gives the secret it manages.
        Name: joined(
          'redshift!',
          original.Properties?.NamespaceName,
          '-',
          original.Properties?.AdminUsername,
        ),
        GenerateSecretString: {
          SecretStringTemplate: JSON.stringify({ username: original.Properties?.AdminUsername ?? 'admin' }),
          GenerateStringKey: 'password',
          ExcludePunctuation: true,
        },
      },
    }),
    // The secret's ARN, for both: another one for another secret.
    attributes: (_original, logicalId) => ({
      'Namespace.NamespaceId': { 'Fn::GetAtt': [logicalId, 'Id'] },
      'Namespace.NamespaceArn': { 'Fn::GetAtt': [logicalId, 'Id'] },
    }),
  },
  {
    type: 'AWS::RedshiftServerless::Workgroup',
    standIn: 'our Redshift Data API server',
    why: 'the emulator has no Redshift',
    attributes: (original, _logicalId, { account, region }) => {
      const name = original.Properties?.WorkgroupName ?? null;
      return {
        Ref: name,
        'Workgroup.WorkgroupName': name,
        'Workgroup.WorkgroupArn': joined(`arn:aws:redshift-serverless:${region}:${account}:workgroup/`, name),
      };
    },
  },
  {
    type: 'AWS::IAM::Role',
    standIn: 'the same role, which the account may assume too',
    why: 'there is no Redshift here to assume the COPY role; our server does it as the account',
    applies: trusts('redshift.amazonaws.com'),
    resource: assumable,
  },
  {
    type: 'AWS::IAM::Role',
    standIn: 'the same role, which the account may assume too',
    why: 'there is no Fargate here to assume the role of a task; its program runs as a process under it',
    applies: trusts('ecs-tasks.amazonaws.com'),
    resource: assumable,
  },
  {
    type: 'AWS::ECS::Service',
    standIn: 'the same program as processes of this machine, with the environment and the role of its task',
    why: 'the emulator runs containers by a container engine',
    attributes: (_original, logicalId, { account, region }) => ({
      Ref: `arn:aws:ecs:${region}:${account}:service/${logicalId}`,
      Name: logicalId,
      ServiceArn: `arn:aws:ecs:${region}:${account}:service/${logicalId}`,
    }),
  },
  {
    type: 'AWS::Kinesis::StreamConsumer',
    standIn: 'the stream itself, read as all its readers do',
    why: 'the emulator has no enhanced fan-out',
    attributes: ({ Properties }) => ({
      Ref: Properties?.StreamARN ?? null,
      ConsumerARN: Properties?.StreamARN ?? null,
    }),
  },
  {
    type: 'AWS::SecretsManager::Secret',
    standIn: 'the same secret, its Ref replaced by the attribute Id',
    why: "the emulator's Ref gives the name where AWS gives the ARN",
    resource: (original) => original,
    attributes: (_original, logicalId) => ({ Ref: { 'Fn::GetAtt': [logicalId, 'Id'] } }),
  },
  {
    type: 'AWS::Scheduler::Schedule',
    standIn: 'nothing',
    why: 'there is no Redshift here to take a snapshot of',
    applies: ({ Properties }) => JSON.stringify(Properties?.Target).includes('redshiftserverless'),
  },
  { type: 'AWS::EC2::FlowLog', standIn: 'nothing', why: 'no packets flow in an emulated network' },
];

/** A text of texts, each of which may refer to something. */
function joined(...parts: (Json | undefined)[]): Json {
  return { 'Fn::Join': ['', parts.map((part) => part ?? '')] };
}

function trusts(service: string) {
  return ({ Properties }: Resource) => JSON.stringify(Properties?.AssumeRolePolicyDocument).includes(service);
}

function assumable(original: Resource, { account }: Place): Resource {
  const trust = original.Properties?.AssumeRolePolicyDocument as { Statement: Json[] };
  trust.Statement.push({
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { AWS: `arn:aws:iam::${account}:root` },
  });
  return original;
}

/** What a function needs to find the laptop, by its logical id. */
export type FunctionEnvironment = (
  logicalId: string,
) => Record<string, string> | Promise<Record<string, string>>;

export interface LocalAssembly {
  directory: string;
  /** The assembly that it was made of. */
  from: string;
  /** Stand-ins used: resource type to how many. */
  used: Map<StandIn, number>;
  /** Logical ids of the functions, with that of their role. */
  functions: { logicalId: string; roleLogicalId: string }[];
  /** Containers of the task definitions: what a process that stands in for one is told, and as whom it runs. */
  tasks: LocalTask[];
  workgroups: LocalWorkgroup[];
  /** Who reads the warehouse: the role that people assume, and what it holds in the database. None without a warehouse. */
  reader: { roleLogicalId: string; databaseRole: string } | undefined;
  template: Template;
}

export interface LocalWorkgroup {
  /** As the template has it; `textOf` says what it is in a stack. */
  name: Json;
  database: string;
}

export interface LocalTask {
  logicalId: string;
  /** Of the container; several of a task have its role in common. */
  container: string;
  /** Literal, or a reference by `Ref` or `Fn::GetAtt`. */
  environment: Readonly<Record<string, Json>>;
  roleLogicalId: string;
}

/**
 * Copies the assembly and rewrites the template of one stack for the emulator.
 *
 * @throws TemplateNotLocal where a reference leads to a resource that was taken out
 */
export async function localAssembly(o: {
  from: string;
  to: string;
  stack: string;
  place: Place;
  functionEnvironment: FunctionEnvironment;
  /** Changes what this laptop alone shall differ in, such as the waits of an input. @default nothing */
  change?: (template: Template) => void;
}): Promise<LocalAssembly> {
  await cp(o.from, o.to, { recursive: true });
  const path = join(o.to, `${o.stack}.template.json`);
  const template = JSON.parse(await readFile(path, 'utf8')) as Template;

  const used = new Map<StandIn, number>();
  /** With what each depended on: whoever waited for it waits for that instead. */
  const removed = new Map<string, string[]>();
  const references = new Map<string, Record<string, Json>>();
  const functions: LocalAssembly['functions'] = [];
  const workgroups = workgroupsOf(template);
  const reader = readerOf(template);

  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    const standIn = standIns.find(
      (entry) => entry.type === resource.Type && (entry.applies?.(resource) ?? true),
    );
    if (standIn) {
      used.set(standIn, (used.get(standIn) ?? 0) + 1);
      if (standIn.attributes) references.set(logicalId, standIn.attributes(resource, logicalId, o.place));
      const replacement = standIn.resource?.(resource, o.place);
      if (replacement) template.Resources[logicalId] = replacement;
      else {
        delete template.Resources[logicalId];
        removed.set(logicalId, [resource.DependsOn ?? []].flat());
      }
    } else if (resource.Type === 'AWS::Lambda::Function') {
      const environment = (resource.Properties?.Environment ?? {}) as { Variables?: Record<string, Json> };
      const Variables = { ...environment.Variables, ...(await o.functionEnvironment(logicalId)) };
      resource.Properties = { ...resource.Properties, Environment: { ...environment, Variables } };
      const [roleLogicalId] = (resource.Properties.Role as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'];
      functions.push({ logicalId, roleLogicalId });
    }
  }
  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    if (resource.DependsOn) {
      const inherited = (id: string): string[] => removed.get(id)?.flatMap(inherited) ?? [id];
      resource.DependsOn = [...new Set([resource.DependsOn].flat().flatMap(inherited))];
    }
    template.Resources[logicalId] = rewrite(
      resource as unknown as Json,
      references,
      removed,
    ) as unknown as Resource;
  }
  template.Outputs = rewrite((template.Outputs ?? {}) as Json, references, removed) as Record<string, Json>;
  o.change?.(template);
  await writeFile(path, JSON.stringify(template, null, 1));
  await dropContainerImages(o.to);
  await nameTemplate(o.to, o.stack);
  return {
    directory: o.to,
    from: o.from,
    used,
    functions,
    tasks: tasksOf(template),
    workgroups,
    reader,
    template,
  };
}

function workgroupsOf(template: Template): LocalWorkgroup[] {
  const ofType = (type: string) =>
    Object.values(template.Resources).flatMap(({ Type, Properties = {} }) =>
      Type === type ? [Properties] : [],
    );
  const namespaces = ofType('AWS::RedshiftServerless::Namespace');
  return ofType('AWS::RedshiftServerless::Workgroup').map(({ WorkgroupName = null, NamespaceName }) => {
    const namespace = namespaces.find((each) => isDeepStrictEqual(each.NamespaceName, NamespaceName));
    return { name: WorkgroupName, database: String(namespace?.DbName) };
  });
}

/**
 * What a text of a template becomes in a stack: for the one that our server must know before the stack is made.
 *
 * @param parameters pseudo parameters by name, such as `AWS::StackId`
 * @throws TemplateNotLocal where it refers to anything else
 */
export function textOf(value: Json, parameters: Readonly<Record<string, string>>): string {
  const unknown = () => new LabError('TemplateNotLocal', JSON.stringify(value));
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw unknown();
  if (typeof value.Ref === 'string' && value.Ref in parameters) return parameters[value.Ref] as string;
  const listOf = (list: Json | undefined): string[] => {
    if (Array.isArray(list)) return list.map((each) => textOf(each, parameters));
    const split = (list as { 'Fn::Split'?: [string, Json] } | null)?.['Fn::Split'];
    if (!split) throw unknown();
    return textOf(split[1], parameters).split(split[0]);
  };
  const { 'Fn::Join': join, 'Fn::Select': select } = value;
  if (Array.isArray(join)) return listOf(join[1]).join(String(join[0]));
  const selected = Array.isArray(select) ? listOf(select[1])[Number(select[0])] : undefined;
  if (selected === undefined) throw unknown();
  return selected;
}

function readerOf({ Outputs, Resources }: Template): LocalAssembly['reader'] {
  const output = Outputs?.ReaderRoleArn as { Value: { 'Fn::GetAtt': [string, string] } } | undefined;
  if (!output) return undefined;
  const [roleLogicalId] = output.Value['Fn::GetAtt'];
  const tags = Resources[roleLogicalId]?.Properties?.Tags as { Key: string; Value: string }[];
  const { Value: databaseRole = '' } = tags.find(({ Key }) => Key === 'RedshiftDbRoles') ?? {};
  return { roleLogicalId, databaseRole };
}

interface ContainerDefinition {
  Name: string;
  Environment?: { Name: string; Value: Json }[];
}

function tasksOf(template: Template): LocalTask[] {
  return Object.entries(template.Resources).flatMap(([logicalId, { Type, Properties = {} }]) => {
    if (Type !== 'AWS::ECS::TaskDefinition') return [];
    const role = Properties.TaskRoleArn as { 'Fn::GetAtt': [string, string] };
    const containers = (Properties.ContainerDefinitions ?? []) as unknown as ContainerDefinition[];
    return containers.map(({ Name, Environment = [] }) => ({
      logicalId,
      container: Name,
      environment: Object.fromEntries(Environment.map((each) => [each.Name, each.Value])),
      roleLogicalId: role['Fn::GetAtt'][0],
    }));
  });
}

function rewrite(
  node: Json,
  references: Map<string, Record<string, Json>>,
  removed: ReadonlyMap<string, unknown>,
): Json {
  if (Array.isArray(node)) return node.map((item) => rewrite(item, references, removed));
  if (node === null || typeof node !== 'object') return node;
  const replacement = (logicalId: string, attribute: string): Json | undefined => {
    const value = references.get(logicalId)?.[attribute];
    if (value === undefined && removed.has(logicalId)) {
      throw new LabError('TemplateNotLocal', `${attribute} of ${logicalId}`);
    }
    return value;
  };
  const reference = node.Ref;
  if (typeof reference === 'string') return replacement(reference, 'Ref') ?? node;
  const substituted = [node['Fn::Sub']].flat()[0];
  if (typeof substituted === 'string') {
    for (const [, logicalId = '', name = 'Ref'] of substituted.matchAll(/\$\{(\w+)(?:\.([\w.]+))?\}/g)) {
      if (removed.has(logicalId))
        throw new LabError('TemplateNotLocal', `${name} of ${logicalId} in a Fn::Sub`);
    }
  }
  const attribute = node['Fn::GetAtt'];
  if (Array.isArray(attribute)) return replacement(String(attribute[0]), String(attribute[1])) ?? node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, rewrite(value, references, removed)]),
  );
}

/**
 * The command line uploads no file whose hash it has uploaded before, and takes the template for the one that was synthesized:
 * what an update changes on the laptop would never come there.
 */
async function nameTemplate(directory: string, stack: string): Promise<void> {
  const templateFile = `${stack}.template.json`;
  const assets = join(directory, `${stack}.assets.json`);
  const { files = {} }: { files?: Record<string, { source?: { path?: string } }> } = JSON.parse(
    await readFile(assets, 'utf8'),
  );
  const [synthesized] = Object.entries(files).find(([, { source }]) => source?.path === templateFile) ?? [];
  if (synthesized === undefined) return;
  const written = createHash('sha256')
    .update(await readFile(join(directory, templateFile)))
    .digest('hex');
  for (const path of [assets, join(directory, 'manifest.json')])
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(synthesized, written));
}

/** A container image asset makes the CLI call a container engine; what needs one runs as a local process instead. */
async function dropContainerImages(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.assets.json')) continue;
    const path = join(directory, name);
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...manifest, dockerImages: {} }));
  }
}
