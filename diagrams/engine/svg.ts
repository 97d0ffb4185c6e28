import { besideBox } from './beside.ts';
import { groupLabelBox, labelBox, middle } from './boxes.ts';
import { icons } from './icons.ts';
import { measures } from './measures.ts';
import type { Box, Picture, PlacedArrow, PlacedGroup, PlacedNode, PlacedStep, Point } from './picture.ts';
import { groupStyles, ink, manualDashes } from './styles.ts';
import { lineHeight, textSize } from './text.ts';
import { attributes, escapeXml, px } from './xml.ts';

/** Reads a drawing of aws-icons, by its path below `icons/`. */
export type ReadArt = (art: string) => string;

/**
 * A picture as an SVG of plain shapes and text: what a browser, a PDF and a text editor can all show. The whole
 * diagrams.net file is in `content`, so that diagrams.net opens the picture itself for editing.
 *
 * White paper is part of it, so that it reads the same on a dark page.
 */
export function svgOf(picture: Picture, drawio: string, art: ReadArt): string {
  const { width, height } = picture;
  const root = attributes({
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'font-family': 'Helvetica, Arial, Arimo, sans-serif',
    content: drawio,
  });
  return [
    `<svg${root}>`,
    `<title>${escapeXml(picture.title)}</title>`,
    ...symbols(picture, art),
    `<rect${attributes({ width, height, rx: 6, fill: ink.paper })}/>`,
    ...picture.groups.map(groupShape),
    title(picture),
    ...picture.arrows.map(arrowShape),
    ...picture.nodes.map(nodeShape),
    ...picture.steps.map((step) => stepShape(step, picture.arrows)),
    '</svg>',
    '',
  ].join('\n');
}

/** Each drawing once, whoever shows it. */
function symbols(picture: Picture, art: ReadArt): string[] {
  const drawings = new Set([
    ...picture.nodes.map(({ icon }) => icons[icon].art),
    ...picture.groups.flatMap(({ kind }) => groupStyles[kind].icon?.art ?? []),
  ]);
  return ['<defs>', ...[...drawings].sort().map((name) => symbolOf(name, art(name))), '</defs>'];
}

const symbolId = (art: string) => `art-${art.replace(/^.*\/|\.svg$/g, '')}`;

function symbolOf(name: string, svg: string): string {
  const [, box, inside] = /<svg[^>]*viewBox="([^"]*)"[^>]*>(.*)<\/svg>/s.exec(svg) ?? [];
  if (box === undefined || inside === undefined)
    throw new Error(`aws-icons' ${name} is no svg with a viewBox`);
  const drawing = inside.replace(/<title>.*?<\/title>/s, '').trim();
  return `<symbol${attributes({ id: symbolId(name), viewBox: box })}>${drawing}</symbol>`;
}

const use = (art: string, box: Box) =>
  `<use${attributes({ href: `#${symbolId(art)}`, x: px(box.x), y: px(box.y), width: px(box.width), height: px(box.height) })}/>`;

/** Lines of text, the first one's top at `top`. */
function textShape(
  lines: readonly string[],
  at: { x: number; top: number },
  style: { size: number; fill: string; anchor?: 'middle'; weight?: 'bold' },
): string {
  const step = lineHeight(style.size);
  // Helvetica's capitals stand in the middle of a line when its baseline is 0.36 of the size below that.
  const baseline = at.top + step / 2 + style.size * 0.36;
  const spans = lines.map((line, index) => {
    const place = attributes({ x: px(at.x), y: px(baseline + index * step) });
    return lines.length === 1 ? escapeXml(line) : `<tspan${place}>${escapeXml(line)}</tspan>`;
  });
  return `<text${attributes({
    ...(lines.length === 1 ? { x: px(at.x), y: px(baseline) } : {}),
    'font-size': style.size,
    'font-weight': style.weight,
    fill: style.fill,
    'text-anchor': style.anchor,
  })}>${spans.join('')}</text>`;
}

function title(picture: Picture): string {
  return textShape(
    [picture.title],
    { x: measures.margin, top: measures.margin / 2 + 14 - lineHeight(measures.titleFont) / 2 },
    { size: measures.titleFont, fill: ink.text, weight: 'bold' },
  );
}

function groupShape({ kind, label, box }: PlacedGroup): string {
  const style = groupStyles[kind];
  const outline = style.outlined === false ? undefined : style.stroke;
  const rect = `<rect${attributes({
    x: px(box.x),
    y: px(box.y),
    width: px(box.width),
    height: px(box.height),
    fill: style.fill ?? 'none',
    stroke: outline,
    'stroke-dasharray': style.dashed && outline ? '3 3' : undefined,
  })}/>`;
  const size = measures.groupIcon;
  const corner = style.centred ? { x: middle(box).x - size / 2, y: box.y } : { x: box.x, y: box.y };
  const icon = style.icon ? use(style.icon.art, { ...corner, width: size, height: size }) : '';
  const place = groupLabelBox({ kind, label, box });
  const text = textShape(
    [label],
    { x: style.centred ? middle(place).x : place.x, top: place.y },
    { size: measures.groupFont, fill: style.font, ...(style.centred ? { anchor: 'middle' as const } : {}) },
  );
  return [rect, icon, text].join('');
}

function nodeShape(node: PlacedNode): string {
  const label = labelBox(node);
  return [
    '<g>',
    `<title>${escapeXml([...node.paths, ...(node.external ? [node.external] : [])].join(', '))}</title>`,
    use(icons[node.icon].art, node.box),
    textShape(
      node.lines,
      { x: middle(node.box).x, top: label.y },
      { size: measures.nodeFont, fill: ink.text, anchor: 'middle' },
    ),
    '</g>',
  ].join('');
}

/** An open head: two strokes from the tip backward. */
function head(tip: Point, before: Point): string {
  const length = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const back = { x: ((before.x - tip.x) / length) * 7, y: ((before.y - tip.y) / length) * 7 };
  const one = { x: tip.x + back.x + back.y / 2, y: tip.y + back.y - back.x / 2 };
  const two = { x: tip.x + back.x - back.y / 2, y: tip.y + back.y + back.x / 2 };
  return `M${px(one.x)} ${px(one.y)}L${px(tip.x)} ${px(tip.y)}L${px(two.x)} ${px(two.y)}`;
}

function arrowShape(arrow: PlacedArrow): string {
  const { points } = arrow;
  const at = (index: number) => points.at(index) as Point;
  const line = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');
  const heads = head(at(-1), at(-2)) + (arrow.twoWay ? head(at(0), at(1)) : '');
  const dashes = arrow.manual ? manualDashes.join(' ') : undefined;
  return [
    `<g${attributes({ fill: 'none', stroke: ink.line })}>`,
    `<title>${escapeXml(`${arrow.id}${arrow.evidence && `: ${arrow.evidence}`}`)}</title>`,
    `<path${attributes({ d: line, 'stroke-dasharray': dashes })}/>`,
    `<path${attributes({ d: heads })}/>`,
    '</g>',
    arrow.label
      ? textShape(
          arrow.label.lines,
          centreTop(besideBox(points, arrow.label.beside, textSize(arrow.label.lines, measures.arrowFont))),
          { size: measures.arrowFont, fill: ink.text, anchor: 'middle' },
        )
      : '',
  ].join('');
}

const centreTop = (box: Box) => ({ x: middle(box).x, top: box.y });

function stepShape({ number, arrow, beside }: PlacedStep, arrows: readonly PlacedArrow[]): string {
  const { points } = arrows.find(({ id }) => id === arrow) as PlacedArrow;
  const size = { width: measures.disc, height: measures.disc };
  const box = besideBox(points, beside, size);
  const { x, y } = middle(box);
  return [
    `<circle${attributes({ cx: px(x), cy: px(y), r: size.width / 2, fill: ink.text })}/>`,
    textShape(
      [String(number)],
      { x, top: y - lineHeight(measures.discFont) / 2 },
      { size: measures.discFont, fill: ink.paper, anchor: 'middle', weight: 'bold' },
    ),
  ].join('');
}
