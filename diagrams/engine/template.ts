import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../../domain/errors.ts';

export interface TemplateResource {
  readonly logicalId: string;
  /** Construct path from the stack, without the last `Resource` or `Default`: `Archive/Bucket`. */
  readonly path: string;
  /** The CloudFormation type. */
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Logical ids that `DependsOn` names; what properties refer to comes before it, too. */
  readonly dependsOn: readonly string[];
}

/** A synthesized stack as far as a picture is concerned. */
export interface StackTemplate {
  readonly stack: string;
  /** By logical id, in the order of the template. */
  readonly resources: ReadonlyMap<string, TemplateResource>;
  /** Every construct path from the stack that is a resource or has one below it. */
  readonly constructs: ReadonlySet<string>;
  byPath(path: string): TemplateResource | undefined;
}

type Written = Readonly<
  Record<
    string,
    {
      readonly Type: string;
      readonly Properties?: Record<string, unknown>;
      readonly DependsOn?: string | readonly string[];
    }
  >
>;

/**
 * @param resources as in the section Resources
 * @param paths construct paths from the stack by logical id, as the CDK has them; a resource that has none is known by
 * its logical id
 */
export function stackTemplate(
  stack: string,
  resources: Written,
  paths: Readonly<Record<string, string>>,
): StackTemplate {
  const byId = new Map<string, TemplateResource>();
  const byPath = new Map<string, TemplateResource>();
  const constructs = new Set<string>();
  for (const [logicalId, { Type, Properties = {}, DependsOn = [] }] of Object.entries(resources)) {
    const full = paths[logicalId] ?? logicalId;
    const short = full.replace(/\/(Resource|Default)$/, '');
    const path = byPath.has(short) ? full : short;
    const resource = {
      logicalId,
      path,
      type: Type,
      properties: Properties,
      dependsOn: [DependsOn].flat(),
    };
    byId.set(logicalId, resource);
    byPath.set(path, resource);
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1))
      constructs.add(path.slice(0, end));
  }
  return { stack, resources: byId, constructs, byPath: (path) => byPath.get(path) };
}

interface Artifact {
  type: string;
  displayName?: string;
  properties?: { templateFile?: string };
  additionalMetadataFile?: string;
  metadata?: Metadata;
}
type Metadata = Record<string, { type: string; data?: unknown }[]>;

/**
 * Reads one stack of a cloud assembly. A plain synth writes no `aws:cdk:path` into the template: paths come from the
 * metadata of the type `aws:cdk:logicalId`.
 *
 * @param cdkOut directory that `cdk synth` wrote
 * @throws LabError DiagramTemplateUnreadable
 */
export async function readStackTemplate(cdkOut: string, stack: string): Promise<StackTemplate> {
  const manifest = await readObject<{ artifacts?: Record<string, Artifact> }>(cdkOut, 'manifest.json');
  const artifacts = manifest.artifacts ?? {};
  const artifact = artifacts[stack];
  if (artifact?.type !== 'aws:cloudformation:stack' || !artifact.properties?.templateFile) {
    const stacks = Object.keys(artifacts).filter((id) => artifacts[id]?.type === 'aws:cloudformation:stack');
    throw new LabError(
      'DiagramTemplateUnreadable',
      `${join(cdkOut, 'manifest.json')}: no stack ${stack}; it has ${stacks.join(', ') || 'none'}`,
    );
  }
  const { templateFile } = artifact.properties;
  const { Resources } = await readObject<{ Resources?: Written }>(cdkOut, templateFile);
  if (!Resources || Object.values(Resources).some((resource) => typeof resource?.Type !== 'string'))
    throw new LabError(
      'DiagramTemplateUnreadable',
      `${join(cdkOut, templateFile)}: no Resources, or one without a Type`,
    );
  const metadata =
    artifact.metadata ??
    (artifact.additionalMetadataFile
      ? await readObject<Metadata>(cdkOut, artifact.additionalMetadataFile)
      : {});
  return stackTemplate(stack, Resources, pathsOf(metadata, artifact.displayName ?? stack));
}

/** Construct paths from the stack by logical id. */
function pathsOf(metadata: Metadata, stackPath: string): Record<string, string> {
  const start = `/${stackPath}/`;
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([path, entries]) =>
      entries
        .filter(({ type }) => type === 'aws:cdk:logicalId')
        .map(({ data }) => [String(data), path.startsWith(start) ? path.slice(start.length) : path]),
    ),
  );
}

async function readObject<T extends object>(directory: string, name: string): Promise<T> {
  const file = join(directory, name);
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null) throw new Error('not an object');
    return value as T;
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    throw new LabError('DiagramTemplateUnreadable', `${file}: ${cause.code ?? cause.message}`, { cause });
  }
}
