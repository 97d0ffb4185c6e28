import { besidePoint, type Part, partsOf } from './boxes.ts';
import { measures } from './measures.ts';
import type { Beside, Box, Point } from './picture.ts';
import type { TextSize } from './text.ts';
import { share } from './xml.ts';

/** A stretch of a line that no box's edge crosses. */
interface Stretch {
  readonly part: Part;
  readonly length: number;
  /** Its middle, as a share of the whole line. */
  readonly along: number;
}

/** The longest stretch: there is most room beside it, and what stands there touches no edge of a box. */
function longestStretch(points: readonly Point[], boxes: readonly Box[]): Stretch {
  const parts = partsOf(points);
  const total = parts.reduce((sum, { length }) => sum + length, 0) || 1;
  let before = 0;
  let best: Stretch | undefined;
  for (const part of parts) {
    const cuts = [0, ...crossings(part, boxes), part.length];
    for (const [index, end] of cuts.entries()) {
      const start = cuts[index - 1];
      if (start === undefined) continue;
      const length = end - start;
      if (!best || length > best.length + 1) {
        // As fine as the file says it, so that it reads back the same.
        best = { part, length, along: share((before + (start + end) / 2) / total) };
      }
    }
    before += part.length;
  }
  return best as Stretch;
}

const isHorizontal = ({ start, end }: Part) => start.y === end.y;

/** Where the edges of boxes cross a straight part: pixels from its start, in order. */
function crossings(part: Part, boxes: readonly Box[]): number[] {
  const axis = isHorizontal(part) ? 'x' : 'y';
  const other = axis === 'x' ? 'y' : 'x';
  const size = { x: 'width', y: 'height' } as const;
  const way = Math.sign(part.end[axis] - part.start[axis]);
  return boxes
    .filter((box) => part.start[other] >= box[other] && part.start[other] <= box[other] + box[size[other]])
    .flatMap((box) => [box[axis], box[axis] + box[size[axis]]])
    .map((edge) => (edge - part.start[axis]) * way)
    .filter((at) => at > 0 && at < part.length)
    .sort((a, b) => a - b);
}

/**
 * The discs of an arrow's steps: side by side above the line, one below the other to the left of a vertical one.
 *
 * @param boxes whose edges the discs keep off
 */
export function besideForSteps(points: readonly Point[], count: number, boxes: readonly Box[]): Beside[] {
  const { part, along } = longestStretch(points, boxes);
  const off = measures.disc / 2 + measures.besideGap;
  return Array.from({ length: count }, (_, index) => {
    const spread = (index - (count - 1) / 2) * (measures.disc + 2);
    return isHorizontal(part)
      ? { along, across: 0, dx: spread, dy: -off }
      : { along, across: 0, dx: -off, dy: spread };
  });
}

/** An arrow's label: below the line, or to the right of a vertical one. */
export function besideForLabel(points: readonly Point[], size: TextSize, boxes: readonly Box[]): Beside {
  const { part, along } = longestStretch(points, boxes);
  return isHorizontal(part)
    ? { along, across: 0, dx: 0, dy: size.height / 2 + measures.besideGap }
    : { along, across: 0, dx: size.width / 2 + measures.besideGap, dy: 0 };
}

/** The box of what stands beside a line. */
export function besideBox(points: readonly Point[], beside: Beside, size: TextSize): Box {
  const { x, y } = besidePoint(points, beside);
  return { x: x - size.width / 2, y: y - size.height / 2, ...size };
}
