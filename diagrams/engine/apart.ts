import { LabError } from '../../domain/errors.ts';
import { blockOf, contains, overlap } from './boxes.ts';
import type { PlacedGroup, PlacedNode } from './picture.ts';

/** @throws LabError DiagramCellTaken where two nodes, or a node and a box that does not hold it, take the same place */
export function assertApart(lab: string, nodes: readonly PlacedNode[], groups: readonly PlacedGroup[]): void {
  const file = `diagrams/${lab}.drawio`;
  const collide = (what: string, other: string) => {
    throw new LabError('DiagramCellTaken', `${file}: ${what} stands over ${other}`);
  };
  for (const [index, node] of nodes.entries()) {
    const block = blockOf(node);
    const other = nodes.slice(index + 1).find((later) => overlap(block, blockOf(later)));
    if (other) collide(`node ${node.id}`, `node ${other.id}`);
    const inside = upward(groups, node.parent);
    const box = groups.find((group) => !inside.has(group.id) && overlap(block, group.box));
    if (box) collide(`node ${node.id}`, `box ${box.id}, which does not hold it`);
  }
  for (const [index, group] of groups.entries()) {
    const other = groups
      .slice(index + 1)
      .find(
        (later) =>
          overlap(group.box, later.box) &&
          !upward(groups, later.id).has(group.id) &&
          !upward(groups, group.id).has(later.id),
      );
    if (other) collide(`box ${group.id}`, `box ${other.id}`);
    const parent = groups.find(({ id }) => id === group.parent);
    if (parent && !contains(parent.box, group.box))
      collide(`box ${group.id}`, `the edge of box ${parent.id}`);
  }
}

function upward(groups: readonly PlacedGroup[], id: string | undefined): Set<string> {
  const found = new Set<string>();
  for (let at = id; at !== undefined; at = groups.find((group) => group.id === at)?.parent) found.add(at);
  return found;
}
