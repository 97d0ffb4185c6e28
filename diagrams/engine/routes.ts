import { middle } from './boxes.ts';
import { measures } from './measures.ts';
import type { ArrowModel, Side } from './model.ts';
import type { Box, Point, Route } from './picture.ts';

/** An end of an arrow: what the line may touch. */
export interface End {
  /** A node's icon, or a box. */
  readonly box: Box;
  /** A node's label begins below the icon: a line that leaves downward starts below it. Height in px; 0 for boxes. */
  readonly below: number;
  /** A box may be touched anywhere along a side, a node only in the middle of it. */
  readonly group: boolean;
}

const horizontal = (side: Side) => side === 'left' || side === 'right';
const opposite: Record<Side, Side> = { left: 'right', right: 'left', top: 'bottom', bottom: 'top' };

/** The middle of `other` along one axis, where a box reaches that far; else its own middle. */
function facing(end: End, other: End, axis: 'x' | 'y'): number {
  const own = middle(end.box)[axis];
  if (!end.group) return own;
  const wanted = middle(other.box)[axis];
  const start = end.box[axis] + measures.padding;
  const length = (axis === 'x' ? end.box.width : end.box.height) - 2 * measures.padding;
  return wanted >= start && wanted <= start + length ? wanted : own;
}

function touch(end: End, other: End, side: Side, shift: number): Point {
  const { box, below } = end;
  switch (side) {
    case 'left':
      return { x: box.x, y: facing(end, other, 'y') + shift };
    case 'right':
      return { x: box.x + box.width, y: facing(end, other, 'y') + shift };
    case 'top':
      return { x: facing(end, other, 'x') + shift, y: box.y };
    case 'bottom':
      return { x: facing(end, other, 'x') + shift, y: box.y + box.height + below };
  }
}

/** The sides that face each other; around a corner the line leaves sideways and enters from above or below. */
function sides(from: End, to: End, arrow: Pick<ArrowModel, 'out' | 'into'>): { out: Side; into: Side } {
  const here = middle(from.box);
  const there = middle(to.box);
  const sameRow = Math.abs(facing(from, to, 'y') - facing(to, from, 'y')) < 1;
  const sameColumn = Math.abs(facing(from, to, 'x') - facing(to, from, 'x')) < 1;
  const across: Side = there.x >= here.x ? 'right' : 'left';
  const along: Side = there.y >= here.y ? 'bottom' : 'top';
  if (arrow.out && arrow.into) return { out: arrow.out, into: arrow.into };
  if (arrow.out) {
    if (horizontal(arrow.out)) {
      return { out: arrow.out, into: sameRow ? opposite[arrow.out] : opposite[along] };
    }
    return { out: arrow.out, into: sameColumn ? opposite[arrow.out] : opposite[across] };
  }
  if (arrow.into) {
    if (horizontal(arrow.into)) return { out: sameRow ? opposite[arrow.into] : along, into: arrow.into };
    return { out: sameColumn ? opposite[arrow.into] : across, into: arrow.into };
  }
  if (sameRow) return { out: across, into: opposite[across] };
  if (sameColumn) return { out: along, into: opposite[along] };
  return { out: across, into: opposite[along] };
}

/**
 * Runs an arrow from one end to the other with as few bends as its sides allow: none where the ends face each other,
 * one around a corner, two where it leaves and enters on parallel sides.
 *
 * @param bendAt pixels of a grid line, for `bend`
 */
export function routeOf(
  arrow: Pick<ArrowModel, 'out' | 'into' | 'bend' | 'lane'>,
  from: End,
  to: End,
  bendAt: (line: number, axis: 'x' | 'y') => number,
): Route {
  const { out, into } = sides(from, to, arrow);
  const shift = (arrow.lane ?? 0) * measures.lane;
  let start = touch(from, to, out, shift);
  let end = touch(to, from, into, shift);
  const points = (...bends: Point[]): Route => ({ out, into, points: [start, ...bends, end] });
  if (horizontal(out) !== horizontal(into)) {
    // A box is entered at the column (or row) that `bend` names.
    if (arrow.bend !== undefined && to.group) {
      end = horizontal(into)
        ? { ...end, y: bendAt(arrow.bend, 'y') }
        : { ...end, x: bendAt(arrow.bend, 'x') };
    } else if (arrow.bend !== undefined && from.group) {
      start = horizontal(out)
        ? { ...start, y: bendAt(arrow.bend, 'y') }
        : { ...start, x: bendAt(arrow.bend, 'x') };
    }
    return points(horizontal(out) ? { x: end.x, y: start.y } : { x: start.x, y: end.y });
  }
  const axis = horizontal(out) ? 'x' : 'y';
  const other = axis === 'x' ? 'y' : 'x';
  if (Math.abs(start[other] - end[other]) < 1 && out !== into) return points();
  const beyond = out === 'right' || out === 'bottom' ? Math.max : Math.min;
  const away = out === 'right' || out === 'bottom' ? measures.columnGap : -measures.columnGap;
  const half =
    arrow.bend !== undefined
      ? bendAt(arrow.bend, axis)
      : out === into
        ? beyond(start[axis], end[axis]) + away
        : (start[axis] + end[axis]) / 2;
  return axis === 'x'
    ? points({ x: half, y: start.y }, { x: half, y: end.y })
    : points({ x: start.x, y: half }, { x: end.x, y: half });
}
