import { measures } from './measures.ts';
import type { Cell } from './model.ts';
import type { Point } from './picture.ts';

/** A box on the grid: what it holds reaches from `from` to `to`, both included. */
export interface Extent {
  readonly id: string;
  readonly parent?: string;
  readonly from: Cell;
  readonly to: Cell;
}

/** Turns cells into pixels. */
export interface Grid {
  /** Middle of a column, top of a row. Between two whole cells the way is shared evenly. */
  pointOf(cell: Cell): Point;
}

/** How many boxes begin (or end) at one line of the grid, one in the other. */
function depthAt(extents: readonly Extent[], line: number, edge: (extent: Extent) => number): number {
  const byId = new Map(extents.map((extent) => [extent.id, extent]));
  const depth = (extent: Extent | undefined): number =>
    extent && edge(extent) === line
      ? 1 + depth(extent.parent === undefined ? undefined : byId.get(extent.parent))
      : 0;
  return Math.max(0, ...extents.map((extent) => depth(extent)));
}

/**
 * Lays the lines of the grid so that between two neighbours there is room for every box that ends or begins there, and for
 * what stands beside an arrow between them.
 *
 * @param cells every cell that is taken, with the height of what stands in it
 * @param besides pixels that are needed beside a straight arrow from a column to the next, by that column
 */
export function layGrid(
  cells: readonly { at: Cell; height: number }[],
  extents: readonly Extent[],
  besides: ReadonlyMap<number, number> = new Map(),
): Grid {
  const lines = (axis: 0 | 1) => {
    const taken = cells.map(({ at }) => at[axis]);
    const first = Math.floor(Math.min(0, ...taken));
    const last = Math.ceil(Math.max(0, ...taken));
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  };
  const columns = new Map<number, number>();
  let x: number = measures.margin;
  for (const column of lines(0)) {
    const opening = depthAt(extents, column, (extent) => Math.floor(extent.from[0]));
    const closing = depthAt(extents, column, (extent) => Math.ceil(extent.to[0]));
    x += opening * measures.padding + measures.cellWidth / 2;
    columns.set(column, x);
    const next = depthAt(extents, column + 1, (extent) => Math.floor(extent.from[0]));
    // Where no edge of a box is between them, the room beside the icons counts as well.
    const free = closing + next > 0 ? 0 : measures.cellWidth - measures.icon;
    const gap = Math.max(measures.columnGap, (besides.get(column) ?? 0) - free);
    x += measures.cellWidth / 2 + closing * measures.padding + gap;
  }
  const rows = new Map<number, number>();
  let y = measures.margin + measures.titleHeight;
  for (const row of lines(1)) {
    const opening = depthAt(extents, row, (extent) => Math.floor(extent.from[1]));
    const closing = depthAt(extents, row, (extent) => Math.ceil(extent.to[1]));
    const heights = cells.filter(({ at }) => Math.floor(at[1]) === row).map(({ height }) => height);
    y += opening * measures.header;
    rows.set(row, y);
    y += Math.max(measures.icon, ...heights) + closing * measures.padding + measures.rowGap;
  }
  const pitch = {
    x: measures.cellWidth + measures.columnGap,
    y: measures.icon + 2 * measures.nodeFont + measures.rowGap,
  };
  return {
    pointOf: ([column, row]) => ({ x: between(columns, column, pitch.x), y: between(rows, row, pitch.y) }),
  };
}

/** A line's place; beyond the last one it goes on evenly. */
function between(lines: ReadonlyMap<number, number>, line: number, pitch: number): number {
  const whole = (number: number): number => {
    const at = lines.get(number);
    if (at !== undefined) return at;
    const last = [...lines.keys()].reduce((a, b) => (Math.abs(b - number) < Math.abs(a - number) ? b : a));
    return (lines.get(last) as number) + (number - last) * pitch;
  };
  const low = Math.floor(line);
  return line === low ? whole(low) : (whole(low) + whole(low + 1)) / 2;
}
