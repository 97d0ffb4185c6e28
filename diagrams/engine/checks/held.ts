import type { ErrorCode } from '../../../domain/errors.ts';
import { icons } from '../icons.ts';
import { type Diagram, type GroupKind, type GroupModel, type NodeModel, pathsOf } from '../model.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';

/** Something that is wrong with a model. */
export interface Finding {
  readonly code: ErrorCode;
  /** `diagrams/<lab>.diagram.ts: node archive: …` */
  readonly value: string;
}

/** A node or a group. */
export interface Element {
  readonly id: string;
  /** For people: `node archive`. */
  readonly name: string;
  /** The kind of a group; none for a node. */
  readonly kind?: GroupKind;
  /** Not of the template: an external node, somebody's premises. */
  readonly external: boolean;
  /** The boxes it stands in, from the innermost. */
  readonly boxes: readonly string[];
  readonly paths: readonly string[];
  /** CloudFormation types that it may stand for; unknown where its icon is. */
  readonly types?: readonly string[];
  /** What it stands for, of whatever type. */
  readonly resources: readonly TemplateResource[];
}

/** A model held against a template. */
export interface Held {
  readonly diagram: Diagram;
  readonly template: StackTemplate;
  /** By id, nodes first. */
  readonly elements: ReadonlyMap<string, Element>;
  /** The element that stands for a resource, by its logical id. */
  readonly drawn: ReadonlyMap<string, string>;
  /** A finding about a part of the model: `node archive`, `arrow a -> b`. */
  finding(code: ErrorCode, part: string, wrong: string): Finding;
}

/** The types that a box stands for. */
const boxTypes: Readonly<Record<GroupKind, readonly string[]>> = {
  vpc: ['AWS::EC2::VPC'],
  'public-subnet': ['AWS::EC2::Subnet'],
  'private-subnet': ['AWS::EC2::Subnet'],
  'security-group': ['AWS::EC2::SecurityGroup'],
  'auto-scaling': ['AWS::AutoScaling::AutoScalingGroup'],
  'state-machine': ['AWS::StepFunctions::StateMachine'],
  premises: [],
};

export function hold(diagram: Diagram, template: StackTemplate): Held {
  const common = (model: NodeModel | GroupModel, types?: readonly string[]) => ({
    boxes: boxesOf(model, diagram),
    paths: pathsOf(model),
    types,
    resources: [...new Set(pathsOf(model).flatMap((path) => resourcesAt(path, types, template)))],
  });
  const nodes = Object.entries(diagram.nodes).map(
    ([id, model]): Element => ({
      id,
      name: `node ${id}`,
      external: 'external' in model,
      // An icon may be unknown at run time, whatever the types say.
      ...common(model, (icons as Partial<typeof icons>)[model.icon]?.stands),
    }),
  );
  const groups = Object.entries(diagram.groups).map(
    ([id, model]): Element => ({
      id,
      name: `group ${id}`,
      kind: model.kind,
      external: model.kind === 'premises',
      ...common(model, boxTypes[model.kind]),
    }),
  );
  const all = [...nodes, ...groups];
  return {
    diagram,
    template,
    // The first keeps a name or a resource; that there is a second is a finding of its own.
    elements: firstOf(all.map((element) => [element.id, element])),
    drawn: firstOf(all.flatMap(({ id, resources }) => resources.map(({ logicalId }) => [logicalId, id]))),
    finding: (code, part, wrong) => ({
      code,
      value: `diagrams/${diagram.lab}.diagram.ts: ${part}: ${wrong}`,
    }),
  };
}

function firstOf<T>(entries: readonly (readonly [string, T])[]): Map<string, T> {
  const map = new Map<string, T>();
  for (const [key, value] of entries) if (!map.has(key)) map.set(key, value);
  return map;
}

/** Ends at a name that the model lacks, and where it would go round. */
function boxesOf(model: NodeModel | GroupModel, { groups }: Diagram): string[] {
  const boxes: string[] = [];
  for (
    let box = model.in;
    box !== undefined && Object.hasOwn(groups, box) && !boxes.includes(box);
    box = groups[box]?.in
  )
    boxes.push(box);
  return boxes;
}

/** A path names one resource, of whatever type; `Path/*` all below it that are of one of the types. */
function resourcesAt(
  path: string,
  types: readonly string[] | undefined,
  template: StackTemplate,
): readonly TemplateResource[] {
  if (path.endsWith('/*'))
    return [...template.resources.values()].filter(
      (resource) => covers(path, resource) && types?.includes(resource.type),
    );
  const resource = template.byPath(path);
  return resource ? [resource] : [];
}

/** Whether a path, or a `Path/*`, means a resource. */
export function covers(path: string, resource: TemplateResource): boolean {
  return path.endsWith('/*') ? resource.path.startsWith(path.slice(0, -1)) : resource.path === path;
}

/** `Archive/Bucket (AWS::S3::Bucket)` */
export const spoken = ({ path, type }: TemplateResource) => `${path} (${type})`;

/** A list for people, cut short. */
export function listed(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}
