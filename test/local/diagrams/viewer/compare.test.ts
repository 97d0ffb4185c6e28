import { besideBox } from '../../../../diagrams/engine/beside.ts';
import { labelBox } from '../../../../diagrams/engine/boxes.ts';
import { glyphs, type IconName, icons } from '../../../../diagrams/engine/icons.ts';
import { layOut } from '../../../../diagrams/engine/layout.ts';
import { measures } from '../../../../diagrams/engine/measures.ts';
import type { Box, Point } from '../../../../diagrams/engine/picture.ts';
import { textSize } from '../../../../diagrams/engine/text.ts';
import { compareWithEngine } from '../../../../local/diagrams/viewer/compare.ts';
import type { EngineCell, EngineRendering } from '../../../../local/diagrams/viewer/engine.ts';
import { ourStencils } from '../../../../local/diagrams/viewer/stencils.ts';
import { smallDiagram } from '../../../diagrams/engine/small-diagram.ts';

const { picture } = layOut(smallDiagram, undefined, new Map());
const arrowOf = (id: string) =>
  picture.arrows.find((arrow) => arrow.id === id) as (typeof picture.arrows)[number];
const nodeOf = (id: string) => picture.nodes.find((node) => node.id === id) as (typeof picture.nodes)[number];

/** A rendering that has everything where the picture has it. */
function agreeing(): EngineRendering & {
  cells: Map<string, EngineCell>;
  stencils: Map<string, { width: number; height: number }>;
} {
  const sizeOf = (stencil: string) => {
    const [width, height] = glyphs[stencil.replace('mxgraph.aws4.', '') as IconName] ?? [40, 40];
    return { width, height };
  };
  return {
    engine: 'draw.io 29.2.7',
    png: new Uint8Array(),
    unknownShapes: [],
    stencils: new Map(ourStencils.map((name) => [name, sizeOf(name)])),
    cells: new Map<string, EngineCell>([
      ...picture.groups.map(({ id, box }): [string, EngineCell] => [id, { box }]),
      ...picture.nodes.map((node): [string, EngineCell] => [
        node.id,
        { box: node.box, labelBox: labelBox(node) },
      ]),
      ...picture.arrows.map(({ id, points, label }): [string, EngineCell] => [
        id,
        {
          box: { x: 0, y: 0, width: 0, height: 0 },
          points,
          ...(label
            ? { labelBox: besideBox(points, label.beside, textSize(label.lines, measures.arrowFont)) }
            : {}),
        },
      ]),
      ...picture.steps.map(({ number, arrow, beside }): [string, EngineCell] => [
        `step-${number}`,
        { box: besideBox(arrowOf(arrow).points, beside, { width: measures.disc, height: measures.disc }) },
      ]),
    ]),
  };
}

/** What is found when one cell is drawn otherwise. */
function foundWith(id: string, change: (cell: EngineCell) => EngineCell | undefined): string[] {
  const rendering = agreeing();
  const changed = change(rendering.cells.get(id) as EngineCell);
  if (changed) rendering.cells.set(id, changed);
  else rendering.cells.delete(id);
  return compareWithEngine(picture, rendering);
}

const shifted = (box: Box, dx: number, dy: number): Box => ({ ...box, x: box.x + dx, y: box.y + dy });
const labelAt = (box: Box) => (cell: EngineCell) => ({ ...cell, labelBox: box });

describe("a picture held against what draw.io's engine draws", () => {
  it('has nothing to say where both agree', () => {
    expect(compareWithEngine(picture, agreeing())).toEqual([]);
  });

  it('names a shape that the engine does not have', () => {
    const rendering = { ...agreeing(), unknownShapes: ['mxgraph.aws4.firehose'] };
    expect(compareWithEngine(picture, rendering)).toEqual([
      'mxgraph.aws4.firehose does not exist in draw.io 29.2.7: it draws a blank square',
    ]);
  });

  it('names an icon and a box of our tables that the engine does not have, in the picture or not', () => {
    const rendering = agreeing();
    rendering.stencils.delete('mxgraph.aws4.comprehend');
    rendering.stencils.delete('mxgraph.aws4.group_vpc2');
    expect(compareWithEngine(picture, rendering)).toEqual([
      'mxgraph.aws4.comprehend of our tables does not exist in draw.io 29.2.7',
      'mxgraph.aws4.group_vpc2 of our tables does not exist in draw.io 29.2.7',
    ]);
  });

  it('names a drawing whose sides have another ratio than our table says', () => {
    const rendering = agreeing();
    rendering.stencils.set('mxgraph.aws4.client', { width: 30, height: 40 });
    expect(icons.client.kind).toBe('resource');
    expect(compareWithEngine(picture, rendering)).toEqual([
      'glyphs.client is 43.797:43.044, in draw.io 29.2.7 30:40',
    ]);
  });

  it.each([
    ['node bucket', 'bucket'],
    ['group subnet', 'subnet'],
  ])('names a box that is more than a pixel off: %s', (what, id) => {
    const [line = '', ...more] = foundWith(id, (cell) => ({ ...cell, box: shifted(cell.box, 0, 1.5) }));
    expect(more).toEqual([]);
    expect(line).toMatch(new RegExp(`^${what}: \\S+ at \\S+ here, \\S+ at \\S+ in draw.io$`));
    expect(foundWith(id, (cell) => ({ ...cell, box: shifted(cell.box, 0, 0.9) }))).toEqual([]);
    expect(
      foundWith(id, (cell) => ({ ...cell, box: { ...cell.box, width: cell.box.width + 2 } })),
    ).toHaveLength(1);
  });

  it.each([
    ['node bucket', 'bucket'],
    ['group vpc', 'vpc'],
    ['arrow bucket -> work', 'bucket -> work'],
    ['step 2', 'step-2'],
  ])('names what the engine does not draw: %s', (what, id) => {
    expect(foundWith(id, () => undefined)).toEqual([`${what}: draw.io does not draw it`]);
  });

  describe('a line', () => {
    const id = 'work -> table';
    const { points } = arrowOf(id);
    const drawnAs = (drawn: readonly Point[]) => foundWith(id, (cell) => ({ ...cell, points: drawn }));
    const at = (index: number) => points.at(index) as Point;

    it('is named with both its ways when an end or a bend is more than two pixels off', () => {
      const round = (value: number) => String(Math.round(value * 10) / 10);
      const way = (of: readonly Point[]) => of.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ');
      const off = points.map((point) => ({ ...point, x: point.x + 2.5 }));
      expect(drawnAs(off)).toEqual([`arrow ${id}: ${way(points)} here, ${way(off)} in draw.io`]);
      expect(drawnAs(points.map((point) => ({ ...point, x: point.x + 1.5 })))).toEqual([]);
    });

    it('is named when it has another number of bends', () => {
      expect(points).toHaveLength(3);
      expect(drawnAs([at(0), at(-1)])).toHaveLength(1);
    });

    it('may have points that are no bends, and a point twice', () => {
      const half = { x: (at(0).x + at(1).x) / 2, y: (at(0).y + at(1).y) / 2 };
      expect(drawnAs([at(0), at(0), half, at(1), at(1), at(2), at(2)])).toEqual([]);
    });
  });

  it("names a step's disc that is off", () => {
    const found = foundWith('step-1', (cell) => ({ ...cell, box: shifted(cell.box, -10, -10) }));
    expect(found).toEqual([expect.stringMatching(/^step 1: 20x20 at \S+ here, 20x20 at \S+ in draw.io$/)]);
  });

  describe('words that the engine puts over something are named', () => {
    const { points } = arrowOf('bucket -> work');
    const middleOfLine = {
      x: ((points[0] as Point).x + (points[1] as Point).x) / 2,
      y: (points[0] as Point).y,
    };
    const overLine = { x: middleOfLine.x - 20, y: middleOfLine.y - 6, width: 40, height: 12 };

    it("an arrow's over its own line", () => {
      expect(foundWith('bucket -> work', labelAt(overLine))).toContain(
        'the label of arrow bucket -> work lies over the line of arrow bucket -> work',
      );
    });

    it("a node's over a line", () => {
      expect(foundWith('table', labelAt(overLine))).toContain(
        'the label of node table lies over the line of arrow bucket -> work',
      );
    });

    it("a box's over an icon, and over another's words", () => {
      expect(foundWith('vpc', labelAt(nodeOf('bucket').box))).toContain(
        'the label of group vpc lies over the icon of node bucket',
      );
      expect(foundWith('vpc', labelAt(labelBox(nodeOf('bucket'))))).toContain(
        'the label of group vpc lies over the label of node bucket',
      );
    });

    it('over a disc', () => {
      const disc = agreeing().cells.get('step-1') as EngineCell;
      expect(foundWith('client', labelAt(disc.box))).toContain(
        'the label of node client lies over the disc of step 1',
      );
    });

    it('but not where only the air around the letters touches a line', () => {
      const touching = { ...overLine, y: middleOfLine.y - 12.5 };
      expect(
        foundWith('bucket -> work', labelAt(touching)).filter((line) => line.includes('line of')),
      ).toEqual([]);
    });
  });
});
