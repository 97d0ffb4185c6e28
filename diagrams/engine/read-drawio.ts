import { inflateRawSync } from 'node:zlib';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { LabError } from '../../domain/errors.ts';
import { glyphBox } from './boxes.ts';
import { besideWord, boxWord, routeWord } from './drawio.ts';
import type { Edits } from './edits.ts';
import { glyphs, type IconName } from './icons.ts';
import { measures } from './measures.ts';
import type { Side } from './model.ts';
import type { Beside, Box, Point, Route } from './picture.ts';

type Attributes = Readonly<Record<string, string | undefined>>;

interface Geometry {
  readonly own: Attributes;
  readonly offset?: Point;
  readonly bends: readonly Point[];
}

interface FileCell {
  readonly id: string;
  /** Of the UserObject, where there is one. */
  readonly data: Attributes;
  readonly cell: Attributes;
  readonly geometry?: Geometry;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  htmlEntities: true,
  parseAttributeValue: false,
  parseTagValue: false,
  trimValues: true,
  isArray: (name) => ['diagram', 'mxCell', 'UserObject', 'object', 'mxPoint', 'Array'].includes(name),
});

/**
 * Finds what people changed in a diagram that `drawioOf` wrote: where an element stands elsewhere than its `laid` says.
 * Reads what diagrams.net saves, compressed or not.
 *
 * @param file how the file is called, for the error
 * @throws LabError DiagramFileUnreadable
 */
export function editsOf(xml: string, file: string): Edits {
  const cells = new Map(cellsOf(xml, file).map((cell) => [cell.id, cell]));
  const known = new Set<string>();
  const boxes = new Map<string, Box>();
  const routes = new Map<string, Route>();
  const besides = new Map<string, Beside>();
  const foreign: string[] = [];
  for (const cell of cells.values()) {
    const { id, data, geometry } = cell;
    if (id === 'title' || ['0', '1'].includes(id)) continue;
    if (data.laid === undefined) {
      const text = data.label ?? cell.cell.value;
      foreign.push(text ? `${id} (${text})` : id);
      continue;
    }
    known.add(id);
    if (!geometry) continue;
    if (cell.cell.edge === '1') {
      const route = routeIn(cell, cells, file);
      if (route && routeWord(route) !== data.laid) {
        routes.set(id, { ...route, points: squared(route.points, route.out) });
      }
      const beside = besideIn(geometry, 0);
      if (data.labelLaid !== undefined && besideWord(beside) !== data.labelLaid) besides.set(id, beside);
    } else if (geometry.own.relative === '1') {
      const beside = besideIn(geometry, measures.disc);
      if (besideWord(beside) !== data.laid) besides.set(id, beside);
    } else {
      const box = boxIn(cell, cells, file);
      if (boxWord(box) !== data.laid) boxes.set(id, box);
    }
  }
  return { known, boxes, routes, besides, foreign };
}

function cellsOf(xml: string, file: string): FileCell[] {
  const fail = (what: string): never => {
    throw new LabError('DiagramFileUnreadable', `${file}: ${what}`);
  };
  // biome-ignore lint/suspicious/noExplicitAny: the parser's own shape, checked step by step
  const parse = (text: string): any => {
    const valid = XMLValidator.validate(text);
    if (valid !== true) return fail(`${valid.err.msg} (line ${valid.err.line})`);
    return parser.parse(text);
  };
  const [diagram] = parse(xml).mxfile?.diagram ?? [];
  if (!diagram) return fail('holds no diagram');
  const text = typeof diagram === 'string' ? diagram : diagram['#text'];
  const model = text ? parse(inflated(text, fail)).mxGraphModel : diagram.mxGraphModel;
  if (!model?.root) return fail('holds no graph');
  const { root } = model;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const wrapped = [...(root.UserObject ?? []), ...(root.object ?? [])].map((object: any) =>
    fileCell(object['@id'], object, object.mxCell?.[0] ?? {}),
  );
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const bare = (root.mxCell ?? []).map((cell: any) => fileCell(cell['@id'], {}, cell));
  return [...wrapped, ...bare];
}

/** diagrams.net compresses as: encodeURIComponent, deflate without a header, base64. */
function inflated(text: string, fail: (what: string) => never): string {
  try {
    return decodeURIComponent(inflateRawSync(Buffer.from(text, 'base64')).toString());
  } catch (error) {
    return fail(`its compressed part: ${(error as Error).message}`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the parser's own shape
function fileCell(id: unknown, data: any, cell: any): FileCell {
  const geometry = cell.mxGeometry;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const point = (one: any): Point => ({ x: number(one['@x']), y: number(one['@y']) });
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const offset = geometry?.mxPoint?.find((one: any) => one['@as'] === 'offset');
  return {
    id: String(id ?? ''),
    data: own(data),
    cell: own(cell),
    ...(geometry
      ? {
          geometry: {
            own: own(geometry),
            bends: (geometry.Array?.[0]?.mxPoint ?? []).map(point),
            ...(offset ? { offset: point(offset) } : {}),
          },
        }
      : {}),
  };
}

const own = (element: Record<string, unknown>): Attributes =>
  Object.fromEntries(
    Object.entries(element)
      .filter(([name]) => name.startsWith('@'))
      .map(([name, value]) => [name.slice(1), String(value)]),
  );

const number = (text: string | undefined) => Number(text ?? 0);

/** The absolute box of a cell: its own, from the corner of each holder. */
function boxIn(cell: FileCell, cells: ReadonlyMap<string, FileCell>, file: string): Box {
  const { x, y, width, height } = cell.geometry?.own ?? {};
  const box = { x: number(x), y: number(y), width: number(width), height: number(height) };
  if (![box.x, box.y, box.width, box.height].every(Number.isFinite)) {
    throw new LabError('DiagramFileUnreadable', `${file}: ${cell.id}: its geometry is not of numbers`);
  }
  const holder = cells.get(cell.cell.parent ?? '');
  if (!holder || holder.id === cell.id || !holder.geometry) return box;
  const outer = boxIn(holder, cells, file);
  return { ...box, x: box.x + outer.x, y: box.y + outer.y };
}

function besideIn({ own, offset }: Geometry, size: number): Beside {
  return {
    along: (number(own.x) + 1) / 2,
    across: number(own.y),
    dx: (offset?.x ?? 0) + size / 2,
    dy: (offset?.y ?? 0) + size / 2,
  };
}

/**
 * How an arrow runs in the file, its bends as they are there; nothing where an end is not attached, or where its style says no side.
 */
function routeIn(cell: FileCell, cells: ReadonlyMap<string, FileCell>, file: string): Route | undefined {
  const style = new Map(
    (cell.cell.style ?? '').split(';').map((word) => word.split('=') as [string, string]),
  );
  const end = (name: 'exit' | 'entry', id: string | undefined) => {
    const element = cells.get(id ?? '');
    const share = { x: Number(style.get(`${name}X`)), y: Number(style.get(`${name}Y`)) };
    if (!element?.geometry || !Number.isFinite(share.x) || !Number.isFinite(share.y)) return undefined;
    const box = glyphBox(boxIn(element, cells, file), glyphOf(element));
    const point = {
      x: box.x + share.x * box.width + number(style.get(`${name}Dx`)),
      y: box.y + share.y * box.height + number(style.get(`${name}Dy`)),
    };
    return { point, side: sideOf(share) };
  };
  const from = end('exit', cell.cell.source);
  const to = end('entry', cell.cell.target);
  if (!from || !to) return undefined;
  const bends = cell.geometry?.bends ?? [];
  return { out: from.side, into: to.side, points: [from.point, ...bends, to.point] };
}

const styleOf = ({ cell }: FileCell) =>
  new Map((cell.style ?? '').split(';').map((word) => word.split('=') as [string, string]));

function glyphOf(element: FileCell) {
  const [, name] = /^mxgraph\.aws4\.(.*)$/.exec(styleOf(element).get('shape') ?? '') ?? [];
  return glyphs[name as IconName];
}

function sideOf({ x, y }: Point): Side {
  const far = { left: x, right: 1 - x, top: y, bottom: 1 - y };
  return (Object.keys(far) as Side[]).reduce((best, side) => (far[side] < far[best] ? side : best));
}

/** Corners between points that are not in one line with each other. */
function squared(points: readonly Point[], out: Side): Point[] {
  const line: Point[] = [points[0] as Point];
  let sideways = out === 'left' || out === 'right';
  for (const point of points.slice(1)) {
    const last = line.at(-1) as Point;
    if (Math.abs(last.x - point.x) >= 0.5 && Math.abs(last.y - point.y) >= 0.5) {
      line.push(sideways ? { x: point.x, y: last.y } : { x: last.x, y: point.y });
      sideways = !sideways;
    } else {
      sideways = Math.abs(last.x - point.x) >= 0.5;
    }
    line.push(point);
  }
  return line;
}
