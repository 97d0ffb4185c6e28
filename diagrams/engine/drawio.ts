import { glyphBox } from './boxes.ts';
import { glyphs } from './icons.ts';
import { measures } from './measures.ts';
import type { Side } from './model.ts';
import type { Beside, Box, Picture, PlacedArrow, PlacedGroup, Point, Route } from './picture.ts';
import { arrowStyle, groupStyle, ink, nodeStyle, stepStyle, titleStyle } from './styles.ts';
import { attributes, px, share } from './xml.ts';

/**
 * A picture as a diagrams.net file: uncompressed XML, each element a `UserObject` that carries what it stands for and,
 * in `laid`, where the layout put it (an edit is where geometry and `laid` differ).
 */
export function drawioOf(picture: Picture): string {
  const cells = [
    titleCell(picture),
    ...groupCells(picture),
    ...nodeCells(picture),
    ...arrowCells(picture),
    ...stepCells(picture),
  ];
  const model = attributes({
    grid: 1,
    gridSize: 2,
    guides: 1,
    tooltips: 1,
    connect: 1,
    arrows: 1,
    fold: 0,
    page: 0,
    pageWidth: picture.width,
    pageHeight: picture.height,
    background: ink.paper,
    math: 0,
    shadow: 0,
  });
  return [
    '<mxfile host="data-pipeline-labs" compressed="false">',
    `  <diagram${attributes({ id: picture.lab, name: picture.stack })}>`,
    `    <mxGraphModel${model}>`,
    '      <root>',
    '        <mxCell id="0"/>',
    '        <mxCell id="1" parent="0"/>',
    ...cells.map((cell) => indented(cell, '        ')),
    '      </root>',
    '    </mxGraphModel>',
    '  </diagram>',
    '</mxfile>',
    '',
  ].join('\n');
}

const indented = (text: string, by: string) => text.replace(/^/gm, by);

/** A box, a place or a route as one word: what `laid` holds. */
export const boxWord = (box: Box) => [box.x, box.y, box.width, box.height].map(px).join(' ');
export const besideWord = ({ along, across, dx, dy }: Beside) =>
  [share(along), px(across), px(dx), px(dy)].join(' ');
export const routeWord = (route: Route) =>
  [route.out, ...route.points.slice(1, -1).map(({ x, y }) => `${px(x)},${px(y)}`), route.into].join(' ');

function titleCell(picture: Picture): string {
  const box = { x: measures.margin, y: measures.margin / 2, width: 600, height: 28 };
  return vertex('title', { label: picture.title, style: titleStyle, parent: '1', geometry: box });
}

function vertex(
  id: string,
  cell: {
    label: string;
    style: string;
    parent: string;
    geometry: Box;
    data?: Record<string, string | undefined>;
  },
): string {
  const { x, y, width, height } = cell.geometry;
  const geometry = attributes({ x: px(x), y: px(y), width: px(width), height: px(height), as: 'geometry' });
  return [
    `<UserObject${attributes({ label: cell.label, id, ...cell.data })}>`,
    `  <mxCell${attributes({ style: cell.style, vertex: 1, parent: cell.parent })}>`,
    `    <mxGeometry${geometry}/>`,
    '  </mxCell>',
    '</UserObject>',
  ].join('\n');
}

/** The same box as its holder sees it: diagrams.net counts from the holder's corner. */
function within(picture: Picture, box: Box, parent: string | undefined): Box {
  const holder = picture.groups.find(({ id }) => id === parent)?.box ?? { x: 0, y: 0 };
  return { ...box, x: box.x - holder.x, y: box.y - holder.y };
}

const pathData = (paths: readonly string[]) => (paths.length > 0 ? paths.join(', ') : undefined);

function groupCells(picture: Picture): string[] {
  return picture.groups.map((group) =>
    vertex(group.id, {
      label: group.label,
      style: groupStyle(group.kind),
      parent: group.parent ?? '1',
      geometry: within(picture, group.box, group.parent),
      data: { path: pathData(group.paths), laid: boxWord(group.laid) },
    }),
  );
}

function nodeCells(picture: Picture): string[] {
  return picture.nodes.map((node) =>
    vertex(node.id, {
      label: node.lines.join('\n'),
      style: nodeStyle(node.icon),
      parent: node.parent ?? '1',
      geometry: within(picture, node.box, node.parent),
      data: { path: pathData(node.paths), external: node.external, laid: boxWord(node.laid) },
    }),
  );
}

/** Where a line touches an element, as a share of its box and pixels beyond: draw.io's exitX, exitDx and so on. */
function touching(
  end: 'exit' | 'entry',
  side: Side,
  point: Point,
  box: Box,
): Record<string, string | number> {
  const part = { left: [0, 0.5], right: [1, 0.5], top: [0.5, 0], bottom: [0.5, 1] }[side] as [number, number];
  return {
    [`${end}X`]: part[0],
    [`${end}Y`]: part[1],
    [`${end}Dx`]: px(point.x - (box.x + part[0] * box.width)),
    [`${end}Dy`]: px(point.y - (box.y + part[1] * box.height)),
    [`${end}Perimeter`]: 0,
  };
}

/** The box that draw.io reckons from: that of the drawing, in the middle of an icon's square. */
function touchedBox(picture: Picture, id: string): Box {
  const node = picture.nodes.find((one) => one.id === id);
  if (!node) return (picture.groups.find((group) => group.id === id) as PlacedGroup).box;
  return glyphBox(node.box, glyphs[node.icon]);
}

function arrowCells(picture: Picture): string[] {
  return picture.arrows.map((arrow) => {
    const style = arrowStyle(arrow, {
      ...touching('exit', arrow.out, arrow.points[0] as Point, touchedBox(picture, arrow.from)),
      ...touching('entry', arrow.into, arrow.points.at(-1) as Point, touchedBox(picture, arrow.to)),
    });
    return [
      `<UserObject${attributes({
        label: arrow.label?.lines.join('\n') ?? '',
        id: arrow.id,
        evidence: arrow.evidence,
        laid: routeWord(arrow.laid),
        labelLaid: arrow.label && besideWord(arrow.label.laid),
      })}>`,
      `  <mxCell${attributes({ style, edge: 1, parent: '1', source: arrow.from, target: arrow.to })}>`,
      ...arrowGeometry(arrow).map((line) => `    ${line}`),
      '  </mxCell>',
      '</UserObject>',
    ].join('\n');
  });
}

function arrowGeometry(arrow: PlacedArrow): string[] {
  const bends = arrow.points.slice(1, -1);
  const beside = arrow.label?.beside;
  const own = attributes({
    ...(beside ? { x: share(2 * beside.along - 1), y: px(beside.across) } : {}),
    relative: 1,
    as: 'geometry',
  });
  const inner = [
    ...(bends.length > 0
      ? ['  <Array as="points">', ...bends.map((point) => `    ${pointXml(point)}`), '  </Array>']
      : []),
    ...(beside ? [`  ${pointXml({ x: beside.dx, y: beside.dy }, 'offset')}`] : []),
  ];
  return inner.length > 0 ? [`<mxGeometry${own}>`, ...inner, '</mxGeometry>'] : [`<mxGeometry${own}/>`];
}

const pointXml = ({ x, y }: Point, as?: string) => `<mxPoint${attributes({ x: px(x), y: px(y), as })}/>`;

/** A disc is a child of its arrow: in diagrams.net it goes where the line goes. Its place is that of its corner. */
function stepCells(picture: Picture): string[] {
  const size = measures.disc;
  return picture.steps.map(({ number, arrow, beside, laid }) => {
    const geometry = attributes({
      x: share(2 * beside.along - 1),
      y: px(beside.across),
      width: size,
      height: size,
      relative: 1,
      as: 'geometry',
    });
    return [
      `<UserObject${attributes({ label: String(number), id: `step-${number}`, laid: besideWord(laid) })}>`,
      `  <mxCell${attributes({ style: stepStyle, vertex: 1, connectable: 0, parent: arrow })}>`,
      `    <mxGeometry${geometry}>`,
      `      ${pointXml({ x: beside.dx - size / 2, y: beside.dy - size / 2 }, 'offset')}`,
      '    </mxGeometry>',
      '  </mxCell>',
      '</UserObject>',
    ].join('\n');
  });
}
