import { measures } from './measures.ts';
import type { Beside, Box, PlacedGroup, PlacedNode, Point } from './picture.ts';
import { groupStyles } from './styles.ts';
import { textSize } from './text.ts';

/** The smallest box that holds all of them. */
export function union(boxes: readonly Box[]): Box {
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  return {
    x: left,
    y: top,
    width: Math.max(...boxes.map((box) => box.x + box.width)) - left,
    height: Math.max(...boxes.map((box) => box.y + box.height)) - top,
  };
}

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

export function contains(outer: Box, inner: Box): boolean {
  return (
    outer.x <= inner.x &&
    outer.y <= inner.y &&
    outer.x + outer.width >= inner.x + inner.width &&
    outer.y + outer.height >= inner.y + inner.height
  );
}

export const sameBox = (a: Box, b: Box) =>
  a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;

export const middle = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

/** A box around a point. */
export const around = (point: Point, width: number, height: number): Box => ({
  x: point.x - width / 2,
  y: point.y - height / 2,
  width,
  height,
});

/** Where a node's label stands. */
export function labelBox(node: Pick<PlacedNode, 'box' | 'lines'>): Box {
  const { width, height } = textSize(node.lines, measures.nodeFont);
  return {
    x: middle(node.box).x - width / 2,
    y: node.box.y + node.box.height + measures.labelGap,
    width,
    height,
  };
}

/**
 * The middle of what stands beside a line: `along` of the line's length from its start, `across` to the left of the part
 * that is reached there, and then off that point by `dx` and `dy`.
 */
export function besidePoint(points: readonly Point[], { along, across, dx, dy }: Beside): Point {
  const parts = partsOf(points).filter(({ length }) => length > 0);
  let rest = along * parts.reduce((sum, { length }) => sum + length, 0);
  for (const [index, { start, end, length }] of parts.entries()) {
    if (rest <= length || index === parts.length - 1) {
      const unit = { x: (end.x - start.x) / length, y: (end.y - start.y) / length };
      return {
        x: start.x + unit.x * rest + unit.y * across + dx,
        y: start.y + unit.y * rest - unit.x * across + dy,
      };
    }
    rest -= length;
  }
  const only = points[0] ?? { x: 0, y: 0 };
  return { x: only.x + dx, y: only.y + dy };
}

/** Where a box's label stands: beside its icon, or below it where that stands in the middle. */
export function groupLabelBox({ kind, label, box }: Pick<PlacedGroup, 'kind' | 'label' | 'box'>): Box {
  const { icon, centred } = groupStyles[kind];
  const { width, height } = textSize([label], measures.groupFont);
  if (centred) return { x: middle(box).x - width / 2, y: box.y + measures.groupIcon + 7, width, height };
  return { x: box.x + (icon ? 32 : 10), y: box.y + 7, width, height };
}

/** A drawing fitted into the middle of a box, its sides' ratio kept. */
export function glyphBox(box: Box, glyph: readonly [width: number, height: number] = [1, 1]): Box {
  const scale = Math.min(box.width / glyph[0], box.height / glyph[1]);
  return around(middle(box), glyph[0] * scale, glyph[1] * scale);
}

/** The room of a placed node: as wide as a cell, as high as its icon and label. */
export function blockOf(node: Pick<PlacedNode, 'box' | 'lines'>): Box {
  const label = labelBox(node);
  return {
    x: middle(node.box).x - measures.cellWidth / 2,
    y: node.box.y,
    width: measures.cellWidth,
    height: Math.ceil(label.y + label.height) - node.box.y,
  };
}

export interface Part {
  readonly start: Point;
  readonly end: Point;
  readonly length: number;
}

/** The straight parts of a line. */
export function partsOf(points: readonly Point[]): Part[] {
  return points.slice(1).map((end, index) => {
    const start = points[index] as Point;
    return { start, end, length: Math.abs(end.x - start.x) + Math.abs(end.y - start.y) };
  });
}

/** The box of a straight part, of no width or no height. */
export const partBox = ({ start, end }: Part): Box =>
  union([
    { ...start, width: 0, height: 0 },
    { ...end, width: 0, height: 0 },
  ]);
