import { besideBox } from '../../../diagrams/engine/beside.ts';
import { overlap, type Part, partBox, partsOf } from '../../../diagrams/engine/boxes.ts';
import { measures } from '../../../diagrams/engine/measures.ts';
import type { Box, Picture, PlacedArrow, PlacedStep, Point } from '../../../diagrams/engine/picture.ts';
import type { EngineCell, EngineRendering } from './engine.ts';
import { wrongStencils } from './stencils.ts';

/** Pixels by which a box, and an end or bend of a line, may be off. */
const boxTolerance = 1;
const lineTolerance = 2;
/** A label's box has air around its letters: it may reach this far over something. */
const air = 1;

/**
 * What draw.io's own engine draws otherwise than we do, one line each; none is well.
 *
 * Held against each other: shapes and icons, boxes of nodes and groups, lines, discs of steps. And where the engine
 * puts the words, none may lie over a line, an icon, a disc or other words.
 */
export function compareWithEngine(picture: Picture, rendering: EngineRendering): string[] {
  const { cells, engine } = rendering;
  const cell = (id: string) => cells.get(id);
  return [
    ...wrongStencils(rendering),
    ...rendering.unknownShapes.map((name) => `${name} does not exist in ${engine}: it draws a blank square`),
    ...picture.groups.flatMap(({ id, box }) => boxDifference(`group ${id}`, box, cell(id)?.box)),
    ...picture.nodes.flatMap(({ id, box }) => boxDifference(`node ${id}`, box, cell(id)?.box)),
    ...picture.arrows.flatMap((arrow) => lineDifference(arrow, cell(arrow.id)?.points)),
    ...picture.steps.flatMap((step) => discDifference(picture, step, cell(`step-${step.number}`)?.box)),
    ...coveredLabels(picture, cells),
  ];
}

const word = (value: number) => String(Math.round(value * 10) / 10);
const boxWord = (box: Box) => `${word(box.width)}x${word(box.height)} at ${word(box.x)},${word(box.y)}`;
const lineWord = (points: readonly Point[]) => points.map(({ x, y }) => `${word(x)},${word(y)}`).join(' ');

const near = (a: number, b: number, tolerance: number) => Math.abs(a - b) <= tolerance;

function boxDifference(what: string, ours: Box, theirs: Box | undefined, tolerance = boxTolerance): string[] {
  if (!theirs) return [`${what}: draw.io does not draw it`];
  const sides = ['x', 'y', 'width', 'height'] as const;
  return sides.every((side) => near(ours[side], theirs[side], tolerance))
    ? []
    : [`${what}: ${boxWord(ours)} here, ${boxWord(theirs)} in draw.io`];
}

function lineDifference({ id, points }: PlacedArrow, drawn: readonly Point[] | undefined): string[] {
  if (!drawn) return [`arrow ${id}: draw.io does not draw it`];
  const [ours, theirs] = [withoutStraights(points), withoutStraights(drawn)];
  const same =
    ours.length === theirs.length &&
    ours.every(({ x, y }, index) => {
      const other = theirs[index] as Point;
      return near(x, other.x, lineTolerance) && near(y, other.y, lineTolerance);
    });
  return same ? [] : [`arrow ${id}: ${lineWord(ours)} here, ${lineWord(theirs)} in draw.io`];
}

/** The ends and the bends: points that lie on the way between their neighbours, or on one of them, say nothing. */
function withoutStraights(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    while (kept.length > 1 && isStraight(kept.at(-2) as Point, kept.at(-1) as Point, point)) kept.pop();
    kept.push(point);
  }
  return kept;
}

const isStraight = (before: Point, at: Point, after: Point) =>
  Math.abs((at.x - before.x) * (after.y - at.y) - (at.y - before.y) * (after.x - at.x)) < 0.01;

function discDifference(picture: Picture, step: PlacedStep, theirs: Box | undefined): string[] {
  const { points } = picture.arrows.find(({ id }) => id === step.arrow) as PlacedArrow;
  const ours = besideBox(points, step.beside, { width: measures.disc, height: measures.disc });
  // It goes with its line, which may be off by as much.
  return boxDifference(`step ${step.number}`, ours, theirs, lineTolerance);
}

/** Something that words must not lie over. */
interface Obstacle {
  /** The element whose it is: its own words may touch its icon. */
  readonly id: string;
  readonly what: string;
  readonly box: Box;
  /** A line: its own words must not lie over it either. */
  readonly line?: boolean;
}

function coveredLabels(picture: Picture, cells: ReadonlyMap<string, EngineCell>): string[] {
  const labels = labelsOf(picture, cells);
  const obstacles: Obstacle[] = [...obstaclesOf(picture, cells), ...labels];
  return labels.flatMap((label) => {
    const inner = shrunk(label.box);
    return [
      ...new Set(
        obstacles
          .filter((obstacle) => obstacle.line || obstacle.id !== label.id)
          .filter(({ box }) => overlap(inner, box))
          .map(({ what }) => `${label.what} lies over ${what}`),
      ),
    ];
  });
}

/** The words of all elements but steps, whose digits lie on their discs. */
function labelsOf(picture: Picture, cells: ReadonlyMap<string, EngineCell>): Obstacle[] {
  const named = [
    { id: 'title', what: 'the title' },
    ...picture.groups.map(({ id }) => ({ id, what: `the label of group ${id}` })),
    ...picture.nodes.map(({ id }) => ({ id, what: `the label of node ${id}` })),
    ...picture.arrows.map(({ id }) => ({ id, what: `the label of arrow ${id}` })),
  ];
  return named.flatMap(({ id, what }) => {
    const box = cells.get(id)?.labelBox;
    return box ? [{ id, what, box }] : [];
  });
}

function obstaclesOf(picture: Picture, cells: ReadonlyMap<string, EngineCell>): Obstacle[] {
  const icons = picture.nodes.flatMap(({ id }) => obstacle(id, `the icon of node ${id}`, cells.get(id)?.box));
  const discs = picture.steps.flatMap(({ number }) =>
    obstacle(`step-${number}`, `the disc of step ${number}`, cells.get(`step-${number}`)?.box),
  );
  const lines = picture.arrows.flatMap(({ id }) =>
    partsOf(cells.get(id)?.points ?? []).map((part) => ({
      id,
      what: `the line of arrow ${id}`,
      box: lineBox(part),
      line: true,
    })),
  );
  return [...icons, ...discs, ...lines];
}

const obstacle = (id: string, what: string, box: Box | undefined): Obstacle[] =>
  box ? [{ id, what, box }] : [];

/** A straight part, one pixel thick. */
function lineBox(part: Part): Box {
  const { x, y, width, height } = partBox(part);
  return { x: x - 0.5, y: y - 0.5, width: width + 1, height: height + 1 };
}

const shrunk = (box: Box): Box => ({
  x: box.x + air,
  y: box.y + air,
  width: box.width - 2 * air,
  height: box.height - 2 * air,
});
