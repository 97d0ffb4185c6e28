import { LabError } from '../../domain/errors.ts';
import type { Extent } from './grid.ts';
import type { Cell, Diagram } from './model.ts';
import { type BoxModel, holders, parentOf } from './nesting.ts';

/** Where each node stands on the grid; those that say no cell get the free one nearest to those of their box. */
export function cellsOf(diagram: Diagram, boxes: readonly BoxModel[]): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const file = `diagrams/${diagram.lab}.diagram.ts`;
  for (const [id, { at }] of Object.entries(diagram.nodes)) {
    if (!at) continue;
    const taken = [...cells].find(([, cell]) => close(cell, at));
    if (taken) {
      throw new LabError(
        'DiagramCellTaken',
        `${file}: node ${id}: cell ${at.join(',')} is taken by ${taken[0]}`,
      );
    }
    cells.set(id, at);
  }
  for (const [id, node] of Object.entries(diagram.nodes)) {
    if (cells.has(id)) continue;
    cells.set(id, freeCell(parentOf(node), boxes, cells));
  }
  return cells;
}

/** The cell of a node that has one, as a list. */
function known(cells: ReadonlyMap<string, Cell>, id: string): Cell[] {
  const cell = cells.get(id);
  return cell ? [cell] : [];
}

const close = (a: Cell, b: Cell) => Math.abs(a[0] - b[0]) < 1 && Math.abs(a[1] - b[1]) < 1;

function freeCell(
  parent: string | undefined,
  boxes: readonly BoxModel[],
  cells: ReadonlyMap<string, Cell>,
): Cell {
  const mates = boxes.find((box) => box.id === parent)?.nodes.flatMap((node) => known(cells, node)) ?? [];
  const around: readonly Cell[] = mates.length > 0 ? mates : [...cells.values()];
  // Candidates reach further than cells are taken, so one is always free.
  return candidates(around).find((cell) => isFree(cell, parent, boxes, cells)) as Cell;
}

/** True where nothing stands, and where the boxes around would not reach over a stranger to hold it. */
export function isFree(
  cell: Cell,
  parent: string | undefined,
  boxes: readonly BoxModel[],
  cells: ReadonlyMap<string, Cell>,
): boolean {
  if ([...cells.values()].some((other) => close(other, cell))) return false;
  const inside = holders(boxes, parent);
  const here = { from: cell, to: cell };
  return extentsOf(boxes, cells).every((extent) => {
    if (!inside.has(extent.id)) return !meet(extent, here);
    const grown = {
      from: [Math.min(extent.from[0], cell[0]), Math.min(extent.from[1], cell[1])] as const,
      to: [Math.max(extent.to[0], cell[0]), Math.max(extent.to[1], cell[1])] as const,
    };
    const held = new Set(
      boxes.filter(({ id }) => holders(boxes, id).has(extent.id)).flatMap(({ nodes }) => nodes),
    );
    return [...cells].every(([id, at]) => held.has(id) || !meet(grown, { from: at, to: at }));
  });
}

const meet = (a: Pick<Extent, 'from' | 'to'>, b: Pick<Extent, 'from' | 'to'>) =>
  a.from[0] <= b.to[0] && b.from[0] <= a.to[0] && a.from[1] <= b.to[1] && b.from[1] <= a.to[1];

/** Whole cells, the nearest to any of these first; below before beside, for a picture grows downward more easily. */
export function candidates(around: readonly Cell[]): Cell[] {
  const columns = Math.max(0, ...around.map(([column]) => Math.ceil(column))) + around.length + 2;
  const rows = Math.max(0, ...around.map(([, row]) => Math.ceil(row))) + around.length + 2;
  const all: { cell: Cell; far: number }[] = [];
  for (let row = 0; row <= rows; row += 1) {
    for (let column = 0; column <= columns; column += 1) {
      const far = Math.min(
        ...(around.length > 0 ? around : [[0, 0] as const]).map(
          ([c, r]) => Math.abs(c - column) * 1.01 + Math.abs(r - row),
        ),
      );
      all.push({ cell: [column, row], far });
    }
  }
  return all.sort((a, b) => a.far - b.far).map(({ cell }) => cell);
}

/** How far each box reaches on the grid. */
export function extentsOf(boxes: readonly BoxModel[], cells: ReadonlyMap<string, Cell>): Extent[] {
  const within = (box: BoxModel): Cell[] => [
    ...box.nodes.flatMap((id) => known(cells, id)),
    ...box.children.flatMap((id) => boxes.filter((other) => other.id === id).flatMap(within)),
  ];
  return boxes.flatMap((box) => {
    const held = within(box);
    if (held.length === 0) return [];
    const columns = held.map(([column]) => column);
    const rows = held.map(([, row]) => row);
    return {
      id: box.id,
      parent: box.parent,
      from: [Math.min(...columns), Math.min(...rows)] as const,
      to: [Math.max(...columns), Math.max(...rows)] as const,
    };
  });
}
