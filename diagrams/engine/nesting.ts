import { type Diagram, type GroupModel, type NodeModel, pathsOf } from './model.ts';
import type { PlacedGroup } from './picture.ts';

/** A box of a model, with what stands in it. */
export interface BoxModel {
  readonly id: string;
  readonly kind: PlacedGroup['kind'];
  readonly label: string;
  readonly parent?: string;
  readonly paths: readonly string[];
  readonly nodes: string[];
  readonly children: string[];
}

/** Every box with what stands in it directly, from the outermost inward. */
export function boxesOf(diagram: Diagram): BoxModel[] {
  const box = (id: string, group: Omit<BoxModel, 'id' | 'nodes' | 'children'>): BoxModel => ({
    id,
    ...group,
    nodes: [],
    children: [],
  });
  const all = new Map<string, BoxModel>();
  all.set('cloud', box('cloud', { kind: 'cloud', label: 'AWS Cloud', paths: [] }));
  all.set('region', box('region', { kind: 'region', label: 'Region', parent: 'cloud', paths: [] }));
  const add = (id: string): BoxModel => {
    const known = all.get(id);
    if (known) return known;
    const group = diagram.groups[id] as GroupModel;
    const parent = group.in ?? (group.kind === 'premises' ? undefined : 'region');
    if (parent !== undefined) add(parent);
    const added = box(id, { kind: group.kind, label: group.label, parent, paths: pathsOf(group) });
    all.set(id, added);
    return added;
  };
  for (const id of Object.keys(diagram.groups)) add(id);
  for (const [id, node] of Object.entries(diagram.nodes)) {
    const parent = parentOf(node);
    if (parent !== undefined) all.get(parent)?.nodes.push(id);
  }
  for (const { id, parent } of all.values()) {
    if (parent !== undefined) all.get(parent)?.children.push(id);
  }
  const holds = (group: BoxModel): boolean =>
    group.nodes.length > 0 || group.children.some((id) => holds(all.get(id) as BoxModel));
  return [...all.values()].filter(holds);
}

/** The box a node stands in; none for what is outside of AWS. */
export const parentOf = (node: NodeModel) => node.in ?? ('external' in node ? undefined : 'region');

/** The box and those around it. */
export function holders(boxes: readonly BoxModel[], id: string | undefined): Set<string> {
  const found = new Set<string>();
  for (let at = id; at !== undefined; at = boxes.find((box) => box.id === at)?.parent) found.add(at);
  return found;
}
