import { besideBox } from './beside.ts';
import { groupLabelBox, labelBox, overlap, partBox, partsOf } from './boxes.ts';
import { measures } from './measures.ts';
import type { Box, Picture } from './picture.ts';
import { textSize, textWidth } from './text.ts';

/** The most nodes that one looks at with ease. */
export const mostNodes = 20;

interface Thing {
  readonly name: string;
  readonly box: Box;
  /** The arrow that it belongs to: it may touch that. */
  readonly arrow?: string;
  /** The node that it belongs to. */
  readonly node?: string;
}

/**
 * What makes a picture hard to read, one line each: something written that stands over a line or over something else, a
 * line through an icon, two lines on one another, too much of everything.
 */
export function untidiness(picture: Picture): string[] {
  const found: string[] = [];
  const icons: Thing[] = picture.nodes.map(({ id, box }) => ({ name: `icon ${id}`, box, node: id }));
  const texts = textsOf(picture);
  const lines = picture.arrows.map(({ id, from, to, points }) => ({
    id,
    ends: [from, to],
    parts: partsOf(points).map(partBox),
  }));
  for (const { id, ends, parts } of lines) {
    for (const thing of [...icons, ...texts]) {
      if (thing.arrow === id) continue;
      // A line begins at its own icon, and below its own label.
      if (thing.node !== undefined && ends.includes(thing.node) && thing.name.startsWith('icon')) continue;
      if (parts.some((part) => overlap(thick(part), thing.box))) {
        found.push(`arrow ${id} runs through ${thing.name}`);
      }
    }
  }
  const things = [...icons, ...texts];
  for (const [index, thing] of things.entries()) {
    for (const other of things.slice(index + 1)) {
      if (overlap(thing.box, other.box)) found.push(`${thing.name} stands over ${other.name}`);
    }
  }
  for (const [index, line] of lines.entries()) {
    for (const other of lines.slice(index + 1)) {
      if (line.parts.some((part) => other.parts.some((later) => along(part, later)))) {
        found.push(`arrow ${line.id} runs on arrow ${other.id}`);
      }
    }
  }
  for (const { id, label, box } of picture.groups) {
    const room = box.width - 2 * measures.groupIcon;
    if (textWidth(label, measures.groupFont) > room) found.push(`label of box ${id} is wider than the box`);
  }
  for (const { id, lines: label } of picture.nodes) {
    if (textSize(label, measures.nodeFont).width > measures.cellWidth + measures.columnGap / 2) {
      found.push(`label of node ${id} is wider than its cell: break it with \\n`);
    }
  }
  if (picture.nodes.length > mostNodes) {
    found.push(`${picture.nodes.length} nodes; with more than ${mostNodes} nobody sees the whole`);
  }
  return found;
}

/** A line as wide as one sees it. */
const thick = (part: Box): Box => ({
  x: part.x - 0.5,
  y: part.y - 0.5,
  width: part.width + 1,
  height: part.height + 1,
});

/** True where two parts lie on one another for more than a crossing's width. */
function along(a: Box, b: Box): boolean {
  const shared = {
    x: Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x),
    y: Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y),
  };
  return shared.x >= 0 && shared.y >= 0 && shared.x + shared.y > 2;
}

function textsOf(picture: Picture): Thing[] {
  const points = new Map(picture.arrows.map(({ id, points }) => [id as string, points]));
  return [
    ...picture.nodes.map((node) => ({ name: `label of ${node.id}`, box: labelBox(node), node: node.id })),
    ...picture.groups.map((group) => ({
      name: `label of box ${group.id}`,
      box: groupLabelBox(group),
    })),
    ...picture.arrows.flatMap(({ id, points: line, label }) =>
      label
        ? [
            {
              name: `label of arrow ${id}`,
              box: besideBox(line, label.beside, textSize(label.lines, measures.arrowFont)),
              arrow: id,
            },
          ]
        : [],
    ),
    ...picture.steps.map(({ number, arrow, beside }) => ({
      name: `step ${number}`,
      box: besideBox(points.get(arrow) ?? [], beside, { width: measures.disc, height: measures.disc }),
      arrow,
    })),
  ];
}
