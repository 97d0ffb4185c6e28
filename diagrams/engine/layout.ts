import { assertApart } from './apart.ts';
import { besideForLabel, besideForSteps } from './beside.ts';
import { blockOf, overlap, sameBox, union } from './boxes.ts';
import { candidates, cellsOf, extentsOf, isFree } from './cells.ts';
import { type Edits, noEdits } from './edits.ts';
import { type Grid, layGrid } from './grid.ts';
import { measures } from './measures.ts';
import { type ArrowId, arrowId, type Cell, type Diagram, type NodeModel, pathsOf } from './model.ts';
import { type BoxModel, boxesOf, parentOf } from './nesting.ts';
import type { Box, Picture, PlacedArrow, PlacedGroup, PlacedNode, PlacedStep, Point } from './picture.ts';
import { type End, routeOf } from './routes.ts';
import { textSize } from './text.ts';

export interface LaidOut {
  readonly picture: Picture;
  /** What a person should know: what is new and where, what is gone. One line each. */
  readonly remarks: readonly string[];
}

/**
 * Places everything: nodes on their cells, boxes around what they hold, arrows between them; where people moved
 * something in diagrams.net, there.
 *
 * @param evidence what shows each arrow, by its id; goes to the file for its reader
 * @throws LabError DiagramCellTaken where two elements take the same place
 */
export function layOut(
  diagram: Diagram,
  edits: Edits = noEdits,
  evidence: ReadonlyMap<string, string> = new Map(),
): LaidOut {
  const remarks: string[] = [];
  const boxes = boxesOf(diagram);
  const cells = cellsOf(diagram, boxes);
  const extents = extentsOf(boxes, cells);
  const grid = layGrid(
    [...cells].map(([id, at]) => ({ at, height: blockHeight(nodeOf(diagram, id)) })),
    extents,
    besidesOf(diagram, cells),
  );
  const nodes = placeNodes({ diagram, boxes, cells, grid, edits, remarks });
  const groups = placeGroups(boxes, nodes, edits);
  assertApart(diagram.lab, nodes, groups);
  const arrows = placeArrows(diagram, nodes, groups, grid, edits, evidence);
  const steps = placeSteps(diagram, arrows, groups, edits);

  const ids = new Set([...nodes, ...groups, ...arrows].map(({ id }) => id as string));
  for (const id of edits.known) {
    if (!ids.has(id) && !/^step-\d+$/.test(id) && id !== 'title') remarks.push(`gone: ${id}`);
  }
  for (const cell of edits.foreign) {
    remarks.push(`left out, since no model knows it: ${cell}`);
  }
  const all = union([
    ...groups.map(({ box }) => box),
    ...nodes.map(blockOf),
    ...arrows.flatMap(({ points }) => points.map((point) => ({ ...point, width: 0, height: 0 }))),
  ]);
  return {
    picture: {
      lab: diagram.lab,
      stack: diagram.stack,
      title: diagram.title,
      width: Math.ceil(all.x + all.width + measures.margin),
      height: Math.ceil(all.y + all.height + measures.margin),
      groups,
      nodes,
      arrows,
      steps,
    },
    remarks,
  };
}

/** What the discs and labels of straight arrows need between a column and the next. */
function besidesOf(diagram: Diagram, cells: ReadonlyMap<string, Cell>): Map<number, number> {
  const needed = new Map<number, number>();
  for (const arrow of diagram.arrows) {
    const [from, to] = [cells.get(arrow.from), cells.get(arrow.to)];
    if (!from || !to || from[1] !== to[1] || Math.abs(from[0] - to[0]) !== 1) continue;
    const discs = diagram.steps.filter(({ on }) => on === arrowId(arrow)).length * (measures.disc + 2);
    const label = textSize(arrow.label?.split('\n') ?? [], measures.arrowFont).width;
    const column = Math.min(from[0], to[0]);
    needed.set(column, Math.max(needed.get(column) ?? 0, Math.max(discs, label) + 2 * measures.besideGap));
  }
  return needed;
}

const nodeOf = (diagram: Diagram, id: string) => diagram.nodes[id] as NodeModel;
const linesOf = (node: NodeModel) => node.label.split('\n');

/** Height of an icon with its label. */
function blockHeight(node: NodeModel): number {
  return measures.icon + measures.labelGap + Math.ceil(textSize(linesOf(node), measures.nodeFont).height);
}

function placeNodes(context: {
  diagram: Diagram;
  boxes: readonly BoxModel[];
  cells: ReadonlyMap<string, Cell>;
  grid: Grid;
  edits: Edits;
  remarks: string[];
}): PlacedNode[] {
  const { diagram, boxes, cells, grid, edits, remarks } = context;
  const iconBox = (cell: Cell): Box => {
    const { x, y } = grid.pointOf(cell);
    return { x: x - measures.icon / 2, y, width: measures.icon, height: measures.icon };
  };
  const placed = new Map<string, PlacedNode>();
  const place = (id: string, laid: Box) => {
    const node = nodeOf(diagram, id);
    const moved = edits.boxes.get(id);
    placed.set(id, {
      id,
      icon: node.icon,
      lines: linesOf(node),
      parent: parentOf(node),
      paths: pathsOf(node),
      ...('external' in node ? { external: node.external } : {}),
      laid,
      // The icon keeps its size, whoever drew it larger.
      box: moved ? { ...laid, x: moved.x, y: moved.y } : laid,
    });
  };
  const isNew = (id: string) => edits.known.size > 0 && !edits.known.has(id);
  const ids = Object.keys(diagram.nodes);
  for (const id of ids) if (!isNew(id)) place(id, iconBox(cells.get(id) as Cell));
  for (const id of ids) {
    if (!isNew(id)) continue;
    const wanted = cells.get(id) as Cell;
    const node = nodeOf(diagram, id);
    const others = new Map([...cells].filter(([other]) => other !== id));
    const block = (cell: Cell) => blockOf({ box: iconBox(cell), lines: linesOf(node) });
    const stands = (cell: Cell) => [...placed.values()].some((other) => overlap(block(cell), blockOf(other)));
    const cell = [wanted, ...candidates([wanted])].find(
      (candidate) =>
        !stands(candidate) && (candidate === wanted || isFree(candidate, parentOf(node), boxes, others)),
    ) as Cell;
    place(id, iconBox(cell));
    const instead = cell === wanted ? '' : `, because ${wanted.join(',')} is taken`;
    remarks.push(`new: ${id}, at column ${cell[0]}, row ${cell[1]}${instead}`);
  }
  return ids.map((id) => placed.get(id) as PlacedNode);
}

function placeGroups(boxes: readonly BoxModel[], nodes: readonly PlacedNode[], edits: Edits): PlacedGroup[] {
  const placed = new Map<string, PlacedGroup>();
  for (const group of [...boxes].reverse()) {
    const held = [
      ...nodes.filter(({ parent }) => parent === group.id).map(blockOf),
      ...group.children.flatMap((id) => placed.get(id)?.box ?? []),
    ];
    const inner = union(held);
    const needed: Box = {
      x: inner.x - measures.padding,
      y: inner.y - measures.header,
      width: inner.width + 2 * measures.padding,
      height: inner.height + measures.header + measures.padding,
    };
    const drawn = edits.boxes.get(group.id);
    placed.set(group.id, {
      id: group.id,
      kind: group.kind,
      label: group.label,
      parent: group.parent,
      paths: group.paths,
      laid: needed,
      // Somebody may draw a box larger, never so small that it no longer holds what it must.
      box: drawn && !sameBox(drawn, needed) ? union([drawn, needed]) : needed,
    });
  }
  return boxes.map(({ id }) => placed.get(id) as PlacedGroup);
}

function placeArrows(
  diagram: Diagram,
  nodes: readonly PlacedNode[],
  groups: readonly PlacedGroup[],
  grid: Grid,
  edits: Edits,
  evidence: ReadonlyMap<string, string>,
): PlacedArrow[] {
  const end = (id: string): End => {
    const node = nodes.find((one) => one.id === id);
    if (node) return { box: node.box, below: blockOf(node).height - measures.icon + 3, group: false };
    const group = groups.find((one) => one.id === id) as PlacedGroup;
    return { box: group.box, below: 0, group: true };
  };
  const bendAt = (line: number, axis: 'x' | 'y') =>
    axis === 'x'
      ? grid.pointOf([line, 0]).x
      : // a row's line runs through the middle of its icons
        grid.pointOf([0, line]).y + measures.icon / 2;
  return diagram.arrows.map((arrow) => {
    const id = arrowId(arrow);
    const laid = routeOf(arrow, end(arrow.from), end(arrow.to), bendAt);
    const route = edits.routes.get(id) ?? laid;
    const lines = arrow.label?.split('\n');
    const beside =
      lines &&
      besideForLabel(
        route.points,
        textSize(lines, measures.arrowFont),
        groups.map(({ box }) => box),
      );
    return {
      id,
      from: arrow.from,
      to: arrow.to,
      twoWay: arrow.twoWay ?? false,
      manual: arrow.manual !== undefined,
      evidence: arrow.manual ?? evidence.get(id) ?? '',
      ...route,
      laid,
      ...(lines && beside ? { label: { lines, laid: beside, beside: edits.besides.get(id) ?? beside } } : {}),
    };
  });
}

function placeSteps(
  diagram: Diagram,
  arrows: readonly PlacedArrow[],
  groups: readonly PlacedGroup[],
  edits: Edits,
): PlacedStep[] {
  const byArrow = new Map<ArrowId, number[]>();
  for (const { number, on } of diagram.steps) byArrow.set(on, [...(byArrow.get(on) ?? []), number]);
  return [...byArrow]
    .flatMap(([on, numbers]) => {
      const { points } = arrows.find(({ id }) => id === on) as { points: readonly Point[] };
      const besides = besideForSteps(
        points,
        numbers.length,
        groups.map(({ box }) => box),
      );
      return numbers
        .sort((a, b) => a - b)
        .map((number, index) => {
          const laid = besides[index] as PlacedStep['laid'];
          return { number, arrow: on, laid, beside: edits.besides.get(`step-${number}`) ?? laid };
        });
    })
    .sort((a, b) => a.number - b.number);
}
