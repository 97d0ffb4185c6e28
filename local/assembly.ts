import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../domain/errors.ts';

/**
 * The local assembly: cdk.out in, cdk.out for the emulator out. Stacks know nothing of the laptop; what differs is in the
 * one table below, and the run prints what of it was used.
 */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Resource {
  Type: string;
  Properties?: Record<string, Json>;
  DependsOn?: string[] | string;
  [key: string]: unknown;
}
interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, Json>;
}

export interface StandIn {
  type: string;
  standIn: string;
  why: string;
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
        GenerateSecretString: {
          SecretStringTemplate: JSON.stringify({ username: original.Properties?.AdminUsername ?? 'admin' }),
          GenerateStringKey: 'password',
          ExcludePunctuation: true,
        },
      },
    }),
    attributes: (_original, logicalId) => ({ 'Namespace.AdminPasswordSecretArn': { Ref: logicalId } }),
  },
  {
    type: 'AWS::RedshiftServerless::Workgroup',
    standIn: 'our Redshift Data API server',
    why: 'the emulator has no Redshift',
    attributes: (original, _logicalId, { account, region }) => {
      const name = String(original.Properties?.WorkgroupName);
      return {
        Ref: name,
        'Workgroup.WorkgroupName': name,
        'Workgroup.WorkgroupArn': `arn:aws:redshift-serverless:${region}:${account}:workgroup/${name}`,
      };
    },
  },
  { type: 'AWS::EC2::FlowLog', standIn: 'nothing', why: 'no packets flow in an emulated network' },
];

/** What the functions of the stack need to find the laptop. */
export interface FunctionEnvironment {
  /** By logical id of the function. */
  (logicalId: string): Record<string, string>;
}

export interface LocalAssembly {
  directory: string;
  /** Stand-ins used: resource type to how many. */
  used: Map<StandIn, number>;
  /** Logical ids of the functions, with that of their role. */
  functions: { logicalId: string; roleLogicalId: string }[];
  workgroups: { name: string; database: string }[];
  template: Template;
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
}): Promise<LocalAssembly> {
  await cp(o.from, o.to, { recursive: true });
  const path = join(o.to, `${o.stack}.template.json`);
  const template = JSON.parse(await readFile(path, 'utf8')) as Template;

  const used = new Map<StandIn, number>();
  const removed = new Set<string>();
  const references = new Map<string, Record<string, Json>>();
  const functions: LocalAssembly['functions'] = [];
  const workgroups = workgroupsOf(template);

  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    const standIn = standIns.find((entry) => entry.type === resource.Type);
    if (standIn) {
      used.set(standIn, (used.get(standIn) ?? 0) + 1);
      references.set(logicalId, standIn.attributes?.(resource, logicalId, o.place) ?? {});
      const replacement = standIn.resource?.(resource, o.place);
      if (replacement) template.Resources[logicalId] = { ...replacement, DeletionPolicy: 'Delete' };
      else {
        delete template.Resources[logicalId];
        removed.add(logicalId);
      }
    } else if (resource.Type === 'AWS::Lambda::Function') {
      const properties = (resource.Properties ??= {});
      const environment = (properties.Environment ??= {}) as { Variables?: Record<string, Json> };
      environment.Variables = { ...environment.Variables, ...o.functionEnvironment(logicalId) };
      const [roleLogicalId] = (properties.Role as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'];
      functions.push({ logicalId, roleLogicalId });
    }
  }
  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    if (resource.DependsOn) {
      resource.DependsOn = [resource.DependsOn].flat().filter((dependency) => !removed.has(dependency));
    }
    template.Resources[logicalId] = rewrite(resource as unknown as Json, references, removed) as unknown as Resource;
  }
  template.Outputs = rewrite((template.Outputs ?? {}) as Json, references, removed) as Record<string, Json>;
  await writeFile(path, JSON.stringify(template, null, 1));
  await dropContainerImages(o.to);
  return { directory: o.to, used, functions, workgroups, template };
}

function workgroupsOf(template: Template): { name: string; database: string }[] {
  const namespaces = Object.values(template.Resources).filter((r) => r.Type === 'AWS::RedshiftServerless::Namespace');
  return Object.values(template.Resources)
    .filter((resource) => resource.Type === 'AWS::RedshiftServerless::Workgroup')
    .map((workgroup) => {
      const namespace = namespaces.find((n) => n.Properties?.NamespaceName === workgroup.Properties?.NamespaceName);
      return { name: String(workgroup.Properties?.WorkgroupName), database: String(namespace?.Properties?.DbName) };
    });
}

function rewrite(node: Json, references: Map<string, Record<string, Json>>, removed: Set<string>): Json {
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
  const attribute = node['Fn::GetAtt'];
  if (Array.isArray(attribute)) return replacement(String(attribute[0]), String(attribute[1])) ?? node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, rewrite(value, references, removed)]));
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
